"""Work in other processes: told as it goes, stopped in time, and begun anew where a process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.jobs import tasks
from app.jobs.background import Job
from app.jobs.workers import DIED, Workers
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.federation import Federation
from fedrot_core.trace import Trace
from tests import ROOT

WAIT = 120.0
SMALL = FederationConfig().with_values({"rounds": 2, "steps": 2, "clients": 3, "arms": ("fedit",)})
LONG = SMALL.with_values({"rounds": 100, "steps": 200})


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(1)
    yield made
    made.end()


class Call(Job):
    """One piece of work in a process; keeps what it tells and returns."""

    kind = "call"
    advice = "Ask again."

    def __init__(self, workers: Workers, work: Callable[..., Any], *args: Any) -> None:
        super().__init__()
        self.told: list[Any] = []
        self.answer: Any = None
        self._todo = workers, work, args

    def work(self) -> None:
        workers, work, args = self._todo
        self.answer = workers.call(self, work, *args, tell=self.told.append)

    def ended(self) -> Call:
        assert self.finished.wait(WAIT)
        return self


def own_id(should_stop: Callable[[], bool], tell: Callable[[Any], None]) -> int:
    tell("here")
    return os.getpid()


def dies(times: Path, often: int, should_stop: Callable[[], bool], tell: Callable[[Any], None]) -> str:
    """Kill the process in which it runs, until it has done so ``often`` times; ``times`` counts."""
    before = times.read_text() if times.exists() else ""
    tell(len(before))
    if len(before) < often:
        times.write_text(before + "x")
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def refuses(should_stop: Callable[[], bool], tell: Callable[[Any], None]) -> None:
    raise ConfigError("Rank must be at most 6; got 7. Choose less.", "rank")


def test_a_run_in_a_process_is_the_run_here(workers: Workers) -> None:
    job = Call(workers, tasks.run, SMALL, "").start("a").ended()
    trace, *events = job.told
    assert isinstance(trace, Trace)
    for event in events:
        trace.add(event)
    assert trace.checksum == Federation(SMALL).run().checksum
    assert job.answer is None


def test_it_works_outside_this_process_and_the_same_one_serves_again(workers: Workers) -> None:
    first, second = (Call(workers, own_id).start("a").ended() for _ in range(2))
    assert first.told == ["here"]
    assert first.answer == second.answer != os.getpid()
    assert workers.ids == [first.answer]


def test_a_job_that_nobody_waits_for_stops_between_two_local_steps(workers: Workers) -> None:
    job = Call(workers, tasks.run, LONG, "").start("a")
    end = time.monotonic() + WAIT
    while not job.told:
        assert time.monotonic() < end
        time.sleep(0.01)
    job.left_by("a")
    assert job.ended().cancelled
    assert len(job.told) < 3 * LONG.train.rounds  # far from all
    assert Call(workers, own_id).start("a").ended().answer  # and the process is free again


def test_our_errors_come_back_whole(workers: Workers) -> None:
    job = Call(workers, refuses).start("a").ended()
    assert job.error == "Rank must be at most 6; got 7. Choose less."


def test_a_process_that_dies_is_replaced_the_work_begun_anew_and_that_is_said(workers: Workers, tmp_path: Path) -> None:
    before = workers.replaced
    job = Call(workers, dies, tmp_path / "times", 1).start("a").ended()
    assert (job.answer, job.error) == ("done", "")
    assert job.told == [0, 1]
    assert job.troubles == (DIED,)
    assert workers.replaced == before + 1


def test_work_that_kills_every_process_ends_with_an_error_and_the_next_one_goes_on(
    workers: Workers, tmp_path: Path
) -> None:
    job = Call(workers, dies, tmp_path / "times", 9).start("a").ended()
    assert job.error.startswith("The process that computed this ended unexpectedly, twice")
    assert job.error.endswith("Ask again.")
    assert Call(workers, own_id).start("a").ended().answer


def test_a_process_that_dies_while_it_rests_is_replaced(workers: Workers) -> None:
    (resting,) = workers.ids
    os.kill(resting, signal.SIGKILL)
    job = Call(workers, own_id).start("a").ended()
    assert job.error == ""
    assert job.answer != resting


SERVER = """
import os, time
from app.jobs.workers import Workers
workers = Workers(1)
workers.warm()
print(*workers.ids, flush=True)
time.sleep(600)
"""


def test_processes_end_with_a_server_that_is_killed() -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        worker = psutil.Process(int(server.stdout.readline()))
    finally:
        server.kill()
        server.wait()
    worker.wait(WAIT)


def test_two_jobs_take_turns_and_the_second_says_so(workers: Workers) -> None:
    first = Call(workers, tasks.run, LONG, "").start("a")
    second = Call(workers, own_id)
    threading.Timer(0.0, second.start, ["a"]).start()
    end = time.monotonic() + WAIT
    while not (first.told and second.left == "next in turn"):
        assert time.monotonic() < end
        time.sleep(0.01)
    first.cancel()
    assert second.ended().answer
