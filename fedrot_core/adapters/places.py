"""Where the adapters stand in a tree of files, and what each is called.

An adapter is a folder with ``adapter_model.safetensors``, with the shards that an index lists, or with one file of
another name; where a folder holds several files of other names, each is one. It is called by its folder inside what was
given, unless it is all there was: then by what was given. Files that were given one by one are called by their folder,
or by their own name where they have none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from fedrot_core.adapters.sources import CONFIG, INDEX, USUAL
from fedrot_core.adapters.trees import FACTORS, Tree, clean, folder_of
from fedrot_core.errors import AdapterError, adapter_rule

MAX_SHARDS = 1_000
MAX_INDEX = 8 * 2**20

SHARD = re.compile(r".*-\d{5}-of-\d{5}")
"""How shards are called, which mean nothing without their index."""

PASSING = ("checkpoint-", "global_step")
"""How folders begin that a trainer leaves beside the adapter itself."""

TRAINERS = re.compile(
    r"(?:optimizer|scheduler|scaler|training_args|trainer_state|rng_state|random_states|sampler|dataloader|tokenizer"
    r"|.*optim_states).*"
)
"""Pickles of a trainer that hold no adapter."""

PLAIN = re.compile(r"[\w.-]{1,80}", re.ASCII)
"""Names that can stand in a command line as they are."""


@dataclass(frozen=True)
class Place:
    """One adapter.

    Attributes:
        name: what it is called.
        files: its files of tensors.
        config: its config; empty if there is none.
    """

    name: str
    files: tuple[str, ...]
    config: str


def pickled(name: str) -> str:
    """Why a pickle is not opened, and the line that converts it."""
    file = name if PLAIN.fullmatch(name) else "adapter_model.bin"
    return (
        "Opening a pickle can run code, so it is not opened. Where you trust it, convert it: "
        f"`python -c \"import torch, safetensors.torch as s; s.save_file(torch.load('{file}', "
        "weights_only=True), 'adapter_model.safetensors')\"`"
    )


def places_of(tree: Tree) -> list[Place]:
    """The adapters of a tree. What is none, though it looks like one, is added to ``tree.refused``."""
    folders: dict[str, list[str]] = {}
    for file in sorted(tree.files):
        if file.lower().endswith((FACTORS, INDEX)):
            folders.setdefault(folder_of(file), []).append(file)
    found: dict[str, tuple[str, ...]] = {}
    for folder, files in folders.items():
        if _passes(folder, folders):
            tree.refuse(folder, "It is a checkpoint inside another adapter's folder.")
            continue
        try:
            found |= _in_folder(tree, folder, files)
        except AdapterError as error:
            tree.refuse(folder or tree.name, str(error))
    configs: dict[str, str] = {}
    for key, (first, *_) in [*found.items()]:
        try:
            configs[key] = _config_of(tree, first)
        except AdapterError as error:
            tree.refuse(key or tree.name, str(error))
            del found[key]
    _pickles(tree, folders)
    _lone_configs(tree, folders, set(configs.values()))
    if not found and not tree.refused:
        why = adapter_rule("A folder", f"hold an adapter as {FACTORS}", "none", "Save one with save_pretrained.")
        tree.refuse(tree.name, str(why))
    alone = len(found) + len(tree.refused) == 1
    return [Place(_name(tree, key, alone), own, configs[key]) for key, own in found.items()]


def _in_folder(tree: Tree, folder: str, files: list[str]) -> dict[str, tuple[str, ...]]:
    """The files of each adapter of a folder, by its folder, or by its file where the folder holds several.

    Raises:
        AdapterError: if shards lack their index or one another.
    """
    usual = [file for file in files if _stem(file) == USUAL]
    index = next((file for file in files if file.lower().endswith(INDEX)), None)
    if tree.loose and not folder and not index:
        return {file: (file,) for file in files}
    if not usual and index:
        usual = _shards(tree, index)
        others = [file for file in files if file not in usual and file != index]
    else:
        others = [file for file in files if file not in usual] if usual else []
    for file in others:
        tree.refuse(file, f"It stands beside {USUAL}, which is read instead.")
    if not usual and any(SHARD.fullmatch(_stem(file)) for file in files):
        raise adapter_rule("An adapter in shards", "have its index", "none", f"Add {USUAL}{INDEX}.")
    if usual or len(files) == 1:
        return {folder: tuple(usual or files)}
    return {file: (file,) for file in files}


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
    gone = [clean(name, 60) for file, name in zip(files, names, strict=True) if file not in tree.files]
    if gone:
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        raise adapter_rule("The shards of an adapter", "all be there", "a gap", f"Add {', '.join(gone[:3])}{more}.")
    return files


def _passes(folder: str, folders: Iterable[str]) -> bool:
    """Whether a folder is a checkpoint of an adapter that stands around it, or beside it under the same name."""
    parts = folder.split("/")
    for at, part in enumerate(parts):
        if part.startswith(PASSING):
            around = {"/".join(parts[:n]) for n in range(at + 1)}
            if parts[at + 1 :]:
                around.add("/".join(parts[:at] + parts[at + 1 :]))
            if not around.isdisjoint(folders):
                return True
    return False


def _config_of(tree: Tree, file: str) -> str:
    """The config beside an adapter, or in the nearest folder around it; empty if there is none.

    Browsers number files of equal names, so ``adapter_model (1)`` has ``adapter_config (1)``, if that is there.

    Raises:
        AdapterError: if several configs were given under that name.
    """
    folder, number = folder_of(file), _stem(file).removeprefix(USUAL)
    own = f"{folder}/{CONFIG.replace('.', number + '.')}".lstrip("/")
    around = [own, *(f"{folder[:at]}/{CONFIG}" for at in _ends(folder)), CONFIG]
    for config in around:
        if config in tree.unclear:
            what = "be one that belongs to it"
            raise adapter_rule("Its config", what, "several of this name", "Zip each client's folder.")
        if config in tree.files:
            return config
    return ""


def _ends(folder: str) -> list[int]:
    """Where the folders around, and the folder itself, end in its path; the deepest first."""
    return [at for at in range(len(folder), 0, -1) if at == len(folder) or folder[at] == "/"]


def _pickles(tree: Tree, folders: Iterable[str]) -> None:
    """Refuse the pickles that stand where an adapter would be, by the name that it would have."""
    weights: dict[str, list[str]] = {}
    for pickle in tree.pickles:
        folder = folder_of(pickle)
        if folder not in folders and not _passes(folder, folders) and not TRAINERS.fullmatch(_file(pickle)):
            weights.setdefault(folder, []).append(pickle)
    for folder, pickles in weights.items():
        for pickle in pickles:
            tree.refuse(folder if folder and len(pickles) == 1 else pickle, pickled(_file(pickle)))


def _lone_configs(tree: Tree, folders: Iterable[str], used: set[str]) -> None:
    """Refuse the configs to which there is nothing, by the name that the adapter would have."""
    doubtful = {folder_of(file) for file in tree.unclear}
    peopled = {folder_of(pickle) for pickle in tree.pickles} | doubtful | {*folders}
    peopled |= {folder[:at] for folder in peopled for at in _ends(folder)} | ({""} if peopled else set())
    for file in sorted(tree.files):
        name, folder = _file(file), folder_of(file)
        if file in used or not name.startswith(_stem(CONFIG)) or _passes(folder, folders):
            continue
        if folder not in peopled or (tree.loose and folder not in doubtful):
            rule = adapter_rule("A config", f"have its factors beside it, as {FACTORS}", "none", "Add that file.")
            tree.refuse(file if tree.loose else folder or tree.name, str(rule))


def _name(tree: Tree, key: str, alone: bool) -> str:
    """What people call a client; in a hub's cache, the model."""
    place = key.split("/snapshots/")[0]
    if not place or (alone and not tree.loose) or (alone and _stem(key) == USUAL):
        return tree.name
    return clean(place.removesuffix(FACTORS))


def _file(path: str) -> str:
    return path.rpartition("/")[2]


def _stem(path: str) -> str:
    name = _file(path)
    return name.rpartition(".")[0] or name
