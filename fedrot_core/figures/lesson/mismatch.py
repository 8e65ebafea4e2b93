"""Frame mismatch and span mismatch of two clients: their two angles, what the ideal needs, and the error split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import end_labels, fitting, plain, rgba
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.planes import arrow, heading
from fedrot_core.figures.kit.theme import GRID, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

REACH = 1.16
"""Half range of both dials' planes; arrows and lines have length 1."""


@dataclass(frozen=True)
class Pose:
    """How client 1 stands to client 0.

    Attributes:
        rows: (2, 2) its two latent axes inside its span, where client 0's are the unit vectors.
        rotation, principal: degrees.
    """

    rows: Array
    rotation: float
    principal: float


def dials(now: Pose, mode: str, was: Pose | None = None, asked: str = "") -> go.Figure:
    """Left: both frames inside the span. Right: both spans, seen edge on.

    Args:
        was: where client 1 stood before it was aligned, drawn as a ghost.
        asked: a question as title, before anything is given away.
    """
    turn, tilt = degrees(now.rotation), degrees(now.principal)
    if asked:
        title = alt = asked
        alt += " Two dials show client 1 against client 0: its frame inside the span, and its span from the side."
    elif was is None:
        title = f"The turn sets the rotation angle, {turn}; the principal angle is {tilt} with or without it"
        alt = (
            f"Client 1's frame is turned by {turn} inside its span; its span leans {tilt} out of client 0's. The turn "
            f"changes the first angle only."
        )
    else:
        title = f"Alignment turns client 1 from {degrees(was.rotation)} to {turn}; the spans stay {tilt} apart"
        alt = (
            f"Client 1 before and after alignment: rotation angle {degrees(was.rotation)}, then {turn}; principal "
            f"angle {degrees(was.principal)}, then {tilt}."
        )
    hue, quiet = HUES[mode]["orange"], MUTED[mode]
    layout: dict[str, Any] = {}
    narrow: dict[str, Any] = {"height": 660, "margin": {"l": 8, "r": 8, "b": 16}}
    for panel, column in ((1, [0.0, 0.47]), (2, [0.53, 1.0])):
        tag = "" if panel == 1 else "2"
        hidden = {"visible": False, "fixedrange": True, "constrain": "domain"}
        layout[f"xaxis{tag}"] = hidden | {"range": [-REACH, REACH], "domain": column, "anchor": f"y{tag}"}
        layout[f"yaxis{tag}"] = hidden | {
            "range": [-REACH, REACH], "domain": [0, 0.85], "anchor": f"x{tag}", "scaleanchor": f"x{tag}",
        }  # fmt: skip
        narrow[f"xaxis{tag}"] = {"domain": [0, 1]}
        narrow[f"yaxis{tag}"] = {"domain": [0.55, 0.92] if panel == 1 else [0, 0.37]}
    moved = "" if was is None else f"{degrees(was.rotation)} → "
    stood = "" if was is None else f"{degrees(was.principal)} → "
    fig = base_figure(
        mode, title, alt, margin={"l": 12, "r": 12, "b": 12}, dragmode=False,
        annotations=[
            _dial_heading(1, "Frames, inside the span", "rotation angle", f"{moved}{turn}", hue, mode),
            _dial_heading(2, "Spans, edge on", "principal angle", f"{stood}{tilt}", INK[mode], mode),
        ],
        meta={"narrow": narrow}, **layout,
    )  # fmt: skip
    rows, lean = np.asarray(now.rows, dtype=float), np.radians(now.principal)
    left: dict[str, Any] = {"xaxis": "x", "yaxis": "y"}
    right: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
    circle = np.radians(np.linspace(0, 360, 121))
    for axes, uid in ((left, "ring-1"), (right, "ring-2")):
        _line(fig, np.stack([np.cos(circle), np.sin(circle)], 1), GRID[mode], uid, 1.5, **axes)
    shared: dict[str, Any] = {"reach": REACH, "hoverinfo": "skip"}
    fig.add_trace(arrow(np.eye(2), quiet, 7, 24, name="client 0", uid="frame-0", **shared, **left))
    if was is not None:
        ghost = arrow(was.rows, rgba(hue, 0.6), 2, 13, name="client 1 as sent", uid="frame-was", **shared, **left)
        ghost["line"]["dash"] = "dot"
        fig.add_trace(ghost)
    fig.add_trace(arrow(rows, hue, 3, 15, zorder=3, name="client 1", uid="frame-1", **shared, **left))
    tip = np.array([np.cos(lean), np.sin(lean)])
    flat = np.array([1.0, 0.0])
    _line(fig, np.stack([-flat, flat]), quiet, "span-0", 7, **right)
    _line(fig, np.stack([-tip, tip]), INK[mode], "span-1", 3, **right)
    _arc(fig, float(np.degrees(np.arctan2(rows[0, 1], rows[0, 0]))), 0.34, hue, "arc-1", **left)
    _arc(fig, now.principal, 0.34, INK[mode], "arc-2", **right)
    names = [*_names(rows[0], hue, quiet, left), *_names(tip, INK[mode], quiet, right)]
    fig.update_layout(annotations=[*fig.layout.annotations, *names])
    return fig


