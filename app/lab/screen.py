"""The lab: what does averaging do to the clients' factors, and what does turning them first change?"""

from __future__ import annotations

import functools

import streamlit as st

from app.jobs.ahead import ahead
from app.jobs.runs import RunJob
from app.lab.neighbours import likely
from app.lab.preset_row import preset_row
from app.lab.proof import proof_strip
from app.lab.selectors import pick, selectors
from app.lab.spin_dialog import ask, is_open, spin_dialog
from app.lab.take_away import came_out_again, take_away
from app.lab.transport import (
    advance,
    is_moving,
    play_or_pause,
    refresh_interval,
    run_status,
    shown_round,
    step,
    time_left,
    transport,
)  # fmt: skip
from app.session import link, state
from app.session.parts import mine, session_id
from app.session.query import Selection
from app.session.run import Watched, watched_job
from app.widgets import room
from app.widgets.controls import sidebar
from app.widgets.live_figure import data_dialog, figure_card, make_ready
from app.widgets.page import follow, frame, warn
from app.widgets.selected import current_view, view_of
from app.widgets.terms import explained, theme_mode
from app.widgets.text import plain
from fedrot_core.figures import FIGURES
from fedrot_core.study import presets
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import FLAG_TEXTS

HERO, BESIDE = "latent", ("learning", "ladder")
TABS = tuple(name for name in FIGURES if name not in (HERO, *BESIDE))
HEADING = "Naive and aligned averaging of LoRA clients"


def page() -> None:
    """The whole page."""
    state.LINK.follow()
    in_room = state.selection().present
    if in_room:
        room.top(HEADING)
    else:
        with frame(HEADING):
            preset_row()
    warn(state.LINK.problems)
    if not in_room:
        with st.sidebar:
            taken_away = st.container()
            sidebar()
    job = watched_job()
    job.wait_for_rounds(1, timeout=0.25)
    if job.finished.is_set():
        names = (HERO,) if in_room else (HERO, *BESIDE, state.selection().tab)
        ahead().guess(session_id(), likely(), functools.partial(made_ready, names, state.selection(), theme_mode()))
    if not in_room:
        with taken_away:
            take_away(job)
    follow(functools.partial(stage, job, in_room), lambda: refresh_interval(job), is_open, lambda: time_left(job))


def stage(job: RunJob, in_room: bool) -> None:
    """All that follows the run and the round; redrawn alone while a run streams or plays."""
    if state.config() != job.config or state.selection().present != in_room:  # a control inside the stage changed it
        st.rerun()
    job.seen_by(session_id())
    mind = mine(Watched)
    trace = job.trace() or mind.trace
    if trace is not None:
        advance(trace)
    state.LINK.show()
    if job.error:
        st.error(plain(job.error))
    elif trace is None:
        with st.container(key="awaited"):
            st.info("The first round is being computed.")
    else:
        mind.trace = trace
        (show_in_room if in_room else show)(trace, job)


def made_ready(names: tuple[str, ...], selection: Selection, mode: str, job: RunJob) -> None:
    """Make figures of a run before anybody asks for them, as whoever has this selection would see them."""
    trace = job.trace()
    if trace is not None and not job.error and not job.cancelled:
        view = view_of(selection, trace, shown_round(trace, selection), moving=False, mode=mode)
        for name in names if trace.at(view.arm, view.round_index) is not None else ():
            make_ready(name, trace, view)


def show_in_room(trace: Trace, job: RunJob) -> None:
    """The stage for a lecture room: one figure of the selected round."""
    round_index = shown_round(trace)
    view = current_view(trace, round_index, moving=is_moving(trace, job))
    names = (HERO, *BESIDE, *TABS)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="room_controls"):
        transport(trace, job, in_room=True)
        room.controls([FIGURES[name].label for name in names], {
            "next": functools.partial(step, trace, 1), "back": functools.partial(step, trace, -1),
            "play": functools.partial(play_or_pause, trace),
        })  # fmt: skip
    _look(trace, round_index)
    figure_card(names[room.slide(len(names))], trace, view, 344, pick, fills=True)


def _look(trace: Trace, round_index: int) -> None:
    """What to look for in this round."""
    st.html(f'<p class="fedrot-look" role="status">{explained(presets.sentence(trace, round_index))}</p>')


def show(trace: Trace, job: RunJob) -> None:
    """The stage for the selected round."""
    round_index = shown_round(trace)
    view = current_view(trace, round_index, moving=is_moving(trace, job))
    record = trace.at(view.arm, round_index)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="transport"):
        transport(trace, job)
        selectors(trace, view, record)
        room.present_button("→ next round, ← back, P or Space play, T turn, 1 to 9 figures")
        run_status(trace, job)
    came_out_again(job)
    for trouble in job.troubles:
        st.caption(plain(trouble))
    _look(trace, round_index)
    for notice in trace.notices:
        st.info(notice, icon=":material/memory:")
    warn(stop.message for stop in trace.stopped)
    if record is None:
        st.info(
            "This method stopped before its first round was complete, so there is nothing to draw. Change a "
            "setting, or take it out of “Methods compared” in the sidebar."
        )
        return
    test_it = functools.partial(ask, trace, view)
    figure_card(HERO, trace, view, 344, pick, test_it)
    for name, column in zip(BESIDE, st.columns(2, gap="medium"), strict=True):
        with column:
            figure_card(name, trace, view, 216, pick, test_it)
    warn(FLAG_TEXTS[flag] for flag in record.flags)
    if len(record.dropped):
        who = " and ".join(map(str, record.dropped))
        was = (
            f"Client {who} sent NaN or Inf and was"
            if len(record.dropped) == 1
            else f"Clients {who} sent NaN or Inf and were"
        )
        st.warning(f"{was} left out of this round.")
    proof_strip(record)
    labels = {name: FIGURES[name].label for name in TABS}
    link.give("tab", state.selection().tab)
    st.segmented_control(
        "More figures", TABS, format_func=lambda name: labels[name], key="tab", required=True,
        on_change=link.wish("tab", lambda chosen: state.select(tab=chosen)),
    )  # fmt: skip
    tab = state.selection().tab
    st.caption(FIGURES[tab].question)
    figure_card(tab, trace, view, 430, pick, test_it)
    made = f"seed {trace.config.seed}, trained on {trace.made_on}"
    st.caption(plain(f"{trace.task.summary} Run {trace.config.hash}, {made}."))
    if not data_dialog(trace, view):
        spin_dialog(trace, view)
