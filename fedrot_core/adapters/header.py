"""The header of a safetensors file, read strictly: a file that is not exactly what it says is refused.

The format: eight bytes with the header's length, little-endian; the header, a JSON object from names to type, shape and
span of bytes; then the numbers. Source: the safetensors project's format description. Its own reader accepts duplicate
names; here nothing may occur twice, overlap, or leave a gap.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fedrot_core.errors import adapter_rule, brief

LENGTH_BYTES = 8
MAX_HEADER_BYTES = 8 * 2**20
MAX_TENSORS = 100_000
MAX_AXES = 8
MAX_NAME = 500
"""Most characters of a tensor's name. Those met in the wild have up to 120."""

ITEM_BYTES = {
    "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "U16": 2, "I16": 2, "F16": 2, "BF16": 2, "U32": 4,
    "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8,
}  # fmt: skip
"""Bytes of one number of each type."""

REMEDY = "Save the adapter again."


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one tensor stands in its file.

    Attributes:
        dtype: the type's name in safetensors, a key of :data:`ITEM_BYTES`.
        shape: the tensor's shape.
        start, stop: its bytes, counted from the beginning of the file.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def header_length(first: bytes, size: int) -> int:
    """Bytes of the header that follow the first eight, given these and the size of the whole file.

    Raises:
        AdapterError: if the file is too short, or if the length is too large or lies.
    """
    if len(first) < LENGTH_BYTES:
        raise adapter_rule("A safetensors file", f"have at least {LENGTH_BYTES} bytes", len(first), REMEDY)
    (length,) = struct.unpack("<Q", first[:LENGTH_BYTES])
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - LENGTH_BYTES):
        most = f"be of 2 to {MAX_HEADER_BYTES:,} bytes and end within its file of {size:,}"
        raise adapter_rule("A safetensors header", most, length, REMEDY)
    return int(length)


def parse(text: bytes, size: int) -> dict[str, Entry]:
    """The tensors that a header lists, by name.

    Args:
        text: the header, without the eight bytes before it.
        size: bytes of the whole file.

    Raises:
        AdapterError: if the header is no strict JSON, names something twice, or lists spans that do not fill the rest
            of the file exactly.
    """
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise adapter_rule("A safetensors header", "be JSON without repeated names", brief(error, 80), REMEDY) from None
    if not isinstance(found, dict):
        raise adapter_rule("A safetensors header", "be a JSON object", type(found).__name__, REMEDY)
    found.pop("__metadata__", None)  # texts of the program that wrote it, which nothing here reads or shows
    if len(found) > MAX_TENSORS:
        raise adapter_rule("A safetensors file", f"hold at most {MAX_TENSORS:,} tensors", len(found), REMEDY)
    data = LENGTH_BYTES + len(text)
    entries = {name: _entry(name, value, data) for name, value in found.items()}
    at = data
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != at:
            what = "follow one another without gap or overlap"
            raise adapter_rule("The tensors of a safetensors file", what, brief(name, 80), REMEDY)
        at = entry.stop
    if at != size:
        what = f"end where the file ends, at byte {size:,}"
        raise adapter_rule("The tensors of a safetensors file", what, at, "The file is cut off or has more behind it.")
    return entries


def _entry(name: str, value: Any, data: int) -> Entry:
    """One tensor of the header; ``data`` is where the numbers begin."""
    shown = brief(name, 80)
    if not 0 < len(name) <= MAX_NAME or not name.isprintable():
        what = f"have 1 to {MAX_NAME} characters that can be printed"
        raise adapter_rule("A tensor's name", what, brief(ascii(name), 80), REMEDY)
    if not isinstance(value, Mapping) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise adapter_rule(f"Tensor {shown}", "have dtype, shape and data_offsets alone", "others", REMEDY)
    dtype, shape, span = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise adapter_rule(f"Tensor {shown}", f"be of type {', '.join(ITEM_BYTES)}", "another", REMEDY)
    if not _sizes(shape) or len(shape) > MAX_AXES:
        raise adapter_rule(f"Tensor {shown}", f"have a shape of at most {MAX_AXES} sizes", _numbers(shape), REMEDY)
    if not _sizes(span) or len(span) != 2:
        raise adapter_rule(f"Tensor {shown}", "have two offsets", _numbers(span), REMEDY)
    wanted = math.prod(shape) * ITEM_BYTES[dtype]
    if span[1] - span[0] != wanted:
        raise adapter_rule(
            f"Tensor {shown}", f"have the {brief(wanted, 40)} bytes of its shape", brief(span, 80), REMEDY
        )
    return Entry(dtype, tuple(shape), data + span[0], data + span[1])


def _sizes(value: Any) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 2**63 for n in value)


def _numbers(value: Any) -> Any:
    """Numbers as they are, and of anything else its type: a header's texts other than names are not shown."""
    whole = isinstance(value, list) and all(isinstance(n, (int, float)) for n in value)
    return value if whole else type(value).__name__


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
