"""What is looked at: whose clients, which layer, which client. One selection drives every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import link, state
from app.terms import theme_mode
from fedrot_core.figures import View
from fedrot_core.trace import RoundRecord, Trace


def pick(kind: str, value: int) -> None:
    """A click on a mark: select that client or that round."""
    if kind == "client":
        state.select(client=value)
    else:
        st.session_state["playing"] = False
        state.select(round_index=value)


def shown_arm(trace: Trace) -> str:
    """The selected arm; FedRot-LoRA if none is, so that its settings act on what is seen."""
    names = [card.name for card in trace.arms]
    wanted = state.selection().arm
    usual = "fedrot" if "fedrot" in names else names[0]
    return wanted if wanted in names else usual


def current_view(trace: Trace, round_index: int, moving: bool) -> View:
    """The selection as the figures take it, within what this trace holds."""
    now = state.selection()
    return View(
        arm=shown_arm(trace),
        round_index=round_index,
        client=min(now.client, len(trace.task.sample_counts) - 1),
        layer=min(now.layer, len(trace.task.layers) - 1),
        feature=now.feature,
        mode=theme_mode(),
        moving=moving,
    )


def selectors(trace: Trace, view: View, record: RoundRecord) -> None:
    """Arm, layer, input column and client, behind one button that says what is selected."""
    labels = {card.name: card.label for card in trace.arms}
    now = f"{labels[view.arm]} · {trace.task.layers[view.layer]} · client {view.client}"
    with st.popover(now, icon=":material/tune:", key="selectors", help="What the figures show"):
        _one_of("Whose clients", "arm", list(labels), view.arm, labels)
        layers = dict(enumerate(trace.task.layers))
        if len(layers) > 1:
            _one_of("Layer", "layer", list(layers), view.layer, layers)
        columns = {n: str(column) for n, column in enumerate(record.features[view.layer])}
        _one_of("Column of A (the longest six)", "feature", list(columns), min(view.feature, len(columns) - 1), columns)
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
