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


def cell_size(trace: dict[str, Any], layout: dict[str, Any]) -> tuple[float, float]:
    """Width and height of a heatmap's cells, in px."""
    wide, high = pixels_per_unit(trace, layout, (len(trace["z"][0]), len(trace["z"])))
    up = layout.get(_axis(trace, "y"), {})
    return (min(wide, high), min(wide, high)) if up.get("scaleanchor") else (wide, high)


def pixels_per_unit(
    trace: dict[str, Any], layout: dict[str, Any], counts: tuple[int, int] = (1, 1)
) -> tuple[float, float]:
    """How many px one unit of a trace's axes takes, across and up. An axis without a range spans ``counts`` units."""
    margin = layout["margin"]
    room = layout["width"] - margin["l"] - margin["r"], layout["height"] - margin["t"] - margin["b"]
    sides = []
    for px, letter, count in zip(room, "xy", counts, strict=True):
        axis = layout.get(_axis(trace, letter), {})
        low, high = axis.get("domain", (0, 1))
        first, last = axis.get("range", (0, count))
        sides.append((high - low) * px / abs(last - first))
    return sides[0], sides[1]


def cell_texts(trace: dict[str, Any]) -> list[list[str]]:
    """What the cells of a heatmap say, row by row; empty if they say nothing."""
    template = trace.get("texttemplate")
    if not template:
        return []
    if template == "%{text}":
        return [[str(text) for text in row] for row in trace["text"]]
    form = template.removeprefix("%{z").removesuffix("}").removeprefix(":")
    return [["" if value is None else format(value, form) for value in row] for row in trace["z"]]


def _axis(trace: dict[str, Any], letter: str) -> str:
    """The name in the layout of a trace's axis."""
    return f"{letter}axis{trace.get(f'{letter}axis', letter)[1:]}"


def _fits(trace: dict[str, Any], layout: dict[str, Any]) -> bool:
    """Whether the longest text is within its cell."""
    wide, high = cell_size(trace, layout)
    type_size = trace.get("textfont", {}).get("size", 12)
    texts = [
        [re.sub("<[^>]*>", "", line) for line in re.split("<br ?/?>", text)]
        for row in cell_texts(trace)
        for text in row
    ]
    letters = max((len(line) for lines in texts for line in lines), default=0)
    return bool(wide >= LETTER * type_size * letters and high >= type_size * max(map(len, texts), default=1))
