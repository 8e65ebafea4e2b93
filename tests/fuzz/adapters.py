"""Adapters as somebody may upload them: nearly right, damaged, or made to do harm."""

from __future__ import annotations

import io
import itertools
import json
import math
import random
import struct
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from fedrot_core.adapters.cohort import cohort_of
from fedrot_core.adapters.read import Source, read_adapters
from fedrot_core.adapters.trees import Upload, inside
from tests.fuzz import hostile
from tests.fuzz.promise import PRIVATE, Broken

MOST_SECONDS = 5.0
"""Most seconds of the processor for one input. They take a few milliseconds; work that explodes takes minutes."""

KEYS = (
    ("base_model.model.{}.lora_A.weight", "base_model.model.{}.lora_B.weight"),
    ("base_model.model.{}.lora_A.default.weight", "base_model.model.{}.lora_B.default.weight"),
    ("{}.lora_a.weight", "{}.lora_b.weight"),
    ("{}.lora_down.weight", "{}.lora_up.weight"),
    ("{}.lora_embedding_A", "{}.lora_embedding_B"),
)
MODULES = (
    "model.layers.0.q_proj",
    "q_proj",
    "k",
    "experts",
    "experts.base_layer",
    "emb",
    "a.qkv_proj",
    "language_model.q_proj",
)
OTHERS = (
    "q_proj.alpha",
    "q_proj.base_layer.bias",
    "head.weight",
    "q_proj.lora_diag",
    "e.token_adapter.x",
    "q_proj.lora_B.bias",
)
SHAPES = ((4, 6, 5), (2, 6, 5), (4, 6, 5), (4, 7, 5), (1, 1, 1))
"""Rank, rows of B, columns of A."""

FILES = (
    "adapter_model.safetensors", "adapter_model.safetensors", "other.safetensors", "adapter_model (1).safetensors",
    "adapter_model-00001-of-00002.safetensors", "pytorch_model.bin", "optimizer.pt", "x.zip", "adapter_config.json",
)  # fmt: skip
FOLDERS = ("", "a/", "b/", "a/checkpoint-1/", "a/b/", "../", "/", "__MACOSX/", ".git/", "x/" * 15)

PATTERNS = (
    "q_proj", "model.layers.0.q_proj", r"^q_proj", r".*q_proj", r"layers\.\d+\.q_proj", "(a|a)(a|a)(a|a)b", "(a+)+",
    ".*.*", "[", "\\", "x{1000}", "(?=a)", "(a)\\1", "a" * 400, "", "$", "^", ".", "(?:q|k)(?:_proj|)", r"\d+\d+\d+\d+",
    "experts.up",
)  # fmt: skip

CONFIG: dict[str, Any] = {
    "peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": False, "use_dora": False, "bias": "none",
    "rank_pattern": {"q_proj": 4}, "alpha_pattern": {r"layers\.\d+\.k": 2}, "target_modules": ["q_proj", "k"],
    "target_parameters": ["experts.up"], "modules_to_save": ["head"], "base_model_name_or_path": "org/model",
    "trainable_token_indices": {"emb": [1, 2]}, "init_lora_weights": True, "task_type": "CAUSAL_LM",
    "ensure_weight_tying": False, "kasa_config": None, "auto_mapping": None,
}  # fmt: skip

BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8}


