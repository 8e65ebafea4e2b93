"""Where the bytes of a file are: in memory, on disk, or unpacked into a file that nobody else can open."""

from __future__ import annotations

import tempfile
import threading
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from fedrot_core.errors import adapter_rule

CHUNK = 2**20
"""Bytes that are unpacked at a time."""


class Blob(Protocol):
    """A file of known size, of which any part can be read."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    def read(self, start: int, count: int) -> bytes:
        """``count`` bytes from byte ``start`` on.

        Raises:
            AdapterError: if they can no longer be read.
        """
        ...


@dataclass(frozen=True)
class InMemory:
    """Bytes that somebody has uploaded."""

    content: bytes = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.content)

    def read(self, start: int, count: int) -> bytes:
        """A part of the bytes."""
        return _whole(self.content[start : start + count], count)


@dataclass(frozen=True)
class OnDisk:
    """A file on disk, opened for each part, so that hundreds of clients need no open files.

    Attributes:
        path: the file.
        size: its bytes when it was found.
    """

    path: Path = field(repr=False)
    size: int

    def read(self, start: int, count: int) -> bytes:
        """A part of the file."""
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                found = file.read(count)
        except OSError as error:
            raise adapter_rule("A file", "be one that can be read", error.strerror, "Check its permissions.") from None
        return _whole(found, count)


class Spool:
    """Members of an archive, unpacked into one file without a name, which is gone once nothing refers to it."""

    size = 0
    """Bytes that were unpacked so far."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @cached_property
    def _file(self) -> BinaryIO:
        return tempfile.TemporaryFile()

    def add(self, packed: IO[bytes], size: int) -> Unpacked:
        """Unpack a member that says that it has ``size`` bytes.

        Raises:
            AdapterError: if it is damaged, or has more or fewer bytes.
        """
        start, left = self.size, size
        self._file.seek(start)
        try:
            while chunk := packed.read(min(left + 1, CHUNK)):
                left -= len(chunk)
                if left < 0:
                    break
                self._file.write(chunk)
            if left:
                raise zipfile.BadZipFile
        except OSError as error:
            raise adapter_rule("A zip", "find room on the disk", error.strerror, "Pack the adapters only.") from None
        except Exception as error:  # a damaged archive can make zipfile and zlib raise almost anything
            why = type(error).__name__
            raise adapter_rule("A member of a zip", "unpack to what it says", why, "Pack the folder again.") from None
        self.size += size
        return Unpacked(self, start, size)

    def read(self, start: int, count: int) -> bytes:
        """A part of the file; threads may ask at the same time."""
        with self._lock:
            self._file.seek(start)
            return self._file.read(count)


@dataclass(frozen=True)
class Unpacked:
    """A member of an archive.

    Attributes:
        spool: where it was unpacked.
        start: its first byte there.
        size: its bytes.
    """

    spool: Spool
    start: int
    size: int

    def read(self, start: int, count: int) -> bytes:
        """A part of the member."""
        return _whole(self.spool.read(self.start + start, max(0, min(count, self.size - start))), count)


def _whole(found: bytes, count: int) -> bytes:
    if len(found) != count:
        raise adapter_rule("A file", "keep its length while it is read", len(found), "Wait until nothing writes to it.")
    return found
