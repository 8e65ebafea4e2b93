"""The numbers behind a figure, as rows for a table or a CSV file."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.error_axis import ZERO_AT

ROWS = "rows"
"""Key of a figure's ``meta`` whose value names what stands at y = 0, 1, 2: a layer a row."""


def figure_rows(figure: go.Figure) -> list[dict[str, Any]]:
    """One row a drawn point: series name, then its coordinates under the names of the axes.

    Heatmaps give one row a cell. Points without coordinates (NaN or None) and ghosts, which repeat other
    series, are left out. Zeros that a log axis draws at its edge are zeros here.
    """
    rows: list[dict[str, Any]] = []
    meta = figure.layout.meta or {}
    named = meta.get(ROWS)
    zero = (figure.layout.meta or {}).get(ZERO_AT)
    for trace in figure.data:
        if isinstance(trace.meta, dict) and trace.meta.get("ghost"):
            continue
        x_name, y_name = (_axis_title(figure, getattr(trace, ref) or ref[0]) for ref in ("xaxis", "yaxis"))
        name = trace.name or trace.type
        if trace.type == "heatmap":
            z = np.asarray(trace.z, dtype=object)
            for i, line in enumerate(z):
                for j, value in enumerate(line):
                    x = trace.x[j] if trace.x is not None else j
                    y = trace.y[i] if trace.y is not None else i
                    at = {x_name: _plain(x), y_name: _plain(y)}
                    if named:
                        ticks = figure.layout[f"xaxis{(trace.xaxis or 'x')[1:]}"].ticktext
                        at = {"layer": named[int(y)], "column": ticks[int(x)]}
                    rows.append({"series": name, **at, "value": _plain(value)})
            continue
        ends = {"u": trace.u, "v": trace.v} if trace.type == "quiver" else {}
        for n, (x, y) in enumerate(zip(_list(trace.x), _list(trace.y), strict=False)):
            if x is None or y is None or y != y:
                continue
            extra = {k: _plain(v[n]) for k, v in ends.items() if v is not None}
            if named:
                rows.append({"series": name, "layer": named[int(y)], x_name: _plain(x)})
                continue
            height = 0.0 if y == zero else _plain(y)
            rows.append({"series": name, x_name: _plain(x), y_name: height, **extra})
    return rows


def _axis_title(figure: go.Figure, ref: str) -> str:
    """Title text of axis ``"x2"``, or its letter where it has none."""
    letter, number = ref[0], ref[1:]
    axis = figure.layout[f"{letter}axis{number}"]
    if not axis.title.text and axis.matches and axis.matches != ref:
        return _axis_title(figure, axis.matches)
    return (axis.title.text or letter).removesuffix(" (log)")  # numbers are not: only the axis is


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
