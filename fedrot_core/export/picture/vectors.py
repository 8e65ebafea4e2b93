"""What a browser would draw as an image, in shapes: cells of heatmaps and hatched bars, for SVG and PDF.

All functions work on a figure as plain data that has been laid out.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from fedrot_core.export.picture.cells import cell_size, cell_texts, pixels_per_unit

Spec = dict[str, Any]

Rectangle = tuple[float, float, float, float]
"""Left, right, bottom and top, in units of the axes."""

SCALE = ("colorscale", "reversescale", "showscale", "colorbar", "coloraxis")


def in_shapes(spec: Spec) -> None:
    """Replace heatmaps by bars of one cell each, and the patterns of bars by lines, in place.

    Browsers draw heatmaps as images, and print patterns as images.
    """
    layout, bars = spec["layout"], _rectangles(spec)
    found: list[Spec] = []
    hatches: list[Spec] = []
    for n, trace in enumerate(spec["data"]):
        if trace.get("type") == "heatmap":
            found.append(_as_bars(trace, layout))
            continue
        found.append(trace)
        marker = trace.get("marker")
        pattern = marker.pop("pattern", None) if isinstance(marker, dict) else None
        if pattern:
            hatches.append(_hatch(trace, pattern, bars[n], layout))
    spec["data"] = found + hatches


def _as_bars(trace: Spec, layout: Spec) -> Spec:
    """A heatmap as a trace of bars, with the same gaps, colours and texts."""
    wide, high = cell_size(trace, layout)
    width, height = 1 - trace.get("xgap", 0) / wide, 1 - trace.get("ygap", 0) / high
    cells = [(i, j, z) for i, row in enumerate(trace["z"]) for j, z in enumerate(row) if z is not None]
    x, y = (
        trace.get(axis) or list(range(count)) for axis, count in (("x", len(trace["z"][0])), ("y", len(trace["z"])))
    )
    texts = cell_texts(trace)
    marker = {"color": [z for _, _, z in cells], "line": {"width": 0}}
    marker |= {key: trace[key] for key in SCALE if key in trace}
    marker |= {f"c{key[1:]}": trace[key] for key in ("zmin", "zmax") if key in trace}
    if "coloraxis" not in marker:
        marker["showscale"] = trace.get("showscale", True)
    bars: Spec = {
        "type": "bar", "name": trace.get("name", ""), "showlegend": False, "marker": marker,
        "x": [x[j] for _, j, _ in cells], "base": [y[i] - height / 2 for i, _, _ in cells],
        "y": [height] * len(cells), "width": width, "offset": -width / 2,
    }  # fmt: skip
    bars |= {axis: trace[axis] for axis in ("xaxis", "yaxis") if axis in trace}
    if texts:
        bars |= {
            "text": [texts[i][j] for i, j, _ in cells], "textposition": "inside", "insidetextanchor": "middle",
            "constraintext": "none", "textangle": 0, "cliponaxis": False, "textfont": trace.get("textfont", {}),
        }  # fmt: skip
    return bars


def _rectangles(spec: Spec) -> dict[int, list[Rectangle]]:
    """Where the upright bars of every trace stand, by its index: stacked, or side by side where they would collide."""
    layout, traces = spec["layout"], [(n, t) for n, t in enumerate(spec["data"]) if t.get("type") == "bar"]
    stacked = layout.get("barmode") in ("stack", "relative")
    ends: dict[tuple[float, bool], float] = defaultdict(float)
    found: dict[int, list[Rectangle]] = {}
    places = sorted({float(x) for _, t in traces for x in t["x"]})
    room = min((b - a for a, b in pairwise(places)), default=1.0) * (1 - layout.get("bargap", 0.2))
    beside = not stacked and len(places) < sum(len(t["x"]) for _, t in traces)
    share = room / len(traces) if beside else room
    width = share if stacked else share * (1 - layout.get("bargroupgap", 0))
    for place, (n, trace) in enumerate(traces):
        middle = (place - (len(traces) - 1) / 2) * share if beside else 0.0
        found[n] = []
        for x, y in zip(trace["x"], trace["y"], strict=True):
            low = ends[x, y < 0] if stacked else 0.0
            ends[x, y < 0] += y
            left = x + middle - width / 2
            found[n].append((left, left + width, *sorted((low, low + y))))
    return found


def _hatch(trace: Spec, pattern: Spec, bars: Sequence[Rectangle], layout: Spec) -> Spec:
    """The lines of a pattern of rising lines, as one trace; the bars keep fill and outline."""
    if "bgcolor" in pattern:
        trace["marker"]["color"] = pattern["bgcolor"]
    across, up = pixels_per_unit(trace, layout)
    step = pattern["size"] * math.sqrt(2)  # as Plotly spaces them
    x: list[float | None] = []
    y: list[float | None] = []
    for left, right, bottom, top in bars:
        for (x0, y0), (x1, y1) in _diagonals((right - left) * across, (top - bottom) * up, step):
            x += [left + x0 / across, left + x1 / across, None]
            y += [bottom + y0 / up, bottom + y1 / up, None]
    line = {"color": pattern["fgcolor"], "width": pattern["size"] * pattern["solidity"]}
    return {
        "type": "scatter", "mode": "lines", "name": f"{trace.get('name', '')}, hatched", "x": x, "y": y, "line": line,
        "showlegend": False, **{axis: trace[axis] for axis in ("xaxis", "yaxis") if axis in trace},
    }  # fmt: skip


def _diagonals(width: float, height: float, step: float) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """The lines at 45° through a rectangle, ``step`` px apart along its sides, from its lower left corner."""
    for n in range(math.ceil(-width / step), math.floor(height / step) + 1):
        rise = n * step
        ends = (max(0.0, -rise), max(0.0, rise)), (min(width, height - rise), min(height, width + rise))
        if ends[1][0] > ends[0][0]:
            yield ends
