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
        (
            "RᵀR = I", "largest deviation", record.checks.orthogonal, record.checks.orthogonal < ROUNDING,
            "Every alignment R is orthogonal: it turns or mirrors, and changes no length.",
        ),
        (
            "(B R)(Rᵀ A) = B A", "largest relative change", record.checks.product, record.checks.product < ROUNDING,
            "Turning a client changes its factors, but not its update.",
        ),
        (
            "error ≥ rank-r floor", "smallest margin", record.checks.floor, record.checks.floor > -ROUNDING,
            "No average of factors comes closer to the ideal than the best matrix of rank r (Eckart–Young).",
        ),
        (
            "ideal − B̄ Ā = Σ wₖ (Bₖ − B̄)(Aₖ − Ā)", "relative difference", record.checks.identity,
            record.checks.identity < ROUNDING,
            "What the naive average leaves out is the weighted covariance of the clients' factors.",
        ),
    )  # fmt: skip
    items = "".join(
        f'<li class="{"holds" if holds else "fails"}" title="{html.escape(meaning)}">'
        f"<b>{'✓' if holds else '✗'} {html.escape(what)}</b>"
        f"<span>{html.escape(name)} {_short(number)}</span></li>"
        for what, name, number, holds, meaning in statements
    )
    st.html(f'<ul class="fedrot-proof" aria-label="Identities checked in this round">{items}</ul>')


def _short(number: float) -> str:
    """One digit: ``2e-16``, ``0.3``."""
    return f"{number:.1g}".replace("-", "−", 1) if number < 0 else f"{number:.1g}"
