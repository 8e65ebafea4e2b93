"""When does alignment matter, and when does it hurt? A map of settings around the session's config."""

from pathlib import Path

import streamlit as st

from app import link, state
from app.components.sweep_progress import POLL_SECONDS, begun, held, progress, running, start
from app.components.when_grid import FRAMES, choices, counterexamples, map_card, open_asked, open_one
from fedrot_core.study.when import Findings
from fedrot_core.study.when import plan as planned


def stage() -> None:
    """All that follows the sweeps; redrawn alone while they run."""
    open_asked()
    mapped, searched = held("grid", plan.configs), begun("search", plan.further)
    runs = [*mapped.runs, *(searched.runs if searched is not None else [])]
    findings = Findings.of(plan, runs, searched is not None and not mapped.running)
    map_card(findings)
    progress("grid", mapped, "settings")
    open_one(findings)
    st.caption(f"{plan.note} {plan.limits} Click a cell to open its run.")
    st.subheader("Where alignment helps least, or hurts", anchor="counterexamples")
    if mapped.running:
        st.caption("Listed once the map is complete.")
    else:
        if searched is None:
            st.button(
                f"Search {len(plan.search)} further settings for counterexamples", icon=":material/search:",
                key="search", on_click=start, args=("search", plan.further),
                help=f"Around the config ({FRAMES.choices[plan.base.frames.kind]}): "
                f"{'; '.join(s.name for s in plan.search)}",
            )  # fmt: skip
        else:
            progress("search", searched, "settings")
        counterexamples(findings)
    if running(mapped, searched) != moving:
        st.rerun()


state.open_link()
link.show(state.query())
st.html(Path(__file__).parents[1] / "app" / "style.css")
st.html('<h1 class="fedrot-name">When does alignment matter, and when does it hurt?</h1>')
for problem in st.session_state["problems"]:
    st.warning(problem)
choices()
now = state.selection()
plan = planned(state.config(), now.grid, now.aligned, now.depth)
st.caption(plan.around)
moving = running(held("grid", plan.configs), begun("search", plan.further))
st.fragment(stage, run_every=POLL_SECONDS if moving else None)()
