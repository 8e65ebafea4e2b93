"""The parts of the page "Compare": controls, answer, figures, table and downloads."""

from __future__ import annotations

import functools
import html

import streamlit as st

from app.session import link, state
from app.session.query import Selection
from app.widgets import room
from app.widgets.controls import skew_key, widgets
from app.widgets.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.widgets.method_list import method_list
from app.widgets.page import warn
from app.widgets.terms import theme_mode
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.kit.base import Drawing
from fedrot_core.figures.study.comparison import compare_figures
from fedrot_core.figures.study.comparison_kit import plot_height
from fedrot_core.figures.study.learning_grid import grid_height
from fedrot_core.methods import METHODS
from fedrot_core.study.comparison import Comparison, Plan
from fedrot_core.study.seeds import MOST_SEEDS
from fedrot_core.study.summary import EXACT_BELOW
from fedrot_core.study.tables import as_csv, as_json
from fedrot_core.wording import counted

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
            state.LINK.tell(["At least one method must be compared; the selection was left as it was."])

    link.give("compare_arms", list(now.compare))
    st.multiselect(
        "Methods compared", names, format_func=lambda name: METHODS[name].card.label, key="compare_arms",
        on_change=link.wish("compare_arms", take_arms),
        help="All run on the same seeds, splits and mini-batches: only the method differs.",
    )  # fmt: skip
    method_list(names)
    link.give("compare_seeds", now.seeds)
    st.number_input(
        "Seeds", 1, MOST_SEEDS, step=1, key="compare_seeds",
        on_change=link.wish("compare_seeds", lambda chosen: state.select(seeds=chosen)),
        help="Each seed splits the data and draws initial factors and mini-batches anew; more seeds, surer results.",
    )  # fmt: skip
    widgets((*skew_key(state.config().task), *MAIN_CONTROLS))
    train, data = state.config().train, state.config().data
    st.caption(
        f"{counted(data.clients, 'client')}, {counted(train.rounds, 'round')} of "
        f"{counted(train.local_steps, 'local step')}, seeds counted "
        f"from {state.config().seed}. These and all settings not shown here are those of the lab."
    )


def refusals(plan: Plan) -> None:
    """Name the methods that cannot run here, each with its reason; one line where all share it."""
    warn(plan.left_out)
    if plan.refused and not plan.cards:
        st.error("None of the chosen methods can run with these settings. Change a setting or choose other methods.")


def answer(shown: Comparison, stale: bool) -> None:
    """The page's answer, and what it leaves open; ``stale`` while it is about the settings before a change."""
    choice, caveats = map(html.escape, shown.verdict)
    before, tag = ("Before your change: ", "span") if stale else ("", "b")
    st.html(f'<p class="fedrot-look" role="status">{before}<{tag}>{choice}</{tag}> {caveats}</p>')


def room_controls() -> None:
    """Menu of figures and keys of the lecture room."""
    labels = [drawing.label for drawing in compare_figures((), (), 0)]
    count = len(labels)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="room_controls"):
        room.controls(labels, {
            "next": lambda: room.go(room.slide(count) + 1, count),
            "back": lambda: room.go(room.slide(count) - 1, count),
        })  # fmt: skip


def figure_in_room(shown: Comparison) -> None:
    """The one figure that the lecture room shows."""
    drawings = compare_figures(shown.runs, shown.plan.cards, len(shown.plan.configs))
    n = room.slide(len(drawings))
    _card(drawings[n], shown, plot_height(len(shown.plan.cards)), fills=True)


def figures(shown: Comparison) -> None:
    """Small multiples above, errors and cost side by side below."""
    drawings = compare_figures(shown.runs, shown.plan.cards, len(shown.plan.configs))
    arms = len(shown.plan.cards)
    first, *below = drawings
    _card(first, shown, grid_height(arms))
    for drawing, column in zip(below, st.columns(len(below), gap="medium"), strict=True):
        with column:
            _card(drawing, shown, plot_height(arms))
    for drawing in drawings:
        if drawing.name == table_wanted():
            name = f"fedrot-{drawing.name}-{shown.plan.key}"
            numbers_dialog(drawing.label, drawing.question, drawing.draw(theme_mode()), name)


