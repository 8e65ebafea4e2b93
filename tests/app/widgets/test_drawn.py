"""Figures are made once for everyone, and no more are kept than there is room for."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.widgets.drawn import Drawn, Same, state_of
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.learn.mistakes import MISTAKES

SMALL = FederationConfig().with_values({"task": "teacher", "rounds": 2, "steps": 1, "clients": 3, "arms": ("fedit",)})


def test_a_figure_is_made_once_however_many_ask_at_the_same_time() -> None:
    drawn, all_here, made = Drawn(), threading.Barrier(4), []

    def make() -> str:
        made.append(1)
        return "figure"

    def ask() -> str:
        all_here.wait()
        return drawn.get("key", make)

    with ThreadPoolExecutor(4) as pool:
        assert [f.result() for f in [pool.submit(ask) for _ in range(4)]] == ["figure"] * 4
    assert made == [1]


def test_the_ones_used_longest_ago_make_room() -> None:
    drawn = Drawn(most_bytes=8)
    for name in ("a", "b"):
        drawn.get(name, lambda: "1234")
    drawn.get("a", lambda: pytest.fail("it is kept"))
    drawn.get("c", lambda: "1234")
    drawn.get("a", lambda: pytest.fail("it was used after b"))
    assert drawn.get("b", lambda: "anew") == "anew"


def test_one_that_cannot_be_made_is_tried_again() -> None:
    drawn = Drawn()
    with pytest.raises(ZeroDivisionError):
        drawn.get("key", lambda: str(1 / 0))
    assert drawn.get("key", lambda: "figure") == "figure"


def test_runs_that_differ_in_anything_are_told_apart_and_the_same_one_is_known() -> None:
    trace = Federation(SMALL).run()
    mistaken = Federation(SMALL, MISTAKES["transposed"].arms(SMALL)).run()
    others = [trace.upto(1), Federation(SMALL).run(), Federation(SMALL.with_values({"seed": 1})).run(), mistaken]
    assert state_of(trace) == state_of(trace.upto(2))
    assert len({state_of(run) for run in (trace, *others)}) == len(others) + 1


def test_an_object_is_the_same_as_itself_only() -> None:
    one, like = [1], [1]
    assert Same(one) == Same(one) != Same(like)
    assert len({Same(one), Same(one), Same(like)}) == 2
