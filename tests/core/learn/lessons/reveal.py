"""What a question's answer is, and whether the question gives it away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fedrot_core.learn.lessons import Lesson
from fedrot_core.learn.lessons.base import Choice


def answer(lesson: Lesson, step: int, values: Mapping[str, object]) -> Any:
    """The computed answer: a number, a list of numbers, or the text of the true option."""
    asked = lesson.steps[step].predict
    assert asked is not None
    found: Any = asked.answer({**lesson.defaults(), **values}, ())
    return asked.options[found] if isinstance(asked, Choice) else found


def no_answer_in_question(lesson: Lesson, step: int, values: Mapping[str, object], answers: set[str]) -> None:
    """None of these facts may stand in what the figure says before the prediction: title, alt, annotations, texts."""
    chosen = lesson.steps[step]
    knobs = {**lesson.defaults(), **values}
    assert chosen.before is not None
    figure, found = chosen.before(knobs, ()).draw("light"), chosen.scene(knobs, ()).facts
    said = [figure.layout.title.text, figure.layout.meta["alt"], *(a.text for a in figure.layout.annotations)]
    said += [str(text) for trace in figure.data for text in (getattr(trace, "text", None) or ())]
    said.append(chosen.text.format_map(chosen.before(knobs, ()).facts))
    for name in answers:
        for text in said:
            assert not re.search(rf"(?<![\d.−]){re.escape(found[name])}(?!\d)", text), (name, found[name], text)
