"""A store of finished results on disk: bytes by key, shared by all processes of this user, and bounded in size.

It is built on diskcache, which uses one SQLite database. Nothing that is read from it is unpickled, and no file is
opened or removed because a row names it; otherwise anyone who can write to the folder could run code here or delete
files. Every value carries a checksum over its key and its bytes. If the folder cannot be used, results are just
computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import diskcache
import platformdirs

from fedrot_core.errors import StoreError

FOLDER = "FEDROT_STORE"
"""Name of the environment variable that moves the store to another folder; an empty value turns the store off."""

MEGABYTES = "FEDROT_STORE_MB"
"""Name of the environment variable that bounds the size of the store, in megabytes."""

USUAL_MEGABYTES = 500

WAIT_SECONDS = 1.0
"""How many seconds a write waits for other processes. Reads do not wait."""

DIGEST_BYTES = 16

UNAVAILABLE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH,
}  # fmt: skip
"""SQLite's error codes for a database that cannot be used now or here. All others mean that it is damaged."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class PlainDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Bytes in rows: no pickle, no files beside the database."""

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, memoryview]:
        return 0, diskcache.core.MODE_RAW, None, memoryview(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        plain = mode == diskcache.core.MODE_RAW and filename is None and isinstance(value, bytes)
        return value if plain else b""  # which no checksum fits

    def remove(self, file_path: str) -> None:
        """No value has a file, whatever a row says."""


def usual_folder() -> Path | None:
    """The folder that the environment names, otherwise one in the user's cache folder; None where it is turned off."""
    folder = os.environ.get(FOLDER)
    if folder is None:
        folder = platformdirs.user_cache_dir("fedrot-lab", appauthor=False)
    return Path(folder).expanduser() if folder else None


class Store:
    """A store of bytes by key. It is opened when first used, and safe to use from several threads and processes.

    Args:
        folder: the folder, which is made if it is missing. With None nothing is kept.
        limit: most bytes on disk. The values that were stored longest ago are removed first.
    """

    def __init__(self, folder: Path | None, limit: int = USUAL_MEGABYTES * 10**6) -> None:
        self._folder, self._limit = folder, limit
        self._cache: Any = None
        self._usable = folder is not None
        self._emptied = False
        self._told: set[str] = set()
        self._lock = threading.Lock()

    @classmethod
    def usual(cls) -> Store:
        """The store in the folder that the environment names, otherwise in the user's cache folder."""
        text = os.environ.get(MEGABYTES, str(USUAL_MEGABYTES))
        megabytes = int(text) if text.isdecimal() else USUAL_MEGABYTES
        if not text.isdecimal():
            log.warning("%s must be a whole number of megabytes; got %r. %d is used.", MEGABYTES, text, megabytes)
        return cls(usual_folder(), megabytes * 10**6)

    @property
    def folder(self) -> Path | None:
        """Where it is; None if nothing is kept."""
        return self._folder

    @property
    def keeps(self) -> bool:
        """Whether what is put here can be expected to stay."""
        return self._usable

    def get(self, key: str) -> bytes | None:
        """The value that :meth:`put` kept under ``key``; None if there is none, or if the store cannot be used.

        Raises:
            StoreError: if the value or the whole store was damaged. It has then been dropped.
        """
        framed: bytes | None = self._try(lambda cache: cache.get(key), None)
        if framed is None:
            return None
        digest, value = framed[:DIGEST_BYTES], framed[DIGEST_BYTES:]
        if digest != _digest(key, value):
            self._damaged_value(key)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep ``value`` if possible. Values that were stored longer ago may be removed to make room."""
        if len(value) < self._limit // 4:  # a single value must not drive out all others
            try:
                self._try(lambda cache: cache.set(key, _digest(key, value) + value), False)
            except StoreError as error:
                log.warning("%s", error)

    def close(self) -> None:
        """Close this thread's connection."""
        if self._cache is not None:
            self._cache.close()

    def _try(self, ask: Callable[[Any], Answer], otherwise: Answer) -> Answer:
        """Ask the database; ``otherwise`` where it cannot be used now."""
        cache = None
        try:
            cache = self._opened()
            return otherwise if cache is None else ask(cache)
        except Exception as error:  # a damaged database can make SQLite and diskcache raise almost anything
            if unavailable(error):
                self._tell_once(f"The store of finished runs cannot be used now ({error}); the app goes on without it.")
                return otherwise
            self._empty(cache, error)
            raise StoreError(
                "The store of finished runs was damaged. It was emptied, and what it held is computed again."
            ) from error

    def _opened(self) -> Any:
        with self._lock:
            if self._cache is None and self._usable:
                assert self._folder is not None
                try:
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    self._cache = diskcache.Cache(
                        str(self._folder), WAIT_SECONDS, PlainDisk, size_limit=self._limit, statistics=0,
                        eviction_policy="least-recently-stored",  # then reading writes nothing
                        sqlite_mmap_size=0,  # a mapped file that another process cuts short ends the process
                    )  # fmt: skip
                except Exception as error:
                    self._usable = not unavailable(error)
                    raise
            return self._cache

    def _empty(self, cache: Any, error: Exception) -> None:
        """Drop the database of ``cache``, which cannot be read; the second time, do without one."""
        log.warning("the store of finished runs was damaged (%s); it is emptied", error)
        with self._lock:
            if self._cache is not cache:  # another thread met the same damage first
                return
            self.close()
            self._cache = None
            self._usable = not self._emptied
            self._emptied = True
            assert self._folder is not None
            for ending in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    (self._folder / f"{diskcache.core.DBNAME}{ending}").unlink(missing_ok=True)

    def _damaged_value(self, key: str) -> None:
        log.warning("the stored value of %s was damaged; it is dropped", key)
        self._try(lambda cache: cache.delete(key), False)
        raise StoreError("A stored result was damaged. It was dropped and is computed again.")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)


def unavailable(error: Exception) -> bool:
    """Whether what a database raised means that it cannot be used now or here; otherwise it is damaged."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in UNAVAILABLE
    return isinstance(error, (OSError, diskcache.Timeout))


def _digest(key: str, value: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + value).digest()[:DIGEST_BYTES]
