"""A figure card on the page: finding, chart that updates in place, save buttons, data table."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from fedrot_core.figures import FIGURES, View
from fedrot_core.figures.table import figure_rows
from fedrot_core.trace import Trace

HERE = Path(__file__).parent


@functools.cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "fedrot_live_figure",
        js=(HERE / "live_figure.js").read_text(encoding="utf-8"),
        isolate_styles=False,
    )


def chart(
    key: str,
    figure: go.Figure,
    *,
    height: int,
    label: str,
    filename: str,
    uirevision: str,
    version: str,
    triggers: Mapping[str, Callable[[], None]],
    footer: str = "FedRot Lab",
) -> None:
    """Draw any figure as a card that stays alive across reruns. Its title is the layout's.

    Args:
        key: stable, unique on the page; ``figure_{name}`` by custom. Triggers' values are in the session under it.
        height: chart height in px on wide screens.
        label: what the buttons call the figure.
        filename: of saved files, without ending.
        uirevision: zoom survives while it stays the same.
        version: says what is drawn; the page's node carries it as ``data-version``.
        triggers: "client", "round" or "pick" (a click on a mark) or "table" (the Data button) -> what to do.
        footer: printed under saved pictures: which run and what of it they show.
    """
    _component()(
        key=key,
        data={
            "spec": figure.to_json(),
            "height": height,
            "label": label,
            "filename": filename,
            "uirevision": uirevision,
            "version": version,
            "footer": footer,
        },
        **{f"on_{name}_change": call for name, call in triggers.items()},
    )


def ask_table(name: str) -> None:
    """Remember that the Data button of the card ``name`` was pressed."""
    st.session_state["table_of"] = name


def table_wanted() -> str | None:
    """Name of the card whose Data button was pressed since the last call, if any."""
    name: str | None = st.session_state.pop("table_of", None)
    return name


def numbers_dialog(label: str, question: str, figure: go.Figure, filename: str) -> None:
    """Show the table behind ``figure``, and offer it as CSV."""

    @st.dialog(f"{label}: the numbers", width="large")
    def show() -> None:
        table = pd.DataFrame(figure_rows(figure))
        st.caption(question)
        st.dataframe(table, hide_index=True)
        st.download_button(
            "Download CSV", table.to_csv(index=False).encode(), f"{filename}.csv", "text/csv", on_click="ignore"
        )

    show()


def figure_card(
    name: str, trace: Trace, view: View, height: int, on_pick: Callable[[str, int], None] | None = None
) -> None:
    """Draw the registered figure ``name`` and keep it alive across reruns.

    Args:
        name: entry of :data:`fedrot_core.figures.FIGURES`.
        trace, view: what is drawn and what is selected.
        height: chart height in px on wide screens.
        on_pick: called with ("client" | "round", value) when a person clicks a mark that stands for one.
    """
    entry = FIGURES[name]
    key = f"figure_{name}"

    def picked(kind: str) -> None:
        value = st.session_state[key].get(kind)
        if on_pick is not None and value is not None:
            on_pick(kind, int(value))

    chart(
        key,
        entry.draw(trace, view),
        height=height,
        label=entry.label,
        filename=f"fedrot-{name}-{trace.config.hash}-round{view.round_index}",
        uirevision=f"{name}-{trace.config.hash}-{view.arm}-{view.layer}",
        version=f"{trace.config.hash}:{trace.rounds_done}:{view.round_index}",
        triggers={
            "client": functools.partial(picked, "client"),
            "round": functools.partial(picked, "round"),
            "table": functools.partial(ask_table, name),
        },
        footer=_footer(trace, view),
    )


def _footer(trace: Trace, view: View) -> str:
    """Run, seed and selection, for saved pictures."""
    arm = next(card.label for card in trace.arms if card.name == view.arm)
    shown = f"{arm}, {trace.task.layers[view.layer]}, client {view.client}, round {view.round_index}"
    config = trace.config
    run = f"run {config.hash}, seed {config.seed}, α {config.data.alpha:g}, rank {config.lora.rank}"
    return f"FedRot Lab · {run} · {shown} · engine {trace.engine}"


def data_dialog(trace: Trace, view: View) -> None:
    """Show the table behind the registered figure whose Data button was pressed, if any."""
    name = table_wanted()
    if name is not None and name in FIGURES:
        entry = FIGURES[name]
        numbers_dialog(entry.label, entry.question, entry.draw(trace, view), f"fedrot-{name}-{trace.config.hash}")
