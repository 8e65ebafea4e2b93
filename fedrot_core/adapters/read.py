"""Find the adapters in folders, zips and uploads: one a folder, or one a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from fedrot_core.adapters.adapter import Adapter, adapter_of
from fedrot_core.adapters.settings import MAX_BYTES, Settings, read_settings
from fedrot_core.adapters.tensors import TensorFile
from fedrot_core.adapters.trees import Refused, Tree, Upload, clean, tree_of
from fedrot_core.errors import AdapterError, Cancelled, adapter_rule

Source = str | Path | Upload
"""A folder, a zip or a file; or an upload of a zip or a file."""

MAX_CLIENTS = 1_000
MAX_SHARDS = 1_000
MAX_INDEX = 8 * 2**20
CONFIG = "adapter_config.json"
INDEX = ".safetensors.index.json"
USUAL = "adapter_model"

PICKLE = "Opening a pickle can run code, so it is not opened. Where you trust it, convert it: " + (
    "`python -c \"import torch, safetensors.torch as s; s.save_file(torch.load('adapter_model.bin', "
    "weights_only=True), 'adapter_model.safetensors')\"`"
)

Progress = Callable[[int, int], None]
"""Called with how many steps are done, and of how many."""


def read_adapters(
    sources: Sequence[Source] | Source,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[list[Adapter], list[Refused]]:
    """Read the headers of all adapters, check that their numbers are finite, and say what was refused, and why.

    Args:
        sources: folders of adapters, zips of such folders, or single files. A folder is looked through with all that
            are in it, and each folder that holds an adapter is one client. Uploads of single files count as one folder.
        on_progress: called after each adapter.
        should_stop: asked before each adapter.

    Raises:
        AdapterError: if ``sources`` is empty.
        Cancelled: if ``should_stop`` says so.
    """
    sources = [sources] if isinstance(sources, (str, Path, Upload)) else list(sources)
    if not sources:
        raise adapter_rule("Adapters", "be one folder, zip or file a client", "none", "Name some.")
    refused: list[Refused] = []
    found: list[tuple[str, Tree, str, list[str]]] = []
    for tree in trees_of(sources, refused):
        refused += tree.refused
        places = _places(tree, refused)
        found += [(_name(tree, place, len(places) > 1), tree, place, files) for place, files in places.items()]
    adapters: list[Adapter] = []
    for count, (wanted, tree, place, files) in enumerate(found):
        if should_stop is not None and should_stop():
            raise Cancelled("Reading was stopped.")
        name = _unused(wanted, {a.name for a in adapters})
        if count >= MAX_CLIENTS:
            few = adapter_rule("Adapters", f"be at most {MAX_CLIENTS:,}", len(found), "Name fewer.")
            refused.append(Refused(name, str(few)))
            break
        try:
            adapters.append(adapter_of(name, _settings(tree, place), [TensorFile(tree.files[file]) for file in files]))
        except AdapterError as error:
            refused.append(Refused(name, str(error)))
        if on_progress is not None:
            on_progress(count + 1, len(found))
    return adapters, refused


def trees_of(sources: Sequence[Source], refused: list[Refused]) -> list[Tree]:
    """One tree a source; uploads that are no zips share one. What cannot be opened is added to ``refused``."""
    trees: list[Tree] = []
    loose = Tree("uploaded")
    for source in sources:
        given = source.name if isinstance(source, Upload) else str(source)
        try:
            tree = tree_of(source)
        except (AdapterError, OSError) as error:
            why = str(error) if isinstance(error, AdapterError) else f"It cannot be read ({error.strerror})."
            refused.append(Refused(clean(PurePosixPath(given.replace("\\", "/")).name), why))
            continue
        if not isinstance(source, Upload) or given.lower().endswith(".zip"):
            trees.append(tree)
            continue
        twice = [file for file in tree.files if file in loose.files]
        refused += [Refused(clean(file), "Two uploads have this name. Zip each client's folder.") for file in twice]
        loose.files.update({file: blob for file, blob in tree.files.items() if file not in twice})
        loose.pickles += tree.pickles
        loose.refused += tree.refused
    return [*trees, loose] if loose.files or loose.pickles or loose.refused else trees


def _places(tree: Tree, refused: list[Refused]) -> dict[str, list[str]]:
    """The files of each adapter, by its folder, or by its file where a folder holds several."""
    folders: dict[str, list[str]] = {}
    for file in sorted(tree.files):
        if file.lower().endswith((".safetensors", INDEX)):
            folders.setdefault(folder_of(file), []).append(file)
    places: dict[str, list[str]] = {}
    for folder, files in folders.items():
        if _is_checkpoint(folder, folders):
            refused.append(Refused(clean(folder), "It is a checkpoint inside another adapter's folder."))
            continue
        index = next((file for file in files if file.lower().endswith(INDEX)), None)
        usual = [file for file in files if PurePosixPath(file).stem == USUAL]
        try:
            if index is not None and not usual:
                places[folder] = _shards(tree, index)
            elif len(files) == 1 or usual:
                places[folder] = usual or files
                refused += [
                    Refused(clean(file), f"{USUAL} is read instead.") for file in files if file not in places[folder]
                ]
            else:
                places.update({file: [file] for file in files})
        except AdapterError as error:
            refused.append(Refused(clean(folder or tree.name), str(error)))
    for pickle in tree.pickles:
        if folder_of(pickle) not in folders and "adapter" in pickle.lower():
            refused.append(Refused(clean(pickle), PICKLE))
    if not places and not refused and not tree.refused:
        why = adapter_rule("A folder", "hold an adapter as .safetensors", "none", "Save one with save_pretrained.")
        refused.append(Refused(tree.name, PICKLE if tree.pickles else str(why)))
    return places


def _is_checkpoint(folder: str, folders: Mapping[str, list[str]]) -> bool:
    """Whether a folder is one of the checkpoints that a trainer leaves beside the adapter itself."""
    return PurePosixPath(folder).name.startswith("checkpoint-") and folder_of(folder) in folders


def _shards(tree: Tree, index: str) -> list[str]:
    """The files that an index lists.

    Raises:
        AdapterError: if the index cannot be read, or if one of its files is missing.
    """
    blob = tree.files[index]
    try:
        listed = json.loads(blob.read(0, min(blob.size, MAX_INDEX)).decode("utf-8"))["weight_map"]
        names = sorted({str(name) for name in listed.values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        what = "have a weight_map from tensors to files"
        raise adapter_rule("An index of shards", what, type(error).__name__, "Save the adapter again.") from None
    if not 0 < len(names) <= MAX_SHARDS:
        raise adapter_rule("An index of shards", f"list 1 to {MAX_SHARDS:,} files", len(names), "Save it again.")
    files = [f"{folder_of(index)}/{name}".lstrip("/") for name in names]
    for file, name in zip(files, names, strict=True):
        if file not in tree.files:
            raise adapter_rule("The shards of an adapter", "all be there", f"no {clean(name, 60)}", "Add the file.")
    return files


def _settings(tree: Tree, place: str) -> Settings:
    """The config beside an adapter, or in the nearest folder around it; without one, the usual."""
    folder = place if place not in tree.files else folder_of(place)
    for around in (PurePosixPath(folder), *PurePosixPath(folder).parents):
        blob = tree.files.get((around / CONFIG).as_posix())
        if blob is not None:
            return read_settings(blob.read(0, min(blob.size, MAX_BYTES + 1)))
    note = "There is no adapter_config.json: the scale before B A is taken to be 1, unless the file says an alpha."
    return Settings(notes=(note,))


def folder_of(file: str) -> str:
    """The folder of a file inside a tree; empty at its top."""
    parent = PurePosixPath(file).parent.as_posix()
    return "" if parent == "." else parent


def _name(tree: Tree, place: str, several: bool) -> str:
    """What people call a client: its folder inside what was given, or what was given; in a hub's cache, the model."""
    place = place.split("/snapshots/")[0]
    if not place or (not several and place not in tree.files):
        return tree.name
    return clean(place.removesuffix(".safetensors")) if several else tree.name


def _unused(name: str, used: set[str]) -> str:
    count, found = 1, name
    while found in used:
        count += 1
        found = f"{name} ({count})"
    return found
