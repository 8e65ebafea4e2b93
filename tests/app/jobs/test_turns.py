"""A fair queue: nobody with much work keeps others from their little."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from app.jobs import turns
from app.jobs.turns import Turns

WAIT = 10.0


class Person:
    """Somebody with pieces of work, each of which holds a place until it is told to let go."""

    def __init__(self, name: str, queue: Turns, order: list[str], patience: float = 0.0) -> None:
        self.name, self.queue, self.order, self.patience = name, queue, order, patience

    def piece(self) -> tuple[threading.Thread, threading.Event]:
        """Begin a piece of work; returns once it waits or has its place."""
        over, before = threading.Event(), self.queue.waiting
        begun = threading.Event()

        def work() -> None:
            with self.queue.turn(self, patience=lambda: self.patience):
                self.order.append(self.name)
                begun.set()
                assert over.wait(WAIT)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        end = time.monotonic() + WAIT
        while not begun.is_set() and self.queue.waiting <= before:
            assert time.monotonic() < end
            time.sleep(0.002)
        return thread, over


def test_who_holds_fewest_places_is_next_and_among_equals_who_came_first() -> None:
    order: list[str] = []
    queue = Turns(2)
    many, first, second = (Person(name, queue, order) for name in ("many", "first", "second"))
    work = [many.piece() for _ in range(3)] + [first.piece(), second.piece()]
    assert order == ["many", "many"]
    assert (queue.ahead(many), queue.ahead(first), queue.ahead(second)) == (2, 0, 1)
    for thread, over in (work[0], work[3], work[4], work[1], work[2]):
        over.set()
        thread.join(WAIT)
    assert order == ["many", "many", "first", "second", "many"]
    assert queue.waiting == 0


def test_what_may_wait_longer_lets_others_go_before_it_until_that_is_unfair(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(turns, "time", SimpleNamespace(monotonic=lambda: now))
    order: list[str] = []
    queue = Turns(1)
    first, long = Person("first", queue, order), Person("long", queue, order, 20.0)
    work = [first.piece(), long.piece()]
    short = []
    for now in (1.0, 10.0, 19.0):
        short.append(Person(f"short at {now:g}", queue, order, 2.0))
        work.append(short[-1].piece())
    assert [queue.ahead(person) for person in (long, *short)] == [2, 0, 1, 3]
    for place in (0, 2, 3, 1, 4):
        thread, over = work[place]
        over.set()
        thread.join(WAIT)
    assert order == ["first", "short at 1", "short at 10", "long", "short at 19"]


def test_who_gives_up_leaves_the_queue() -> None:
    queue = Turns(1)

    def give_up() -> None:
        raise InterruptedError

    with queue.turn("a"):
        with pytest.raises(InterruptedError), queue.turn("b", give_up):
            pass
        assert queue.waiting == 0
    with queue.turn("b"):
        pass


def test_a_wish_is_met_where_that_place_is_free() -> None:
    queue = Turns(3)
    with queue.turn("a", wish=5) as first, queue.turn("b", wish=2) as second, queue.turn("c", wish=1) as third:
        assert (first, second, third) == (2, 0, 1)
