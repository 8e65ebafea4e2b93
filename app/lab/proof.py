"""The proof strip: four statements that hold in every round, with the numbers that show it."""

from __future__ import annotations

import html

import streamlit as st

from fedrot_core.records import RoundRecord

ROUNDING = 1e-9
"""Relative differences below this are float64 rounding on factors of this size."""


def proof_strip(record: RoundRecord) -> None:
    """Ticks and numbers for the selected arm and round."""
    statements = (
        ("RᵀR = I", "largest deviation", record.checks.orthogonal, record.checks.orthogonal < ROUNDING),
        ("(B R)(Rᵀ A) = B A", "largest relative change", record.checks.product, record.checks.product < ROUNDING),
        ("error ≥ rank-r floor", "smallest margin", record.checks.floor, record.checks.floor > -ROUNDING),
        (
            "ideal − B̄ Ā = Σ wₖ (Bₖ − B̄)(Aₖ − Ā)", "relative difference", record.checks.identity,
            record.checks.identity < ROUNDING,
        ),
    )  # fmt: skip
    items = "".join(
        f'<li class="{"holds" if holds else "fails"}"><b>{"✓" if holds else "✗"} {html.escape(what)}</b>'
        f"<span>{html.escape(name)} {number:.1e}</span></li>"
        for what, name, number, holds in statements
    )
    st.html(f'<ul class="fedrot-proof" aria-label="Checked in this round">{items}</ul>')
