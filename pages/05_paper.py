"""Paper card: what does the paper report, what do the same methods do here, and what differs between the two?"""

import functools
from pathlib import Path

import streamlit as st

from app.components.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.components.paper_parts import differences, follow_link, head, lead
from app.components.sweep_progress import POLL_SECONDS, held, progress
from app.terms import theme_mode
from app.text import plain
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.figures.study.paper import paper_figures
from fedrot_core.study import paper
from fedrot_core.study.replica import VARIED, PaperCard


def stage() -> None:
    """The sweep's progress and all figures; redrawn alone while runs come in."""
    watch = held("paper", plan.configs)
    card = PaperCard.of(plan, watch.runs)
    done = len(card.found)
    progress("paper", watch, "runs")
    lead(card)
    drawings = paper_figures(card.tables, card.ratios)
    places = [place for _ in range(len(drawings) // 2) for place in st.columns(2, gap="large")] + [st.container()]
    ours = Provenance.of_study("runs beside the paper", plan.base, f"{done} of {len(plan.configs)} runs", VARIED)
    for place, drawing in zip(places, drawings, strict=True):
        name = drawing.name
        with place:
            chart(
                f"figure_{name}", drawing.draw, height=330 if name == "error_ratios" else 270, label=drawing.label,
                filename=f"fedrot-paper-{name}", uirevision=name, version=f"{name}:{done}:{theme_mode()}",
                triggers={"table": functools.partial(ask_table, name)},
                footer=Provenance(line(f"numbers of {paper.SOURCE}")) if name.startswith("paper") else ours,
            )  # fmt: skip
        if table_wanted() == name:
            numbers_dialog(drawing.label, paper.SOURCE, drawing.draw(theme_mode()), f"fedrot-paper-{name}")
    differences(card)
    for trouble in card.troubles:
        st.warning(plain(trouble))
    if watch.running != moving:
        st.rerun()


follow_link()
for sheet in ("style.css", "bugs.css"):
    st.html(Path(__file__).parents[1] / "app" / sheet)
plan = head()
moving = held("paper", plan.configs).running
st.fragment(stage, run_every=POLL_SECONDS if moving else None)()
