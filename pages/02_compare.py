"""Compare: which method should I choose here, and why?"""

from pathlib import Path

import streamlit as st

from app import link, state
from app.comparison import plan as planned
from app.components.compare_parts import answer, controls, figures, refusals, results_table
from app.components.sweep_progress import POLL_SECONDS, held, progress
from app.known_arms import ran

SWEEP = "compare"


def stage() -> None:
    """All that follows the sweep; redrawn alone while it runs."""
    watch = held(SWEEP, plan.configs)
    runs = watch.runs
    shown, shown_runs = (plan, runs) if runs else st.session_state.get("compare_last", (plan, runs))
    progress(SWEEP, watch, "seeds", "" if shown is plan else "below stands the comparison before your change")
    if any(run.arms for run in shown_runs):
        st.session_state["compare_last"] = (shown, shown_runs)
        answer(shown_runs, shown, stale=shown is not plan)
    for error in dict.fromkeys(run.error for run in runs if run.error):
        st.error(error)
    if any(run.arms for run in shown_runs):
        figures(shown_runs, shown, len(shown.configs))
        results_table(shown_runs, shown, not watch.running)
        st.caption(
            "Bands and quartiles are over seeds. Error: distance of a round's global update from the ideal Σ w B A of "
            "the same clients' factors, over its norm; each method is measured on the clients it trained itself. "
            f"{len(shown_runs)} of {len(shown.configs)} seeds, comparison {shown.key}. A small model, not an LLM."
        )
    if watch.running != moving:
        st.rerun()


state.open_link()
link.show(state.query())
st.html(Path(__file__).parents[1] / "app" / "style.css")
with st.sidebar:
    controls()
st.html('<h1 class="fedrot-name">Which method should I choose here, and why?</h1>')
for problem in st.session_state["problems"]:
    st.warning(problem)
plan = planned(state.config(), state.selection().compare, state.selection().seeds, ran)
refusals(plan)
if plan.configs:
    moving = held(SWEEP, plan.configs).running
    st.fragment(stage, run_every=POLL_SECONDS if moving else None)()
