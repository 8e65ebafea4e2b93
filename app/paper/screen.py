"""Paper card: what does the paper report, what do the same methods do here, and what differs between the two?"""

from __future__ import annotations

import functools

import streamlit as st

from app.paper.parts import LINK, differences, frames_choice, lead
from app.widgets.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.widgets.page import follow, frame, warn
from app.widgets.sweep_progress import followed, pace, progress
from app.widgets.terms import theme_mode
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.figures.study.paper import paper_figures
from fedrot_core.study import paper
from fedrot_core.study.replica import VARIED, PaperCard, Plan, plan

SWEEP = "paper"


def page() -> None:
    """The whole page."""
    with frame("Paper card: the paper's numbers beside ours", LINK):
        frames_choice()
    planned = plan(LINK.place.settings, LINK.place.seeds)
    followed(SWEEP, planned.configs)
    follow(functools.partial(stage, planned), lambda: pace(SWEEP))


def stage(planned: Plan) -> None:
    """The sweep's progress and all figures; redrawn alone while runs come in."""
    watch = followed(SWEEP, planned.configs)
    card = PaperCard.of(planned, watch.runs)
    done, wanted = len(card.found), table_wanted()
    progress(SWEEP, watch, "runs")
    lead(card)
    drawings = paper_figures(card.tables, card.ratios)
    places = [place for _ in range(len(drawings) // 2) for place in st.columns(2, gap="large")] + [st.container()]
    ours = Provenance.of_study("runs beside the paper", planned.base, f"{done} of {len(planned.configs)} runs", VARIED)
    theirs = Provenance(line(f"numbers of {paper.SOURCE}"))
    for place, drawing in zip(places, drawings, strict=True):
        name = drawing.name
        with place:
            chart(
                f"figure_{name}", drawing.draw, (planned.base, tuple(card.found)),
                height=330 if name == "error_ratios" else 270, label=drawing.label,
                filename=f"fedrot-paper-{name}", uirevision=name, version=f"{name}:{done}:{theme_mode()}",
                triggers={"table": functools.partial(ask_table, name)},
                footer=theirs if name.startswith("paper") else ours,
            )  # fmt: skip
        if wanted == name:
            numbers_dialog(drawing.label, paper.SOURCE, drawing.draw(theme_mode()), f"fedrot-paper-{name}")
    differences(card)
    warn(card.troubles)
