"""Spot the bug: what do mistakes found in public code do, and what evidence gives each of them away?"""

from __future__ import annotations

import functools

import streamlit as st

from app.bugs import scene as bugs
from app.bugs.answer import TITLES, answer, answer_is_open, guess
from app.bugs.scene import LINK
from app.jobs.runs import RunJob
from app.session import link
from app.session.parts import session_id
from app.widgets.live_figure import data_dialog, figure_card
from app.widgets.page import follow, frame, warn
from app.widgets.terms import theme_mode
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.figures import View
from fedrot_core.learn.mistakes.evidence import method_note
from fedrot_core.trace import Trace
from fedrot_core.wording import counted

MODES = {"explore": "Look at each", "play": "Find the hidden one"}
POLL_SECONDS = 0.2


def page() -> None:
    """The whole page."""
    with frame(f"Spot the bug: {len(TITLES)} mistakes found in public code", LINK):
        _what_to_show()
    job = bugs.watched_job()
    job.wait_for_rounds(1, timeout=0.25)
    follow(functools.partial(stage, job), lambda: None if job.finished.is_set() else POLL_SECONDS)


def _what_to_show() -> None:
    """Explore named mistakes, or play a hidden one; beside the heading."""
    scene = LINK.place
    link.give("bug_mode", "explore" if scene.case is None else "play")
    st.segmented_control(
        "Mode", list(MODES), key="bug_mode", required=True, format_func=MODES.__getitem__,
        label_visibility="collapsed",
        on_change=link.wish("bug_mode", lambda mode: bugs.show(case=bugs.new_case() if mode == "play" else None)),
    )  # fmt: skip
    if scene.case is None:
        link.give("bug_name", scene.bug)
        st.selectbox(
            "Mistake", list(TITLES), format_func=TITLES.__getitem__, key="bug_name", width=430,
            label_visibility="collapsed", on_change=link.wish("bug_name", lambda name: bugs.show(bug=name)),
        )  # fmt: skip
    else:
        st.button(
            f"New case (now {scene.case})", icon=":material/casino:", key="bug_new",
            on_click=lambda: bugs.show(case=bugs.new_case()),
        )  # fmt: skip


def stage(job: RunJob) -> None:
    """Run, figures, evidence and answer; redrawn alone while the run streams."""
    scene = LINK.place
    job.seen_by(session_id())
    trace = job.trace()
    with st.container(key="progress_bug"):  # always there, so that nothing below moves when the run ends
        _progress(job, 0 if trace is None else trace.rounds_done)
    if scene.case is not None:
        guess(scene, scene.case)
    if answer_is_open(scene):
        answer(scene.mistake)
    if trace is not None:
        show(trace, scene)


def _progress(job: RunJob, done: int) -> None:
    """How far the run is, with a way to end it; then how it ended."""
    total = job.config.train.rounds
    for trouble in job.troubles:
        st.caption(plain(trouble))
    if job.error:
        st.error(plain(job.error))
    elif not job.finished.is_set():
        with st.container(horizontal=True, vertical_alignment="center"):
            under_way(done / total, f"Training: {done} of {total}\u00a0rounds done", job.left, "bug_cancel", job.cancel)
    elif job.cancelled:
        st.caption("Cancelled. Choose another mistake or case to run again.")
    else:
        st.caption(f"{counted(done, 'round')} of each copy, done.")


def show(trace: Trace, scene: bugs.Scene) -> None:
    """Figures and evidence, under neutral names while the mistake is hidden."""
    shown = trace if answer_is_open(scene) else bugs.nameless(trace)
    view = View(trace.arms[0].name, trace.rounds_done - 1, mode=theme_mode())
    warn(stop.message for stop in shown.stopped)
    for name, column in zip(("learning", "errors"), st.columns(2, gap="medium"), strict=True):
        with column:
            figure_card(name, shown, view, 250)
    st.html(bugs.evidence_table(shown, scene.mistake))
    st.caption(method_note(trace))
    data_dialog(shown, view)
