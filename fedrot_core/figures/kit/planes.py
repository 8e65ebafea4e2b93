"""Planes with arrows: panels of one fixed scale, their headings and notes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fedrot_core.figures.kit.layout import nice
from fedrot_core.figures.kit.theme import GRID, INK, MUTED


def arrow(
    tips: Any, colour: str, width: float, head: float, reach: float, zorder: int = 1, **more: Any
) -> dict[str, Any]:
    """A trace of arrows from the origin to each row of ``tips``: lines with arrow heads, which tween between frames.

    Args:
        head: size of the heads in px; shrinks on arrows that are short against ``reach``, the axes' half range.
        zorder: higher is drawn later.
    """
    points = arrow_points(tips, head, reach)
    points["marker"] |= {"color": colour, "opacity": 1, "line": {"width": 0}}
    line = {"color": colour, "width": width}
    return {"type": "scatter", **points, "mode": "lines+markers", "line": line, "zorder": zorder, **more}


def arrow_points(tips: Any, head: float, reach: float) -> dict[str, Any]:
    """Coordinates and head sizes of arrows from the origin to each row of ``tips`` (n, 2)."""
    x: list[float | None] = []
    y: list[float | None] = []
    sizes: list[float] = []
    for px, py in np.atleast_2d(np.asarray(tips, dtype=float)):
        x += [0.0, float(px), None]
        y += [0.0, float(py), None]
        sizes += [0.0, min(head, max(4.0, 80 * math.hypot(px, py) / reach)), 0.0]
    marker = {"symbol": "arrow", "angleref": "previous", "size": sizes[:-1]}
    return {"x": x[:-1], "y": y[:-1], "marker": marker}


def heading(panel: int, text: str, mode: str, **more: Any) -> dict[str, Any]:
    """Text above subplot ``panel`` (from 1); it follows the panel when narrow screens move it."""
    n = "" if panel == 1 else str(panel)
    return {
        "xref": f"x{n} domain", "yref": f"y{n} domain", "x": 0.5, "y": 1, "xanchor": "center", "yanchor": "bottom",
        "yshift": 4, "text": text, "showarrow": False, "font": {"size": 14, "color": INK[mode]}, **more,
    }  # fmt: skip


def note(text: str, mode: str, **more: Any) -> dict[str, Any]:
    """A muted remark at the lower left, below the axis titles."""
    return {
        "xref": "paper", "yref": "paper", "x": 0, "y": 0, "xanchor": "left", "yanchor": "top", "xshift": -48,
        "yshift": -44,
        "text": text, "showarrow": False, "align": "left", "font": {"size": 12, "color": MUTED[mode]}, **more,
    }  # fmt: skip


def plane(panels: int, half_x: float, half_y: float, mode: str, top: float, gap: float = 0.05) -> dict[str, Any]:
    """Axes of ``panels`` planes in a row up to height ``top``: equal aspect, one fixed scale, no zoom."""
    layout: dict[str, Any] = {}
    for n in range(1, panels + 1):
        tag = "" if n == 1 else str(n)
        tick = nice(0.55 * half_x)
        shared = {
            "fixedrange": True, "zeroline": True, "zerolinecolor": GRID[mode], "showgrid": False,
            "tickvals": [-tick, 0, tick],
        }  # fmt: skip
        layout[f"xaxis{tag}"] = shared | {
            "range": [-half_x, half_x], "domain": row_domain(n - 1, panels, gap), "anchor": f"y{tag}",
            "constrain": "domain",
        }  # fmt: skip
        layout[f"yaxis{tag}"] = shared | {
            "range": [-half_y, half_y], "domain": [0, top], "anchor": f"x{tag}", "constrain": "domain",
            "scaleanchor": f"x{tag}", "showticklabels": n == 1,
        }  # fmt: skip
    return layout


def row_domain(n: int, panels: int, gap: float) -> list[float]:
    """The share of the width of panel ``n`` (from 0) among equal ones."""
    width = (1 - gap * (panels - 1)) / panels
    return [n * (width + gap), min(1.0, n * (width + gap) + width)]
