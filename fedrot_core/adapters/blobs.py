"""Where the bytes of a file are: in memory, on disk, or unpacked into a file that nobody else can open."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from fedrot_core.errors import adapter_rule


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

    content: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.content)

    def read(self, start: int, count: int) -> bytes:
        """A part of the bytes."""
        return self.content[start : start + count]


@dataclass(frozen=True)
class OnDisk:
    """A file on disk, opened for each part, so that hundreds of clients need no open files.

    Attributes:
        path: the file.
        size: its bytes when it was found.
    """

    path: Path
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


class Unpacked:
    """A member of an archive, unpacked into a file without a name, which is gone once nothing refers to it."""

    def __init__(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        self.size = member.file_size
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            with archive.open(member) as packed:
                shutil.copyfileobj(packed, self._file, 2**20)
            if self._file.tell() != member.file_size:
                raise zipfile.BadZipFile("a member of another length than it says")
        except Exception as error:  # a damaged archive can make zipfile and zlib raise almost anything
            self._file.close()
            why = type(error).__name__
            raise adapter_rule("A member of a zip", "unpack to what it says", why, "Pack the folder again.") from None

    def read(self, start: int, count: int) -> bytes:
        """A part of the member."""
        self._file.seek(start)
        return _whole(self._file.read(count), count)


def _whole(found: bytes, count: int) -> bytes:
    if len(found) != count:
        raise adapter_rule("A file", "keep its length while it is read", len(found), "Wait until nothing writes to it.")
    return found
