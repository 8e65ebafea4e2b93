"""Tensors of one safetensors file, read one at a time as float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from fedrot_core.adapters.blobs import Blob
from fedrot_core.adapters.header import LENGTH_BYTES, Entry, header_length, parse
from fedrot_core.adapters.trees import clean
from fedrot_core.errors import adapter_rule

TYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""Types of the numbers that are read."""

MAX_TENSOR_BYTES = 2 * 2**30
"""Most bytes of one tensor. An embedding's factor of rank 256 with 256,000 tokens has 0.3 GB."""

SCAN_BYTES = 16 * 2**20
"""Bytes that are looked at together for numbers that are not finite."""


class TensorFile:
    """A safetensors file whose header has been read and found to be exact.

    Attributes:
        entries: where each tensor stands, by its name.

    Raises:
        AdapterError: if the header lies.
    """

    def __init__(self, blob: Blob) -> None:
        self._blob = blob
        length = header_length(blob.read(0, min(LENGTH_BYTES, blob.size)), blob.size)
        self.entries: dict[str, Entry] = parse(blob.read(LENGTH_BYTES, length), blob.size)

    def tensor(self, name: str) -> Tensor:
        """One tensor in float64, in its own shape.

        Raises:
            AdapterError: if it is of another type, too large, or can no longer be read.
        """
        entry = self.entries[name]
        dtype = number_type(name, entry)
        if entry.stop == entry.start:
            return torch.zeros(entry.shape, dtype=torch.float64)
        return self._numbers(entry.start, entry.stop, dtype).reshape(entry.shape).to(torch.float64)

    def finite(self, name: str) -> bool:
        """Whether a tensor holds no NaN or Inf; it is looked at in parts."""
        entry = self.entries[name]
        dtype = number_type(name, entry)
        parts = range(entry.start, entry.stop, SCAN_BYTES)
        return all(_finite(self._numbers(at, min(at + SCAN_BYTES, entry.stop), dtype)) for at in parts)

    def _numbers(self, start: int, stop: int, dtype: torch.dtype) -> Tensor:
        found: Tensor = torch.frombuffer(bytearray(self._blob.read(start, stop - start)), dtype=dtype)
        return found


def _finite(x: Tensor) -> bool:
    """Whether all numbers are; the smallest and the largest one tell, since NaN is both."""
    return all(math.isfinite(float(end)) for end in torch.aminmax(x))


def number_type(name: str, entry: Entry) -> torch.dtype:
    """The torch type of a tensor.

    Raises:
        AdapterError: if it is none that is read, or if the tensor is too large.
    """
    shown = f"Tensor {clean(name, 80)}"
    if entry.dtype not in TYPES:
        raise adapter_rule(shown, f"be of type {', '.join(TYPES)}", entry.dtype, "Save the adapter in one of these.")
    if entry.stop - entry.start > MAX_TENSOR_BYTES:
        what = f"have at most {MAX_TENSOR_BYTES:,} bytes"
        raise adapter_rule(shown, what, entry.stop - entry.start, "Adapters are small; is this a whole model?")
    return TYPES[entry.dtype]
