"""The row of presets, beside the lab's heading."""

from __future__ import annotations

import streamlit as st

from app.session import link, state
from fedrot_core.study.presets import PRESETS, matching


def preset_row() -> None:
    """One click loads a preset and keeps the seed."""
    now = matching(state.config())
    names = {preset.name: preset for preset in PRESETS}

    def take(chosen: str | None) -> None:
        if chosen is not None:
            state.set_config(names[chosen].config.with_values({"seed": state.config().seed}))
            state.select(round_index=names[chosen].round_index)

    link.give("preset", now.name if now else None)
    st.segmented_control(
        "Presets", list(names), format_func=lambda name: names[name].title, key="preset",
        on_change=link.wish("preset", take), label_visibility="collapsed",
    )  # fmt: skip
