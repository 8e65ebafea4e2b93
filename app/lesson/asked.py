"""What a lecture's room was asked in a lesson, on the page of whoever leads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.lesson import taken as lessons
from fedrot_core.learn.lessons.base import Curve, Lesson, Prediction, Runs, Values


@dataclass(frozen=True)
class Put:
    """A question as it was put.

    Attributes:
        values: of the knobs; truth: the answer for them, once it was revealed, in the form of a prediction.
    """

    values: Values
    truth: Any = None


@dataclass
class Asked:
    """Questions by lesson and step.

    Attributes:
        by_step: each as it stood before its answer was revealed: the knobs may move then, the question is what it was.
        shown: the one whose answers stand in the place of the slide's picture.
    """

    by_step: dict[tuple[str, int], Put] = field(default_factory=dict)
    shown: tuple[str, int] | None = None

    def take(self, lesson: Lesson, asked: Prediction, runs: Runs) -> None:
        """Note the question on screen; with its answer as soon as that is revealed."""
        place = lessons.place(lesson)
        at = lesson.name, place.step
        known, made = self.by_step.get(at), lessons.guess(lesson, place.step)
        if not lessons.revealed(lesson, place.step):
            self.by_step[at] = Put(place.values)
        elif made is not None and known is not None:
            self.by_step[at] = Put(known.values, made.truth)
        elif known is None or known.truth is None or place.skip:
            truth: Any = asked.answer(place.values, runs)
            self.by_step[at] = Put(place.values, list(truth) if isinstance(asked, Curve) else truth)

    def question(self, lesson: Lesson, step: int) -> str:
        """What the room is asked at a step."""
        return lessons.question_of(lesson, step, self.by_step[lesson.name, step].values)
