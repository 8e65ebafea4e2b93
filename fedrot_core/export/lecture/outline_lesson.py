"""The outline of a lecture from a lesson, with one slide per step. All numbers are computed now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fedrot_core import ENGINE_VERSION
from fedrot_core.errors import Cancelled
from fedrot_core.export.lecture.outlines import as_json
from fedrot_core.export.lecture.slides import BESIDE, Outline, Picture, Slide
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.export.run.excerpt import file_of
from fedrot_core.learn.lessons.base import Choice, Lesson, Prediction, Runs, Step
from fedrot_core.learn.lessons.glossary import unmarked
from fedrot_core.trace import Trace
from fedrot_core.wording import rough

Values = Mapping[str, Any]
"""Values of a lesson's knobs, by key."""


def lesson_outline(
    lesson: Lesson,
    values: Values,
    runs_of: Callable[[Step], Runs],
    should_stop: Callable[[], bool] = lambda: False,
) -> Outline:
    """Make the outline of a lesson, with one slide per step, on which the answer is shown.

    Args:
        lesson: the lesson.
        values: values of all its knobs.
        runs_of: gives the finished runs that a step needs. It is called only for steps that need some.
        should_stop: asked before each step. Once it returns true, :class:`fedrot_core.errors.Cancelled` is raised.
    """
    knobs = ", ".join(f"{k.label} {k.choices.get(v := values[k.key], v)}{k.unit}" for k in lesson.knobs)
    source = Provenance(line(f"lesson “{lesson.title}”", knobs))
    slides = [
        Slide(lesson.title, (lesson.question, source.text), opening=True, notes=f"About {lesson.minutes} minutes.")
    ]
    facts: dict[str, dict[str, str]] = {}
    traces: list[Trace] = []
    for n, step in enumerate(lesson.steps, 1):
        if should_stop():
            raise Cancelled("The lecture pack was cancelled.")
        runs = runs_of(step) if step.runs is not None else ()
        traces += [run for run in runs if isinstance(run, Trace)]
        scene = step.scene(values, runs)
        text = tuple(_begun(unmarked(part.format(**scene.facts))) for part in (step.text, step.after) if part)
        notes, do = (unmarked(part.format(**scene.facts)) for part in (step.notes, step.do))
        said = [notes, *_asked(step.predict, values, runs), f"Show: {do}"]
        facts[step.title] = dict(scene.facts)
        picture = Picture(f"{n:02d}_{_slug(step.title)}", scene.draw, BESIDE)
        slides.append(Slide(step.title, text, picture, notes="\n\n".join(part for part in said if part)))
    content = {
        "kind": "fedrot lesson", "engine": ENGINE_VERSION, "lesson": lesson.name, "values": dict(values),
        "runs": [{"config": t.config.to_dict(), "checksum": t.checksum} for t in traces],
    }  # fmt: skip
    data = {"facts.json": as_json({"lesson": lesson.name, "values": dict(values), "facts": facts})}
    own = [t for t in {t.config.hash: t for t in traces}.values() if t.rounds_done]
    data |= {f"run_{t.config.hash}.json": file_of(t) for t in own}
    how = "run.json holds the lesson's settings; fedrot pack --lesson " + lesson.name + " makes the pack again"
    return Outline(
        "lesson", f"fedrot-{lesson.name}", lesson.title, tuple(slides), lesson.name, as_json(content), how, data,
        source,
    )  # fmt: skip


def _asked(asked: Prediction | None, values: Values, runs: Runs) -> list[str]:
    """The prediction as a question to the class, and its answer."""
    if asked is None:
        return []
    question = unmarked(asked.question)
    if isinstance(asked, Choice):
        options = "; ".join(asked.options)
        return [f"Ask first: {question} ({options}) Answer: {asked.options[asked.answer(values, runs)]}."]
    found = asked.answer(values, runs)
    if isinstance(found, (int, float)):
        return [f"Ask first: {question} Answer: {rough(found, asked.unit)}."]
    listed = ", ".join(
        f"{tick}: {rough(y, asked.unit)}" for tick, y in zip(getattr(asked, "ticks", ()), found, strict=True)
    )
    return [f"Ask first: {question} Answer: {listed}, by {getattr(asked, 'x_label', '')}."]


def _begun(text: str) -> str:
    """A sentence begins with a capital, even where it begins with a term; a lone letter is a symbol."""
    return text[0].upper() + text[1:] if re.match("[a-z]{2}", text) else text


def _slug(title: str) -> str:
    words = "".join(c if c.isascii() and c.isalnum() else " " for c in title.lower()).split()
    return "_".join(words)[:40].strip("_")
