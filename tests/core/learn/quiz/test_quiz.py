"""A thousand instances of every template: the answer is what an independent oracle reads from the question's words."""

from __future__ import annotations

import re
from functools import cache

import pytest

from fedrot_core.errors import ConfigError
from fedrot_core.learn.lessons.glossary import GLOSSARY, MARK, unmarked
from fedrot_core.learn.quiz import TEMPLATES, Number, Pick, Question, ask, nth, topics
from fedrot_core.learn.quiz.base import EVERYTHING, MOST_WORDS
from fedrot_core.learn.quiz.draws import pick_number, signed
from fedrot_core.rng import stream
from tests.core.learn.quiz.oracles import ORACLES
from tests.core.learn.quiz.reading import shows

INSTANCES = 1000
FEWEST_TEXTS = 20

EVERY = pytest.mark.parametrize("name", TEMPLATES)


@cache
def instances(name: str) -> tuple[Question, ...]:
    return tuple(ask(name, seed, seed % 7) for seed in range(INSTANCES))


def test_every_template_has_an_oracle() -> None:
    """A second way to its answer, by dense NumPy, in :mod:`tests.core.learn.quiz.oracles`."""
    assert set(ORACLES) == set(TEMPLATES)


@EVERY
def test_answer_is_the_oracles(name: str) -> None:
    for q in instances(name):
        truth = ORACLES[name](q)
        if isinstance(q.answer, Number):
            assert isinstance(truth, float | int)
            near = 0.01 if q.answer.unit == "°" else 1e-9
            assert q.answer.value == pytest.approx(truth, abs=near), q
        else:
            right = [truth(o) if callable(truth) else shows(o, truth) for o in q.answer.options]
            assert sum(right) == 1, (q, truth)
            assert right[q.answer.right], (q, truth)


@EVERY
def test_answers_can_be_given(name: str) -> None:
    for q in instances(name):
        a = q.answer
        if isinstance(a, Pick):
            assert 3 <= len(a.options) <= 4
            assert len(set(a.options)) == len(a.options)
            assert all(o.strip() == o and o for o in a.options)
            assert a.accepts(a.right)
            assert not any(a.accepts(n) for n in range(len(a.options)) if n != a.right)
        else:
            assert a.low <= a.value <= a.high
            assert a.accepts(round(a.value, a.decimals)), "the answer as shown must pass"
            assert a.accepts(a.value)
            assert not a.accepts(a.value + 1.1 * a.tolerance + 0.01)
            assert a.shown.startswith(f"{a.value:.{a.decimals}f}")


@EVERY
def test_prose_is_filled_marked_and_short(name: str) -> None:
    for q in instances(name):
        assert unmarked(q.text).rstrip().endswith("?")
        for text in (q.text, q.explain):
            assert not re.search(r"[{}]|\bnan\b|\binf\b|(?<!e)-\d|  ", text), text
            assert all(m[1] in GLOSSARY for m in MARK.finditer(text))
            assert "[" not in unmarked(text)
            assert len(unmarked(text).split()) <= MOST_WORDS
        assert re.search(r"\d", q.explain), "an explanation shows numbers"
        for line in q.given:
            assert line.count("{") == line.count("}")
            assert "$" not in line


@EVERY
def test_instances_vary_and_a_seed_repeats_them(name: str) -> None:
    assert len({(q.text, q.given) for q in instances(name)}) >= FEWEST_TEXTS
    assert [ask(name, seed, seed % 7) for seed in range(20)] == list(instances(name)[:20])
    assert len({ask(name, 5, n) for n in range(10)}) > 1


@EVERY
def test_the_right_option_stands_anywhere(name: str) -> None:
    places = [q.answer.right for q in instances(name) if isinstance(q.answer, Pick)]
    if places:
        assert all(places.count(n) > 0.15 * len(places) for n in range(3))


def test_a_quiz_asks_every_template_once_before_any_again() -> None:
    for topic in (EVERYTHING, *topics()):
        names = {t.name for t in TEMPLATES.values() if topic in (EVERYTHING, t.lesson)}
        for lap in range(2):
            asked = [nth(3, lap * len(names) + n, topic) for n in range(len(names))]
            assert {q.template for q in asked} == names
            assert {q.lesson for q in asked} == (set(topics()) if topic == EVERYTHING else {topic})


def test_the_same_link_is_the_same_quiz_and_another_seed_is_another() -> None:
    def quiz(seed: int) -> list[Question]:
        return [nth(seed, n) for n in range(6)]

    assert quiz(7) == quiz(7)
    assert quiz(7) != quiz(8)


def test_unknown_topics_and_templates_are_refused() -> None:
    with pytest.raises(ConfigError, match="one_update"):
        nth(0, 0, "typo")
    with pytest.raises(ConfigError, match="kept_two"):
        ask("typo", 0, 0)


def test_distractors_keep_their_distance() -> None:
    rng = stream(0, "test")
    found = pick_number(rng, 0.5, [0.51, 0.3, 0.31, 0.9, -1.0], lambda v: f"{v:.2f}", gap=0.03)
    assert sorted(found.options) == ["0.30", "0.50", "0.90"]
    with pytest.raises(ValueError, match="distinct"):
        pick_number(rng, 0.5, [0.51], lambda v: f"{v:.2f}", gap=0.03)


def test_a_choice_needs_distinct_options_and_one_right() -> None:
    for options, right in ((("a", "a", "b"), 0), (("a", "b"), 0), (("a", "b", "c"), 3)):
        with pytest.raises(ValueError, match="distinct options"):
            Pick(options, right)


def test_numbers_have_true_minus_signs_and_no_negative_zero() -> None:
    assert signed(-1.5, 1) == "−1.5"
    assert signed(-0.001, 2) == "0.00"
    assert Number(-2.0, "kB", 0, -5, 5, 1).shown == "−2.0\u00a0kB"
