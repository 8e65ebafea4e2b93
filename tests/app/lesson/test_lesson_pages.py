"""Walks through every lesson as a person does: predict, see the gap, go on; and what a lesson's link can say."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.jobs import archive
from app.lesson.taken import Guess, Taken, feedback
from app.navigation import lesson_file
from app.session import lesson_place
from app.session.lesson_place import Place
from fedrot_core.learn.lessons import LESSONS, Lesson
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate
from fedrot_core.store import FOLDER
from tests import ROOT
from tests.app.sessions import part_of, place_of

MAIN = str(ROOT / "app" / "main.py")


def opened(name: str, **query: str) -> AppTest:
    """A lesson's page opened with a link."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(f"../pages/{lesson_file(name)}")
    for key, value in query.items():
        at.query_params[key] = value
    return ready(at.run())


def ready(at: AppTest) -> AppTest:
    """Run again until the step's runs are there: AppTest has no timer."""
    deadline = time.monotonic() + 60
    while any(str(p.proto.text).startswith("Training") for p in at.get("progress")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
        at.run()
    assert not at.exception
    assert not at.error
    return at


def text(at: AppTest) -> str:
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


def press(at: AppTest, key: str) -> AppTest:
    return ready(at.button(key=key).click().run())


def predicted(at: AppTest, lesson: Lesson, n: int) -> bool:
    """Make a prediction through its widgets; a curve is drawn in the browser's tests."""
    asked = lesson.steps[n].predict
    key = f"guess_{lesson.name}_{n}"
    if isinstance(asked, Choice):
        assert at.button(key=f"{key}_lock").disabled
        at.radio(key=key).set_value(0).run()
    elif isinstance(asked, Estimate):
        at.slider(key=key).set_value(at.slider(key=key).max).run()
    elif asked is None or isinstance(asked, Curve):
        return False
    press(at, f"{key}_lock")
    return True


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_can_be_walked_from_its_first_step_to_its_last(name: str) -> None:
    lesson, at = LESSONS[name], opened(name)
    for n, step in enumerate(lesson.steps):
        assert f"Step {n + 1} of {len(lesson.steps)}" in text(at)
        hidden = step.predict is not None
        assert ('fedrot-answer"' in text(at)) == (bool(step.after) and not hidden)
        if predicted(at, lesson, n):
            assert 'fedrot-feedback"' in text(at)
            assert 'fedrot-answer"' in text(at)
            assert any(b.key == "lesson_play" for b in at.button) == (step.play is not None)
        if n + 1 < len(lesson.steps):
            press(at, "lesson_next")
        else:
            assert "In short." in text(at)
            ways = [str(link.proto.label) for link in at.get("page_link")]
            assert any(way.startswith("Quiz on ") for way in ways)
            assert any(way.startswith("Next lesson: ") for way in ways) == (name != list(LESSONS)[-1])
    assert at.button(key="lesson_next").disabled
    press(at, "lesson_back")
    assert f"Step {len(lesson.steps) - 1} of" in text(at)


ESTIMATES = [
    (name, n) for name in LESSONS for n, s in enumerate(LESSONS[name].steps) if isinstance(s.predict, Estimate)
]


def test_a_prediction_moved_and_locked_in_one_breath_counts_as_moved() -> None:
    name, n = ESTIMATES[0]
    at, key = opened(name, step=str(n + 1)), f"guess_{name}_{n}"
    slider = at.slider(key=key)
    assert slider.value != slider.max
    slider.set_value(slider.max)
    press(at, f"{key}_lock")
    assert part_of(at, Taken).guesses[name, n].said == slider.max


COMPUTING = [("sources", 0), ("sources", 6), ("limits", 2)]
"""A step that reads a few arrays of whole runs, one of summaries, one of a whole run."""


@pytest.mark.parametrize(("name", "n"), COMPUTING)
def test_a_step_whose_runs_are_not_known_says_so_and_can_be_cancelled_and_taken_up(
    name: str, n: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "store"))
    monkeypatch.setattr(archive, "SHIPPED", tmp_path / "none")
    st.cache_resource.clear()
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(f"../pages/{lesson_file(name)}")
    at.query_params["step"] = str(n + 1)
    at.run()
    (bar,) = at.get("progress")
    assert re.match(r"Training: \d+ of \d+\xa0runs done, \w+", bar.proto.text.replace("\\", ""))
    key = f"cancel_lesson_{name}"
    at.button(key=key).click().run()
    at.run()
    assert not at.exception
    assert not at.get("progress")
    assert any(c.value.startswith("Cancelled after ") for c in at.caption)
    at.button(key=f"again_lesson_{name}").click().run()
    assert not at.exception
    assert [b for b in at.button if b.key == key]
    at.button(key=key).click().run()
    st.cache_resource.clear()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lecturer_sees_answers_without_predicting_and_may_hide_the_controls(name: str) -> None:
    lesson = LESSONS[name]
    n = next(n for n, step in enumerate(lesson.steps) if step.predict is not None)
    at = opened(name, step=str(n + 1), skip="1", hide="1")
    assert 'fedrot-answer"' in text(at)
    assert not [b for b in at.button if b.key and b.key.startswith(("guess_", "lesson_move_"))]
    assert not [s for s in at.slider if s.key and s.key.startswith("knob_")]


