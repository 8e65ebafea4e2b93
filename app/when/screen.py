"""When does alignment matter, and when does it hurt? A map of settings around the session's config."""

from __future__ import annotations

import functools

import streamlit as st

from app.session import state
from app.when.parts import FRAMES, choices, counterexamples, map_card, open_asked, open_one
from app.widgets.page import follow, frame
from app.widgets.sweep_progress import begun, followed, pace, progress, start
from fedrot_core.study.when import Findings, Plan, plan

MAP, SEARCH = "map", "search"


def page() -> None:
    """The whole page."""
    with frame("When does alignment matter, and when does it hurt?", state.LINK):
        pass
    choices()
    now = state.selection()
    planned = plan(state.config(), now.grid, now.aligned, now.depth)
    st.caption(planned.around)
    followed(MAP, planned.configs)
    begun(SEARCH, planned.further)
    follow(functools.partial(stage, planned), lambda: pace(MAP, SEARCH))


def stage(planned: Plan) -> None:
    """All that follows the sweeps; redrawn alone while they run."""
    open_asked()
    mapped, searched = followed(MAP, planned.configs), begun(SEARCH, planned.further)
    runs = [*mapped.runs, *(searched.runs if searched is not None else [])]
    findings = Findings.of(planned, runs, searched is not None and not mapped.running)
    map_card(findings)
    progress(MAP, mapped, "settings")
    open_one(findings)
    st.caption(f"{planned.note} {planned.limits} Click a cell to open its run in the lab.")
    st.subheader("Where alignment helps least, or hurts", anchor="counterexamples")
    if mapped.running:
        st.caption("Listed once the map is complete.")
        return
    if searched is None:
        st.button(
            f"Search {len(planned.search)}\u00a0further settings for counterexamples", icon=":material/search:",
            key="search", on_click=start, args=(SEARCH, planned.further),
            help="Changes of the lab's settings, in which alignment may fail "
            f"(frames here: {FRAMES.choices[planned.base.frames.kind]}): "
            f"{'; '.join(s.name for s in planned.search)}",
        )  # fmt: skip
    else:
        progress(SEARCH, searched, "settings")
    counterexamples(findings)
