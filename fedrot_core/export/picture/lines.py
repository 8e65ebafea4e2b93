"""Line breaks in the texts of a figure, so that they fit the canvas and do not run into each other."""

from __future__ import annotations

import math
import re
import textwrap
from typing import Any

LETTER = 0.5
"""Average width of a letter as a share of the type size, with room to spare."""

LINE = 1.3
"""Height of a line of text as a multiple of the type size, as Plotly sets it."""

TICK, TICK_TYPE = "−0.25", 13
"""The label of a tick and its type size in px that are assumed if the axis chooses its own ticks."""

GAP = 8
"""Distance between neighbouring texts, in px."""


def letters_in(width: float, type_size: float) -> int:
    """About how many letters fit into ``width`` px."""
    return max(8, math.floor(width / (LETTER * type_size)))


def wrapped(text: str, letters: int) -> list[str]:
    """Break ``text`` into lines of at most ``letters`` visible characters. Tags and long words stay whole."""
    lines: list[str] = []
    for part in re.split(r"<br ?/?>", text):
        tags = iter(re.findall(r"<[^>]*>", part))
        bare = re.sub(r"<[^>]*>", "\u2060", part)  # a joiner in place of each tag: no break, no width of its own
        room = letters + bare.count("\u2060")
        for line in textwrap.wrap(bare, room, break_long_words=False, break_on_hyphens=False) or [""]:
            lines.append("".join(next(tags) if letter == "\u2060" else letter for letter in line))
    return lines


def wrap_remarks(layout: dict[str, Any], edge: float) -> int:
    """Wrap the texts below the plot that begin at its left edge; returns how far down they reach, in px."""
    depth, room = 0.0, layout["width"] - layout["margin"]["l"] - edge
    for note in layout.get("annotations", []):
        corner = tuple(note.get(key) for key in ("xref", "yref", "xanchor", "yanchor", "x"))
        if corner == ("paper", "paper", "left", "top", 0) and note.get("y", 1) <= 0:
            lines = _wrap(note, room - note.get("xshift", 0))
            depth = max(depth, LINE * _type_size(note) * lines - note.get("yshift", 0) + 4)
    return math.ceil(depth)


def wrap_headings(layout: dict[str, Any]) -> int:
    """Wrap the headings of panels side by side; returns how far the upper ones reach above the plot, in px."""
    plot = layout["width"] - layout["margin"]["l"] - layout["margin"]["r"]
    rows: dict[tuple[str, float], list[tuple[float, dict[str, Any]]]] = {}
    for note in layout.get("annotations", []):
        place = _place(note, layout)
        if place is not None:
            rows.setdefault((note["xanchor"], place[1]), []).append((place[0], note))
    height = 0.0
    for (_, top), row in rows.items():
        row.sort(key=lambda pair: pair[0])
        for n, (x, note) in enumerate(row):
            neighbours = [abs(row[m][0] - x) for m in (n - 1, n + 1) if 0 <= m < len(row)]
            if neighbours:
                lines = _wrap(note, plot * min(neighbours) - GAP)
                if top > 0.99:
                    height = max(height, LINE * _type_size(note) * lines + note.get("yshift", 0) + 2)
    return math.ceil(height)


def left_of_axes(layout: dict[str, Any]) -> int:
    """Estimate how far the axes at the left edge reach out of the plot, in px, and remove the room of empty titles.

    If the margin were too small, Plotly would move the plot to the right, and the footer with it.
    """
    reach = 0.0
    for key, axis in layout.items():
        if not re.fullmatch(r"yaxis\d*", key) or axis.get("visible") is False:
            continue
        title = axis.get("title", {})
        if not title.get("text"):
            axis["title"] = {"text": "", "standoff": 0, "font": {"size": 1}}  # Plotly makes room for it all the same
        x_axis = layout.get(f"xaxis{axis.get('anchor', 'x')[1:]}", {})
        if x_axis.get("domain", (0, 1))[0] > 0.02:
            continue
        texts = axis.get("ticktext") or [TICK]
        letters = max(len(re.sub("<[^>]*>", "", str(text))) for text in texts)
        labels = 0.0 if axis.get("showticklabels") is False else 1.12 * LETTER * TICK_TYPE * letters + 8
        reach = max(reach, labels + (8 + LINE * title.get("font", {}).get("size", 14) if title.get("text") else 0))
    return math.ceil(reach)


def _place(note: dict[str, Any], layout: dict[str, Any]) -> tuple[float, float] | None:
    """Where a heading stands, as shares of the plot; None for other texts."""
    if note.get("showarrow", True) or note.get("yanchor") != "bottom" or note.get("xanchor") not in ("left", "center"):
        return None
    out = []
    for letter in "xy":
        ref, value = note.get(f"{letter}ref", ""), float(note.get(letter, 0))
        if ref == "paper":
            low, high = 0.0, 1.0
        elif ref.endswith(" domain"):
            low, high = layout.get(f"{letter}axis{ref[1:-7]}", {}).get("domain", (0.0, 1.0))
        else:
            return None
        out.append(low + value * (high - low))
    return out[0], round(out[1], 3)


def _wrap(note: dict[str, Any], room: float) -> int:
    """Wrap one text into ``room`` px; returns the number of its lines."""
    lines = wrapped(note["text"], letters_in(room, _type_size(note)))
    note["text"] = "<br>".join(lines)
    return len(lines)


def _type_size(note: dict[str, Any]) -> float:
    size: float = note.get("font", {}).get("size", 14)
    return size
