"""Adapters made for tests, with any tensors and any config."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[Array, Array]

TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def file_of(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """A safetensors file, written without the code under test."""
    header, parts, at = {}, [], 0
    for name, tensor in tensors.items():
        raw = tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(raw)]}
        parts.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def tensors_of(
    modules: Mapping[str, Pair], dtype: torch.dtype = torch.float32, prefix: str = "base_model.model."
) -> dict[str, torch.Tensor]:
    """PEFT's tensors of linear layers, from (B, A)."""
    out = {}
    for name, (B, A) in modules.items():
        out[f"{prefix}{name}.lora_A.weight"] = torch.from_numpy(A).to(dtype)
        out[f"{prefix}{name}.lora_B.weight"] = torch.from_numpy(B).to(dtype)
    return out


def save(folder: Path, tensors: Mapping[str, torch.Tensor], **config: Any) -> Path:
    """A folder as PEFT saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_model.safetensors").write_bytes(file_of(tensors))
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 4, **config}))
    return folder


def library(name: str) -> Any:
    """PEFT or transformers, which take seconds to import, once a test needs them; without them it is skipped."""
    return pytest.importorskip(name, reason=f"{name} is not installed, so nothing can be held against it")


def pair(rng: np.random.Generator, o: int = 12, i: int = 10, r: int = 4) -> Pair:
    return rng.normal(size=(o, r)), rng.normal(size=(r, i))


def turn(rng: np.random.Generator, r: int) -> Array:
    """A random rotation, with determinant 1."""
    Q = np.linalg.qr(rng.normal(size=(r, r)))[0]
    Q[:, 0] *= np.sign(np.linalg.det(Q))
    return Q
