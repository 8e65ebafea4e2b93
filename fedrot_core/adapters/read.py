"""Read the adapters of folders, zips and uploads: one a folder, or one a file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fedrot_core.adapters.adapter import Adapter
from fedrot_core.adapters.config import MAX_BYTES, read_settings
from fedrot_core.adapters.pairing import adapter_of
from fedrot_core.adapters.places import Place, places_of
from fedrot_core.adapters.settings import Settings
from fedrot_core.adapters.sources import Source as Source
from fedrot_core.adapters.sources import trees_of
from fedrot_core.adapters.tensors import TensorFile
from fedrot_core.adapters.trees import MAX_REFUSED, Refused, Tree, Upload
from fedrot_core.errors import AdapterError, Cancelled, adapter_rule

MAX_CLIENTS = 1_000

MAX_TENSORS = 2_000_000
"""Most tensors of all clients together. A thousand clients with all layers of a large model have half as many."""

Progress = Callable[[int, int], None]
"""Called with how many steps are done, and of how many."""

NO_CONFIG = "There is no adapter_config.json: the scale before B A is taken to be 1, unless the file says an alpha."


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
    found: list[tuple[Tree, Place]] = []
    for tree in trees_of(sources, refused):
        found += [(tree, place) for place in places_of(tree)]
        refused += tree.refused
    if len(found) > MAX_CLIENTS:
        left = len(found) - MAX_CLIENTS
        few = adapter_rule("Adapters", f"be at most {MAX_CLIENTS:,}", len(found), f"Left out: {left:,}. Name fewer.")
        others = f" and {left - 1:,} more" if left > 1 else ""
        refused.append(Refused(found[MAX_CLIENTS][1].name + others, str(few)))
        del found[MAX_CLIENTS:]
    adapters: list[Adapter] = []
    used: set[str] = set()
    tensors = 0
    for count, (tree, place) in enumerate(found):
        if should_stop is not None and should_stop():
            raise Cancelled("Reading was stopped.")
        name = _unused(place.name, used)
        try:
            files = [TensorFile(tree.files[file]) for file in place.files]
            tensors += sum(len(file.entries) for file in files)
            if tensors > MAX_TENSORS:
                raise adapter_rule("All clients", f"hold at most {MAX_TENSORS:,} tensors", "more", "Name fewer.")
            adapters.append(adapter_of(name, _settings(tree, place), files))
            used.add(name)
        except AdapterError as error:
            refused.append(Refused(name, str(error)))
        if on_progress is not None:
            on_progress(count + 1, len(found))
    return adapters, _counted(refused)


def _settings(tree: Tree, place: Place) -> Settings:
    """What the config says; without one, the usual."""
    if not place.config:
        return Settings(notes=(NO_CONFIG,))
    blob = tree.files[place.config]
    return read_settings(blob.read(0, min(blob.size, MAX_BYTES + 1)))


def _counted(refused: list[Refused]) -> list[Refused]:
    """The refused by name, and of very many the number of the others."""
    left = len(refused) - MAX_REFUSED
    return refused if left <= 0 else [*refused[:MAX_REFUSED], Refused(f"{left:,} more", "They were refused as well.")]


def _unused(name: str, used: set[str]) -> str:
    count, found = 1, name
    while found in used:
        count += 1
        found = f"{name} ({count})"
    return found
