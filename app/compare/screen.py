"""Compare: which method should I choose here, and why?"""

from __future__ import annotations

import functools

import streamlit as st

from app.compare.parts import (
    answer,
    controls,
    figure_in_room,
    figures,
    refusals,
    results_table,
    room_controls,
)
from app.jobs.known_arms import ran
from app.session import state
from app.session.compared import Compared
from app.session.parts import mine
from app.widgets import room
from app.widgets.page import follow, frame, warn
from app.widgets.sweep_progress import followed, pace, progress
from app.widgets.text import plain
from fedrot_core.study.comparison import Comparison, Plan, plan

SWEEP = "compare"
HEADING = "Which method should I choose here, and why?"


def page() -> None:
    """The whole page."""
    state.LINK.follow()
    in_room = state.selection().present
    if in_room:
        room.top(HEADING)
        room_controls()
    else:
        with frame(HEADING):
            room.present_button("→ next figure, ← back")
        with st.sidebar:
            controls()
    warn(state.LINK.problems)
    planned = plan(state.config(), state.selection().compare, state.selection().seeds, ran=ran)
    refusals(planned)
    if planned.configs:
        followed(SWEEP, planned.configs)
        follow(functools.partial(stage, planned, in_room), lambda: pace(SWEEP))


def stage(planned: Plan, in_room: bool) -> None:
    """All that follows the sweep; redrawn alone while it runs."""
    watch, mind = followed(SWEEP, planned.configs), mine(Compared)
    now = Comparison(planned, tuple(watch.runs)) if watch.runs else None
    shown = now or mind.last
    stale = shown is not None and now is None
    if watch.running or not in_room:
        progress(SWEEP, watch, "seeds", "the comparison below is from before your change" if stale else "")
    drawable = shown is not None and any(run.arms for run in shown.runs)
    if shown is not None and drawable:
        mind.last = shown
        answer(shown, stale)
    for error in dict.fromkeys(run.error for run in watch.runs if run.error):
        st.error(plain(error))
    if shown is not None and drawable and in_room:
        figure_in_room(shown)
    elif shown is not None and drawable:
        figures(shown)
        results_table(shown, finished=not watch.running)
        st.caption(shown.note)
