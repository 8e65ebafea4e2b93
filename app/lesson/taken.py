"""What one session holds of its lessons: where it is in each, and what it predicted."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.session import link, room
from app.session.lesson_place import KnobPlay, Place, from_query, link_of, stop_play
from app.session.parts import mine
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate, Lesson, Runs, Scene, Values
from fedrot_core.wording import amount, gap_unit, rough

PLAY_SECONDS = 0.6
PLAY_FRAMES = 12
"""Play moves its knob through its range in about this many frames."""


@dataclass(frozen=True)
class Guess:
    """A prediction as it was made.

    Attributes:
        said: index of the option, the number, or one number for each tick.
        truth: the computed answer for the knobs' values of that moment, in the same form.
    """

    said: Any
    truth: Any


@dataclass
class Taken:
    """What this session did in its lessons; keys are a lesson's name and the index of a step.

    Attributes:
        guesses: predictions that were made; uncovered: steps whose answer was shown without one.
        lock: the step whose prediction is to be locked in as soon as its runs are complete.
        curves: widget key -> the curve that is drawn and not locked in.
        scenes: lesson -> the step and the scene that were drawn last.
    """

    guesses: dict[tuple[str, int], Guess] = field(default_factory=dict)
    uncovered: set[tuple[str, int]] = field(default_factory=set)
    lock: tuple[str, int] | None = None
    curves: dict[str, list[float | None]] = field(default_factory=dict)
    scenes: dict[str, tuple[int, Scene]] = field(default_factory=dict)


def place(lesson: Lesson) -> Place:
    """Where the session is in ``lesson``."""
    return link_of(lesson.name).place


def turn(lesson: Lesson, by: int) -> None:
    """Go ``by`` steps on, as far as there are any; stops Play."""
    stop_play()
    go(lesson, step=min(max(place(lesson).step + by, 0), len(lesson.steps) - 1))


def go(lesson: Lesson, **changes: Any) -> None:
    """Change the place."""
    link_of(lesson.name).go(replace(place(lesson), **changes))


def set_knobs(lesson: Lesson, values: Mapping[str, Any]) -> None:
    """Move knobs."""
    go(lesson, values={**place(lesson).values, **values})


def guess(lesson: Lesson, step: int) -> Guess | None:
    """What was predicted at this step, if anything."""
    return mine(Taken).guesses.get((lesson.name, step))


def predict(lesson: Lesson, step: int, said: Any, runs: Runs) -> None:
    """Lock a prediction in, beside the answer for the knobs as they stand."""
    asked = lesson.steps[step].predict
    assert asked is not None
    values = place(lesson).values
    truth: Any = asked.answer(values, runs)
    mine(Taken).guesses[lesson.name, step] = Guess(said, list(truth) if isinstance(asked, Curve) else truth)
    room.answer(question_of(lesson, step, values), said)


def question_of(lesson: Lesson, step: int, values: Values) -> str:
    """What a lecture's room is asked at a step, with the knobs there."""
    return f"{lesson.name} {step} {json.dumps(sorted(values.items()))}"


def forget(lesson: Lesson) -> None:
    """Drop all predictions of a lesson, so that it can be taken again."""
    mind = mine(Taken)
    mind.guesses = {key: made for key, made in mind.guesses.items() if key[0] != lesson.name}
    mind.uncovered = {key for key in mind.uncovered if key[0] != lesson.name}


def uncover(lesson: Lesson, step: int) -> None:
    """Show a step's answer without a prediction: the lecturer's right."""
    mine(Taken).uncovered.add((lesson.name, step))


def revealed(lesson: Lesson, step: int) -> bool:
    """Whether the step's answer may be seen."""
    return (
        lesson.steps[step].predict is None
        or place(lesson).skip
        or guess(lesson, step) is not None
        or (lesson.name, step) in mine(Taken).uncovered
    )


def playing() -> bool:
    """Whether Play is moving a knob."""
    return mine(KnobPlay).on


def toggle_play(lesson: Lesson) -> None:
    """Start Play, from the low end if the knob stands at the high one, or pause it.

    Pause holds the value that the person saw: a move that was under way when they pressed is taken back.
    """
    at = place(lesson).step
    step = lesson.steps[at]
    if step.play is None or not revealed(lesson, at):
        return
    knob = lesson.knob(step.play)
    play = mine(KnobPlay)
    play.on, play.moved = not play.on, time.monotonic()
    if not play.on:
        set_knobs(lesson, {knob.key: from_query(lesson, link.seen())[0].values[knob.key]})
    elif place(lesson).values[knob.key] >= knob.high:
        set_knobs(lesson, {knob.key: type(knob.default)(knob.low)})


def advance(lesson: Lesson) -> None:
    """Move the playing knob on when its time has come and the browser has its last move; stop at the high end."""
    step, now, play = lesson.steps[place(lesson).step], time.monotonic(), mine(KnobPlay)
    if not play.on or step.play is None or now - play.moved < 0.8 * PLAY_SECONDS:
        return
    if link.seen() != link_of(lesson.name).query:
        return
    knob = lesson.knob(step.play)
    grains = max(1, round((knob.high - knob.low) / knob.step / PLAY_FRAMES))
    value = min(knob.high, place(lesson).values[knob.key] + grains * knob.step)
    set_knobs(lesson, {knob.key: type(knob.default)(value)})
    play.moved, play.on = now, value < knob.high


def feedback(asked: Choice | Estimate | Curve, made: Guess) -> str:
    """How far the prediction was from the answer."""
    if isinstance(asked, Choice):
        if made.said == made.truth:
            return f"You predicted “{asked.options[made.said]}”. That is right."
        return f"You predicted “{asked.options[made.said]}”. The right answer is “{asked.options[made.truth]}”."
    if isinstance(asked, Estimate):
        gap = made.said - made.truth
        close = abs(gap) < asked.step / 2 + 1e-9
        digits = 0 if asked.step >= 1 else 1 if asked.step >= 0.1 else 2
        off = amount(abs(gap), gap_unit(asked.unit), digits)
        how = "spot on" if close else f"{off} too {'high' if gap > 0 else 'low'}"
        return (
            f"You said {amount(made.said, asked.unit, digits)}; it is {amount(made.truth, asked.unit, digits)}: {how}."
        )
    gaps = [abs(a - b) for a, b in zip(made.said, made.truth, strict=True)]
    worst = max(range(len(gaps)), key=gaps.__getitem__)
    mean = sum(gaps) / len(gaps)
    score = max(0.0, 100 * (1 - mean / (asked.high - asked.low)))
    return (
        f"Score {score:.0f} of 100: your curve is off by {rough(mean, gap_unit(asked.unit))} on average. "
        f"It is furthest off at {asked.x_label} {asked.ticks[worst]}: you drew {rough(made.said[worst], asked.unit)}; "
        f"it is {rough(made.truth[worst], asked.unit)}."
    )
