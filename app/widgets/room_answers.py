"""What the lecture's room answered, on the page of whoever leads it; it grows by itself."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.rooms.rows import Said
from app.session import room
from app.widgets.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.widgets.page import again
from fedrot_core.figures.lesson.room import said_choices, said_curves, said_numbers
from fedrot_core.learn.lessons.base import Choice, Curve, Prediction
from fedrot_core.learn.quiz import Number, Pick
from fedrot_core.wording import counted

SECONDS = 2.0
"""How often the page looks for new answers."""

NARROW, SLIDE = 300, 520
"""Heights of the figure: below a question, and in the place of a lesson's figure."""

NAME = "room_answers"

Draw = Callable[[list[Said], str], go.Figure]
"""Answers and a mode -> the figure."""


def leads() -> bool:
    """Whether this session leads a room."""
    return room.mind().led is not None


def of_prediction(asked: Prediction, truth: Any) -> Draw:
    """How answers to a lesson's question are drawn.

    Args:
        truth: in the form of an answer; None as long as it must not be seen.
    """
    if isinstance(asked, Choice):
        return lambda said, mode: said_choices(asked.options, _numbers(said), truth, mode)
    if isinstance(asked, Curve):
        axes = asked.ticks, asked.x_label, asked.y_label, asked.unit, asked.low, asked.high
        return lambda said, mode: said_curves(*axes, _curves(said), truth, mode)
    scale = asked.low, asked.high, asked.step, asked.unit
    return lambda said, mode: said_numbers(*scale, _numbers(said), truth, mode)


def of_quiz(asked: Pick | Number, seen: bool) -> Draw:
    """How answers to a question of the quiz are drawn.

    Args:
        seen: whether the right one may be seen.
    """
    if isinstance(asked, Pick):
        return lambda said, mode: said_choices(asked.options, _numbers(said), asked.right if seen else None, mode)
    step = 10.0**-asked.decimals
    return lambda said, mode: said_numbers(
        asked.low, asked.high, step, asked.unit, _numbers(said), asked.value if seen else None, mode
    )


def card(question: str, draw: Draw, made_of: Hashable, label: str, slide: bool = False) -> None:
    """All answers of the room as one figure; a sentence while there are none.

    Args:
        question: as :func:`app.session.room.answer` has it.
        made_of: all that decides what ``draw`` gives, besides answers and mode.
        label: what is asked, for people.
        slide: whether it stands for a lecture room.
    """
    again(functools.partial(_look, question, draw, made_of, label, slide), SECONDS, NAME, waits=True)


def count(question: str) -> str:
    """How many answered, in words."""
    return counted(len(room.answers(question)), "answer")


def _look(question: str, draw: Draw, made_of: Hashable, label: str, slide: bool) -> None:
    said = room.answers(question)
    if not said:
        st.caption("No answers of the room yet. They appear here by themselves.")
        return
    key = repr(sorted(said, key=repr))
    chart(
        "figure_room", functools.partial(draw, said), (question, made_of, key), label=label, presented=slide,
        height=SLIDE if slide else NARROW, filename="fedrot-room", uirevision=question,
        version=f"room:{len(said)}:{hash(key)}", triggers={"table": functools.partial(ask_table, NAME)},
    )  # fmt: skip
    if table_wanted() == NAME:
        numbers_dialog("Answers of the room", label, draw(said, "light"), "fedrot-room")


def _numbers(said: list[Said]) -> list[float]:
    return [v for v in said if not isinstance(v, list)]


def _curves(said: list[Said]) -> list[list[float]]:
    return [v for v in said if isinstance(v, list)]
