"""Where a person is in a quiz, as a link and back, and the score. What a link holds and cannot be used is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from app.session.link import unknown
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.quiz import Number, Pick, Question, nth, topics
from fedrot_core.learn.quiz.base import EVERYTHING, SEEDS


@dataclass(frozen=True)
class Place:
    """All that a quiz's link says.

    Attributes:
        seed: everyone with the same one gets the same questions.
        topic: a lesson's name, or :data:`fedrot_core.learn.quiz.base.EVERYTHING`.
        n: which question, from 0.
    """

    seed: int
    topic: str = EVERYTHING
    n: int = 0

    @property
    def question(self) -> Question:
        """The question asked here."""
        return nth(self.seed, self.n, self.topic)

    @property
    def asked(self) -> str:
        """What a lecture's room is asked here."""
        return f"quiz {self.seed} {self.topic} {self.n}"

    @property
    def next(self) -> Place:
        """The question after it; the last number starts again."""
        return replace(self, n=(self.n + 1) % SEEDS)


Replies = Mapping[Place, float]
"""What was answered where: an option's index, or a number."""


def to_query(place: Place) -> dict[str, str]:
    """The whole place, so that the address can be handed out; questions count from 1."""
    return {"quiz_seed": str(place.seed), "topic": place.topic, "n": str(place.n + 1)}


def from_query(query: Mapping[str, str], fresh_seed: int) -> tuple[Place, list[str]]:
    """Inverse of :func:`to_query`, and a sentence for each value that could not be used.

    Args:
        fresh_seed: the quiz to open where the link names none.
    """
    numbers, topic, problems = {"quiz_seed": fresh_seed, "n": 1}, EVERYTHING, []
    for key, text in query.items():
        if key in numbers:
            if text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= SEEDS:
                numbers[key] = int(text)
            else:
                problems.append(f"{key} must be in 1..{SEEDS}; the link's {text!r} was replaced by {numbers[key]}.")
        elif key == "topic":
            if text in topic_titles():
                topic = text
            else:
                known = ", ".join(topic_titles())
                problems.append(f"topic must be one of {known}; the link's {text!r} was replaced by {topic}.")
        else:
            problems.append(unknown(key, text))
    return Place(numbers["quiz_seed"], topic, numbers["n"] - 1), problems


def topic_titles() -> dict[str, str]:
    """Topic -> title."""
    return {EVERYTHING: "All lessons", **{name: LESSONS[name].title for name in topics()}}


def score(replies: Replies, place: Place) -> tuple[int, int]:
    """How many questions of this quiz were answered right, and how many were answered."""
    mine = [(at, reply) for at, reply in replies.items() if (at.seed, at.topic) == (place.seed, place.topic)]
    return sum(at.question.answer.accepts(reply) for at, reply in mine), len(mine)


def verdict(answer: Pick | Number, reply: float) -> str:
    """How the reply compares with the right answer, as a sentence."""
    if answer.accepts(reply):
        near = isinstance(answer, Number) and answer.tolerance > 0
        return f"Right. It is {answer.shown}." if near else f"Right: {answer.shown}."
    said = answer.options[int(reply)] if isinstance(answer, Pick) else f"{reply:g}".replace("-", "−")
    return f"Not “{said}”. It is: {answer.shown}."
