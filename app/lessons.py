"""What one session holds of its lessons: where it is in each, what it predicted, and the runs a step waits for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app import link, state
from app.components.sweep_progress import held
from app.lesson_place import Place, from_query, to_query
from app.runner import runner
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate, Lesson, Runs, Step

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


def open_link(lesson: Lesson) -> None:
    """Take the place from the URL when it was opened or walked back to; else keep the session's."""
    query = link.opened(lesson.name in _places())
    if query is None:
        return
    place, problems = from_query(lesson, query)
    _places()[lesson.name] = place
    st.session_state["lesson_problems"] = problems
    st.session_state["lesson_playing"] = False


def query(lesson: Lesson) -> dict[str, str]:
    """The link of the place."""
    return to_query(lesson, place(lesson))


def _places() -> dict[str, Place]:
    found: dict[str, Place] = st.session_state.setdefault("lesson_places", {})
    return found


def place(lesson: Lesson) -> Place:
    """Where the session is in ``lesson``."""
    return _places()[lesson.name]


def turn(lesson: Lesson, by: int) -> None:
    """Go ``by`` steps on, as far as there are any; stops Play."""
    st.session_state["lesson_playing"] = False
    go(lesson, step=min(max(place(lesson).step + by, 0), len(lesson.steps) - 1))


def go(lesson: Lesson, **changes: Any) -> None:
    """Change the place."""
    _places()[lesson.name] = replace(place(lesson), **changes)


def set_knobs(lesson: Lesson, values: Mapping[str, Any]) -> None:
    """Move knobs."""
    go(lesson, values={**place(lesson).values, **values})


def guess(lesson: Lesson, step: int) -> Guess | None:
    """What was predicted at this step, if anything."""
    found: Guess | None = _guesses().get((lesson.name, step))
    return found


def predict(lesson: Lesson, step: int, said: Any, runs: Runs) -> None:
    """Lock a prediction in, beside the answer for the knobs as they stand."""
    asked = lesson.steps[step].predict
    assert asked is not None
    truth: Any = asked.answer(place(lesson).values, runs)
    _guesses()[lesson.name, step] = Guess(said, list(truth) if isinstance(asked, Curve) else truth)


def forget(lesson: Lesson) -> None:
    """Drop all predictions of a lesson, so that it can be taken again."""
    for key in [key for key in _guesses() if key[0] == lesson.name]:
        del _guesses()[key]
    _uncovered().clear()


def _guesses() -> dict[tuple[str, int], Guess]:
    found: dict[tuple[str, int], Guess] = st.session_state.setdefault("lesson_guesses", {})
    return found


def _uncovered() -> set[tuple[str, int]]:
    found: set[tuple[str, int]] = st.session_state.setdefault("lesson_uncovered", set())
    return found


def uncover(lesson: Lesson, step: int) -> None:
    """Show a step's answer without a prediction: the lecturer's right."""
    _uncovered().add((lesson.name, step))


def revealed(lesson: Lesson, step: int) -> bool:
    """Whether the step's answer may be seen."""
    return (
        lesson.steps[step].predict is None
        or place(lesson).skip
        or guess(lesson, step) is not None
        or (lesson.name, step) in _uncovered()
    )


def needed(lesson: Lesson, step: Step) -> tuple[Runs | None, float, str]:
    """The runs that a step needs, if they are complete; how much of them is done; and what went wrong, in words."""
    if step.runs is None:
        return (), 1.0, ""
    configs = step.runs(place(lesson).values)
    if not step.whole:
        watch = held(f"lesson_{lesson.name}", configs)
        failed = watch.error or next((run.error for run in watch.runs if run.error), "")
        return (watch.runs if len(watch.runs) == len(configs) else None), len(watch.runs) / len(configs), failed
    jobs = [runner().job(config, state.session_id()) for config in configs]
    traces = [trace for job in jobs if job.finished.is_set() and (trace := job.trace()) is not None]
    failed = next((job.error for job in jobs if job.error), "")
    return (traces if len(traces) == len(jobs) else None), len(traces) / len(jobs), failed


def playing() -> bool:
    """Whether Play is moving a knob."""
    return bool(st.session_state.get("lesson_playing"))


def toggle_play(lesson: Lesson) -> None:
    """Start Play, from the low end if the knob stands at the high one, or pause it.

    Pause holds the value that the person saw: a move that was under way when they pressed is taken back.
    """
    step = lesson.steps[place(lesson).step]
    if step.play is None:
        return
    knob = lesson.knob(step.play)
    st.session_state["lesson_playing"] = not playing()
    st.session_state["lesson_moved"] = time.monotonic()
    if not playing():
        set_knobs(lesson, {knob.key: from_query(lesson, link.seen())[0].values[knob.key]})
    elif place(lesson).values[knob.key] >= knob.high:
        set_knobs(lesson, {knob.key: type(knob.default)(knob.low)})


def advance(lesson: Lesson) -> None:
    """Move the playing knob on when its time has come and the browser has its last move; stop at the high end."""
    step, now = lesson.steps[place(lesson).step], time.monotonic()
    if not playing() or step.play is None or now - st.session_state["lesson_moved"] < 0.8 * PLAY_SECONDS:
        return
    if link.seen() != query(lesson):
        return
    knob = lesson.knob(step.play)
    grains = max(1, round((knob.high - knob.low) / knob.step / PLAY_FRAMES))
    value = min(knob.high, place(lesson).values[knob.key] + grains * knob.step)
    set_knobs(lesson, {knob.key: type(knob.default)(value)})
    st.session_state["lesson_moved"] = now
    st.session_state["lesson_playing"] = value < knob.high


def feedback(asked: Choice | Estimate | Curve, made: Guess) -> str:
    """How far the prediction was from the answer."""
    if isinstance(asked, Choice):
        if made.said == made.truth:
            return f"You predicted “{asked.options[made.said]}”. That is right."
        return f"You predicted “{asked.options[made.said]}”. It is “{asked.options[made.truth]}”."
    if isinstance(asked, Estimate):
        gap = made.said - made.truth
        close = abs(gap) < asked.step / 2 + 1e-9
        how = "spot on" if close else f"{_number(abs(gap), asked)} too {'high' if gap > 0 else 'low'}"
        return f"You said {_number(made.said, asked)}; it is {_number(made.truth, asked)}: {how}."
    gaps = [abs(a - b) for a, b in zip(made.said, made.truth, strict=True)]
    worst = max(range(len(gaps)), key=gaps.__getitem__)
    mean = sum(gaps) / len(gaps)
    score = max(0.0, 100 * (1 - mean / (asked.high - asked.low)))
    return (
        f"Score {score:.0f} of 100: your curve is off by {mean:.2g}{asked.unit} on average, and furthest at "
        f"{asked.x_label} {asked.ticks[worst]}: you drew {made.said[worst]:.3g}{asked.unit}, it is "
        f"{made.truth[worst]:.3g}{asked.unit}."
    )


def _number(value: float, asked: Estimate) -> str:
    digits = 0 if asked.step >= 1 else 1 if asked.step >= 0.1 else 2
    return f"{value:.{digits}f}{asked.unit}"
