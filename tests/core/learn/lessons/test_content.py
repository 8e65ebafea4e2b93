"""Content lint: short steps, one thing to do, terms that are defined, no number that could go stale."""

from __future__ import annotations

import functools
import math
import re
import string
from typing import Any

import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.figures.kit.theme import HUES
from fedrot_core.learn.lessons import LESSONS, Lesson, Step
from fedrot_core.learn.lessons.base import MOST_STEPS, MOST_WORDS, Choice, Curve, Estimate, Runs
from fedrot_core.learn.lessons.glossary import GLOSSARY, MARK, unmarked
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import summarise
from fedrot_core.trace import Trace

STEPS = [(lesson, n) for lesson in LESSONS.values() for n in range(len(lesson.steps))]
IDS = [f"{lesson.name}-{n + 1}" for lesson, n in STEPS]
CONSTANTS = {"0", "1", "2", "90", "180", "360"}
"""Numbers of mathematics, not of any run."""

SYMBOL = re.compile(r"(?<![\w'])(?:[BRMSUV]|A(?! [a-z]))(?![\w'-])|[θλασ]")
"""A symbol outside a mark. A capital A before a small letter is an article."""


@functools.cache
def trace(config: FederationConfig) -> Trace:
    return Federation(config).run()


@functools.cache
def summaries(configs: tuple[FederationConfig, ...]) -> list[RunSummary]:
    return [summarise([config])[0] for config in configs]


def runs_of(step: Step, values: dict[str, Any]) -> Runs:
    if step.runs is None:
        return ()
    configs = step.runs(values)
    return [trace(config) for config in configs] if step.whole else summaries(configs)


def templates(step: Step) -> dict[str, str]:
    return {"title": step.title, "text": step.text, "do": step.do, "after": step.after, "notes": step.notes}


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def literal(template: str) -> str:
    """The template's own words, without what facts fill in."""
    return "".join(text for text, *_ in string.Formatter().parse(template))


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_short(name: str) -> None:
    lesson = LESSONS[name]
    assert 3 <= len(lesson.steps) <= MOST_STEPS
    assert lesson.question.endswith("?")
    assert sum(step.predict is not None for step in lesson.steps) >= len(lesson.steps) / 2
    assert len({knob.key for knob in lesson.knobs}) == len(lesson.knobs)
    assert not {knob.key for knob in lesson.knobs} & {"step", "present", "hide", "skip"}


@pytest.mark.parametrize("name", LESSONS)
def test_a_step_is_one_short_idea_with_one_thing_to_do(name: str) -> None:
    lesson = LESSONS[name]
    for step in lesson.steps:
        words = unmarked(" ".join((step.text, step.do, step.after))).split()
        assert len(words) <= MOST_WORDS, (step.title, len(words))
        assert len(step.title.split()) <= 9
        assert step.do.endswith(".")
        assert step.do.count(". ") == 0
        assert step.notes
        assert set(step.knobs) | ({step.play} if step.play else set()) <= {knob.key for knob in lesson.knobs}
        if step.predict is not None:
            assert step.before is not None
            assert step.after
            assert step.predict.question.endswith("?")


@pytest.mark.parametrize("name", LESSONS)
def test_templates_hold_no_measured_number(name: str) -> None:
    for step in LESSONS[name].steps:
        for where, template in templates(step).items():
            numbers = set(re.findall(r"\d+(?:\.\d+)?", MARK.sub("", literal(template))))
            assert numbers <= CONSTANTS, (step.title, where, numbers - CONSTANTS)


@pytest.mark.parametrize("name", LESSONS)
def test_every_symbol_is_defined_where_it_stands(name: str) -> None:
    for step in LESSONS[name].steps:
        asked = step.predict.question if step.predict is not None else ""
        for where, template in {**templates(step), "question": asked}.items():
            for match in MARK.finditer(template):
                assert match[1] in GLOSSARY, (step.title, where, match[1])
            if where not in ("title", "notes"):
                assert not SYMBOL.findall(MARK.sub("x", literal(template))), (where, template)


@pytest.mark.parametrize(("lesson", "n"), STEPS, ids=IDS)
def test_prose_is_filled_from_the_state_on_screen(lesson: Lesson, n: int) -> None:
    step, values = lesson.steps[n], lesson.defaults()
    runs = runs_of(step, values)
    scene = step.scene(values, runs)
    for template in templates(step).values():
        assert fields(template) <= set(scene.facts)
    if step.before is not None:
        before = step.before(values, runs)
        assert fields(step.title) | fields(step.text) | fields(step.do) <= set(before.facts)
    for shown in (scene, *([step.before(values, runs)] if step.before is not None else [])):
        for mode in ("light", "dark"):
            figure = shown.draw(mode)
            assert figure.layout.title.text
            assert figure.layout.meta["alt"]


@pytest.mark.parametrize(("lesson", "n"), [(lesson, n) for lesson, n in STEPS if lesson.steps[n].predict])
def test_a_prediction_can_be_right(lesson: Lesson, n: int) -> None:
    """The computed answer is one that a person can give."""
    step, values = lesson.steps[n], lesson.defaults()
    assert step.predict is not None
    answer: Any = step.predict.answer(values, runs_of(step, values))
    if isinstance(step.predict, Choice):
        assert len(set(step.predict.options)) == len(step.predict.options) >= 2
        assert 0 <= answer < len(step.predict.options)
    elif isinstance(step.predict, Estimate):
        assert step.predict.low <= answer <= step.predict.high
    else:
        assert isinstance(step.predict, Curve)
        assert len(answer) == len(step.predict.ticks) >= 3
        assert all(math.isfinite(v) and step.predict.low <= v <= step.predict.high for v in answer)


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=lambda lesson: str(lesson.name))
def test_a_lesson_sums_up_in_a_few_words_without_numbers(lesson: Lesson) -> None:
    assert lesson.gist.endswith(".")
    assert 5 <= len(lesson.gist.split()) <= 45
    assert not re.search(r"\d", lesson.gist)


def test_a_term_is_explained_in_a_sentence() -> None:
    for key, term in GLOSSARY.items():
        assert term.meaning.endswith("."), key
        assert len(term.meaning.split()) <= 24, key
        assert term.hue is None or all(term.hue in hues for hues in HUES.values()), key
