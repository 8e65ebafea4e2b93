"""The quiz on the page: the question, the answer's widget, and what is said after it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import streamlit as st

from app.navigation import lesson_file
from app.quiz import place as quiz
from app.quiz.place import Place
from app.session import room
from app.session.link import Link
from app.session.parts import mine
from app.widgets import room_answers
from app.widgets.terms import rich
from app.widgets.text import plain
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.glossary import unmarked
from fedrot_core.learn.quiz import Number, Pick, Question
from fedrot_core.learn.quiz.base import SEEDS


def new_seed() -> int:
    """The seed of a quiz that nobody has in mind."""
    return int(np.random.default_rng().integers(1, SEEDS + 1))


LINK: Link[Place] = Link("quiz", lambda query: quiz.from_query(query, new_seed()), quiz.to_query)


@dataclass
class Replies:
    """What this session answered, and where."""

    by_place: dict[Place, float] = field(default_factory=dict)


def go(to: Place) -> None:
    """Ask another question."""
    LINK.go(to)
    LINK.tell([])


def replies() -> dict[Place, float]:
    """What this session answered."""
    return mine(Replies).by_place


def score_line() -> str:
    """The score of this quiz so far, in words."""
    right, answered = quiz.score(replies(), LINK.place)
    return f"Score: {right} of {answered}" if answered else "Score: none yet"


def ask(q: Question) -> None:
    """The question, its matrices and the widget that takes the answer; then what is right and why."""
    here = LINK.place
    made = replies().get(here)
    st.html(f'<p class="fedrot-question" role="heading" aria-level="2">{rich(q.text)}</p>')
    if q.given:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="quiz_given"):
            for matrix in q.given:
                st.latex(matrix, width="content")
    key = f"quiz_answer_{here.seed}_{here.topic}_{here.n}"
    said = _widget(q, key, made)

    def check() -> None:
        replies()[here] = st.session_state[key]
        room.answer(here.asked, st.session_state[key])

    if made is None:
        st.button("Check", type="primary", key="quiz_check", disabled=said is None, on_click=check)
    else:
        _feedback(q, made)
        st.button(
            "Next question", type="primary", key="quiz_next", icon=":material/arrow_forward:", icon_position="right",
            on_click=go, args=(here.next,),
        )  # fmt: skip
    if room_answers.leads():
        seen = made is not None
        room_answers.card(here.asked, room_answers.of_quiz(q.answer, seen), seen, unmarked(q.text))


def _widget(q: Question, key: str, made: float | None) -> Any:
    """The widget of the answer, locked once an answer was checked; None until one is given."""
    label, closed = unmarked(q.text), made is not None  # the label is not shown, but read out
    if isinstance(q.answer, Pick):
        options = [plain(option) for option in q.answer.options]
        return st.radio(
            label, range(len(options)), index=None if made is None else int(made), key=key, disabled=closed,
            format_func=options.__getitem__, label_visibility="collapsed",
        )  # fmt: skip
    kind: type = int if q.answer.tolerance == 0 else float
    return st.number_input(
        f"Your answer{_unit(q.answer)}", kind(q.answer.low), kind(q.answer.high), made if made is None else kind(made),
        kind(1 if kind is int or not q.answer.decimals else 0.1), "%d" if kind is int else "%g", key=key,
        disabled=closed, width=260, placeholder="a number, then Enter",
        help=None if kind is int else f"Counts as right within ±{q.answer.tolerance:.2g}{q.answer.unit}.",
    )  # fmt: skip


def _unit(answer: Number) -> str:
    return f" ({answer.unit})" if answer.unit else ""


def _feedback(q: Question, made: float) -> None:
    """Right or wrong, why, and where it is taught."""
    text = plain(quiz.verdict(q.answer, made))
    if q.answer.accepts(made):
        st.success(text, icon=":material/check:")
    else:
        st.error(text, icon=":material/close:")
    st.html(f'<p class="fedrot-prose fedrot-answer" role="status">{rich(q.explain)}</p>')
    label = f"Lesson: {LESSONS[q.lesson].title}"
    st.page_link(f"../pages/{lesson_file(q.lesson)}", label=label, icon=":material/school:")
