"""Spot the bug: what do mistakes found in public code do, and what evidence gives each of them away?"""

from pathlib import Path

import streamlit as st

from app import bugs, link, state
from app.components.bug_answer import TITLES, answer, answer_is_open, guess
from app.components.live_figure import data_dialog, figure_card
from app.components.transport import POLL_SECONDS
from app.terms import theme_mode
from app.text import plain
from fedrot_core.figures import View
from fedrot_core.learn.mistakes.evidence import method_note
from fedrot_core.trace import Trace

MODES = {"explore": "Look at each", "play": "Find the hidden one"}


def stage() -> None:
    """Run, figures, evidence and answer; redrawn alone while the run streams."""
    job.seen_by(state.session_id())
    if job.error:
        st.error(plain(job.error))
    trace = job.trace()
    if not job.finished.is_set():
        with st.container(horizontal=True, vertical_alignment="center"):
            done, total = 0 if trace is None else trace.rounds_done, job.config.train.rounds
            st.progress(done / total, f"Round {min(done + 1, total)} of {total} …", width=280)
            st.button("Cancel", icon=":material/close:", on_click=job.cancel)
    elif job.cancelled:
        st.caption("Cancelled. Choose another mistake or case to run again.")
    if scene.case is not None:
        guess(scene, scene.case)
    if answer_is_open(scene):
        answer(scene.mistake)
    if trace is not None:
        show(trace)
        job.painted()
    if job.finished.is_set() and interval is not None:
        st.rerun()


def show(trace: Trace) -> None:
    """Figures and evidence, under neutral names while the mistake is hidden."""
    shown = trace if answer_is_open(scene) else bugs.nameless(trace)
    mode = theme_mode()
    view = View(trace.arms[0].name, trace.rounds_done - 1, mode=mode)
    for stop in shown.stopped:
        st.warning(stop.message)
    for name, column in zip(("learning", "errors"), st.columns(2, gap="medium"), strict=True):
        with column:
            figure_card(name, shown, view, 250)
    st.html(bugs.evidence_table(shown, scene.mistake))
    st.caption(method_note(trace))
    data_dialog(shown, view)


def take_mode(mode: str) -> None:
    """Explore named mistakes, or play a hidden one."""
    bugs.show(case=bugs.new_case() if mode == "play" else None)


bugs.open_link()
scene = bugs.scene()
link.show(scene.query())
for sheet in ("style.css", "bugs.css"):
    st.html(Path(__file__).parents[1] / "app" / sheet)
with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="head"):
    st.html(f'<h1 class="fedrot-name">Spot the bug: {len(TITLES)} mistakes found in public code</h1>')
    link.give("bug_mode", "explore" if scene.case is None else "play")
    st.segmented_control(
        "Mode", list(MODES), key="bug_mode", required=True, on_change=link.wish("bug_mode", take_mode),
        format_func=MODES.__getitem__, label_visibility="collapsed",
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
for problem in st.session_state["bug_problems"]:
    st.warning(problem)
job = bugs.watched_job()
job.wait_for_rounds(1, timeout=0.25)
interval = None if job.finished.is_set() else POLL_SECONDS
st.fragment(stage, run_every=interval)()
