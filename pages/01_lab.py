"""The lab: what does averaging do to the clients' factors, and what does turning them first change?"""

import functools
from pathlib import Path

import streamlit as st

from app import link, state
from app.components.live_figure import data_dialog, figure_card
from app.components.preset_row import preset_row
from app.components.proof import proof_strip
from app.components.selectors import current_view, pick, selectors
from app.components.spin_dialog import ask, is_open, spin_dialog
from app.components.take_away import came_out_again, take_away
from app.components.transport import advance, refresh_interval, run_status, shown_round, transport
from app.controls import sidebar
from app.text import plain
from fedrot_core.figures import FIGURES
from fedrot_core.study import presets
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import FLAG_TEXTS

HERO, BESIDE = "latent", ("learning", "ladder")
TABS = tuple(name for name in FIGURES if name not in (HERO, *BESIDE))


def stage() -> None:
    """All that follows the run and the round; redrawn alone while a run streams or plays."""
    if state.config() != job.config:  # a control inside the stage changed it
        st.rerun()
    job.seen_by(state.session_id())
    trace = job.trace() or st.session_state.get("last_trace")
    if trace is not None:
        advance(trace)
    link.show(state.query())
    if job.error:
        st.error(plain(job.error))
    elif trace is None:
        st.info("The first round is being computed.")
    else:
        st.session_state["last_trace"] = trace
        show(trace)
        if trace.config == job.config:
            job.painted()
    if refresh_interval(job) != interval and not is_open():
        st.rerun()


def show(trace: Trace) -> None:
    """The stage for the selected round."""
    round_index = shown_round(trace)
    view = current_view(trace, round_index, moving=refresh_interval(job) is not None)
    record = trace.at(view.arm, round_index)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="transport"):
        transport(trace, job)
        if record is not None:
            selectors(trace, view, record)
        run_status(trace, job)
    came_out_again(job)
    for trouble in job.troubles:
        st.caption(plain(trouble))
    st.html(f'<p class="fedrot-look" role="status">{presets.sentence(trace, round_index)}</p>')
    for notice in trace.notices:
        st.info(notice, icon=":material/memory:")
    for stop in trace.stopped:
        st.warning(plain(stop.message))
    if record is None:
        st.info("This arm stopped before its first round was complete. Choose another one.")
        return
    test_it = functools.partial(ask, trace, view)
    figure_card(HERO, trace, view, 344, pick, test_it)
    for name, column in zip(BESIDE, st.columns(2, gap="medium"), strict=True):
        with column:
            figure_card(name, trace, view, 216, pick, test_it)
    for flag in record.flags:
        st.warning(FLAG_TEXTS[flag])
    if len(record.dropped):
        st.warning(f"Client {', '.join(map(str, record.dropped))} returned NaN or Inf and was left out of this round.")
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
    made = f"seed {trace.config.seed}, on {trace.device} in {trace.precision}"
    st.caption(f"{trace.task.summary} Run {trace.config.hash}, {made}.")
    if not data_dialog(trace, view):
        spin_dialog(trace, view)


state.open_link()
link.show(state.query())
for sheet in ("style.css", "gauge.css"):
    st.html(Path(__file__).parents[1] / "app" / sheet)
with st.sidebar:
    taken_away = st.container()
    sidebar()
preset_row()
for problem in st.session_state["problems"]:
    st.warning(plain(problem))
job = state.watched_job()
job.wait_for_rounds(1, timeout=0.25)
with taken_away:
    take_away(job)
interval = refresh_interval(job)
st.fragment(stage, run_every=interval)()