@dataclass(frozen=True)
class _Maker:
    """Makes files. What is not hostile is chosen by ``rng``, which is faster than hypothesis."""

    draw: st.DrawFn
    rng: random.Random

    def rarely(self, one_in: int) -> bool:
        """Whether to do something unusual."""
        return self.rng.randrange(one_in) == 0

    def numbers(self, count: int) -> bytes:
        """Bytes of numbers: small ones in any type, but now and then any at all."""
        if self.rarely(40):
            return self.rng.randbytes(count)
        return bytes(itertools.islice(itertools.cycle(b"\x10\x3c\x80\x3d"), count))

    def factors(self, usual: Sequence[str]) -> bytes:
        """A safetensors file of mostly the usual modules, nearly right."""
        shapes: dict[str, list[int]] = {}
        for module in self.rng.sample(MODULES, self.rng.randint(1, 3)) if self.rarely(6) else usual:
            down, up = self.rng.choice(KEYS) if self.rarely(5) else KEYS[0]
            rank, rows, columns = self.rng.choice(SHAPES) if self.rarely(8) else SHAPES[0]
            times = 3 if module.startswith("experts") else 1
            shapes |= {down.format(module): [rank * times, columns], up.format(module): [rows, rank * times]}
        shapes |= {name: self.rng.choice([[], [6], [6, 5]]) for name in self.rng.sample(OTHERS, self.rng.randint(0, 2))}
        header, at, parts = {}, 0, []
        for name, shape in shapes.items():
            dtype = self.rng.choice([*BYTES]) if self.rarely(10) else "F32"
            size = math.prod(shape) * BYTES[dtype]
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
            parts.append(self.numbers(size))
            at += size
        how = self.rng.randrange(12)
        text = hostile.json_bytes(self.draw, header) if how == 0 else json.dumps(header).encode()
        wrong = [0, 1, len(text) + 1, 2**31, 2**63, 2**64 - 1]
        content = struct.pack("<Q", self.rng.choice(wrong) if how == 1 else len(text)) + text + b"".join(parts)
        return hostile.damaged(self.draw, content) if how == 2 else content

    def config(self) -> bytes:
        """A config, nearly right."""
        config = dict(CONFIG)
        if self.rarely(4):
            config["rank_pattern"] = {key: 4 for key in self.rng.sample(PATTERNS, 2)}
        if self.rarely(20):
            config["alpha_pattern"] = {self.draw(hostile.texts): 2}
        return hostile.json_bytes(self.draw, config) if self.rarely(5) else json.dumps(config).encode()

    def zip(self, files: Iterable[tuple[str, bytes]]) -> bytes:
        """A zip, nearly right."""
        out = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
            warnings.simplefilter("ignore")  # of names that occur twice
            for name, content in files:
                try:
                    member = zipfile.ZipInfo(name)
                    member.compress_type = self.rng.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
                    member.external_attr = 0o120777 << 16 if self.rarely(20) else 0
                    archive.writestr(member, content)
                except (UnicodeEncodeError, ValueError):  # no zip can hold such a name
                    continue
        return hostile.damaged(self.draw, out.getvalue()) if self.rarely(4) else out.getvalue()


@st.composite
def uploads(draw: st.DrawFn) -> tuple[bool, list[Upload]]:
    """Uploads, and whether they are laid on disk and read as a folder."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    make = _Maker(draw, rng)
    usual = rng.sample(MODULES, rng.randint(1, 3))
    files: list[tuple[str, bytes]] = []
    for client in range(rng.randint(1, 3)):
        folder = rng.choice(FOLDERS) if make.rarely(4) else f"client {client}/"
        name = rng.choice(FILES) if make.rarely(4) else FILES[0]
        if make.rarely(15):
            name = draw(hostile.texts) + rng.choice(["", ".safetensors", ".json", ".bin"])
        files.append((folder + name, make.factors(usual)))
        if not make.rarely(6):
            files.append((f"{folder}adapter_config.json", make.config()))
        if make.rarely(20):
            shard = rng.choice([name, "gone.safetensors", 3, None, "../x"])
            index = hostile.json_bytes(draw, {"weight_map": {"x": shard}})
            files.append((f"{folder}adapter_model.safetensors.index.json", index))
    how = rng.choice(["loose", "loose", "zip", "zip", "zip", "disk"])
    if how == "zip":
        return make.rarely(6), [Upload("all.zip", make.zip(files))]
    return how == "disk", [Upload(*file) for file in files]


def told(found: tuple[bool, list[Upload]]) -> list[str]:
    """All that is told of uploads, which are read as they are or from disk.

    Raises:
        Broken: if it takes too long, or if a factor has another shape than its module says.
    """
    disk, given = found
    begin = time.process_time()
    if disk:
        with tempfile.TemporaryDirectory() as folder:
            said = _read(_laid(Path(folder), given))
    else:
        said = _read(given)
    if (took := time.process_time() - begin) > MOST_SECONDS:
        raise Broken(f"{took:.1f} seconds for one input")
    return said


def _laid(folder: Path, given: Iterable[Upload]) -> list[Source]:
    for upload in given:
        path = folder / (inside(upload.name) or "odd")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(upload.content)
        except (OSError, ValueError):  # no disk can hold such a name
            continue
    return [folder, folder / "all.zip"]


def _read(sources: list[Any]) -> list[str]:
    adapters, refused = read_adapters(sources)
    for adapter in adapters:
        for module in adapter.modules.values():
            factors = module.factors()
            shape = (module.experts, module.rank, module.d_in), (module.experts, module.d_out, module.rank)
            if (tuple(factors.A.shape), tuple(factors.B.shape)) != shape or not bool(factors.A.isfinite().all()):
                raise Broken(f"a module that is not what it says: {module}")
    whole = cohort_of(adapters, refused)
    for shared in whole.modules:
        whole.factors(shared)
    if secret := next((secret for secret in PRIVATE if secret in repr(whole)), ""):
        raise Broken(f"{secret!r} is in a cohort")
    said = [text for r in (*whole.refused, *whole.left_out) for text in (r.name, r.reason)]
    return [*said, *whole.notes, *whole.names]