def _dial_heading(panel: int, name: str, angle: str, value: str, colour: str, mode: str) -> dict[str, Any]:
    """What a dial shows, and its angle large enough to read from the last row."""
    big = f"<span style='font-size:17px;color:{colour}'><b>{value}</b></span>"
    return heading(panel, f"<b>{name}</b><br>{angle} {big}", mode)


def _names(tip: Array, colour: str, quiet: str, axes: dict[str, Any]) -> list[dict[str, Any]]:
    """Labels beyond the ends of client 0's first axis, at (1, 0), and of client 1's; one for both where they meet."""
    apart = float(np.degrees(np.arctan2(tip[1], tip[0])))
    if abs(apart) < 14:
        return [_name(0, "both clients", quiet, axes)]
    return [_name(0, "client 0", quiet, axes), _name(apart, "client 1", colour, axes)]


def _name(angle: float, text: str, colour: str, axes: dict[str, Any]) -> dict[str, Any]:
    """A label at the end of a line in this direction: above it, and under a level one; within the plane."""
    x, y = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return {
        "xref": axes["xaxis"], "yref": axes["yaxis"], "x": float(x), "y": float(y), "text": text, "showarrow": False,
        "xanchor": "center" if abs(x) < 0.1 else ("right" if (x > 0) == (abs(x) > 0.75) else "left"),
        "yanchor": "bottom" if y > 0 else "top", "yshift": 5 if y > 0 else -8,
        "font": {"size": 13, "color": colour},
    }  # fmt: skip


def _line(fig: go.Figure, points: Array, colour: str, uid: str, width: float, **axes: Any) -> None:
    fig.add_scatter(
        x=plain(points[:, 0]), y=plain(points[:, 1]), mode="lines", uid=uid, name=uid, hoverinfo="skip",
        line={"color": colour, "width": width}, **axes,
    )  # fmt: skip


def _arc(fig: go.Figure, end: float, radius: float, colour: str, uid: str, **axes: Any) -> None:
    """Part of a circle, from the right to this direction in degrees."""
    steps = np.radians(np.linspace(0, end, 49))
    _line(fig, radius * np.stack([np.cos(steps), np.sin(steps)], 1), colour, uid, 3, **axes)


def spectrum(
    directions: Sequence[float], rank: int, tilt: float, floor: float, mode: str, asked: str = ""
) -> go.Figure:
    """Singular values of the ideal over its norm: those that fit into ``rank``, and those that nobody can send.

    Args:
        directions: largest first; more than ``rank``.
        asked: a question as title, before anything is given away.
    """
    values = [float(v) for v in directions]
    beyond = sum(v > 1e-9 for v in values[rank:])
    if asked:
        title, alt = asked, f"{asked} Bars: strength of each direction of the ideal for two clients with one span."
    elif beyond:
        title = f"Rank {rank} cannot hold the ideal's {rank + beyond} directions: no error is below {percent(floor)}"
        alt = (
            f"Strength of each direction of the ideal over its norm: {', '.join(percent(v) for v in values)}. Rank "
            f"{rank} holds {rank} of them; without the others no error is below {percent(floor)}."
        )
    else:
        title = f"One span for both clients: rank {rank} holds the whole ideal, so the floor is {percent(floor)}"
        alt = f"The ideal has {rank} directions, {' and '.join(percent(v) for v in values[:rank])}; all of them fit."
    count = len(values)
    numbers: list[dict[str, Any]] = [
        {"x": n, "y": v, "yanchor": "bottom", "yshift": 2, "text": f"<b>{percent(v)}</b>", "showarrow": False}
        for n, v in enumerate(values[: rank if asked else count], 1)
    ]
    if beyond and not asked:
        numbers.append({
            "x": (rank + 1 + count) / 2, "y": values[rank], "yanchor": "bottom", "yshift": 28, "showarrow": False,
            "text": f"together<br>(root of squares)<br><b>{percent(floor)}</b>", "font": {"color": MUTED[mode]},
        })  # fmt: skip
    fig = base_figure(
        mode, title, alt, showlegend=True, barmode="overlay", bargap=0.3, margin={"b": 96},
        xaxis={"title": {"text": "direction of the ideal"}, "range": [0.4, count + 0.6], "dtick": 1, "tick0": 1,
               "fixedrange": True, "showgrid": False},
        yaxis={"title": {"text": "strength (share of the norm)"}, "range": [0, 0.8], **percent_ticks(0, 0.8, 0.2),
               "fixedrange": True},
        legend={"itemclick": False, "itemdoubleclick": False},
        annotations=numbers,
    )  # fmt: skip
    inside, outside = list(range(1, rank + 1)), list(range(rank + 1, count + 1))
    fig.add_bar(
        x=inside, y=values[:rank], name=f"fits into rank {rank}", uid="fits", marker={"color": HUES[mode]["green"]},
        **hover("direction %{x}: %{hovertext}", percents(values[:rank])),
    )  # fmt: skip
    fig.add_bar(
        x=outside, y=values[rank:], name=f"beyond rank {rank}: the floor", uid="beyond", marker=_hatched(mode),
        **hover("direction %{x}: %{hovertext}", percents(values[rank:])),
    )  # fmt: skip
    return fig


