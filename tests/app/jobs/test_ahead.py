"""Guesses are computed while nobody else needs the processes, and given up at once when somebody does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from app.jobs import ahead, background
from app.jobs.ahead import NAME, Ahead
from app.jobs.turns import Turns
from fedrot_core.config import FederationConfig
from tests.app.jobs.test_background import WAIT, Task, eventually


def config(seed: int) -> FederationConfig:
    return FederationConfig().with_values({"seed": seed})


class Server:
    """A queue, and the jobs that were begun, by seed."""

    def __init__(self, places: int) -> None:
        self.turns = Turns(places)
        self.begun: dict[int, Task] = {}
        self.ahead = Ahead(self.turns, self.job)

    def job(self, wanted: FederationConfig, session: str) -> Task:
        if wanted.seed not in self.begun:
            self.begun[wanted.seed] = Task(queue=self.turns).start(session)
        return self.begun[wanted.seed]

    def at_work(self, seed: int) -> Task:
        eventually(lambda: seed in self.begun and self.begun[seed].at_work)
        return self.begun[seed]


@pytest.fixture
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    ending = threading.Event()
    monkeypatch.setattr(background, "ending", ending)
    monkeypatch.delenv(ahead.SWITCH)
    found = Server(getattr(request, "param", 1))
    yield found
    ending.set()
    for job in found.begun.values():
        assert job.finished.wait(WAIT)


def test_guesses_are_computed_one_after_the_other_and_new_ones_replace_old_ones(server: Server) -> None:
    done: list[int] = []
    server.ahead.guess("a", [config(1), config(2)], lambda job: done.append(1))
    first = server.at_work(1)
    server.ahead.guess("a", [config(3)])
    first.cancel()
    server.at_work(3)
    assert done == [1]
    assert 2 not in server.begun


@pytest.mark.parametrize("adopted", [False, True])
def test_what_is_computed_ahead_makes_way_unless_somebody_has_asked_for_it(server: Server, adopted: bool) -> None:
    server.ahead.guess("a", [config(1)])
    guess = server.at_work(1)
    if adopted:
        guess.seen_by("a")
    other = Task(queue=server.turns).start("b")
    if adopted:
        eventually(lambda: server.turns.waiting == 1)
        assert not guess.finished.wait(10 * ahead.LOOK_SECONDS)
        guess.cancel()
    assert guess.finished.wait(WAIT)
    assert other.working.wait(WAIT)
    other.cancel()
    assert other.finished.wait(WAIT)


@pytest.mark.parametrize("server", [2], indirect=True)
def test_what_is_computed_ahead_leaves_the_cores_to_whoever_takes_another_process(server: Server) -> None:
    server.ahead.guess("a", [config(1)])
    guess = server.at_work(1)
    other = Task(queue=server.turns).start("b")
    assert other.working.wait(WAIT)
    assert guess.finished.wait(WAIT)
    other.cancel()
    assert other.finished.wait(WAIT)


def test_nothing_is_computed_ahead_beside_what_somebody_waits_for(server: Server) -> None:
    other = Task(queue=server.turns).start("b")
    assert other.working.wait(WAIT)
    server.ahead.guess("a", [config(1)])
    assert not other.finished.wait(10 * ahead.LOOK_SECONDS)
    assert not server.begun
    other.cancel()
    server.at_work(1)


def test_a_guess_that_fails_ends_none_that_follows(server: Server) -> None:
    def fails(job: Task) -> None:
        raise ZeroDivisionError

    server.ahead.guess("a", [config(1), config(2)], fails)
    server.at_work(1).cancel()
    server.at_work(2)


def test_an_old_guess_is_dropped(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "STALE_SECONDS", -1.0)
    server.ahead.guess("a", [config(1)])
    eventually(lambda: not server.ahead.guesses)
    assert not server.begun


def test_a_dear_guess_is_dropped(server: Server) -> None:
    dear = FederationConfig().with_values({"rank": 32, "rounds": 100})
    assert dear.seconds > ahead.MOST_SECONDS
    server.ahead.guess("a", [dear, config(2)])
    server.at_work(2)
    assert dear.seed not in server.begun
    assert server.begun[2].begun_by == NAME
