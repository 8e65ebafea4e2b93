"""The figures of a diagnosis."""

from __future__ import annotations

import functools

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.diagnose.place import LINK, SETS, go
from app.widgets.live_figure import ask_table, chart, numbers_dialog, table_wanted
from app.widgets.terms import theme_mode
from fedrot_core.adapters.diagnosis import Diagnosis
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.figures.adapters import adapter_figures
from fedrot_core.figures.adapters.names import height as rows_height
from fedrot_core.wording import counted

HEIGHT = 330

BY_LAYER = ("adapter_ladder", "adapter_layers")
"""Figures with a row for each layer."""


def figures(found: Diagnosis, name: str, layer: int, client: int) -> DeltaGenerator:
    """All of them, two in a row.

    Args:
        name: of the diagnosis; layer, client: indices of what is selected.

    Returns:
        The place that is left in the last row.
    """
    wanted = table_wanted()
    drawings = adapter_figures(found, layer, client)
    places = [place for _ in range(len(drawings) // 2 + 1) for place in st.columns(2, gap="large")]
    source = Provenance(
        line(
            f"adapters: {SETS[LINK.place.set].lower()}", counted(len(found.clients), "client"),
            counted(len(found.layers), "layer"),
        )
    )  # fmt: skip
    for place, drawing in zip(places, drawings, strict=False):
        with place:
            chart(
                f"figure_{drawing.name}", drawing.draw, (name, layer, client), label=drawing.label,
                height=max(HEIGHT, rows_height(len(found.layers))) if drawing.name in BY_LAYER else HEIGHT,
                filename=f"fedrot-{drawing.name.replace('_', '-')}", uirevision=f"{drawing.name}-{name}",
                version=f"{name}:{layer}:{client}:{theme_mode()}",
                triggers={
                    "pick": functools.partial(_picked, drawing.name, found),
                    "table": functools.partial(ask_table, drawing.name),
                },
                footer=source,
            )  # fmt: skip
        if wanted == drawing.name:
            numbers_dialog(
                drawing.label, drawing.question, drawing.draw(theme_mode()),
                f"fedrot-{drawing.name.replace('_', '-')}",
            )  # fmt: skip
    return places[len(drawings)]


def _picked(drawing: str, found: Diagnosis) -> None:
    """Select the layer or client whose mark was clicked."""
    picked = st.session_state[f"figure_{drawing}"].get("pick")
    things = found.clients if drawing == "adapter_clients" else [layer.name for layer in found.layers]
    if isinstance(picked, int) and 0 <= picked < len(things):
        go(**{"client" if drawing == "adapter_clients" else "layer": things[picked]})
