"""What a server, and everything that loads it, takes of the machine; and what it has computed."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

LOOK_SECONDS = 0.5
MEMORY_EVERY = 4
"""Memory is looked at every so many looks: for that the kernel walks through all pages of the process."""


@dataclass(frozen=True)
class Use:
    """What a tree of processes holds: memory in MB (shared pages count once), threads, open files, processes."""

    memory: float
    threads: int
    files: int
    processes: int


class Tree:
    """A process and all that it has started.

    Attributes:
        cpu: seconds of a core that it has taken, with processes that have ended, as of the last :meth:`look`.
    """

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._cpu: dict[int, float] = {}

    def look(self) -> None:
        """Add up the time that all have taken."""
        for process in self._all():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._cpu[process.pid] = times.user + times.system

    @property
    def cpu(self) -> float:
        return sum(self._cpu.values())

    def use(self) -> Use:
        """What it holds now."""
        memory, threads, files, alive = 0.0, 0, 0, 0
        for process in self._all():
            with contextlib.suppress(psutil.Error):
                held = process.memory_full_info()
                memory += getattr(held, "pss", held.uss) / 1e6
                threads += process.num_threads()
                files += process.num_fds()
                alive += 1
        return Use(memory, threads, files, alive)

    def _all(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            return [self._root, *self._root.children(recursive=True)]
        return []


class Ledger:
    """Which runs a store has taken in, and how often each: a run that is computed again is written again.

    Between two looks only the last writing of a run is seen.
    """

    def __init__(self, store: Path) -> None:
        self._file = store / "cache.db"
        self._seen: set[tuple[str, float]] = set()

    def look(self) -> None:
        """Read on."""
        if self._file.exists():
            with (
                contextlib.suppress(sqlite3.Error),
                contextlib.closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)) as rows,
            ):
                self._seen.update(rows.execute("SELECT key, store_time FROM Cache WHERE key LIKE 'run/%'"))

    @property
    def computed(self) -> dict[str, int]:
        """Config hash -> how often its run was written."""
        return dict(Counter(key.split("/")[2] for key, _ in self._seen))


@dataclass
class Watch:
    """Looks at a server and its load from time to time.

    Attributes:
        server: where it runs; load: name -> a tree that loads it.
        ledger: of its store, where it has one to itself.
        tell: called with seconds since the begin and what the server holds then.
        history: all that was told.
    """

    server: Tree
    load: dict[str, Tree]
    ledger: Ledger | None
    tell: Callable[[float, Use], object] = lambda at, use: None
    history: list[tuple[float, Use]] = field(default_factory=list)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Look until the block ends."""
        over = Event()
        watcher = Thread(target=self._look_on, args=(over,), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _look_on(self, over: Event) -> None:
        begin, looks = time.monotonic(), 0
        while not over.wait(LOOK_SECONDS):
            for tree in (self.server, *self.load.values()):
                tree.look()
            if self.ledger is not None:
                self.ledger.look()
            if looks % MEMORY_EVERY == 0:
                self.history.append((time.monotonic() - begin, self.server.use()))
                self.tell(*self.history[-1])
            looks += 1


def busy_seconds() -> float:
    """Seconds of all cores that anything on this machine has taken."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def listener(port: int) -> int:
    """The process that listens on a port of this machine, of this user."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return int(process.pid)
    raise LookupError(f"no process of this user listens on port {port}")
