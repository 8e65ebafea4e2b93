"""Small matrices and numbers as LaTeX, two decimals each."""

from __future__ import annotations

from fedrot_core.records import Array


def number(value: float) -> str:
    """Two decimals, never ``-0.00``."""
    return f"{round(float(value), 2) + 0.0:.2f}"


def bmatrix(values: Array) -> str:
    """A matrix in square brackets."""
    rows = r" \\ ".join(" & ".join(number(v) for v in row) for row in values)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"
