"""What a lesson is: a few steps, each one idea, one thing to do, one figure that answers.

A lesson knows nothing of where it is shown. A step's prose is a template: ``{name}`` is filled from the facts that its
scene computes, and ``[[key]]`` or ``[[key|shown]]`` marks a term of
:data:`fedrot_core.learn.lessons.glossary.GLOSSARY`. No template holds a measured number, so none can go stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, rule
from fedrot_core.registry import Registry
from fedrot_core.study.summary import RunSummary
from fedrot_core.trace import Trace

MOST_STEPS = 8
MOST_WORDS = 60

Values = Mapping[str, Any]
"""Knob key -> value; complete and checked."""


Runs = Sequence[Trace] | Sequence[RunSummary]
"""The finished runs a step asked for, in the order asked; empty where it needs none."""


@dataclass(frozen=True)
class Knob:
    """One thing a person moves in a lesson. It lives in the link under its key.

    Attributes:
        key: URL key, unique within the lesson and unlike those of the config's fields.
        label, help: for people.
        default: a number, or a key of ``choices``.
        low, high, step: range of a number; its type is the default's.
        unit: behind the number.
        choices: value -> label, where there are a few named choices instead of a number.
    """

    key: str
    label: str
    help: str
    default: float | int | str
    low: float = 0
    high: float = 1
    step: float = 1
    unit: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)

    def parse(self, text: str) -> float | int | str:
        """A link's text as this knob's value.

        Raises:
            ConfigError: when it is none.
        """
        if self.choices:
            if text not in self.choices:
                raise rule(self.label, f"be one of {', '.join(self.choices)}", text, "Pick one of them.", self.key)
            return text
        try:
            value = type(self.default)(text)
        except ValueError:
            raise ConfigError(f"{self.label} must be a number; got {text!r}.", self.key) from None
        if not isinstance(value, str) and not self.low <= value <= self.high:
            raise rule(self.label, f"be in {self.low:g}..{self.high:g}", text, "Move it into the range.", self.key)
        return float(f"{value:.10g}") if isinstance(value, float) else value  # as its link says it


@dataclass(frozen=True)
class Scene:
    """What one step shows for the knobs' current values; every number is computed.

    Attributes:
        draw: mode ("light" or "dark") -> the one figure; its title states the finding.
        facts: name -> text that fills the prose; numbers already formatted.
        worked: a worked example as rows of (what, LaTeX), where the step has one; copyable.
    """

    draw: Callable[[str], go.Figure]
    facts: Mapping[str, str] = field(default_factory=dict)
    worked: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Choice:
    """A prediction among named options.

    Attributes:
        question: ends with a question mark.
        options: at least two.
        answer: the scene's values and runs -> index of the true option, computed.
    """

    question: str
    options: tuple[str, ...]
    answer: Callable[[Values, Runs], int]


@dataclass(frozen=True)
class Estimate:
    """A prediction of one number.

    Attributes:
        question: ends with a question mark.
        low, high, step, unit: of the slider that takes the guess.
        answer: the true number, computed.
    """

    question: str
    low: float
    high: float
    step: float
    unit: str
    answer: Callable[[Values, Runs], float]


@dataclass(frozen=True)
class Curve:
    """A prediction of a whole curve by drawing one point over each x.

    Attributes:
        question: ends with a question mark.
        x_label, y_label, unit: axes.
        ticks: the x positions' labels, at least three.
        low, high: range of y.
        answer: the true y at each tick, computed.
    """

    question: str
    x_label: str
    y_label: str
    unit: str
    ticks: tuple[str, ...]
    low: float
    high: float
    answer: Callable[[Values, Runs], Sequence[float]]


Prediction = Choice | Estimate | Curve


@dataclass(frozen=True)
class Move:
    """A button that sets knobs, e.g. one that spins a client by a secret angle.

    Attributes:
        label: on the button.
        change: current values -> those that change.
    """

    label: str
    change: Callable[[Values], Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """One idea. All prose together holds at most :data:`MOST_WORDS` words, ``notes`` apart.

    Attributes:
        title: the idea, in a few words; no facts in it.
        text: what to see, before any answer is given away.
        do: the one thing to do, an imperative sentence.
        scene: knob values and finished runs -> what is shown.
        after: what the figure answers; hidden until the prediction is made.
        knobs: keys of the knobs that this step offers.
        moves: buttons beside them.
        predict: asked before the reveal. While it is open, the step shows ``before`` instead of ``scene``.
        before: the scene that does not give the answer away; needed where ``predict`` is set.
        runs: the runs that the scene needs; none where it is small enough to compute at once.
        whole: whether it needs traces, or summaries (cheaper, and batched over seeds) are enough.
        reads: the arrays of the traces' records that the scene reads, such as ``errors.own``, where these are few: a
            trace that lacks all others is then enough. None if it may read any.
        play: key of the knob that Play moves from low to high.
        wide: the figure has many panels in a row, so the presenter mode puts it below the words, full width.
        notes: what a lecturer may say, for the speaker's notes; may hold facts.
    """

    title: str
    text: str
    do: str
    scene: Callable[[Values, Runs], Scene]
    after: str = ""
    knobs: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    predict: Prediction | None = None
    before: Callable[[Values, Runs], Scene] | None = None
    runs: Callable[[Values], tuple[FederationConfig, ...]] | None = None
    whole: bool = True
    reads: tuple[str, ...] | None = None
    play: str | None = None
    wide: bool = False
    notes: str = ""


@dataclass(frozen=True)
class Lesson:
    """A registry entry.

    Attributes:
        name: stable, used in links; title, question: for people; gist: what to remember of it, in one or two sentences
            without numbers; minutes: to work through it.
        icon: its sign in the menu, a Material Symbol.
        knobs: everything that can be moved in it.
        steps: at most :data:`MOST_STEPS`.
    """

    name: str
    title: str
    question: str
    gist: str
    minutes: int
    icon: str
    knobs: tuple[Knob, ...]
    steps: tuple[Step, ...]

    def defaults(self) -> dict[str, Any]:
        """Every knob's default."""
        return {knob.key: knob.default for knob in self.knobs}

    def knob(self, key: str) -> Knob:
        """The knob called ``key``."""
        return next(knob for knob in self.knobs if knob.key == key)


LESSONS: Registry[Lesson] = Registry("Lesson", "lesson")


def register(lesson: Lesson) -> Lesson:
    """Add a lesson; its file's name decides its place."""
    LESSONS.add(lesson.name, lesson)
    return lesson
