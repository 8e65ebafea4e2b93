"""The quiz as a person takes it: answer, check, read why, go on; and what its link can say."""

from __future__ import annotations

import html
import re

import pytest
from streamlit.testing.v1 import AppTest

from app.navigation import PAGES, lesson_file
from app.quiz.place import Place, from_query, score, to_query, topic_titles, verdict
from app.widgets.text import plain
from fedrot_core.learn.lessons.glossary import unmarked
from fedrot_core.learn.quiz import TEMPLATES, Number, Pick, Question, topics
from fedrot_core.learn.quiz.base import SEEDS
from tests import ROOT

MAIN = str(ROOT / "app" / "main.py")
PAGE = "../pages/20_quiz.py"


def opened(place: Place | None = None, **query: str) -> AppTest:
    """The page opened with a link."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(PAGE)
    for key, value in {**(to_query(place) if place else {}), **query}.items():
        at.query_params[key] = value
    return ran(at.run())


def ran(at: AppTest) -> AppTest:
    assert not at.exception
    return at


def text(at: AppTest) -> str:
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


def first(kind: type, topic: str = "all", seed: int = 1) -> tuple[Place, Question]:
    """The first place of a quiz whose question is of this kind."""
    place = Place(seed, topic)
    while not isinstance(place.question.answer, kind):
        place = place.next
    return place, place.question


def answered(place: Place, right: bool) -> AppTest:
    """The page after an answer was checked."""
    at, answer = opened(place), place.question.answer
    key = f"quiz_answer_{place.seed}_{place.topic}_{place.n}"
    assert at.button(key="quiz_check").disabled
    if isinstance(answer, Pick):
        wrong = (answer.right + 1) % len(answer.options)
        at.radio(key=key).set_value(answer.right if right else wrong)
    else:
        far = answer.high if answer.value < (answer.low + answer.high) / 2 else answer.low
        at.number_input(key=key).set_value(round(answer.value, answer.decimals) if right else far)
    ran(at.run())
    assert not at.button(key="quiz_check").disabled
    assert not at.success
    assert not at.error
    return ran(at.button(key="quiz_check").click().run())


@pytest.mark.parametrize("kind", [Pick, Number])
@pytest.mark.parametrize("right", [True, False])
def test_an_answer_is_judged_explained_and_scored(kind: type, right: bool) -> None:
    place, q = first(kind)
    at = answered(place, right)
    assert unmarked(q.explain) in without_tips(at)
    shown = at.success if right else at.error
    assert plain(q.answer.shown) in shown[0].value
    assert f"Score: {int(right)} of 1" in text(at)
    links = [str(link.proto.page) for link in at.get("page_link")]
    assert links == [q.lesson]
    assert "quiz_check" not in {button.key for button in at.button}


def without_tips(at: AppTest) -> str:
    """The page's prose as it is read, without what hovering shows."""
    prose = " ".join(str(m.proto.body) for m in at.get("html"))
    return html.unescape(re.sub(r"<[^>]+>", "", re.sub(r'<span class="fedrot-tip".*?</span>', "", prose)))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_is_shown_in_full(name: str) -> None:
    place = Place(3, TEMPLATES[name].lesson)
    while place.question.template != name:
        place = place.next
    at, q = opened(place), place.question
    assert unmarked(q.text) in without_tips(at)
    assert q.explain not in text(at)
    assert [matrix in "".join(str(m.value) for m in at.latex) for matrix in q.given] == [True] * len(q.given)
    if isinstance(q.answer, Pick):
        assert at.radio[0].options == [plain(option) for option in q.answer.options]
        assert at.radio[0].value is None
    else:
        box = at.number_input[0]
        assert box.value is None
        assert box.min == q.answer.low
        assert box.max == q.answer.high


def test_next_and_back_walk_through_the_quiz_and_keep_answers() -> None:
    place, _ = first(Pick)
    at = answered(place, right=True)
    ran(at.button(key="quiz_next").click().run())
    assert at.query_params["n"] == str(place.n + 2)
    assert unmarked(place.next.question.text) in without_tips(at)
    assert "Score: 1 of 1" in text(at)
    ran(at.button(key="quiz_back").click().run())
    assert at.success
    assert at.radio[0].disabled
    assert at.radio[0].value == place.question.answer.right  # type: ignore[union-attr]


def test_a_topic_asks_its_own_questions_and_a_new_quiz_others() -> None:
    at = opened(Place(5))
    at.selectbox(key="quiz_topic").set_value("sources")
    ran(at.run())
    assert at.query_params["topic"] == "sources"
    assert at.query_params["quiz_seed"] == "5"
    assert unmarked(Place(5, "sources").question.text) in without_tips(at)
    ran(at.button(key="quiz_new").click().run())
    assert at.query_params["topic"] == "sources"
    assert at.query_params["n"] == "1"
    seed = int(at.query_params["quiz_seed"])
    assert unmarked(Place(seed, "sources").question.text) in without_tips(at)


def test_a_visit_without_a_link_gets_a_seed_in_its_address() -> None:
    at = opened()
    assert 1 <= int(at.query_params["quiz_seed"]) <= SEEDS
    assert at.query_params["topic"] == "all"
    assert at.query_params["n"] == "1"


def test_links_round_trip_and_bad_values_are_named() -> None:
    for place in (Place(1), Place(SEEDS, "limits", 41), Place(7, "procrustes", SEEDS - 1)):
        assert from_query(to_query(place), 99) == (place, [])
    place, problems = from_query({"quiz_seed": "0", "topic": "typo", "n": "-1", "colour": "red"}, 99)
    assert place == Place(99)
    assert len(problems) == 4
    at = opened(quiz_seed="1e3", topic="<b>")
    assert len(at.warning) == 2


def test_every_topic_has_a_title_and_a_page() -> None:
    assert set(topic_titles()) == {"all", *topics()}
    assert all((PAGES / lesson_file(name)).is_file() for name in topics())


def test_the_score_counts_this_quiz_alone() -> None:
    place, q = first(Pick)
    assert isinstance(q.answer, Pick)
    other = Place(place.seed + 1, place.topic, place.n)
    replies = {place: q.answer.right, place.next: -1.0, other: 0.0}
    assert score(replies, place) == (1, 2)


def test_verdicts_name_both_answers() -> None:
    assert verdict(Pick(("a", "b", "c"), 1), 1) == "Right: b."
    assert verdict(Pick(("a", "b", "c"), 1), 0) == "Not “a”. It is: b."
    assert verdict(Number(43.6, "°", 2, 0, 180), 45) == "Right. It is 44°."
    assert verdict(Number(43.6, "°", 2, 0, 180), 60.0) == "Not “60”. It is: 44°."
