"""A figure card on the page: finding, chart that updates in place, save buttons, data table."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
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

    def table_asked() -> None:
        st.session_state["table_of"] = name

    figure = entry.draw(trace, view)
    _component()(
        key=key,
        data={
            "spec": figure.to_json(),
            "height": height,
            "label": entry.label,
            "filename": f"fedrot-{name}-{trace.config.hash}-round{view.round_index}",
            "uirevision": f"{name}-{trace.config.hash}-{view.arm}-{view.layer}",
            "version": f"{trace.config.hash}:{trace.rounds_done}:{view.round_index}",
        },
        on_client_change=functools.partial(picked, "client"),
        on_round_change=functools.partial(picked, "round"),
        on_table_change=table_asked,
    )


def data_dialog(trace: Trace, view: View) -> None:
    """Show the table behind the figure whose Data button was pressed, if any."""
    name = st.session_state.pop("table_of", None)
    if name is None:
        return
    entry = FIGURES[name]
    figure = entry.draw(trace, view)

    @st.dialog(f"{entry.label}: the numbers", width="large")
    def show() -> None:
        table = pd.DataFrame(figure_rows(figure))
        st.caption(entry.question)
        st.dataframe(table, hide_index=True)
        st.download_button(
            "Download CSV",
            table.to_csv(index=False).encode(),
            f"fedrot-{name}-{trace.config.hash}.csv",
            "text/csv",
            on_click="ignore",
        )

    show()
