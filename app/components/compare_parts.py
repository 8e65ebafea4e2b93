"""The parts of the page "Compare": controls, answer, figures, table and downloads."""

from __future__ import annotations

import functools
import html
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from app import link, state
from app.comparison import Plan, as_json, table, verdict
from app.components.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.components.method_list import method_list
from app.controls import skew_key, widgets
from app.share import MOST_SEEDS, Selection
from app.terms import theme_mode
from fedrot_core.export.figures import Footer
from fedrot_core.figures.compare import COMPARE_FIGURES, CompareFigure
from fedrot_core.figures.compare_base import CompareView, plot_height
from fedrot_core.figures.compare_curves import grid_height
from fedrot_core.methods import METHODS
from fedrot_core.summary import EXACT_BELOW, RunSummary

MAIN_CONTROLS = ("rank", "frames", "theta", "part")


def controls() -> None:
    """Methods, seeds and the settings that decide most, in the sidebar; all others are the lab's."""
    first = Selection().compare
    names = sorted(METHODS, key=lambda n: (n not in first, METHODS[n].card.label.lower()))
    now = state.selection()

    def take_arms(chosen: list[str]) -> None:
        if chosen:
            state.select(compare=tuple(chosen))
        else:
            st.session_state["problems"] = ["Methods must name at least one; the selection was left as it was."]

    link.give("compare_arms", list(now.compare))
    st.multiselect(
        "Methods compared", names, format_func=lambda name: METHODS[name].card.label, key="compare_arms",
        on_change=link.wish("compare_arms", take_arms),
        help="Same seeds, same splits, same mini-batches: only the method differs.",
    )  # fmt: skip
    method_list(names)
    link.give("compare_seeds", now.seeds)
    st.slider(
        "Seeds", 1, MOST_SEEDS, key="compare_seeds",
        on_change=link.wish("compare_seeds", lambda chosen: state.select(seeds=chosen)),
        help="Each seed deals the data, draws the starts and the mini-batches anew. More seeds, surer differences.",
    )  # fmt: skip
    widgets((*skew_key(state.config().task), *MAIN_CONTROLS))
    train, data = state.config().train, state.config().data
    st.caption(
        f"{data.clients} clients, {train.rounds} rounds of {train.local_steps} local steps, seeds from "
        f"{state.config().seed} on. These and all other settings are those of the lab."
    )


def refusals(plan: Plan) -> None:
    """Name the methods that cannot run here, each with its reason; one line where all share it."""
    by_reason: dict[str, list[str]] = {}
    for name, why in plan.refused.items():
        by_reason.setdefault(why, []).append(METHODS[name].card.label)
    for why, labels in by_reason.items():
        st.warning(f"Left out: {', '.join(labels)}. {why}")
    if plan.refused and not plan.cards:
        st.error("None of the chosen methods can run with these settings. Change a setting or choose other methods.")


def answer(runs: Sequence[RunSummary], plan: Plan, stale: bool) -> None:
    """The page's answer, and what it leaves open; ``stale`` while it is about the settings before a change."""
    choice, caveats = (html.escape(text) for text in verdict(runs, plan.cards))
    before, tag = ("Before your change: ", "span") if stale else ("", "b")
    st.html(f'<p class="fedrot-look" role="status">{before}<{tag}>{choice}</{tag}> {caveats}</p>')


def figures(runs: Sequence[RunSummary], plan: Plan, seeds: int) -> None:
    """Small multiples above, errors and cost side by side below."""
    view = CompareView(plan.cards, theme_mode(), seeds)
    grid, *below = COMPARE_FIGURES
    _card(grid, runs, view, plan, grid_height(len(plan.cards)))
    for figure, column in zip(below, st.columns(len(below), gap="medium"), strict=True):
        with column:
            _card(figure, runs, view, plan, plot_height(len(plan.cards)))
    wanted = table_wanted()
    for figure in COMPARE_FIGURES:
        if figure.name == wanted:
            numbers_dialog(figure.label, figure.question, figure.draw(runs, view), f"fedrot-{wanted}-{plan.key}")


def _card(figure: CompareFigure, runs: Sequence[RunSummary], view: CompareView, plan: Plan, height: int) -> None:
    done, key = list(runs), plan.key
    chart(
        f"figure_{figure.name}", lambda mode: figure.draw(done, replace(view, mode=mode)), height=height,
        label=figure.label, filename=f"fedrot-{figure.name}-{key}", uirevision=key,
        version=f"{key}:{len(runs)}:{view.mode}", triggers={"table": functools.partial(ask_table, figure.name)},
        footer=Footer.of(plan.configs[0], f"comparison {key}", f"{len(runs)} of {len(plan.configs)} seeds"),
    )  # fmt: skip


def results_table(runs: Sequence[RunSummary], plan: Plan, finished: bool) -> None:
    """All numbers, sortable; CSV and JSON once no more are coming."""
    rows = table(runs, plan.cards)
    frame = pd.DataFrame(rows)
    shown = frame.assign(
        score=100 * frame["score"],
        spread=[f"{100 * r['score lower quartile']:.1f} to {100 * r['score upper quartile']:.1f}" for r in rows],
        exact=["✓" if r["exact"] else "" for r in rows],
        **{"bytes up": frame["bytes up"] / 1000, "bytes down": frame["bytes down"] / 1000},
    )
    columns = st.column_config
    name = runs[0].score_name
    st.dataframe(
        shown.sort_values("score", ascending=False), hide_index=True, key="compare_table",
        height=38 + 35 * len(rows),
        column_order=["method", "score", "spread", "final error", "exact", "bytes up", "bytes down", "work ms",
                      *(["stopped"] if any(r["stopped"] for r in rows) else []), "trains", "sends", "paper"],
        column_config={
            "method": columns.TextColumn("Method", pinned=True),
            "score": columns.NumberColumn(
                "Score, %", format="%.1f", width="small", help=f"{name} after the last round, median"),
            "spread": columns.TextColumn("Quartiles, %", help="Lower to upper quartile over seeds"),
            "final error": columns.NumberColumn(
                "Final error", format="%.2g", width="small",
                help="Relative aggregation error in the last round, median over seeds"),
            "exact": columns.TextColumn(
                "Exact?", width="small", help=f"Measured: median relative error below {EXACT_BELOW:g}"),
            "bytes up": columns.NumberColumn("Up, kB", format="%.2f", width="small", help="Per client and round"),
            "bytes down": columns.NumberColumn("Down, kB", format="%.2f", width="small", help="Per client and round"),
            "work ms": columns.NumberColumn(
                "Work, ms", format="%.2f", width="small",
                help="One client's preparation and the server's rule, per round, measured when and where the run was "
                "computed, maybe earlier and on another machine; local training is the same for all and not in it"),
            "stopped": columns.TextColumn("Stopped?", help="Seeds in which the method ended early"),
            "trains": columns.TextColumn("Trains"),
            "sends": columns.TextColumn("Sends"),
            "paper": columns.TextColumn("Source"),
        },
    )  # fmt: skip
    if finished:
        with st.container(horizontal=True, gap="small"):
            st.download_button(
                "Table as CSV", frame.to_csv(index=False).encode(), f"fedrot-compare-{plan.key}.csv", "text/csv",
                on_click="ignore", icon=":material/download:",
            )  # fmt: skip
            st.download_button(
                "Every seed as JSON", as_json(runs, plan.cards).encode(), f"fedrot-compare-{plan.key}.json",
                "application/json", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
