"""What a person sees of faults of the machine: a process or page that ends, memory, disk and clock."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import diskcache
import pytest
from streamlit.testing.v1 import AppTest

from app.jobs import background, tasks
from app.jobs.archive import archive
from app.jobs.workers import DIED, workers
from app.widgets.text import plain
from fedrot_core.errors import Exhausted
from tests.app.lab.test_lab_page import LAB, MAIN
from tests.app.sessions import job_of, session_of

LONG = {"rounds": "60", "steps": "40", "clients": "2", "arms": "fedit"}
QUICK = {"rounds": "2", "steps": "2", "clients": "4"}


def opened(**query: str) -> AppTest:
    """The lab, its run begun."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(LAB)
    at.query_params.update(query)
    at.run()
    assert not at.exception
    return at


def ended(at: AppTest) -> AppTest:
    """The lab once its run has ended, for which the page waits however long it takes."""
    while not job_of(at).finished.wait(1.0):
        job_of(at).seen_by(session_of(at))
    at.run()
    assert not at.exception
    return at


def told(at: AppTest) -> str:
    return " ".join(str(part.value) for part in [*at.caption, *at.error, *at.warning])


def exhausts(*_: object) -> None:
    raise Exhausted("A run must fit into the memory of its device; on CUDA it did not. Choose the CPU as the device.")


def test_a_worker_process_that_dies_in_mid_run_costs_time_and_no_round() -> None:
    at = opened(**LONG, seed="901")
    job_of(at).wait_for_rounds(2, timeout=60)
    for process in workers().ids:
        os.kill(process, signal.SIGKILL)
    ended(at)
    assert job_of(at).trace().rounds_done == 60
    assert plain(DIED) in told(at)
    assert not at.error


def test_memory_that_runs_out_is_told_on_the_page_and_tried_again_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "run", exhausts)
    at = ended(opened(**QUICK, seed="902"))
    assert "on CUDA it did not. Choose the CPU as the device." in told(at)
    failed = job_of(at)
    at.run()
    assert job_of(at) is failed  # not at once: that would go round in circles
    monkeypatch.undo()
    monkeypatch.setattr(failed, "_may_work_from", time.monotonic())
    at.run()
    assert job_of(at) is not failed
    assert not ended(at).error


def test_a_run_whose_page_was_closed_ends_and_whoever_comes_back_begins_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at = opened(**{**LONG, "rounds": "100", "steps": "200"}, seed="903")
    job = job_of(at)
    monkeypatch.setattr(background, "HEARTBEAT_SECONDS", 0.5)
    assert job.finished.wait(120)
    assert job.cancelled
    assert job.trace() is None or job.trace().rounds_done < 100
    monkeypatch.undo()
    again = job_of(opened(**{**LONG, "rounds": "100", "steps": "200"}, seed="903"))
    assert again is not job
    again.cancel()


FULL = sqlite3.OperationalError("database or disk is full")
FULL.sqlite_errorcode = sqlite3.SQLITE_FULL
READ_ONLY = sqlite3.OperationalError("attempt to write a readonly database")
READ_ONLY.sqlite_errorcode = sqlite3.SQLITE_READONLY


@pytest.mark.parametrize("error", [FULL, READ_ONLY, OSError(28, "No space left on device")], ids=lambda e: str(e)[:12])
def test_a_disk_that_takes_nothing_costs_the_page_nothing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    tried = []

    def fails(*_: Any, **__: Any) -> None:
        tried.append(1)
        raise error

    monkeypatch.setattr(diskcache.Cache, "set", fails)
    at = ended(opened(**QUICK, seed=str(904 + len(str(error)))))
    assert job_of(at).trace().rounds_done == 2
    assert not at.error
    assert not at.warning
    end = time.monotonic() + 60
    while not tried:  # a run is kept once it has been told
        assert time.monotonic() < end
        time.sleep(0.01)
    assert archive().store.keeps


@pytest.mark.parametrize("hours", [30, -30])
def test_a_clock_that_is_set_while_a_run_goes_on_changes_nothing(monkeypatch: pytest.MonkeyPatch, hours: int) -> None:
    at = opened(**QUICK, seed=str(950 + hours))
    true: Callable[[], float] = time.time
    monkeypatch.setattr(time, "time", lambda: true() + 3600 * hours)
    ended(at)
    assert job_of(at).trace().rounds_done == 2
    assert not at.error
    assert not job_of(at).cancelled
