"""Paper card: what does the paper report, what do the same methods do here, and what differs between the two?"""

import functools
from pathlib import Path

import streamlit as st

from app import replica
from app.components.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.components.paper_parts import differences, follow_link, head, lead
from app.components.sweep_progress import POLL_SECONDS, held, progress
from app.terms import theme_mode
from app.text import plain
from fedrot_core import paper
from fedrot_core.export.figures import Draw, Footer
from fedrot_core.figures.paper import curves, error_ratios, gap_title, shared_span

GLUE, DIGITS = f"{paper.MODEL}, from the paper", "small MLP on digits, ours"


def stage() -> None:
    """The sweep's progress and all figures; redrawn alone while runs come in."""
    watch = held("paper", runs.configs)
    found = {run.config.hash: run for run in watch.runs}
    progress("paper", watch, "runs")
    lead(runs, found)
    figures = drawn(found)
    places = [place for _ in range(len(figures) // 2) for place in st.columns(2, gap="large")] + [st.container()]
    ours = Footer.of(runs.base, "runs beside the paper", f"{len(found)} of {len(runs.configs)} runs")
    for place, (name, (label, draw)) in zip(places, figures.items(), strict=True):
        height = 330 if name == "error_ratios" else 270
        with place:
            chart(
                f"figure_{name}", draw, height=height, label=label, filename=f"fedrot-paper-{name}",
                uirevision=name, version=f"{name}:{len(found)}:{theme_mode()}",
                triggers={"table": functools.partial(ask_table, name)},
                footer=Footer(f"FedRot Lab · numbers of {paper.SOURCE}") if name.startswith("paper") else ours,
            )  # fmt: skip
    differences(runs)
    wanted = table_wanted()
    if wanted in figures:
        numbers_dialog(figures[wanted][0], paper.SOURCE, figures[wanted][1](theme_mode()), f"fedrot-paper-{wanted}")
    for run in found.values():
        for note in filter(None, (run.error, *(arm.stopped for arm in run.arms.values()))):
            st.warning(plain(f"Seed {run.config.seed}, {run.config.data.clients} clients: {note}"))
    if watch.running != moving:
        st.rerun()


def drawn(found: replica.Found) -> dict[str, tuple[str, Draw]]:
    """Label and function of every figure by name: the paper's left, ours right, in pairs of one height in points."""
    tables = (
        ("clients", "clients", "clients", paper.CLIENTS, replica.paper_lines(paper.ACCURACY), runs.clients),
        ("strength", "strength λ", "λ", paper.STRENGTHS, replica.strength_lines(), runs.strengths),
        ("rank", "rank r", "r", paper.RANKS, replica.paper_lines(paper.BY_RANK), runs.ranks),
    )
    out: dict[str, tuple[str, Draw]] = {}
    for name, x_title, letter, x, theirs, cells in tables:
        methods = [line.card.name for line in theirs] if name != "strength" else ["fedrot"]
        ours = replica.our_lines(cells, found, methods)
        spans = shared_span(theirs, ours)
        where = (
            f"at {letter} = {', '.join(f'{v:g}' for v in x)}"
            if name != "clients"
            else f"at {', '.join(map(str, x))} {letter}"
        )
        for whose, lines, span, source in (("Paper", theirs, spans[0], GLUE), ("Ours", ours, spans[1], DIGITS)):
            title = gap_title(whose, lines, where) if name != "strength" else replica.best_strength(whose, lines)
            label = f"{whose}: score by {x_title}"
            draw = functools.partial(
                curves, title=title, lines=lines, x=x, x_title=x_title, y_title="accuracy", source=source, span=span
            )
            out[f"{whose.lower()}_{name}"] = (label, draw)
    ratios = replica.ratios(runs, found)
    out["error_ratios"] = ("Error ratios", lambda mode: error_ratios(mode, ratios))
    return out


follow_link()
for sheet in ("style.css", "bugs.css"):
    st.html(Path(__file__).parents[1] / "app" / sheet)
runs = head()
moving = held("paper", runs.configs).running
st.fragment(stage, run_every=POLL_SECONDS if moving else None)()
