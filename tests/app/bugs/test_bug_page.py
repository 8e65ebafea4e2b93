"""Spot the bug without a browser: every mistake is shown and told, and the game hides, judges and counts."""

from __future__ import annotations

import html

import pytest
from streamlit.testing.v1 import AppTest

from app.bugs.scene import Game, Scene, read_link
from fedrot_core.learn.mistakes import MISTAKES
from fedrot_core.learn.mistakes.game import hidden
from fedrot_core.methods import METHODS
from tests import ROOT
from tests.app.sessions import part_of, place_of

MAIN = str(ROOT / "app" / "main.py")
QUICK = {"rounds": "2", "steps": "2", "clients": "10"}


def opened(**query: str) -> AppTest:
    """The page opened with a link, its run finished."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page("../pages/04_spot_the_bug.py")
    for key, value in {**QUICK, **query}.items():
        at.query_params[key] = value
    return finished(at.run())


def finished(at: AppTest) -> AppTest:
    """Wait for the run and draw again: AppTest has no timer."""
    assert not at.exception
    assert part_of(at, Game).job.finished.wait(120)
    at.run()
    assert not at.exception
    return at


def text(at: AppTest) -> str:
    """All prose of the page."""
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


@pytest.mark.parametrize("name", MISTAKES)
def test_every_mistake_runs_and_is_told(name: str) -> None:
    at = opened(bug=name)
    mistake = MISTAKES[name]
    assert METHODS[mistake.method].card.label in text(at)
    assert mistake.why in text(at)
    assert text(at).count("differs") >= 1
    assert not at.error
    assert at.query_params["bug"] == name


def test_choosing_another_mistake_runs_it() -> None:
    at = opened(bug="transposed")
    at.selectbox(key="bug_name").set_value("order").run()
    finished(at)
    assert MISTAKES["order"].tell in text(at)
    assert at.query_params["bug"] == "order"


def test_a_case_names_neither_mistake_nor_method_until_it_is_guessed() -> None:
    at = opened(case="2")
    answer = hidden(2)
    for word in (answer.why[:40], answer.tell[:30], METHODS[answer.method].card.label):
        assert word not in text(at)
    assert at.button(key="decide").disabled
    at.selectbox(key="bug_guess_2").set_value(answer.name).run()
    at.button(key="decide").click().run()
    assert not at.exception
    assert "Right" in at.success[0].value
    assert answer.tell in text(at)
    assert any("1 of 1 case solved" in c.value for c in at.caption)
    assert at.selectbox(key="bug_guess_2").disabled


def test_a_wrong_guess_shows_the_answer_and_does_not_score() -> None:
    at = opened(case="2")
    wrong = next(name for name in MISTAKES if name != hidden(2).name)
    at.selectbox(key="bug_guess_2").set_value(wrong).run()
    at.button(key="decide").click().run()
    assert MISTAKES[wrong].title in at.error[0].value
    assert hidden(2).title in at.error[0].value
    assert any("0 of 1 case solved" in c.value for c in at.caption)


def test_a_lecturer_may_skip_the_guess() -> None:
    at = opened(case="3")
    at.toggle(key="bug_reveal_3").set_value(True).run()
    assert hidden(3).tell in text(at)
    assert any("No case guessed" in c.value for c in at.caption)


def test_a_new_case_is_another_link() -> None:
    at = opened(case="3")
    at.button(key="bug_new").click().run()
    finished(at)
    assert at.query_params["case"] == str(place_of(at, "bug").case)
    assert at.query_params["rounds"] == "2"


def test_links_round_trip_and_bad_values_are_named() -> None:
    for scene in (Scene("order", None, {"rounds": 3, "alpha": 0.1}), Scene("first_client", 17, {})):
        assert read_link(scene.query()) == (scene, [])
    scene, problems = read_link({"case": "0", "bug": "typo", "rounds": "-1", "colour": "red"})
    assert scene.case is None
    assert len(problems) == 4
    assert scene.config.train.rounds == 10


def test_a_link_keeps_every_digit_of_a_setting() -> None:
    scene, _ = read_link({"alpha": "0.123456789"})
    assert read_link(scene.query()) == (scene, [])
    assert scene.config.values()["alpha"] == 0.123456789
