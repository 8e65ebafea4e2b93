"""A store of finished results on disk: bytes by key, shared by all processes of this user, and bounded in size.

Every value carries a checksum over its key and its bytes. If the folder cannot be used, results are computed again.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

from fedrot_core.database import Database, unavailable
from fedrot_core.errors import StoreError

FOLDER = "FEDROT_STORE"
"""Name of the environment variable that moves the store to another folder; an empty value turns the store off."""

MEGABYTES = "FEDROT_STORE_MB"
"""Name of the environment variable that bounds the size of the store, in megabytes."""

USUAL_MEGABYTES = 500

WAIT_SECONDS = 1.0
"""How many seconds a write waits for other processes. Reads do not wait."""

DIGEST_BYTES = 16

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


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

    Attributes:
        folder: where it is; None if nothing is kept.
    """

    def __init__(self, folder: Path | None, limit: int = USUAL_MEGABYTES * 10**6) -> None:
        self.folder, self._limit = folder, limit
        self._database = None if folder is None else Database(
            folder, WAIT_SECONDS, size_limit=limit, eviction_policy="least-recently-stored"
        )  # fmt: skip  # by when it was stored: then reading writes nothing
        self._usable = folder is not None
        self._emptied = False
        self._told: set[str] = set()

    @classmethod
    def usual(cls) -> Store:
        """The store in the folder that the environment names, otherwise in the user's cache folder."""
        text = os.environ.get(MEGABYTES, str(USUAL_MEGABYTES))
        megabytes = int(text) if text.isdecimal() else USUAL_MEGABYTES
        if not text.isdecimal():
            log.warning("%s must be a whole number of megabytes; got %r. %d is used.", MEGABYTES, text, megabytes)
        return cls(usual_folder(), megabytes * 10**6)

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
        if self._database is not None:
            self._database.close()

    def _try(self, ask: Callable[[Any], Answer], otherwise: Answer) -> Answer:
        """Ask the database; ``otherwise`` where it cannot be used now."""
        if self._database is None or not self._usable:
            return otherwise
        cache = None
        try:
            cache = self._database.opened()
            return ask(cache)
        except Exception as error:  # a damaged database can make SQLite and diskcache raise almost anything
            if unavailable(error):
                self._usable = cache is not None
                self._tell_once(f"The store of finished runs cannot be used now ({error}); the app goes on without it.")
                return otherwise
            log.warning("the store of finished runs was damaged (%s); it is emptied", error)
            if self._database.drop(cache):  # the second time, do without one
                self._usable = not self._emptied
                self._emptied = True
            raise StoreError(
                "The store of finished runs was damaged. It was emptied, and what it held is computed again."
            ) from error

    def _damaged_value(self, key: str) -> None:
        log.warning("the stored value of %s was damaged; it is dropped", key)
        self._try(lambda cache: cache.delete(key), False)
        raise StoreError("A stored result was damaged. It was dropped and is computed again.")

    def _tell_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            log.warning("%s", text)


def _digest(key: str, value: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + value).digest()[:DIGEST_BYTES]
