"""Write an adapter as PEFT expects it: a config, and factors in a safetensors file."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from fedrot_core.errors import adapter_rule
from fedrot_core.factors import Factors
from fedrot_core.records import Array

PREFIX = "base_model.model."

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of every member of a zip, so that the same adapter is the same file."""


@dataclass(frozen=True)
class Written:
    """One module of an adapter that is to be written.

    Attributes:
        name: the module's name.
        kind: "linear", "embedding", "conv" or "experts".
        factors: A (E, r, d_in) and B (E, d_out, r), one pair an expert.
        scale: what stands before ``B A``.
        window: shape of a convolution's A after its first axis; empty otherwise.
    """

    name: str
    kind: str
    factors: Factors
    scale: float
    window: tuple[int, ...] = ()

    def tensors(self) -> dict[str, Array]:
        """The two tensors by PEFT's names, in single precision."""
        E, r, d_in = self.factors.A.shape
        B = self.factors.B
        if self.kind == "experts":  # (E, out, r) -> (out, r E), the expert last
            A, B = self.factors.A.reshape(E * r, d_in), B.permute(1, 2, 0).reshape(B.shape[1], r * E)
        else:
            A, B = self.factors.A[0], B[0]
        if self.window:
            A, B = A.reshape(r, *self.window), B.reshape(*B.shape, *(1 for _ in self.window[1:]))
        name = f"{PREFIX}{self.name}.lora_"
        ends = ("embedding_A", "embedding_B") if self.kind == "embedding" else ("A.weight", "B.weight")
        pair = (x.to(torch.float32).contiguous().numpy() for x in (A, B))
        return {name + end: x for end, x in zip(ends, pair, strict=True)}


@dataclass(frozen=True)
class Extra:
    """What an adapter holds besides its modules, and what its config says of it.

    Attributes:
        tensors: heads and others, by their names without PEFT's prefix.
        saved: names of the modules that were trained whole.
        parameters: names of parameters that are adapted directly.
        fields: further fields of the config.
    """

    tensors: Mapping[str, Array] = field(default_factory=dict)
    saved: Sequence[str] = ()
    parameters: Sequence[str] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


def adapter_files(modules: Iterable[Written], extra: Extra | None = None, card: str = "") -> dict[str, bytes]:
    """The files of an adapter, by name.

    Every module says its own scale by ``alpha / r``, so no flag such as rsLoRA is needed. The base model is not named:
    its name may be a path.

    Args:
        modules: the adapted modules, taken one by one.
        extra: what else is to be written.
        card: text of the model card; none is written if it is empty.

    Raises:
        AdapterError: if there is no module, or if stacked experts have several ranks or scales.
    """
    extra = extra or Extra()
    tensors = {PREFIX + name: x for name, x in extra.tensors.items()}
    ranks: dict[str, int] = {}
    alphas: dict[str, float] = {}
    experts = set()
    for module in modules:
        tensors |= module.tensors()
        ranks[module.name] = module.factors.rank
        alphas[module.name] = module.scale * module.factors.rank
        if module.kind == "experts":
            experts.add(module.name)
    if not ranks:
        raise adapter_rule("An adapter", "have a module", "none", "Adapt at least one layer.")
    files = {
        "adapter_model.safetensors": safetensors(tensors),
        "adapter_config.json": _config(ranks, alphas, experts, extra),
    }
    return files | ({"README.md": card.encode()} if card else {})


