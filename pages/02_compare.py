"""Compare: which method should I choose here, and why?"""

from pathlib import Path

import streamlit as st

from app import link, state
from app.components.compare_parts import answer, controls, figures, refusals, results_table
from app.components.sweep_progress import POLL_SECONDS, held, progress
from app.known_arms import ran
from fedrot_core.study.comparison import Comparison
from fedrot_core.study.comparison import plan as planned

SWEEP = "compare"


def stage() -> None:
    """All that follows the sweep; redrawn alone while it runs."""
    watch = held(SWEEP, plan.configs)
    now = Comparison(plan, tuple(watch.runs)) if watch.runs else None
    shown: Comparison | None = now or st.session_state.get("compare_last")
    stale = shown is not None and now is None
    progress(SWEEP, watch, "seeds", "below stands the comparison before your change" if stale else "")
    drawable = shown is not None and any(run.arms for run in shown.runs)
    if shown is not None and drawable:
        st.session_state["compare_last"] = shown
        answer(shown, stale)
    for error in dict.fromkeys(run.error for run in watch.runs if run.error):
        st.error(error)
    if shown is not None and drawable:
        figures(shown)
        results_table(shown, finished=not watch.running)
        st.caption(shown.note)
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
plan = planned(state.config(), state.selection().compare, state.selection().seeds, ran=ran)
refusals(plan)
if plan.configs:
    moving = held(SWEEP, plan.configs).running
    st.fragment(stage, run_every=POLL_SECONDS if moving else None)()
