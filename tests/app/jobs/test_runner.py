"""Runs off the script thread: shared, cancelled, cached."""

import time
from pathlib import Path

import pytest

from app.jobs.archive import Archive
from app.jobs.runs import Runner
from fedrot_core.config import FederationConfig
from fedrot_core.shipped import Shipped
from fedrot_core.store import Store

SMALL = FederationConfig().with_values({"rounds": 2, "steps": 2, "clients": 3, "arms": ("fedit",)})
LONG = SMALL.with_values({"rounds": 100, "steps": 200})


@pytest.fixture
def runs(tmp_path: Path) -> Runner:
    return Runner(Archive(Shipped(tmp_path / "none"), Store(tmp_path / "store")))


def test_two_sessions_share_one_run(runs: Runner) -> None:
    job = runs.job(SMALL, "a")
    assert runs.job(SMALL, "b") is job
    assert job.finished.wait(120)
    trace = job.trace()
    assert trace is not None
    assert trace.rounds_done == 2
    assert job.error == ""


def test_rounds_arrive_while_the_run_goes_on(runs: Runner) -> None:
    job = runs.job(LONG, "a")
    job.wait_for_rounds(1, timeout=120)
    trace = job.trace()
    assert trace is not None
    assert 1 <= trace.rounds_done < 100
    assert {r.round_index for r in trace.records} == set(range(trace.rounds_done))
    job.cancel()
    assert job.finished.wait(120)


def test_cancel_keeps_complete_rounds_and_a_later_visit_starts_again(runs: Runner) -> None:
    job = runs.job(LONG, "a")
    job.wait_for_rounds(1, timeout=120)
    job.cancel()
    assert job.finished.wait(120)
    assert job.trace() is not None
    again = runs.job(LONG, "a")
    assert again is not job
    again.cancel()


def test_a_run_that_everybody_left_ends(runs: Runner) -> None:
    job = runs.job(LONG, "a")
    runs.job(LONG, "b")
    job.left_by("a")
    time.sleep(0.05)
    assert not job.finished.is_set()
    job.left_by("b")
    assert job.finished.wait(120)
    assert job.cancelled


def test_an_impossible_config_gives_a_message_not_a_crash(runs: Runner) -> None:
    job = runs.job(FederationConfig().with_values({"clients": 200, "min": 32}), "a")
    assert job.finished.wait(120)
    assert "at most 6" in job.error
    assert job.trace() is None


def test_a_run_remembers_who_began_it_and_a_run_anew_is_a_sessions_own(runs: Runner) -> None:
    first = runs.job(SMALL, "first")
    assert runs.job(SMALL, "second") is first
    assert first.begun_by == "first"
    mine = runs.job(SMALL, "second", anew=True)
    assert mine is not first
    assert mine.begun_by == "second"
    assert runs.job(SMALL, "third", anew=True) is not mine
