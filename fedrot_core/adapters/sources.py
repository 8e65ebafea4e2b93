"""Opens what somebody names or uploads: folders, zips and single files, as trees of files."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fedrot_core.adapters.archives import unzipped
from fedrot_core.adapters.blobs import InMemory, OnDisk, Spool
from fedrot_core.adapters.trees import (
    ARCHIVE,
    FACTORS,
    MAX_DEPTH,
    MAX_FILES,
    OF_INTEREST,
    READ,
    Refused,
    Tree,
    Upload,
    hidden,
    inside,
    last,
    take,
)
from fedrot_core.errors import AdapterError, adapter_rule

Source = str | Path | Upload
"""A folder, a zip or a file; or an upload of a zip or a file."""

MAX_UPLOADED = 2 * 2**30
"""Most bytes of all uploads together, which are in memory."""

TWICE = "Several uploads have this name, so whose it is cannot be told. Zip each client's folder."

CONFIG = "adapter_config.json"
INDEX = ".safetensors.index.json"
USUAL = "adapter_model"


def trees_of(sources: Sequence[Source], refused: list[Refused]) -> list[Tree]:
    """One tree a source; uploads that are no zips share one. What cannot be opened is added to ``refused``."""
    trees: list[Tree] = []
    loose, spool, uploaded = Tree("uploaded", loose=True), Spool(), 0
    for source in sources:
        try:
            if not isinstance(source, Upload):
                trees.append(_on_disk(Path(source), spool))
                continue
            uploaded += len(source.content)
            if uploaded > MAX_UPLOADED:
                uploaded -= len(source.content)
                what = f"have at most {MAX_UPLOADED:,} bytes together"
                raise adapter_rule("Uploads", what, "more with this one", "Read them from disk instead.")
            if source.name.lower().endswith(ARCHIVE):
                trees.append(unzipped(_stem(last(source.name)), io.BytesIO(source.content), spool))
            else:
                _lay(loose, source)
        except (AdapterError, OSError) as error:
            why = str(error) if isinstance(error, AdapterError) else _unreadable(error)
            given = source.name if isinstance(source, Upload) else str(source)
            refused.append(Refused(last(given), why))
    return [*trees, loose] if loose.files or loose.pickles or loose.unclear or loose.refused else trees


def _lay(loose: Tree, upload: Upload) -> None:
    """Lay an upload to the others. Of two with one name and other bytes none is kept."""
    where = inside(upload.name)
    if not where:
        loose.refuse(last(upload.name), "Its path leaves the folder, or is too deep.")
    elif hidden(where) or not where.lower().endswith(OF_INTEREST):
        what = f"be zips, or end in {' or '.join(READ)}"
        loose.refuse(where, str(adapter_rule("Uploads", what, "another file", "Zip each client's folder.")))
    elif where in loose.unclear or _another(loose, where, upload.content):
        if where not in loose.unclear:
            loose.refuse(where, TWICE)
        loose.unclear.add(where)
        loose.files.pop(where, None)
    else:
        take(loose, where, InMemory(upload.content))


def _another(loose: Tree, where: str, content: bytes) -> bool:
    """Whether an upload has the name of another; a config that is given once more as it is does no harm."""
    known = loose.files.get(where)
    return known is not None and (where.endswith(FACTORS) or known.read(0, known.size) != content)


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _on_disk(path: Path, spool: Spool) -> Tree:
    """The files of a folder, of a zip, or a single file.

    Raises:
        AdapterError: if there is nothing of that name, or nothing that could be read.
        OSError: if it cannot be opened.
    """
    name = last(path.name or path.resolve().name)
    if path.is_dir():
        return _folder(name, path)
    if not path.is_file():
        raise adapter_rule(f"“{name}”", "be a folder or a file", "neither", "Check its name.")
    if name.lower().endswith(ARCHIVE):
        with path.open("rb") as archive:
            return unzipped(_stem(name), archive, spool)
    tree = Tree(last(path.resolve().parent.name) if path.stem.startswith(USUAL) else _stem(name))
    beside = [path.parent / CONFIG]
    if path.name.endswith(INDEX):
        beside += sorted(path.parent.glob(f"*{FACTORS}"))[:MAX_FILES]
    for file in (path, *beside):
        if file.is_file():
            take(tree, file.name, OnDisk(file, file.stat().st_size))
    return tree


def _folder(name: str, path: Path) -> Tree:
    """A folder on disk. Links are followed as long as they stay in it, or in the cache of a hub that it belongs to."""
    tree = Tree(name)
    top = path.resolve()
    hub = next((parent for parent in top.parents if parent.name.startswith("models--")), top)
    for count, file in enumerate(_walk(tree, path, path, 0)):
        where = file.relative_to(path).as_posix()
        if count >= MAX_FILES:
            few = adapter_rule(f"“{name}”", f"hold at most {MAX_FILES:,} files", "more", "Name a smaller folder.")
            tree.refuse(name, str(few))
            break
        if not where.lower().endswith(OF_INTEREST):
            continue
        try:
            target = file.resolve()
            if not target.is_relative_to(hub):
                tree.refuse(where, "It is a link that leaves the folder. Copy the file itself.")
            elif target.is_file():
                take(tree, where, OnDisk(target, target.stat().st_size))
            elif file.is_symlink():
                tree.refuse(where, "It is a link to nothing. Copy the file itself.")
        except (OSError, RuntimeError):  # a link to itself is the second
            tree.refuse(where, "It cannot be read.")
    return tree


def _walk(tree: Tree, top: Path, folder: Path, depth: int) -> Iterator[Path]:
    """The files below a folder, in order of their names. Links to folders are not followed."""
    where = folder.relative_to(top).as_posix()
    if depth > MAX_DEPTH:
        tree.refuse(where, f"Folders deeper than {MAX_DEPTH} are not looked into.")
        return
    try:
        found = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        tree.refuse(tree.name if depth == 0 else where, _unreadable(error))
        return
    for entry in found:
        path = Path(entry.path)
        folder_too = _is_folder(entry)
        if entry.is_symlink() and folder_too:
            tree.refuse(path.relative_to(top).as_posix(), "It is a link to a folder, which is not followed. Name it.")
        elif not folder_too:
            yield path
        elif not entry.name.startswith("."):
            yield from _walk(tree, top, path, depth + 1)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _unreadable(error: OSError) -> str:
    return f"It cannot be read ({error.strerror or type(error).__name__})."
