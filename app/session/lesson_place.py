"""Where a person is in each lesson, as a link and back. Whatever a link holds that cannot be used is named."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.session.link import Link, unknown
from app.session.parts import mine
from fedrot_core.errors import ConfigError
from fedrot_core.learn.lessons import LESSONS, Lesson


@dataclass
class KnobPlay:
    """Whether Play moves a knob, and when it last did (monotonic seconds)."""

    on: bool = False
    moved: float = 0.0


FLAGS = {"present": "present", "hide": "hide", "skip": "skip"}


@dataclass(frozen=True)
class Place:
    """All that a lesson's link says.

    Attributes:
        step: index of the step.
        values: every knob's value.
        present: presenter mode: one figure, large text, keys, no bars.
        hide: no controls are shown; the link fixes what is seen.
        skip: answers are shown without a prediction.
    """

    step: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    present: bool = False
    hide: bool = False
    skip: bool = False


def to_query(lesson: Lesson, place: Place) -> dict[str, str]:
    """What differs from a fresh visit; steps count from 1."""
    query = {"step": str(place.step + 1)} if place.step else {}
    for key, value in place.values.items():
        if value != lesson.knob(key).default:
            query[key] = f"{value:.10g}" if isinstance(value, float) else str(value)
    return query | {key: "1" for key, name in FLAGS.items() if getattr(place, name)}


def from_query(lesson: Lesson, query: Mapping[str, str]) -> tuple[Place, list[str]]:
    """Inverse of :func:`to_query`, and a sentence for each value that was replaced by its default."""
    values, problems = lesson.defaults(), []
    knobs = {knob.key: knob for knob in lesson.knobs}
    step, flags = 0, {}
    for key, text in query.items():
        if key in knobs:
            try:
                values[key] = knobs[key].parse(text)
            except ConfigError as error:
                problems.append(f"{error} The link's {key}={text!r} was replaced by {knobs[key].default}.")
        elif key == "step":
            if text.isdecimal() and 1 <= int(text) <= len(lesson.steps):
                step = int(text) - 1
            else:
                problems.append(f"step must be in 1..{len(lesson.steps)}; the link's {text!r} was replaced by 1.")
        elif key in FLAGS:
            flags[FLAGS[key]] = text == "1"
        else:
            problems.append(unknown(key, text))
    return Place(step, values, **flags), problems


@functools.cache
def link_of(name: str) -> Link[Place]:
    """The link of the lesson called ``name``."""
    lesson = LESSONS[name]
    return Link(f"lesson {name}", functools.partial(from_query, lesson), functools.partial(to_query, lesson), stop_play)


def stop_play() -> None:
    """No knob moves by itself."""
    mine(KnobPlay).on = False
