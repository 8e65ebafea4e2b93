"""What is looked at: whose clients, which layer, which client. One selection drives every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.session import link, state
from fedrot_core.figures import View
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace


def pick(kind: str, value: int) -> None:
    """A click on a mark: select that client or that round."""
    if kind == "client":
        state.select(client=value)
    else:
        state.stop_playing()
        state.select(round_index=value)


def selectors(trace: Trace, view: View, record: RoundRecord | None) -> None:
    """Arm, layer, input column and client, behind one button that says what is selected.

    Args:
        record: of the selected arm; without one, as of an arm that stopped at once, only another arm can be chosen.
    """
    labels = {card.name: card.label for card in trace.arms}
    now = f"{labels[view.arm]} · {trace.task.layers[view.layer]} · client {view.client}"
    with st.popover(now, icon=":material/tune:", key="selectors", help="Choose what the figures show"):
        _one_of("Clients of which method", "arm", list(labels), view.arm, labels)
        if record is None:
            return
        layers = dict(enumerate(trace.task.layers))
        if len(layers) > 1:
            _one_of("Layer", "layer", list(layers), view.layer, layers)
        columns = {n: str(column) for n, column in enumerate(record.arrows.features[view.layer])}
        _one_of("Column of A (the six longest)", "feature", list(columns), min(view.feature, len(columns) - 1), columns)
        clients = list(range(len(trace.task.sample_counts)))
        _menu("Client", "client", clients, view.client)


def _one_of(label: str, name: str, options: Sequence[Any], value: Any, labels: Mapping[Any, str]) -> None:
    key = f"select_{name}"

    changed = link.wish(key, lambda chosen: state.select(**{name: chosen}))
    link.give(key, value)
    st.segmented_control(
        label, options, key=key, format_func=lambda option: labels[option], on_change=changed, required=True
    )


def _menu(label: str, name: str, options: Sequence[int], value: int) -> None:
    key = f"select_{name}"

    changed = link.wish(key, lambda chosen: state.select(**{name: chosen}))
    link.give(key, value)
    st.selectbox(label, options, key=key, on_change=changed, width=110)
