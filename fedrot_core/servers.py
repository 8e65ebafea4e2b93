"""What running servers say of themselves: counts, in one small file each below the store's folder, and no names."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fedrot_core.wording import counted, size

FOLDER = "servers"
STALE_SECONDS = 20.0
"""A server that has said nothing for so long has ended."""

FORGOTTEN_SECONDS = 24 * 3600.0
"""After so long, the file of a server that was killed is removed by another one."""

MOST_BYTES = 10_000
"""Longest file that is read."""


@dataclass(frozen=True)
class ServerStatus:
    """One server and its training processes.

    Attributes:
        name: random, of the process: in containers, several may have one id.
        pid: id of the process; port: where it listens.
        said_at: when it said this, on the machine's steady clock, which no change of the time of day moves.
        up_seconds: for how long it has run.
        sessions: open pages.
        working, waiting: pieces of work in training processes, and in the queue before them.
        processes: training processes that run; replaced: how many have died so far.
        runs: runs that are kept in memory.
        memory: bytes of the server and its training processes, shared pages once; store: bytes of the store on disk.
        threads, files: of the server alone.
    """

    name: str
    pid: int
    port: int
    said_at: float
    up_seconds: float
    sessions: int
    working: int
    waiting: int
    processes: int
    replaced: int
    runs: int
    memory: int
    store: int
    threads: int
    files: int

    @property
    def text(self) -> str:
        """A line for a person."""
        up = (
            f"{self.up_seconds / 60:.0f}\u00a0min" if self.up_seconds < 7200 else f"{self.up_seconds / 3600:.0f}\u00a0h"
        )
        training = f"{self.processes} training process{'' if self.processes == 1 else 'es'}"
        died = f" ({self.replaced} replaced)" if self.replaced else ""
        return (
            f"port {self.port}, up {up}: {counted(self.sessions, 'open page')}; {self.working} at work, "
            f"{self.waiting} waiting, {training}{died}; memory {size(self.memory)}, "
            f"{counted(self.threads, 'thread')}, {counted(self.files, 'open file')}; {counted(self.runs, 'run')} in "
            "memory"
        )


def say(folder: Path, status: ServerStatus) -> None:
    """Write what a server says; whoever reads meanwhile reads what it said before.

    Raises:
        OSError: if the folder cannot be written to.
    """
    place = folder / FOLDER
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = place / f"{status.name}.new"
    new.write_text(json.dumps(dataclasses.asdict(status)), encoding="utf-8")
    os.replace(new, place / f"{status.name}.json")


def gone(folder: Path, name: str) -> None:
    """Take back what the server ``name`` said, and what servers said that were killed long ago."""
    for file in (folder / FOLDER).glob("*.json"):
        with contextlib.suppress(OSError):
            if file.stem == name or time.time() - file.stat().st_mtime > FORGOTTEN_SECONDS:
                file.unlink(missing_ok=True)


def heard(folder: Path) -> list[ServerStatus]:
    """What all servers that share ``folder`` said last; by port. Damaged files, and ended servers, are left out."""
    now, found = time.monotonic(), []
    for file in sorted((folder / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            status = ServerStatus(**json.loads(file.read_bytes()[:MOST_BYTES]))
            if 0 <= now - status.said_at <= STALE_SECONDS:
                found.append(status)
    return sorted(found, key=lambda status: status.port)


def report(servers: Sequence[ServerStatus]) -> str:
    """All servers as text for a person, with their sums where there are several."""
    lines = [status.text for status in servers]
    if len(servers) > 1:
        pages, working, waiting, memory = (
            sum(getattr(s, name) for s in servers) for name in ("sessions", "working", "waiting", "memory")
        )
        lines.append(
            f"together: {counted(pages, 'open page')}; {working} at work, {waiting} waiting; memory {size(memory)}"
        )
    if servers:
        lines.append(f"store of finished runs: {size(max(status.store for status in servers))}")
    return "\n".join(lines)
