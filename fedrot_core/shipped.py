"""Finished results that come with the project, each read when needed and checked against the manifest's checksums."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fedrot_core import ENGINE_VERSION
from fedrot_core.errors import StoreError, brief
from fedrot_core.finished import pack_row, pack_run, run_key, sha256, unpack_row
from fedrot_core.trace import Trace

MANIFEST = "manifest.json"

FILE_NAME = re.compile(r"\w[\w.-]{0,99}")

Rows = Mapping[str, Any]
"""Plain data by the key under which it is found."""

log = logging.getLogger(__name__)


class _Manifest(NamedTuple):
    runs: Mapping[str, str]  # file of each run by key
    rows: Mapping[str, str]  # file that holds each row by key
    sha256: Mapping[str, str]  # of each file


class Shipped:
    """The runs and rows in a folder that :func:`write` made. Nothing is read before it is asked for.

    Args:
        folder: the folder. If it is missing, damaged or made by another version of the engine, it is not used, and the
            log says so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened: dict[str, Rows] = {}

    @cached_property
    def _manifest(self) -> _Manifest:
        try:
            found = json.loads((self._folder / MANIFEST).read_bytes())
            if found["engine"] != ENGINE_VERSION:
                log.warning(
                    "the shipped runs are of engine %s, this is %s: they are not used; make them anew by "
                    "python -m app.ship", found["engine"], ENGINE_VERSION,
                )  # fmt: skip
                return _Manifest({}, {}, {})
            rows = {key: name for name, keys in found["rows"].items() for key in keys}
            strange = [name for name in (*found["runs"].values(), *found["rows"]) if not FILE_NAME.fullmatch(name)]
            if strange:  # no file outside the folder is read because a manifest names it
                raise ValueError(f"a file called {brief(repr(strange[0]))}")
            return _Manifest(dict(found["runs"]), rows, dict(found["sha256"]))
        except Exception as error:  # a damaged file can hold anything
            log.warning("no shipped runs: %r", error)
            return _Manifest({}, {}, {})

    def has_run(self, key: str) -> bool:
        """Whether a run is shipped."""
        return key in self._manifest.runs

    def has_row(self, key: str) -> bool:
        """Whether a row is shipped."""
        return key in self._manifest.rows

    def run(self, key: str) -> bytes | None:
        """The bytes of a run's trace; None if it is not shipped.

        Raises:
            StoreError: if the file is missing or was changed.
        """
        name = self._manifest.runs.get(key)
        return None if name is None else self._read(name)

    def row(self, key: str) -> Any:
        """A row; None if it is not shipped.

        Raises:
            StoreError: if the file is missing or was changed.
        """
        name = self._manifest.rows.get(key)
        if name is None:
            return None
        if name not in self._opened:
            self._opened[name] = dict(unpack_row(self._read(name)))
        return self._opened[name].get(key)

    def _read(self, name: str) -> bytes:
        try:
            content = (self._folder / name).read_bytes()
        except OSError:
            content = b""
        if sha256(content) != self._manifest.sha256.get(name):
            log.warning("the shipped file %s was changed or is missing; it is not used", name)
            raise StoreError("A result that comes with the project was damaged. It is computed again.")
        return content


def write(folder: Path, traces: Sequence[Trace], rows: Mapping[str, Rows], made_with: Mapping[str, str]) -> int:
    """Write a folder for :class:`Shipped`, replacing everything in it, and return its size in bytes.

    Args:
        folder: the folder.
        traces: the runs to ship.
        rows: the rows to ship, by the name of the file that holds them; a page reads the whole file for one of them.
        made_with: the software and processor that made the numbers, for people.
    """
    files = {trace.config.hash: pack_run(trace) for trace in traces}
    files |= {name: pack_row(dict(found)) for name, found in rows.items()}
    manifest = {
        "engine": ENGINE_VERSION,
        "made_with": dict(made_with),
        "runs": {run_key(trace.config): trace.config.hash for trace in traces},
        "rows": {name: sorted(found) for name, found in rows.items()},
        "sha256": {name: sha256(content) for name, content in files.items()},
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return sum(map(len, files.values()))
