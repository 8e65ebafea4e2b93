"""Folders, zips of folders and uploads as one thing: files by their path inside it, and what was refused by name."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fedrot_core.adapters.blobs import Blob

MAX_FILES = 20_000
"""Most files of one folder or zip. More is no federation, but a whole disk."""

MAX_DEPTH = 12
"""Deepest folder that is looked into."""

MAX_REFUSED = 1_000
"""Most files that are refused by name; more are only counted."""

FACTORS = ".safetensors"
ARCHIVE = ".zip"

READ = (FACTORS, ".json")
"""Endings of the files that are opened."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Endings of files that run code when they are opened, and are therefore never opened."""

OF_INTEREST = (*READ, *PICKLES, ARCHIVE)


@dataclass(frozen=True)
class Upload:
    """A file that somebody gave as bytes: a ``.zip``, a ``.safetensors`` or a ``.json``.

    Attributes:
        name: its name, with the folders before it, if any.
        content: its bytes.
    """

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Refused:
    """What was not read, and why.

    Attributes:
        name: name of the client or file.
        reason: a sentence for people.
    """

    name: str
    reason: str


@dataclass
class Tree:
    """Files by their path, with ``/`` between folders, and what was refused.

    Attributes:
        name: what the whole is called where a file has no folder.
        loose: whether the files were given one by one, and not as a folder.
        files: the files that can be opened.
        pickles: paths of files that are not opened, since that would run code.
        unclear: paths that were given more than once, with other bytes.
        refused: everything else that was left out, and why.
    """

    name: str
    loose: bool = False
    files: dict[str, Blob] = field(default_factory=dict)
    pickles: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)

    def refuse(self, name: str, why: str) -> None:
        """Say why a file or client was left out; its name is shown cleaned."""
        self.refused.append(Refused(clean(name) or self.name, why))


def clean(name: str, limit: int = 100) -> str:
    """A name for people: printable characters that can be sent, cut in the middle of what is too long."""
    text = "".join(c if c.isprintable() else "?" for c in name.encode("utf-8", "replace").decode("utf-8"))
    return text if len(text) <= limit else f"{text[: limit // 2 - 1]}…{text[-limit // 2 :]}"


def take(tree: Tree, where: str, blob: Blob | None) -> None:
    """Sort one file in by its ending; others are of no interest, nor are those that systems hide."""
    if hidden(where):
        return
    ending = where.lower()
    if ending.endswith(READ) and blob is not None:
        tree.files[where] = blob
    elif ending.endswith(PICKLES):
        tree.pickles.append(where)
    elif ending.endswith(ARCHIVE):
        tree.refuse(where, "It is a zip inside a folder or zip, which is not opened. Unpack it, or name it by itself.")


def hidden(where: str) -> bool:
    """Whether systems hide a file, as a Mac does with its own notes in a zip."""
    return any(part.startswith(".") or part == "__MACOSX" for part in where.split("/"))


DRIVE = re.compile(r"[A-Za-z]:.*")
"""How paths of Windows begin."""


def inside(name: str) -> str:
    """The path of a file inside its folder; empty if it leaves the folder, or is too deep in it."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    odd = bool(parts and DRIVE.fullmatch(parts[0])) or any(part in ("..", "/", "//") or "\0" in part for part in parts)
    return "" if odd or not 0 < len(parts) <= MAX_DEPTH else "/".join(parts)


def folder_of(file: str) -> str:
    """The folder of a file inside a tree; empty at its top."""
    return file.rpartition("/")[0]


def last(path: str) -> str:
    """The last part of a path of any system, cleaned."""
    return clean(path.replace("\\", "/").rstrip("/").rpartition("/")[2])
