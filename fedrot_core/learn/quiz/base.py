"""What a quiz question is, the registry of templates, and how a seed becomes a question.

A template draws an instance from a named random stream, lets the core compute the answer, and fills its prose with the
numbers. Prose marks terms as lessons do (``[[key]]``, ``[[key|shown]]``); matrices stand apart as LaTeX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from fedrot_core.errors import rule
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.registry import Registry
from fedrot_core.rng import stream
from fedrot_core.wording import suffix

SEEDS = 9999
"""Seeds of quizzes run from 1 to this, and so do question numbers."""

EVERYTHING = "all"
"""The topic that mixes all lessons."""

MOST_WORDS = 60
"""Words of a question, and of an explanation."""

FEWEST_OPTIONS, MOST_OPTIONS = 3, 4


@dataclass(frozen=True)
class Pick:
    """One right option among others that are wrong but tempting.

    Attributes:
        options: distinct, plain text; right: index of the right one.
    """

    options: tuple[str, ...]
    right: int

    def __post_init__(self) -> None:
        few = not FEWEST_OPTIONS <= len(self.options) <= MOST_OPTIONS
        if few or len(set(self.options)) != len(self.options) or not 0 <= self.right < len(self.options):
            raise ValueError(
                f"A choice needs {FEWEST_OPTIONS}..{MOST_OPTIONS} distinct options, one of them right; got "
                f"{self.right} of {self.options}. Draw other numbers."
            )

    @property
    def shown(self) -> str:
        """The right answer as text."""
        return self.options[self.right]

    def accepts(self, reply: float) -> bool:
        """Whether the option with this index is the right one."""
        return reply == self.right


@dataclass(frozen=True)
class Number:
    """A number to enter.

    Attributes:
        value: the right one; unit: behind it; tolerance: how far off still counts as right.
        low, high: range of the input; decimals: shown of the answer.
    """

    value: float
    unit: str
    tolerance: float
    low: float
    high: float
    decimals: int = 0

    @property
    def shown(self) -> str:
        """The right answer as text."""
        return f"{self.value:.{self.decimals}f}{suffix(self.unit)}".replace("-", "−")

    def accepts(self, reply: float) -> bool:
        """Whether ``reply`` is near enough."""
        return abs(reply - self.value) <= self.tolerance + 1e-9


@dataclass(frozen=True)
class Question:
    """One instance of a template.

    Attributes:
        template: its name; lesson: where it is taught.
        text: the question; given: matrices that stand below it, each as LaTeX.
        answer: what is asked for, with the right answer.
        explain: why, with the computed numbers.
    """

    template: str
    lesson: str
    text: str
    given: tuple[str, ...]
    answer: Pick | Number
    explain: str


@dataclass(frozen=True)
class Drawn:
    """What a template draws: facts fill its prose."""

    answer: Pick | Number
    facts: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class Template:
    """A registry entry.

    Attributes:
        name: stable; it names the random stream.
        lesson: name of the lesson that teaches it.
        text, explain: prose with ``{facts}`` and ``[[marks]]``.
        draw: an instance, every answer computed by the core.
    """

    name: str
    lesson: str
    text: str
    explain: str
    draw: Callable[[np.random.Generator], Drawn]


TEMPLATES: Registry[Template] = Registry("Template", "template")


def register(
    name: str, lesson: str, text: str, explain: str
) -> Callable[[Callable[[np.random.Generator], Drawn]], Callable[[np.random.Generator], Drawn]]:
    """Decorator of a template's draw; an unknown lesson is refused."""
    LESSONS[lesson]

    def add(draw: Callable[[np.random.Generator], Drawn]) -> Callable[[np.random.Generator], Drawn]:
        TEMPLATES.add(name, Template(name, lesson, text, explain, draw))
        return draw

    return add


def ask(name: str, seed: int, n: int) -> Question:
    """Question ``n`` of template ``name`` under ``seed``; the same on every machine."""
    template = TEMPLATES[name]
    drawn = template.draw(stream(seed, "quiz", name, n))
    return Question(
        template=name,
        lesson=template.lesson,
        text=template.text.format(**drawn.facts),
        given=drawn.given,
        answer=drawn.answer,
        explain=template.explain.format(**drawn.facts),
    )


def topics() -> list[str]:
    """Lessons that have questions, in the order in which they are taught."""
    asked = {template.lesson for template in TEMPLATES.values()}
    return [name for name in LESSONS if name in asked]


def nth(seed: int, n: int, topic: str = EVERYTHING) -> Question:
    """Question ``n`` (from 0) of the quiz that ``seed`` makes on ``topic``.

    All templates of the topic come once, in random order, before any comes again with other numbers.
    """
    names = [t.name for t in TEMPLATES.values() if topic in (EVERYTHING, t.lesson)]
    if not names:
        known = ", ".join((EVERYTHING, *topics()))
        raise rule("Topic", f"be one of {known}", topic, "Pick one of them.", "topic")
    lap, place = divmod(n, len(names))
    order = stream(seed, "quiz", "order", topic, lap).permutation(len(names))
    return ask(names[int(order[place])], seed, n)
