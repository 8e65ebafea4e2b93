"""A small database of bytes by key, shared by processes, in which nothing is unpickled and no file is named.

It is built on diskcache, which uses one SQLite database. Anyone who can write to its folder could otherwise run code
here, or delete files, by what stands in a row.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Any

import diskcache

UNAVAILABLE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH,
}  # fmt: skip
"""SQLite's error codes for a database that cannot be used now or here. All others mean that it is damaged."""


class _PlainDisk(diskcache.Disk):  # type: ignore[misc]  # diskcache has no types
    """Bytes in rows: no pickle, no files beside the database."""

    def store(self, value: Any, read: bool, key: Any = None) -> tuple[int, int, None, memoryview]:
        return 0, diskcache.core.MODE_RAW, None, memoryview(value)

    def fetch(self, mode: int, filename: str | None, value: Any, read: bool) -> bytes:
        plain = mode == diskcache.core.MODE_RAW and filename is None and isinstance(value, bytes)
        return value if plain else b""  # which no checksum fits, and which is no JSON

    def remove(self, file_path: str) -> None:
        """No value has a file, whatever a row says."""


class Database:
    """The database of a folder. It is opened when first used, and safe to use from several threads and processes.

    Args:
        folder: is made if it is missing, for this user alone.
        wait: how many seconds a write waits for other processes; settings: diskcache's own.
    """

    def __init__(self, folder: Path, wait: float, **settings: Any) -> None:
        self.folder, self._wait, self._settings = folder, wait, settings
        self._cache: Any = None
        self._lock = threading.Lock()

    def opened(self) -> Any:
        """The open ``diskcache.Cache``. It, and each use of it, can raise almost anything: see :func:`unavailable`."""
        with self._lock:
            if self._cache is None:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._cache = diskcache.Cache(
                    str(self.folder), self._wait, _PlainDisk, statistics=0, **self._settings,
                    sqlite_mmap_size=0,  # a mapped file that another process cuts short ends the process
                )  # fmt: skip
            return self._cache

    def drop(self, cache: Any) -> bool:
        """Remove ``cache``, which is damaged, with all its rows; False if another thread met the same damage first.

        Args:
            cache: what :meth:`opened` gave, or None where it raised.
        """
        with self._lock:
            if self._cache is not cache:
                return False
            self.close()
            self._cache = None
            for ending in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    (self.folder / f"{diskcache.core.DBNAME}{ending}").unlink(missing_ok=True)
            return True

    def close(self) -> None:
        """Close this thread's connection."""
        if self._cache is not None:
            self._cache.close()


def unavailable(error: Exception) -> bool:
    """Whether what a database raised means that it cannot be used now or here; otherwise it is damaged."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in UNAVAILABLE
    return isinstance(error, (OSError, diskcache.Timeout))