@pytest.mark.parametrize("name", LESSONS)
def test_the_presenter_hides_answers_until_the_lecturer_reveals_them(name: str) -> None:
    lesson = LESSONS[name]
    n = next(n for n, step in enumerate(lesson.steps) if step.predict is not None)
    at = opened(name, step=str(n + 1), present="1")
    assert 'fedrot-answer"' not in text(at)
    press(at, f"guess_{name}_{n}_reveal")
    assert 'fedrot-answer"' in text(at)
    press(at, "lesson_leave")
    assert not place_of(at, f"lesson {name}").present


@pytest.mark.parametrize("name", LESSONS)
def test_a_link_brings_a_place_back(name: str) -> None:
    lesson = LESSONS[name]
    moved = {
        knob.key: next(v for v in knob.choices if v != knob.default) if knob.choices else type(knob.default)(knob.high)
        for knob in lesson.knobs
    }
    place = Place(len(lesson.steps) - 1, moved, present=True, hide=True, skip=True)
    assert lesson_place.from_query(lesson, lesson_place.to_query(lesson, place)) == (place, [])
    assert lesson_place.to_query(lesson, Place(0, lesson.defaults())) == {}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (lambda lesson: {"step": "99"}, "step must be in 1.."),
        (lambda lesson: {"step": "-1"}, "step must be in 1.."),
        (lambda lesson: {lesson.knobs[0].key: "nonsense"}, "was replaced by"),
        (lambda lesson: {"colour": "red"}, "is not a setting of this page"),
    ],
)
def test_what_a_link_gets_wrong_is_told(query: Callable[[Lesson], dict[str, str]], told: str) -> None:
    lesson = next(iter(LESSONS.values()))
    at = opened(lesson.name, **query(lesson))
    assert told in html.unescape(at.warning[0].value.replace("\\", ""))


PERCENT = Estimate("How much?", 0, 100, 1, "%", lambda values, runs: 0.0)
ANGLE = Estimate("How far?", 0, 180, 1, "°", lambda values, runs: 0.0)
ROUNDS = Estimate("How many?", 0, 14, 1, "rounds", lambda values, runs: 0.0)
DRAWN = Curve("How much?", "angle", "share", "%", ("0°", "90°", "180°"), 0, 100, lambda values, runs: ())
GAIN = Curve("How many?", "rank", "gain", "points", ("1", "2", "4"), -15, 60, lambda values, runs: ())


@pytest.mark.parametrize(
    ("asked", "said", "truth", "told"),
    [
        (PERCENT, 51, 86.6, "You said 51_%; it is 87_%: 36_points too low."),
        (PERCENT, 88, 86.9, "You said 88_%; it is 87_%: 1_point too high."),
        (PERCENT, 87, 86.6, "You said 87_%; it is 87_%: spot on."),
        (ANGLE, 90, 34.9, "You said 90°; it is 35°: 55° too high."),
        (ROUNDS, 1, 9.0, "You said 1_round; it is 9_rounds: 8_rounds too low."),
        (DRAWN, [100, 60, 16], [100, 50.04, 1.85e-15],
         "your curve is off by 8.7_points on average. It is furthest off at angle 180°: you drew 16_%; it is 0_%."),
        (GAIN, [-3.5, 20, 20], [0.0, 20.2, 21.0],
         "your curve is off by 1.6_points on average. It is furthest off at rank 1: you drew −3.5_points; it is "
         "0_points."),
    ],
)  # fmt: skip
def test_percentages_differ_by_points_and_all_else_by_its_unit(
    asked: Estimate | Curve, said: Any, truth: Any, told: str
) -> None:
    assert feedback(asked, Guess(said, truth)).endswith(told.replace("_", "\u00a0"))


def test_a_link_keeps_a_knob_between_two_stops() -> None:
    lesson = LESSONS["procrustes"]
    place, problems = lesson_place.from_query(lesson, {"soft": "0.123456789012345"})
    assert not problems
    assert place.values["soft"] == 0.1234567890
    assert lesson_place.from_query(lesson, lesson_place.to_query(lesson, place)) == (place, [])
