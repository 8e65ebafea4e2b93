"""Texts in the cells of heatmaps, for which a small canvas may have no room."""

from __future__ import annotations

import re
from typing import Any

LETTER = 0.58
"""Width of a digit as a share of the type size, with room to spare."""


def leave_out_cell_texts(spec: dict[str, Any]) -> None:
    """Remove the texts from heatmaps whose cells are too small for them. Colours stay, and the table has the numbers.

    Args:
        spec: a figure as plain data, which has been laid out. It is changed in place.
    """
    maps = [
        t for t in spec["data"] if t.get("type") == "heatmap" and t.get("texttemplate") and isinstance(t["z"], list)
    ]
    if any(not _fits(trace, spec["layout"]) for trace in maps):  # all or none: they are read side by side
        for trace in maps:
            trace["texttemplate"] = ""


def _fits(trace: dict[str, Any], layout: dict[str, Any]) -> bool:
    """Whether the longest text is within its cell."""
    wide, high = _cell(trace, layout)
    type_size = trace.get("textfont", {}).get("size", 12)
    texts = [[re.sub("<[^>]*>", "", line) for line in re.split("<br ?/?>", text)] for text in _texts(trace)]
    letters = max((len(line) for lines in texts for line in lines), default=0)
    return bool(wide >= LETTER * type_size * letters and high >= type_size * max(map(len, texts), default=1))


def _cell(trace: dict[str, Any], layout: dict[str, Any]) -> tuple[float, float]:
    """Width and height of a cell, in px."""
    margin = layout["margin"]
    room = layout["width"] - margin["l"] - margin["r"], layout["height"] - margin["t"] - margin["b"]
    axes = [layout.get(f"{ref[0]}axis{ref[1:]}", {}) for ref in (trace.get("xaxis", "x"), trace.get("yaxis", "y"))]
    sides = []
    for px, axis, cells in zip(room, axes, (trace["z"][0], trace["z"]), strict=True):
        low, high = axis.get("domain", (0, 1))
        first, last = axis.get("range", (0, len(cells)))
        sides.append((high - low) * px / abs(last - first))
    return (min(sides), min(sides)) if axes[1].get("scaleanchor") else (sides[0], sides[1])


def _texts(trace: dict[str, Any]) -> list[str]:
    """What the cells say, near enough to measure it."""
    if trace["texttemplate"] == "%{text}" and isinstance(trace.get("text"), list):
        return [str(text) for row in trace["text"] for text in row]
    return [f"{value:.0f}" for row in trace["z"] for value in row if value is not None]