def _hatched(mode: str) -> dict[str, Any]:
    """What nobody can remove."""
    return {
        "color": SURFACE[mode], "line": {"width": 1.5, "color": MUTED[mode]},
        "pattern": {"shape": "/", "fgcolor": MUTED[mode], "fillmode": "replace", "size": 8, "solidity": 0.3},
    }  # fmt: skip


@dataclass(frozen=True)
class Split:
    """The naive error by tilt, in three parts: ``floor``, ``rest`` (aligned above the floor), ``removed`` by turning.

    Attributes:
        tilts: (n,) degrees; floor, rest, removed: (n,) relative errors.
        turn: degrees; at: index of the tilt that is selected.
    """

    tilts: Array
    floor: Array
    rest: Array
    removed: Array
    turn: float
    at: int


def split_bars(split: Split, mode: str, asked: str = "") -> go.Figure:
    """Stacked bars by tilt; with a question, only their sum, the naive error."""
    naive = split.floor + split.rest + split.removed
    tilts = [float(t) for t in split.tilts]
    shown, last = split.at, len(tilts) - 1
    parts = [float(part[shown]) for part in (split.floor, split.rest, split.removed)]
    share = parts[2] / float(naive[shown]) if naive[shown] > 1e-12 else 0.0
    if asked:
        title = asked
        alt = f"{asked} Bars: error of the naive average by tilt, {percent(naive[0])} to {percent(naive[-1])}."
    elif naive[shown] <= 1e-12:
        title = alt = "No turn and no tilt: there is no error at all"
        alt += "."
    else:
        title = fitting(
            f"At tilt {degrees(tilts[shown])}, turning removes {percent(share)} of the naive error; "
            f"floor {percent(parts[0])}",
        )
        alt = (
            f"Naive error {percent(naive[shown])} at tilt {degrees(tilts[shown])}, turned by {degrees(split.turn)}: "
            f"floor {percent(parts[0])}, above it {percent(parts[1])} that turning leaves and {percent(parts[2])} that "
            f"it removes."
        )
    fig = base_figure(
        mode, title, alt, barmode="stack", bargap=0.25, margin={"l": 60, "r": 148},
        xaxis={"title": {"text": "tilt of client 1's span"}, "tickvals": tilts, "ticksuffix": "°", "fixedrange": True,
               "range": [tilts[0] - 6, tilts[-1] + 6], "showgrid": False},
        yaxis={"title": {"text": "relative error"}, "range": [0, 1], **percent_ticks(0, 1, 0.25),
               "fixedrange": True},
        meta={"narrow": {"margin": {"l": 44, "r": 142}, "xaxis": {"tickvals": tilts[::2]},
                         "yaxis": {"title": {"text": ""}}}},
    )  # fmt: skip
    edge = {"width": 1, "color": SURFACE[mode]}
    vermillion, green = HUES[mode]["vermillion"], HUES[mode]["green"]
    bars = [
        ("rank-r floor", "floor", split.floor, _hatched(mode), MUTED[mode]),
        ("above it: turning leaves", "rest", split.rest, {"color": green, "line": edge}, green),
        ("turning removes", "removed", split.removed, {"color": rgba(vermillion, 0.75), "line": edge}, vermillion),
    ]
    if asked:
        outline = {"color": SURFACE[mode], "line": {"width": 2, "color": vermillion}}
        bars = [("naive error", "removed", naive, outline, vermillion)]
    base, ends = 0.0, []
    for name, uid, height, marker, colour in bars:
        fig.add_bar(
            x=tilts, y=plain(height), name=name, uid=uid, marker=marker,
            **hover(f"{name}, tilt %{{x:.0f}}°: %{{hovertext}}", percents(height)),
        )  # fmt: skip
        ends.append((base + float(height[last]) / 2, "", name, colour))
        base += float(height[last])
    at = {
        "type": "rect", "xref": "x", "yref": "y", "x0": tilts[shown] - 4.4, "x1": tilts[shown] + 4.4, "y0": 0,
        "y1": float(naive[shown]) + 0.02, "line": {"width": 2, "color": INK[mode]}, "layer": "above",
    }  # fmt: skip
    fig.update_layout(annotations=end_labels(ends, mode, gap=0.07), shapes=[] if asked else [at])
    return fig
