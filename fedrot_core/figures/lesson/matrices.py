"""Small matrices side by side as an equation of pictures, all cells of one size and on one diverging scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import plain
from fedrot_core.figures.kit.numbers import decimals, hover
from fedrot_core.figures.kit.theme import GHOST, GRID, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array

GAP = 1.5
"""Cells' widths between two matrices."""


@dataclass(frozen=True)
class Panel:
    """One matrix.

    Attributes:
        name: of the trace, for hover and table.
        heading: above it, may hold HTML.
        values: (rows, columns).
        before: the sign between this matrix and the one before.
        hidden: draw empty cells and a question mark.
    """

    name: str
    heading: str
    values: Array
    before: str = ""
    hidden: bool = False


def signed_scale(mode: str) -> list[list[Any]]:
    """Below zero vermillion, zero the surface, above zero blue."""
    return [[0, HUES[mode]["vermillion"]], [0.5, SURFACE[mode]], [1, HUES[mode]["blue"]]]


def product_of(panels: tuple[Panel, Panel, Panel], title: str, alt: str, mode: str, limit: float) -> go.Figure:
    """Left factor · right factor = product, in a row; where there is little room, the right factor above the product.

    Args:
        limit: the scale ends at ± this value, whatever is shown.
    """
    texts = [note for n, p in enumerate(panels) for note in _texts(n, p, mode)]
    tight = {**_scheme(panels), "annotations": [t for t in texts if t["text"] not in _signs(panels)]}
    fig = base_figure(
        mode, title, alt, margin={"l": 12, "r": 12, "t": 12, "b": 12},
        coloraxis={"cmin": -limit, "cmax": limit, "colorscale": signed_scale(mode), "showscale": False},
        annotations=texts, shapes=[_frame(n, p, mode) for n, p in enumerate(panels)],
        meta={
            "narrow": {**tight, "margin": {"t": 32}, "height": 400},
            "present": {**tight, "margin": {"t": 24, "b": 4}},
        },
        **_row(panels),
    )  # fmt: skip
    for n, p in enumerate(panels):
        z = np.zeros_like(p.values) if p.hidden else p.values
        fig.add_heatmap(
            z=plain(np.round(z, 6)), name=p.name, uid=p.name, coloraxis="coloraxis", xgap=1.5, ygap=1.5,
            xaxis=f"x{_tag(n)}", yaxis=f"y{_tag(n)}",  # no size of type: Plotly then fits numbers to their cells
            text=None if p.hidden else _numbers(p.values), texttemplate=None if p.hidden else "%{text}",
            **({"hoverinfo": "skip"} if p.hidden else
               hover(f"{p.name}, row %{{y}}, column %{{x}}: %{{hovertext}}", decimals(p.values, 3))),
        )  # fmt: skip
    return fig


def _tag(n: int) -> str:
    return "" if n == 0 else str(n + 1)


def _numbers(values: Array) -> list[list[str]]:
    """Cell texts with one decimal and a true minus sign; what rounds to zero is 0."""
    return [["0" if abs(v) < 0.05 else f"{float(v):.1f}".replace("-", "−") for v in row] for row in values]


def _signs(panels: Sequence[Panel]) -> set[str]:
    return {_sign(p) for p in panels}


def _sign(p: Panel) -> str:
    return f"<b>{p.before}</b>"


def _row(panels: Sequence[Panel]) -> dict[str, Any]:
    """All in a row. Every y axis spans as many cells, so that square cells have one size in all panels."""
    height = max(len(p.values) for p in panels)
    width = sum(p.values.shape[1] for p in panels) + GAP * (len(panels) - 1)
    layout, left = {}, 0.0
    for n, p in enumerate(panels):
        rows, columns = p.values.shape
        middle = (rows - 1) / 2
        shared = {"visible": False, "fixedrange": True, "constrain": "domain"}
        layout[f"xaxis{_tag(n)}"] = shared | {
            "range": [-0.5, columns - 0.5], "anchor": f"y{_tag(n)}",
            "domain": [left / width, min(1.0, (left + columns) / width)],
        }  # fmt: skip
        layout[f"yaxis{_tag(n)}"] = shared | {
            "range": [middle + height / 2, middle - height / 2], "anchor": f"x{_tag(n)}", "scaleanchor": f"x{_tag(n)}",
            "domain": [0.08, 0.92],
        }  # fmt: skip
        left += columns + GAP
    return layout


def _scheme(panels: tuple[Panel, Panel, Panel]) -> dict[str, Any]:
    """The left factor at the lower left, the right one above, the product where their rows and columns meet."""
    left, top, product = (p.values.shape for p in panels)
    width, height = left[1] + GAP / 2 + product[1], top[0] + GAP / 1.8 + product[0]
    right, low = [1 - product[1] / width, 1.0], [0.0, product[0] / height]
    places = (([0.0, left[1] / width], low), (right, [1 - top[0] / height, 1.0]), (right, low))
    out: dict[str, Any] = {}
    for n, ((x, y), (rows, _)) in enumerate(zip(places, (left, top, product), strict=True)):
        out[f"xaxis{_tag(n)}"] = {"domain": x}
        out[f"yaxis{_tag(n)}"] = {"domain": y, "range": [rows - 0.5, -0.5]}
    return out


def _texts(n: int, p: Panel, mode: str) -> list[dict[str, Any]]:
    """Heading on the upper edge, the sign before the matrix, and the question mark where it is hidden."""
    x, y = f"x{_tag(n)} domain", f"y{_tag(n)}"
    found: list[dict[str, Any]] = [
        {"xref": x, "yref": y, "x": 0.5, "y": -0.5, "xanchor": "center", "yanchor": "bottom", "yshift": 4,
         "text": p.heading, "showarrow": False, "font": {"size": 14, "color": INK[mode]}}
    ]  # fmt: skip
    if p.before:
        found.append(
            {"xref": x, "yref": f"{y} domain", "x": 0, "y": 0.5, "xanchor": "right", "yanchor": "middle", "xshift": -8,
             "text": _sign(p), "showarrow": False, "font": {"size": 24, "color": INK[mode]}}
        )  # fmt: skip
    if p.hidden:
        found.append(
            {"xref": x, "yref": f"{y} domain", "x": 0.5, "y": 0.5, "xanchor": "center", "yanchor": "middle",
             "text": "<b>?</b>", "showarrow": False, "font": {"size": 56, "color": MUTED[mode]}}
        )  # fmt: skip
    return found


def _frame(n: int, p: Panel, mode: str) -> dict[str, Any]:
    """A thin border, so that pale cells have an edge."""
    rows, columns = p.values.shape
    return {
        "type": "rect", "xref": f"x{_tag(n)}", "yref": f"y{_tag(n)}", "x0": -0.5, "x1": columns - 0.5, "y0": -0.5,
        "y1": rows - 0.5, "line": {"width": 1.5, "color": GHOST[mode] if p.hidden else MUTED[mode]},
        "fillcolor": GRID[mode] if p.hidden else "rgba(0,0,0,0)", "layer": "above" if not p.hidden else "below",
    }  # fmt: skip