def _config(ranks: Mapping[str, int], alphas: Mapping[str, float], experts: set[str], extra: Extra) -> bytes:
    """The config. Experts get the usual rank and alpha: PEFT names their exceptions by parameters, not by modules."""
    usual = experts or set(ranks)
    (rank, _), *_ = others = Counter(r for name, r in ranks.items() if name in usual).most_common()
    (alpha, _), *more = Counter(a for name, a in alphas.items() if name in usual).most_common()
    if experts and (len(others) > 1 or more):
        got = ", ".join(f"alpha {alphas[name]:g} and r {ranks[name]}" for name in sorted(experts)[:3])
        raise adapter_rule("Stacked experts", "have one rank and one scale in all layers", got, "Leave some out.")
    direct = [name for name in ranks if name not in experts]
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": int(alpha) if alpha == int(alpha) else alpha,
        "lora_dropout": 0.0,
        "use_rslora": False,
        "use_dora": False,
        "bias": "none",
        "inference_mode": True,
        "target_modules": direct if direct or experts else None,
        "rank_pattern": {_exactly(name): r for name, r in ranks.items() if r != rank},
        "alpha_pattern": {_exactly(name): a for name, a in alphas.items() if a != alpha},
        "modules_to_save": list(extra.saved) or None,
        **extra.fields,
    }
    if experts:
        config["target_parameters"] = list(extra.parameters)
    return (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()


def _exactly(name: str) -> str:
    """A pattern that matches a module of this name, and none whose name ends so."""
    return f"^{name.replace('.', chr(92) + '.')}"


def safetensors(tensors: Mapping[str, Array]) -> bytes:
    """A safetensors file of arrays in single precision."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, x in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(x.shape), "data_offsets": [at, at + x.nbytes]}
        at += x.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    numbers = (np.ascontiguousarray(x, dtype="<f4").tobytes() for x in tensors.values())
    return b"".join([struct.pack("<Q", len(text)), text, *numbers])


def zipped(files: Mapping[str, bytes], folder: str = "") -> bytes:
    """A zip of files, the same bytes each time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(f"{folder}/{name}" if folder else name, EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, content)
    return out.getvalue()


def write_files(folder: str | Path, files: Mapping[str, bytes]) -> None:
    """Write the files of an adapter into a folder, which is made if it is not there.

    Raises:
        AdapterError: if the folder holds such a file already.
        OSError: if it cannot be written.
    """
    where = Path(folder)
    unwritten(where, files)
    where.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (where / name).write_bytes(content)


ADAPTER = ("adapter_config.json", "adapter_model.safetensors", "README.md")
"""The files that are written of an adapter."""


def unwritten(folder: Path, names: Iterable[str] = ADAPTER) -> None:
    """Refuse a folder in which something would be replaced.

    Raises:
        AdapterError: if it holds one of these files, or is a file itself.
    """
    there = [name for name in names if (folder / name).exists()]
    if there or folder.is_file():
        got = f"{folder.name} with {there[0]}" if there else folder.name
        raise adapter_rule("A folder", "hold no adapter yet", got, "Choose another folder.")


def write_adapter(folder: str | Path, modules: Mapping[str, tuple[ArrayLike, ArrayLike]], scale: float = 1.0) -> None:
    """Write factors of linear layers as a PEFT adapter.

    Args:
        folder: where to; it is made if it is not there.
        modules: ``(B, A)`` of each layer, of shapes (d_out, r) and (r, d_in), by the layer's name.
        scale: what stands before ``B A``.

    Raises:
        AdapterError: if there is no module, if shapes do not match, or if the folder holds an adapter already.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     fr.write_adapter(folder, {"layers.0.q_proj": (np.ones((5, 2)), np.ones((2, 3)))})
        ...     sorted(file.name for file in Path(folder).iterdir())
        ['adapter_config.json', 'adapter_model.safetensors']
    """
    written = []
    for name, (up, down) in modules.items():
        B, A = (torch.as_tensor(np.asarray(x, dtype=np.float64)) for x in (up, down))
        if A.ndim != 2 or B.ndim != 2 or A.shape[0] != B.shape[1] or 0 in (*A.shape, *B.shape):
            got = f"{tuple(B.shape)} and {tuple(A.shape)}"
            raise adapter_rule(name, "have B (d_out, r) and A (r, d_in)", got, "Pass (B, A).")
        written.append(Written(name, "linear", Factors(A[None], B[None]), scale))
    write_files(folder, adapter_files(written))