def _card(drawing: Drawing, shown: Comparison, height: int, fills: bool = False) -> None:
    key, done, total = shown.plan.key, len(shown.runs), len(shown.plan.configs)
    chart(
        f"figure_{drawing.name}", drawing.draw, (key, tuple(run.config for run in shown.runs)), height=height,
        label=drawing.label, filename=f"fedrot-{drawing.name}-{key}", uirevision=key,
        version=f"{key}:{done}:{theme_mode()}",
        triggers={"table": functools.partial(ask_table, drawing.name)},
        footer=Provenance.of_study(f"comparison {key}", shown.plan.configs[0], f"{done} of {counted(total, 'seed')}"),
        fills=fills,
    )  # fmt: skip


def results_table(shown: Comparison, finished: bool) -> None:
    """All numbers, sortable; CSV and JSON once no more are coming."""
    import pandas as pd  # here: a server starts sooner without it

    rows = shown.rows
    frame = pd.DataFrame(rows)
    stopped = [f"{r['stopped_seeds']} of {r['seeds']}" if r["stopped_seeds"] else "" for r in rows]
    units = frame.assign(
        score=100 * frame["score"],
        spread=[f"{100 * r['score_low']:.1f} to {100 * r['score_high']:.1f}" for r in rows],
        exact=["✓" if r["exact"] else "" for r in rows],
        bytes_up=frame["bytes_up"] / 1000,
        bytes_down=frame["bytes_down"] / 1000,
        work_ms=1000 * frame["work_seconds"],
        stopped=stopped,
    )
    columns = st.column_config
    st.dataframe(
        units.sort_values("score", ascending=False), hide_index=True, key="compare_table",
        height=38 + 35 * len(rows),
        column_order=["label", "score", "spread", "error", "exact", "bytes_up", "bytes_down", "work_ms",
                      *(["stopped"] if any(stopped) else []), "trains", "sends", "paper"],
        column_config={
            "label": columns.TextColumn("Method", pinned=True),
            "score": columns.NumberColumn(
                "Score, %", format="%.1f", width="small", help=f"{shown.score_name} after the last round, median"),
            "spread": columns.TextColumn("Quartiles, %", help="Lower to upper quartile over seeds"),
            "error": columns.NumberColumn(
                "Final error", format="%.2g", width="small",
                help="Relative aggregation error in the last round, median over seeds"),
            "exact": columns.TextColumn(
                "Exact?", width="small", help=f"Measured: median relative error below {EXACT_BELOW:g}"),
            "bytes_up": columns.NumberColumn("Up, kB", format="%.2f", width="small", help="Per client and round"),
            "bytes_down": columns.NumberColumn("Down, kB", format="%.2f", width="small", help="Per client and round"),
            "work_ms": columns.NumberColumn(
                "Work, ms", format="%.2f", width="small",
                help="One client's preparation and the server's rule, per round, measured when and where the run was "
                "computed, perhaps earlier and on another machine; local training, the same for all, is not included"),
            "stopped": columns.TextColumn("Stopped?", help="Number of seeds on which the method ended early"),
            "trains": columns.TextColumn("Trains"),
            "sends": columns.TextColumn("Sends", width="large"),
            "paper": columns.TextColumn("Source"),
        },
    )  # fmt: skip
    if finished:
        with st.container(horizontal=True, gap="small"):
            st.download_button(
                "Table as CSV", as_csv(rows).encode(), f"fedrot-compare-{shown.plan.key}.csv", "text/csv",
                on_click="ignore", icon=":material/download:",
            )  # fmt: skip
            st.download_button(
                "Every seed as JSON", as_json(shown.content).encode(), f"fedrot-compare-{shown.plan.key}.json",
                "application/json", on_click="ignore", icon=":material/download:",
            )  # fmt: skip
