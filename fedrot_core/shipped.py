"""Finished results that come with the project, each read when needed and checked against the manifest's checksums."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fedrot_core import ENGINE_VERSION
from fedrot_core.errors import StoreError
from fedrot_core.finished import arm_key, arm_row, pack_row, pack_run, run_key, sha256, unpack_row
from fedrot_core.study.summary import RunSummary
from fedrot_core.trace import Trace

MANIFEST = "manifest.json"
ARMS = "arms"
"""The file that holds all arms together, since each is small and pages need many at once."""

log = logging.getLogger(__name__)


class _Manifest(NamedTuple):
    runs: Mapping[str, str]  # file of each run by key
    arms: frozenset[str]
    sha256: Mapping[str, str]  # of each file


class Shipped:
    """The runs and arms in a folder that :func:`write` made. Nothing is read before it is asked for.

    Args:
        folder: the folder. If it is missing, damaged or made by another version of the engine, it is not used, and the
            log says so.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: dict[str, Any] | None = None

    @cached_property
    def _manifest(self) -> _Manifest:
        try:
            found = json.loads((self._folder / MANIFEST).read_bytes())
            if found["engine"] != ENGINE_VERSION:
                log.warning(
                    "the shipped runs are of engine %s, this is %s: they are not used; make them anew by "
                    "python -m app.ship", found["engine"], ENGINE_VERSION,
                )  # fmt: skip
                return _Manifest({}, frozenset(), {})
            return _Manifest(dict(found["runs"]), frozenset(found["arms"]), dict(found["sha256"]))
        except Exception as error:  # a damaged file can hold anything
            log.warning("no shipped runs: %r", error)
            return _Manifest({}, frozenset(), {})

    def has_arm(self, key: str) -> bool:
        """Whether an arm is shipped."""
        return key in self._manifest.arms

    def run(self, key: str) -> bytes | None:
        """The bytes of a run's trace; None if it is not shipped.

        Raises:
            StoreError: if the file is missing or was changed.
        """
        name = self._manifest.runs.get(key)
        return None if name is None else self._read(name)

    def arm(self, key: str) -> dict[str, Any] | None:
        """An arm as plain data; None if it is not shipped.

        Raises:
            StoreError: if the file is missing or was changed.
        """
        if not self.has_arm(key):
            return None
        if self._rows is None:
            self._rows = dict(unpack_row(self._read(ARMS)))
        return self._rows.get(key)

    def _read(self, name: str) -> bytes:
        try:
            content = (self._folder / name).read_bytes()
        except OSError:
            content = b""
        if sha256(content) != self._manifest.sha256.get(name):
            log.warning("the shipped file %s was changed or is missing; it is not used", name)
            raise StoreError("A result that comes with the project was damaged. It is computed again.")
        return content


def write(folder: Path, traces: list[Trace], runs: list[RunSummary], made_with: Mapping[str, str]) -> int:
    """Write a folder for :class:`Shipped`, replacing everything in it, and return its size in bytes.

    Args:
        folder: the folder.
        traces: the runs to ship.
        runs: the runs whose arms to ship.
        made_with: the software and processor that made the numbers, for people.
    """
    files = {trace.config.hash: pack_run(trace) for trace in traces}
    rows = {arm_key(run.config, name): arm_row(run, name) for run in runs for name in run.arms}
    files[ARMS] = pack_row(rows)
    manifest = {
        "engine": ENGINE_VERSION,
        "made_with": dict(made_with),
        "runs": {run_key(trace.config): trace.config.hash for trace in traces},
        "arms": sorted(rows),
        "sha256": {name: sha256(content) for name, content in files.items()},
    }
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return sum(map(len, files.values()))
