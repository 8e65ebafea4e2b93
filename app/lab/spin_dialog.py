"""The test behind a gauge badge, as a dialog: turn the selected client, and see what moves.

It stays open through reruns of the page until a person closes it; closing gives up what is not done.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from app.jobs.spins import Question, SpinJob, spins
from app.lab.spin_table import concluded, table
from app.session.parts import mine, session_id
from app.widgets.page import again
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.figures import FIGURES, View
from fedrot_core.study.spin import what_is_done
from fedrot_core.trace import Trace

POLL_SECONDS = 0.4
"""How often the dialog looks for an answer that takes long."""

FIRST_WAIT = 1.0
"""How long it waits before it looks again and again: the default run takes less."""

BADGES = "A gauge-dependent metric can change when a client is turned; a gauge-invariant one never does."


@dataclass(frozen=True)
class Asked:
    """What the open dialog is about. ``able``: the clients whose factors reached the server in that round."""

    figure: str
    question: Question
    label: str
    able: tuple[int, ...]


@dataclass
class Dialog:
    """What the open dialog is about, None while it is shut; closed: it was shut since the page ran last."""

    asked: Asked | None = None
    closed: bool = False


def ask(trace: Trace, view: View, figure: str) -> None:
    """Remember that the badge of ``figure`` was pressed while ``view`` of ``trace`` was on screen."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return
    label = next(card.label for card in trace.arms if card.name == view.arm)
    question = Question(trace.config, view.arm, record.round_index, view.client)
    mine(Dialog).asked = Asked(figure, question, label, tuple(int(k) for k in record.clients))


def is_open() -> bool:
    """Whether the dialog is on screen. A rerun of the whole page would shut it for a moment."""
    return mine(Dialog).asked is not None


def spin_dialog(trace: Trace, view: View) -> None:
    """Show the test that was asked for, if any; one about another run is dropped."""
    mind = mine(Dialog)
    if mind.closed:
        mind.closed = False
        st.rerun()
    asked = mind.asked
    if asked is None:
        return
    if asked.question.config != trace.config:
        _close()
        return

    title = f"Turn client {asked.question.client} in round {asked.question.round_index}: what moves?"

    @st.dialog(title, width="medium", on_dismiss=_close)
    def show() -> None:
        _body(trace, view.mode)

    show()


def _close() -> None:
    """Forget the test; unless somebody else waits for it, it ends. The dialog's timer ends with the page's rerun."""
    mind = mine(Dialog)
    asked, mind.asked, mind.closed = mind.asked, None, True
    if asked is not None and asked.question.client in asked.able:
        _job(asked).left_by(session_id())


def _job(asked: Asked) -> SpinJob:
    return spins().job(asked.question, session_id())


def _body(trace: Trace, mode: str) -> None:
    """Progress, then the answer.

    Where that takes long, the dialog looks again by itself, and goes on to until it is closed: to stop a timer takes a
    rerun of the page.
    """
    asked = mine(Dialog).asked
    if asked is None:  # closed while this run was on its way
        return
    question = asked.question
    if question.client not in asked.able:
        able = ", ".join(map(str, asked.able))
        st.info(
            f"The factors of client {question.client} did not reach the server in round {question.round_index}, so "
            f"there is nothing to turn. Close this dialog and choose another round, or one of these clients: {able}."
        )
        return

    def content() -> None:
        now = mine(Dialog).asked
        if now is None:
            return
        job = _job(now)
        if job.finished.is_set():
            _answer(job, now, trace, mode)
        else:
            _progress(job, now)

    job = _job(asked)
    if not job.finished.is_set():
        with st.spinner(f"Training {asked.label} again"):
            job.done_within(FIRST_WAIT)
    if job.finished.is_set():
        content()
    else:
        again(content, POLL_SECONDS)


def _progress(job: SpinJob, asked: Asked) -> None:
    total = asked.question.round_index + 1
    words = f"Training {asked.label} again: {job.progress.done:.0f} of {total}\u00a0rounds done"
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if under_way(job.progress.share, words, job.left, "spin_cancel", _close):
            st.rerun()
    st.caption(f"A run does not keep the clients' factors, so {asked.label} trains once more, up to round {total - 1}.")


def _answer(job: SpinJob, asked: Asked, trace: Trace, mode: str) -> None:
    def another() -> None:
        mine(Dialog).asked = replace(asked, question=replace(asked.question, seed=asked.question.seed + 1))

    if job.result is None:
        st.error(plain(job.error or "The test was cancelled. Close this dialog and press the badge again."))
        return
    first = FIGURES[asked.figure].metrics
    if job.result.degrees:
        st.caption(plain(f"{what_is_done(job.result, len(trace.task.layers))} {BADGES}"))
    st.html(f'<p class="fedrot-look" role="status">{concluded(job.result, first)}</p>')
    if job.result.degrees:
        st.button(
            "Spin again",
            key="spin_again",
            icon=":material/autorenew:",
            on_click=another,
            help="Turn the same client by another random rotation",
        )
    st.html(table(job.result, first, mode))
