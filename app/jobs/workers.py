"""Processes that train, so that the server's own interpreter is left to its pages."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from loky.backend import get_context
from loky.process_executor import ProcessPoolExecutor

from app.jobs import background, tasks
from app.jobs.background import Job
from app.jobs.turns import Turns
from fedrot_core.errors import Exhausted

LOOK_SECONDS = 0.02
"""How often a job whose work is done elsewhere asks whether it should stop."""

MOST = 8
"""Most processes unless told otherwise: each takes about a quarter of a gigabyte."""

DIED = "The process that computed this ended unexpectedly; another one began it anew."

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

Tell = Callable[[Any], None]


class WorkerDied(Exhausted):
    """A worker process ended in the middle of its work, and so did the one that took its place."""


class Workers:
    """As many processes as places, each begun when it is first needed and replaced when it dies.

    Each is a pool of its own with one process, so that one that dies takes nothing else along.

    Args:
        count: how many.

    Attributes:
        turns: who waits for one.
        replaced: how many have died.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.turns = Turns(count)
        self.replaced = 0
        self._pools: dict[int, ProcessPoolExecutor] = {}
        self._lock = threading.Lock()
        background.at_end(self.end)

    def call(
        self,
        job: Job,
        work: Callable[..., Answer],
        *args: Any,
        tell: Callable[[Any], None] | None = None,
        wish: int = 0,
        seconds: float = 0.0,
    ) -> Answer:
        """Wait for a free process, have it do ``work(*args, should_stop)``, and return what that returns.

        Args:
            job: whose work it is; it may stop it, which reaches the process within a local step.
            work: a function of a module that does not load Streamlit; what it takes, tells, returns and raises can be
                pickled.
            tell: called on this thread with whatever ``work(*args, should_stop, tell)`` tells; None if it does not.
            wish: which process is taken if it is free.
            seconds: how long the work takes, about; short work comes sooner.

        Raises:
            WorkerDied: if the process died, and then the next one as well.
            FedRotError: what ``work`` raised; Cancelled if the job should stop.
        """
        with job.turn(self.turns, wish, seconds) as place:
            try:
                return self._attempt(job, place, work, args, tell)
            except BrokenProcessPool:
                log.warning("A worker process died while it did %s.", work.__name__)
                self._replace(place)
                job.trouble(DIED)
            try:
                return self._attempt(job, place, work, args, tell)
            except BrokenProcessPool as error:
                self._replace(place)
                raise WorkerDied(
                    "The process that computed this ended unexpectedly, twice; it may need more memory than this "
                    f"server has. {job.advice}"
                ) from error

    def warm(self) -> None:
        """Begin the first two processes, one after the other; where one cannot, whoever needs it will hear of it."""
        with contextlib.suppress(RuntimeError):  # also while this process ends
            for place in range(min(2, self.count)):
                self._pool(place).submit(os.getpid).result()

    @property
    def ids(self) -> list[int]:
        """The ids of all processes that run."""
        with self._lock:
            pools = list(self._pools.values())
        return [process.pid for pool in pools for process in list((pool._processes or {}).values())]

    def _attempt(
        self,
        job: Job,
        place: int,
        work: Callable[..., Answer],
        args: tuple[Any, ...],
        tell: Callable[[Any], None] | None,
    ) -> Answer:
        here, there = Pipe()
        with here, there:
            future = self._pool(place).submit(tasks.attend, there, work, args, tell is not None)
            asked_to_stop = False
            while not future.done() or here.poll():
                if here.poll(LOOK_SECONDS):
                    there.close()  # not earlier: now the process has its own copy
                    news = _received(here)
                    if news is None:
                        break
                    if tell is not None:
                        tell(news)
                if not asked_to_stop and job.should_stop():
                    asked_to_stop = True
                    with contextlib.suppress(OSError):  # it has just died, which is seen next
                        here.send("stop")
        answer: Answer = future.result()
        return answer

    def _pool(self, place: int) -> ProcessPoolExecutor:
        with self._lock:
            if place not in self._pools:
                self._pools[place] = ProcessPoolExecutor(
                    max_workers=1, context=get_context("loky"), initializer=tasks.ready, initargs=(os.getpid(),)
                )
            return self._pools[place]

    def _replace(self, place: int) -> None:
        with self._lock:
            self._pools.pop(place).shutdown(wait=False, kill_workers=True)
            self.replaced += 1

    def end(self) -> None:
        """Kill all processes; a later call would begin new ones."""
        with self._lock:
            for pool in self._pools.values():
                pool.shutdown(wait=False, kill_workers=True)
            self._pools.clear()


def _received(line: Connection) -> Any:
    """What comes next; None at the end."""
    try:
        return line.recv()
    except (EOFError, OSError):
        return None


@cache
def workers() -> Workers:
    """The server's worker processes: ``FEDROT_PROCESSES`` of them, or one a core, at most :data:`MOST`."""
    asked = os.environ.get("FEDROT_PROCESSES", "")
    return Workers(max(1, int(asked)) if asked.isdecimal() else min(os.cpu_count() or 1, MOST))
