"""What a lesson reads of a run, as plain data: a few arrays of its records, and the run file of all of it.

A whole trace takes a megabyte, nearly all of it for figures of the lab; an excerpt takes some kilobytes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import StoreError, brief
from fedrot_core.export.run import run_file
from fedrot_core.finished import key, sha256
from fedrot_core.records import GROUPS, Array, stored_fields, stored_name
from fedrot_core.trace import Trace

Reads = tuple[str, ...]
"""Arrays of a round's record, such as ``errors.own`` or ``weights``."""


@dataclass
class Excerpt(Trace):
    """A trace whose records hold some of their arrays; all others are None.

    Attributes:
        file: the run file of the whole run.
    """

    file: bytes = b""

    @property
    def checksum(self) -> str:
        """The whole run's."""
        return run_file.read(self.file).checksum


def file_of(trace: Trace) -> bytes:
    """The run file of a trace, or of the run from which it is an excerpt."""
    return trace.file if isinstance(trace, Excerpt) else run_file.write(trace)


def excerpt_key(config: FederationConfig, reads: Reads) -> str:
    """The key under which an excerpt is kept.

    Raises:
        ConfigError: if the device is not available.
    """
    return key("excerpt", f"{config.hash}/{sha256(','.join(reads).encode())[:8]}", config)


def excerpt_row(trace: Trace, reads: Reads) -> dict[str, Any]:
    """Convert the arrays ``reads`` of a complete trace, and all that is no array, to plain data; nothing is rounded."""
    header, arrays = trace.parts()
    wanted = {_stored(name) for name in reads}
    kept = {place: _plain(array) for place, array in arrays.items() if place.split(".", 1)[1] in wanted}
    header |= {"made_with": dict(trace.made_with)}
    return {"header": header, "arrays": kept, "file": run_file.write(trace).decode()}


def excerpt_of(row: Any, config: FederationConfig) -> Excerpt:
    """Inverse of :func:`excerpt_row`.

    Raises:
        StoreError: if ``row`` is no excerpt of ``config`` by this version of the engine.
    """
    try:
        nothing = {name: None for name, kind in stored_fields().items() if kind == "Array"}
        records = [{**nothing, **record} for record in row["header"]["records"]]
        arrays = {place: _array(*array) for place, array in row["arrays"].items()}
        trace = Trace.from_parts({**row["header"], "records": records}, arrays)
        values = {f.name: getattr(trace, f.name) for f in dataclasses.fields(trace)}
        found = Excerpt(**values, file=str(row["file"]).encode())
    except Exception as error:  # any field may be missing or of a wrong kind
        raise StoreError(f"A shipped run must be one that this app wrote; this one is not ({brief(error)}).") from error
    if found.config != config or found.engine != ENGINE_VERSION:
        raise StoreError("A shipped run must be of the config and engine it is kept under; this one is not.")
    return found


def _stored(name: str) -> str:
    """The name in files of an array."""
    group, _, field = name.rpartition(".")
    return stored_name(GROUPS[group].__dataclass_fields__[field]) if group else field


def _plain(array: Array) -> tuple[str, tuple[int, ...], list[Any]]:
    """Type, shape and numbers; a number of float32 is written with the few digits that name it."""
    flat = array.ravel()
    numbers = [float(str(x)) for x in flat] if array.dtype == np.float32 else flat.tolist()
    return array.dtype.str, array.shape, numbers


def _array(kind: str, shape: list[int], numbers: list[Any]) -> Array:
    return np.array(numbers, dtype=kind).reshape(shape)
