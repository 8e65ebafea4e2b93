"""Where alignment pays and where it hurts: a map of settings, two of their values on the axes.

Drawn from plain numbers, since a map stands for many runs and not for one trace.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import Drawing
from fedrot_core.figures.kit.layout import fitting
from fedrot_core.figures.kit.theme import DIVERGING, GRID, INK, MUTED, base_figure
from fedrot_core.study.plotted import Axis, Cell
from fedrot_core.study.summary import SAME_ERROR
from fedrot_core.wording import percent, signed, times

DECADES = math.log10(30)
"""Colours are fixed from thirty times worse to thirty times better; beyond that they stay as they are."""

SAME_RATIO = math.log10(1 + SAME_ERROR)


def when_figure(cells: Sequence[Cell], x: Axis, y: Axis, naive: str, aligned: str, score: str) -> Drawing:
    """The map, ready to be drawn; arguments as of :func:`when_map`."""
    question = "When does alignment matter, and when does it hurt?"
    return Drawing("when", "Where alignment matters", question,
                   lambda mode: when_map(cells, x, y, naive, aligned, score, mode))  # fmt: skip


def when_map(cells: Sequence[Cell], x: Axis, y: Axis, naive: str, aligned: str, score: str, mode: str) -> go.Figure:
    """Heatmap of log10(naive / aligned error), with a clickable square in each cell.

    Args:
        cells: one for each pair of axis values, in any order.
        naive, aligned, score: what the two arms and their score are called.
        mode: "light" or "dark".
    """
    columns, rows = ({value: n for n, value in enumerate(axis.values)} for axis in (x, y))
    z: list[list[float | None]] = [[None] * len(columns) for _ in rows]
    text = [[""] * len(columns) for _ in rows]
    for cell in cells:
        i, j = rows[cell.y], columns[cell.x]
        if cell.known:
            z[i][j], text[i][j] = cell.ratio, f"<b>{times(10**cell.ratio)}</b><br>{signed(cell.gain)}\u00a0pt"
    title = _finding(cells, x, y, naive, aligned)
    axis = {"showgrid": False, "fixedrange": True, "zeroline": False, "ticks": ""}
    ticks = [sign * math.log10(size) for sign, size in ((-1, 10), (-1, 3), (1, 1), (1, 3), (1, 10))]
    bar = {
        "tickvals": ticks, "ticktext": ["10× worse", "3×", "equal", "3×", "10× better"],
        "thickness": 12, "outlinewidth": 0, "len": 1, "lenmode": "fraction", "tickfont": {"size": 12},
        "title": {"text": f"error of {aligned}<br>against {naive}<br>\u00a0", "side": "top", "font": {"size": 12}},
    }  # fmt: skip
    flat = {
        "orientation": "h", "x": 0.5, "xanchor": "center", "y": -0.2, "yanchor": "top", "len": 0.8,
        "tickvals": ticks[::2], "ticktext": ["10× worse", "equal", "10× better"],
        "title": {"text": f"error of {aligned} against {naive}"},
    }  # fmt: skip
    low, middle, high = DIVERGING[mode]
    fig = base_figure(
        mode, title, _alt(cells, naive, aligned, score, title),
        xaxis=axis | _ticks(x, columns, [-0.5, len(columns) - 0.5]),
        yaxis=axis | _ticks(y, rows, [-0.5, len(rows) - 0.5]),
        coloraxis={
            "cmin": -DECADES, "cmax": DECADES, "cmid": 0, "colorscale": [[0, low], [0.5, middle], [1, high]],
            "colorbar": bar,
        },
        margin={"r": 150}, dragmode=False, hoverdistance=-1,
        meta={"narrow": {
            "height": 500, "margin": {"l": 48, "r": 4, "b": 120}, "coloraxis": {"colorbar": flat},
        }},
    )  # fmt: skip
    fig.add_heatmap(
        z=z, x=list(range(len(columns))), y=list(range(len(rows))), name="log10(naive / aligned error)",
        coloraxis="coloraxis", text=text, texttemplate="%{text}", textfont={"size": 13, "color": INK[mode]},
        xgap=3, ygap=3, hoverinfo="skip",
    )  # fmt: skip
    _squares(fig, "settings", [c for c in cells if c.known], columns, rows, mode, [""], [
        f"{x.text(c.x)}, {y.text(c.y)}<br>{naive}: error {percent(c.naive_error)}<br>"
        f"{aligned}: error {percent(c.aligned_error)}<br>{score}: {signed(c.gain)}\u00a0points<br>"
        "click to open in the lab"
        for c in cells if c.known
    ])  # fmt: skip
    ended = [c for c in cells if c.done and not c.known]
    _squares(fig, "no result", ended, columns, rows, mode, ["no result"], [
        f"{x.text(c.x)}, {y.text(c.y)}<br>{c.note}<br>click to open in the lab" for c in ended
    ])  # fmt: skip
    open_ = [c for c in cells if not c.done]
    hover = [f"{x.text(c.x)}, {y.text(c.y)}: not run yet" for c in open_]
    _squares(fig, "pending", open_, columns, rows, mode, ["…"], hover, opacity=0.7)
    return fig


def _ticks(axis: Axis, positions: dict[float, int], limits: list[float]) -> dict[str, Any]:
    """Equal steps, labelled with the values."""
    labels = [f"{value:g}{axis.unit}" for value in axis.values]
    return {"title": {"text": axis.title}, "tickvals": list(positions.values()), "ticktext": labels, "range": limits}


def _squares(
    fig: go.Figure,
    name: str,
    cells: Sequence[Cell],
    columns: dict[float, int],
    rows: dict[float, int],
    mode: str,
    text: list[str],
    hover: list[str],
    opacity: float = 0,
) -> None:
    """Square marks that carry a click: ``meta["pick"]`` names what ``customdata`` is."""
    fig.add_scatter(
        x=[columns[c.x] for c in cells], y=[rows[c.y] for c in cells], mode="markers+text", name=name,
        text=text * len(cells), textfont={"color": MUTED[mode], "size": 13}, hovertext=hover,
        hovertemplate="%{hovertext}<extra></extra>", customdata=[c.key for c in cells], meta={"pick": "cell"},
        marker={"symbol": "square", "size": 40, "color": GRID[mode], "opacity": opacity},
    )  # fmt: skip


def _finding(cells: Sequence[Cell], x: Axis, y: Axis, naive: str, aligned: str) -> str:
    """What the map shows, with its numbers."""
    known = [c for c in cells if c.known]
    if len(known) < 2:
        return f"{sum(c.done for c in cells)} of {len(cells)}\u00a0settings computed"
    lower = sum(c.ratio > SAME_RATIO for c in known)
    higher = sum(c.ratio < -SAME_RATIO for c in known)
    most, least = max(known, key=lambda c: c.ratio), min(known, key=lambda c: c.ratio)
    count = f"Error lower with {aligned} in {lower} of {len(known)}\u00a0settings, higher in {higher}"
    if lower == higher == 0:
        return f"Error equal in all {len(known)}\u00a0settings: {aligned} does not change it"
    best = f"{times(10**most.ratio)} at {x.text(most.x)}, {y.text(most.y)}"
    worst = f"{times(10**least.ratio)} at {x.text(least.x)}, {y.text(least.y)}"
    return fitting(f"{count}: from {worst} to {best}", f"{count}: up to {best}", count)


def _alt(cells: Sequence[Cell], naive: str, aligned: str, score: str, title: str) -> str:
    """The takeaway for people who do not see the map."""
    known = [c for c in cells if c.known]
    if not known:
        return f"Map of {len(cells)}\u00a0settings; none has finished yet."
    gains = [c.gain for c in known]
    return (
        f"{title}. Aggregation error of the naive run over that of the aligned one, each on its own clients' "
        "factors, in the last round. "
        f"{score.capitalize()} of {aligned} minus {naive}: {signed(min(gains))} to {signed(max(gains))}\u00a0points."
    )
