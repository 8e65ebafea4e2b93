"""Folders, zips of folders and uploads as one thing: files by their path inside it, and what was refused by name."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fedrot_core.adapters.blobs import Blob, InMemory, OnDisk, Unpacked
from fedrot_core.errors import AdapterError, adapter_rule, brief
from fedrot_core.wording import counted

MAX_FILES = 20_000
"""Most files of one folder or zip. More is no federation, but a whole disk."""

MAX_DEPTH = 12
"""Deepest folder that is looked into."""

MAX_UNPACKED = 8 * 2**30
"""Most bytes that one zip may unpack to."""

READ = (".safetensors", ".json")
"""Endings of the files that are opened."""

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Endings of files that run code when they are opened, and are therefore never opened."""


@dataclass(frozen=True)
class Upload:
    """A file that somebody gave as bytes: a ``.zip``, a ``.safetensors`` or a ``.json``.

    Attributes:
        name: its name, with the folders before it, if any.
        content: its bytes.
    """

    name: str
    content: bytes


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
        files: the files that can be opened.
        pickles: paths of files that are not opened, since that would run code.
        refused: everything else that was left out, and why.
    """

    name: str
    files: dict[str, Blob] = field(default_factory=dict)
    pickles: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def clean(name: str, limit: int = 100) -> str:
    """A name for people: printable characters that can be sent, cut in the middle of what is too long."""
    text = "".join(c if c.isprintable() else "?" for c in name.encode("utf-8", "replace").decode("utf-8"))
    return text if len(text) <= limit else f"{text[: limit // 2 - 1]}…{text[-limit // 2 :]}"


def tree_of(source: str | Path | Upload) -> Tree:
    """The files of a folder, of a zip, or a single file.

    Raises:
        AdapterError: if there is nothing of that name, or nothing that could be read.
    """
    if isinstance(source, Upload):
        name = clean(PurePosixPath(source.name.replace("\\", "/")).name)
        if source.name.lower().endswith(".zip"):
            return _zipped(PurePosixPath(name).stem, io.BytesIO(source.content))
        tree = Tree("uploaded")
        if where := _inside(source.name):
            _take(tree, where, InMemory(source.content))
        else:
            tree.refused.append(Refused(name, "Its name leaves the folder."))
        return tree
    path = Path(source)
    name = clean(path.name or path.resolve().name)
    if path.is_dir():
        return _folder(name, path)
    if not path.is_file():
        raise adapter_rule(f"“{name}”", "be a folder or a file", "neither", "Check its name.")
    if path.suffix.lower() == ".zip":
        with path.open("rb") as file:
            return _zipped(clean(path.stem), file)
    tree = Tree(clean(path.stem))
    _take(tree, path.name, OnDisk(path, path.stat().st_size))
    config = path.parent / "adapter_config.json"
    if config.is_file():
        _take(tree, config.name, OnDisk(config, config.stat().st_size))
    return tree


def _take(tree: Tree, where: str, blob: Blob) -> None:
    """Sort one file in by its ending; others are of no interest."""
    if where.lower().endswith(READ):
        tree.files[where] = blob
    elif where.lower().endswith(PICKLES):
        tree.pickles.append(where)


def _inside(name: str) -> str:
    """The path of a member inside its folder; empty if it leaves the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    odd = (
        not parts or len(parts) > MAX_DEPTH or any(part in ("..", "/") or ":" in part or "\0" in part for part in parts)
    )
    return "" if odd else "/".join(parts)


def _folder(name: str, path: Path) -> Tree:
    """A folder on disk. Links are followed as long as they stay in it, or in the cache of a hub that it belongs to."""
    tree = Tree(name)
    top = path.resolve()
    hub = next((parent for parent in top.parents if parent.name.startswith("models--")), top)
    for count, file in enumerate(_walk(path, 0)):
        where = file.relative_to(path).as_posix()
        if count >= MAX_FILES:
            few = adapter_rule(f"“{name}”", f"hold at most {MAX_FILES:,} files", "more", "Name a smaller folder.")
            tree.refused.append(Refused(name, str(few)))
            break
        if not where.lower().endswith((*READ, *PICKLES)):
            continue
        target = file.resolve()
        if not target.is_relative_to(hub):
            tree.refused.append(Refused(clean(where), "It is a link that leaves the folder. Copy the file itself."))
        elif target.is_file():
            _take(tree, where, OnDisk(target, target.stat().st_size))
    return tree


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """The files below a folder, in order of their names. Links to folders are not followed."""
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH and not entry.name.startswith("."):
                yield from _walk(Path(entry.path), depth + 1)
        else:
            yield Path(entry.path)


def _zipped(name: str, file: io.BufferedIOBase | io.BufferedReader) -> Tree:
    """A zip. Its members are unpacked one by one, as far as they are of interest."""
    tree = Tree(name)
    try:
        archive = zipfile.ZipFile(file)
        members = [m for m in archive.infolist() if not m.is_dir()]
    except Exception as error:  # a damaged archive can make zipfile raise almost anything
        why = brief(type(error).__name__)
        raise adapter_rule(f"“{name}”", "be a zip that can be opened", why, "Pack the folder again.") from None
    with archive:
        unpacked = sum(m.file_size for m in members)
        if len(members) > MAX_FILES or unpacked > MAX_UNPACKED:
            what = f"hold at most {MAX_FILES:,} files and {MAX_UNPACKED:,} bytes"
            got = f"{counted(len(members), 'file')}, {unpacked:,} bytes".replace("\u00a0", " ")
            raise adapter_rule(f"The zip “{name}”", what, got, "Pack the adapters only.")
        seen: set[str] = set()
        for member in members:
            why = _odd(member, seen)
            if why:
                tree.refused.append(Refused(clean(member.filename), why))
                continue
            where = _inside(member.filename)
            seen.add(where)
            if where.lower().endswith(READ):
                try:
                    tree.files[where] = Unpacked(archive, member)
                except AdapterError as error:
                    tree.refused.append(Refused(clean(where), str(error)))
            elif where.lower().endswith(PICKLES):
                tree.pickles.append(where)
    return tree


def _odd(member: zipfile.ZipInfo, seen: set[str]) -> str:
    """Why a member of a zip is left out; empty if it is not."""
    where = _inside(member.filename)
    if not where:
        return "Its path leaves the folder."
    if where in seen:
        return "The zip holds this path twice."
    if stat.S_ISLNK(member.external_attr >> 16):
        return "It is a link. Pack the file itself."
    if member.flag_bits & 1:
        return "It is encrypted. Pack it without a password."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "It is packed in a way that is not read. Pack it with deflate."
    return ""
