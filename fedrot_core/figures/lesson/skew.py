"""What skewed data and rank do to naive and aligned averaging: class counts, gains, scores and errors of many runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import end_labels, fitting, plain
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.study.plotted import Axis
from fedrot_core.wording import percent, signed

TIE_POINTS = 2.0
"""Gains within this many points are called no difference."""

GAIN_RANGE = (-15.0, 60.0)

SAME_FACTOR = 1.1
"""Errors within this factor of each other are called the same."""

OTHER = {"light": "dark", "dark": "light"}
"""The other mode's hues are pale, or dim, enough to read this mode's ink on them."""

ERROR_TICKS = (0.01, 0.03, 0.1, 0.3, 1.0)


@dataclass(frozen=True)
class Series:
    """One quantity over the positions of an axis, with what it varied over.

    Attributes:
        name, hue, dash, symbol: as of an arm.
        low, median, high: (n,) least, middle and greatest value.
    """

    name: str
    hue: str
    dash: str
    symbol: str
    low: Array
    median: Array
    high: Array


def who_holds(counts: Array, even: float, label: str, mode: str, asked: str = "") -> go.Figure:
    """Training samples by client and class.

    Args:
        counts: (K, classes).
        even: mean share of a client's commonest class if samples are dealt evenly.
        label: how these samples were dealt.
        asked: a question as title.
    """
    K, classes = counts.shape
    share = float((counts.max(1) / counts.sum(1).clip(1)).mean())
    different = (counts > 0).sum(1)
    if asked:
        title, alt = asked, f"{asked} Shown: samples of {K} clients by {classes} digit classes, {label}."
    else:
        title = f"{label}: one digit makes up {percent(share)} of a client's data (dealt evenly: {percent(even)})"
        alt = (
            f"Training samples of {K} clients by {classes} digit classes, {label}: a client's most common digit makes "
            f"up {percent(share)} of its data on average; clients hold {different.min()} to {different.max()} classes "
            f"and {counts.sum(1).min()} to {counts.sum(1).max()} samples."
        )
    fig = base_figure(
        mode, title, alt,
        xaxis={"title": {"text": "client"}, "range": [-0.5, K - 0.5], "dtick": 1, "fixedrange": True,
               "showgrid": False},
        yaxis={"title": {"text": "digit class"}, "range": [classes - 0.5, -0.5], "dtick": 1, "fixedrange": True,
               "showgrid": False},
        meta={"narrow": {"margin": {"l": 40, "r": 4}}},
    )  # fmt: skip
    fig.add_heatmap(
        z=plain(counts.T), x=list(range(K)), y=list(range(classes)), name="training samples", uid="counts",
        zmin=0, zmax=int(counts.sum(0).max()), colorscale=[[0, SURFACE[mode]], [1, HUES[OTHER[mode]]["blue"]]],
        xgap=1, ygap=1, texttemplate="%{z}", textfont={"size": 12, "color": INK[mode]},
        colorbar={"title": {"text": "samples", "side": "right", "font": {"size": 14}}, "tickfont": {"size": 12},
                  "thickness": 12, "outlinewidth": 0},
        hovertemplate="client %{x}, digit %{y}: %{z} samples<extra></extra>",
    )  # fmt: skip
    return fig


def gain_line(gain: Series, axis: Axis, over: str, mode: str, asked: str = "") -> go.Figure:
    """Aligned minus naive score in points, over ``axis``.

    Args:
        over: what median and whiskers are over, e.g. "3 seeds".
        asked: a question as title; then the plane is empty.
    """
    first, last = float(gain.median[0]), float(gain.median[-1])
    ends = f"{signed(first)} points at {axis.text(axis.values[0])}, {signed(last)} at {axis.text(axis.values[-1])}"
    if asked:
        title = alt = asked
        alt += f" An empty plane: gain in points over {axis.title}."
    else:
        title = _gain_finding(gain, ends)
        each = ", ".join(f"{axis.text(v)}: {signed(g)}" for v, g in zip(axis.values, gain.median, strict=True))
        alt = f"{title}. Score of the aligned minus the naive average in points, median of {over}: {each}."
    fig = base_figure(
        mode, title, alt, xaxis=_positions(axis),
        yaxis={"title": {"text": f"gain in points, median of {over}"}, "range": list(GAIN_RANGE), "dtick": 15,
               "fixedrange": True, "zeroline": True, "zerolinecolor": INK[mode], "zerolinewidth": 2},
        annotations=[
            {"xref": "paper", "x": 0, "xanchor": "left", "xshift": 8, "y": y, "yanchor": "middle", "text": text,
             "showarrow": False, "font": {"size": 13, "color": MUTED[mode]}}
            for y, text in ((GAIN_RANGE[1] - 4, "alignment helps ↑"), (GAIN_RANGE[0] + 4, "alignment hurts ↓"))
        ],
        meta={"narrow": {"margin": {"l": 48, "r": 8}, "xaxis": _short(axis)}},
    )  # fmt: skip
    if not asked:
        _whiskers(fig, gain, mode, lambda points: f"{signed(points)}\u00a0points")
        _numbers(fig, gain, [f"<b>{signed(g)}</b>" for g in gain.median], mode)
    return fig


def _gain_finding(gain: Series, ends: str) -> str:
    """What the gains say, with their first and last number."""
    first, last = float(gain.median[0]), float(gain.median[-1])
    if np.abs(gain.median).max() < TIE_POINTS:
        low, high = signed(float(gain.median.min())), signed(float(gain.median.max()))
        return f"Alignment changes next to nothing: the gain lies between {low} and {high} points"
    if gain.median.max() <= 0:
        return f"Alignment hurts: {ends}"
    if abs(last - first) < TIE_POINTS:
        return f"The gain is about the same everywhere: {ends}"
    return f"The gain {'rises' if last > first else 'falls'}: {ends}"


def score_lines(lines: Sequence[Series], start: float, axis: Axis, over: str, mode: str, asked: str = "") -> go.Figure:
    """Scores of the naive and the aligned average over ``axis``; with a question, only where both started."""
    span = f"{axis.letter} {axis.values[-1]:g} → {axis.values[0]:g}"
    moves = ", ".join(_move(line.name, line.median[-1], line.median[0], TIE_POINTS / 100) for line in lines)
    if asked:
        title, alt = asked, f"{asked} Shown: the score before training, {percent(start)}."
    else:
        title = fitting(f"{span}: {moves}")
        alt = f"Test accuracy, median of {over}, {span}: {moves}. Before training {percent(start)}."
    fig = base_figure(
        mode, title, alt, xaxis=_positions(axis),
        yaxis={"title": {"text": f"test accuracy, median of {over}"}, "range": [0, 1],
               **percent_ticks(0, 1, 0.25), "fixedrange": True},
        margin={"l": 60, "r": 148},
        meta={"narrow": {"margin": {"l": 44, "r": 142}, "xaxis": _short(axis), "yaxis": {"title": {"text": ""}}}},
    )  # fmt: skip
    _start_line(fig, start, len(axis.values), mode)
    labels = [(start, percent(start), "before training", MUTED[mode])]
    for n, line in enumerate([] if asked else lines):
        _whiskers(fig, line, mode, percent, 0.03 * n, below=n == 0)
        labels.append((float(line.median[-1]), percent(line.median[-1]), line.name, HUES[mode][line.hue]))
    fig.update_layout(annotations=end_labels(labels, mode, gap=0.07))
    return fig


def error_lines(lines: Sequence[Series], axis: Axis, over: str, mode: str, asked: str = "") -> go.Figure:
    """Relative errors over the rank on a log axis: naive, aligned, floor; with a question, the floor alone."""
    span = f"{axis.letter} {axis.values[0]:g} → {axis.values[-1]:g}"
    moves = [
        _move(line.name, line.median[0], line.median[-1], (SAME_FACTOR - 1) * float(line.median[0])) for line in lines
    ]
    floor = lines[-1]
    if asked:
        title, alt = asked, f"{asked} Shown: the floor, {span}."
    else:
        title = f"{span.capitalize()}, error: {', '.join(moves[:-1])}"
        alt = f"Relative error, median of {over}, {span}: {', '.join(moves)}."
    low, high = math.log10(0.004), math.log10(1.3)
    fig = base_figure(
        mode, title, alt, xaxis=_positions(axis),
        yaxis={"title": {"text": f"relative error, median of {over}"}, "type": "log", "range": [low, high],
               "tickvals": list(ERROR_TICKS), "ticktext": [percent(t) for t in ERROR_TICKS], "fixedrange": True},
        margin={"l": 60, "r": 148},
        meta={"narrow": {"margin": {"l": 48, "r": 142}, "xaxis": _short(axis), "yaxis": {"title": {"text": ""}}}},
    )  # fmt: skip
    labels = []
    for n, line in enumerate(lines):
        if asked and line is not floor:
            continue
        _whiskers(fig, line, mode, percent, 0.04 * (n - 1), below=n == 0)
        height = (math.log10(float(line.median[-1])) - low) / (high - low)
        labels.append((height, percent(line.median[-1]), line.name, _hue(line, mode)))
    fig.update_layout(annotations=end_labels(labels, mode, gap=0.07))
    return fig


def _move(name: str, first: float, last: float, same: float) -> str:
    """``aligned falls (94 % → 78 %)``; changes of at most ``same`` are none."""
    verb = "stays" if abs(last - first) <= same else "rises" if last > first else "falls"
    return f"{name} {verb} ({percent(first)} → {percent(last)})"


def _short(axis: Axis) -> dict[str, Any]:
    """The axis title without its explanation, for narrow screens."""
    return {"title": {"text": axis.title.split(" (")[0]}}


def _positions(axis: Axis) -> dict[str, Any]:
    """Equal steps, labelled with the values."""
    n = len(axis.values)
    return {
        "title": {"text": axis.title}, "tickvals": list(range(n)), "ticktext": [f"{v:g}" for v in axis.values],
        "range": [-0.35, n - 0.65], "fixedrange": True, "showgrid": False,
    }  # fmt: skip


def _hue(line: Series, mode: str) -> str:
    return MUTED[mode] if line.hue == "muted" else HUES[mode][line.hue]


def _whiskers(
    fig: go.Figure, line: Series, mode: str, word: Callable[[float], str], shift: float = 0.0, below: bool = False
) -> None:
    """Medians joined by a line, each with a whisker from the least to the greatest value.

    Args:
        word: a median as text.
        shift: to the right, so that whiskers do not hide each other.
        below: another line may cover this one, so it is drawn broader.
    """
    hue = _hue(line, mode)
    fig.add_scatter(
        x=[n + shift for n in range(len(line.median))], y=plain(line.median), name=line.name, uid=line.name,
        mode="lines+markers",
        line={"color": hue, "width": 6 if below else 3, "dash": line.dash},
        marker={"symbol": line.symbol, "size": 15 if below else 10, "color": hue,
                "line": {"width": 1, "color": SURFACE[mode]}},
        error_y={"type": "data", "symmetric": False, "array": plain(line.high - line.median),
                 "arrayminus": plain(line.median - line.low), "color": hue, "thickness": 1.5, "width": 6},
        customdata=plain(np.stack([line.low, line.high], 1)), cliponaxis=False,
        **hover(f"{line.name}: %{{hovertext}}", [word(v) for v in line.median]),
    )  # fmt: skip


def _numbers(fig: go.Figure, line: Series, texts: Sequence[str], mode: str) -> None:
    """A number above each whisker."""
    notes = [
        {"x": x, "y": float(y), "text": text, "showarrow": False, "yanchor": "bottom", "yshift": 5,
         "font": {"size": 15, "color": _hue(line, mode)}}
        for x, (y, text) in enumerate(zip(line.high, texts, strict=True))
    ]  # fmt: skip
    fig.update_layout(annotations=[*fig.layout.annotations, *notes])


def _start_line(fig: go.Figure, start: float, n: int, mode: str) -> None:
    fig.add_scatter(
        x=[-0.35, n - 0.65], y=[start, start], mode="lines", name="before training", uid="start", hoverinfo="skip",
        line={"color": MUTED[mode], "width": 1.5, "dash": "2px,4px"},
    )  # fmt: skip


@dataclass(frozen=True)
class Way:
    """One setting of the comparison: median scores of both averages, and the least, middle and greatest gain.

    Attributes:
        group: how factors are sent; name: the rest of the setting.
    """

    group: str
    name: str
    naive: float
    aligned: float
    gain: tuple[float, float, float]


def ways(rows: Sequence[Way], start: float, over: str, mode: str, asked: str = "") -> go.Figure:
    """A row a setting: naive and aligned score, and the gain as a number; with a question, empty rows."""
    n, few = len(rows), percent_ticks(0.4, 1, 0.2)
    if asked:
        title, alt = asked, f"{asked} {n} settings; none of their scores is shown yet."
    else:
        title = _ways_finding(rows)
        each = "; ".join(
            f"{w.group}, {w.name}: {percent(w.naive)} naive, {percent(w.aligned)} aligned, gain {signed(w.gain[1])}"
            for w in rows
        )
        alt = f"{title}. Test accuracy, median of {over}: {each}."
    fig = base_figure(
        mode, title, alt, margin={"l": 12, "r": 130, "b": 84}, showlegend=not asked,
        xaxis={"title": {"text": f"test accuracy, median of {over}"}, "range": [0.4, 1],
               **percent_ticks(0.4, 1, 0.1), "fixedrange": True},
        yaxis={"range": [n - 0.4, -0.6], "tickvals": list(range(n)),
               "ticktext": [f"<b>{w.group}</b><br>{w.name}" for w in rows],
               "tickfont": {"size": 13}, "fixedrange": True, "showgrid": False, "ticks": ""},
        legend={"itemclick": False, "itemdoubleclick": False},
        shapes=[{"type": "line", "xref": "x", "yref": "paper", "x0": start, "x1": start, "y0": 0, "y1": 1,
                 "layer": "below", "line": {"color": MUTED[mode], "width": 1.5, "dash": "2px,4px"}}],
        meta={
            "narrow": {"margin": {"r": 114}, "xaxis": few | {"title": {"text": "test accuracy"}}},
            "present": {"xaxis": few},
        },
    )  # fmt: skip
    if asked:
        return fig
    rails: dict[str, list[float | None]] = {"x": [], "y": []}
    for row, way in enumerate(rows):
        rails["x"] += [way.naive, way.aligned, None]
        rails["y"] += [row, row, None]
    fig.add_scatter(
        **rails, mode="lines", name="gain", uid="rails", line={"color": GHOST[mode], "width": 5}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip
    for name, hue, symbol, size, scores in (
        ("naive", "vermillion", "square", 15, [w.naive for w in rows]),
        ("aligned", "blue", "circle", 11, [w.aligned for w in rows]),
    ):
        fig.add_scatter(
            x=scores, y=list(range(n)), mode="markers", name=name, uid=name, cliponaxis=False,
            marker={"symbol": symbol, "size": size, "color": HUES[mode][hue], "line": {"width": 1.5, "color":
                    SURFACE[mode]}},
            **hover(f"{name}: %{{hovertext}}", percents(scores)),
        )  # fmt: skip
    fig.update_layout(
        annotations=[
            {"xref": "paper", "x": 1, "xanchor": "left", "xshift": 10, "y": row, "align": "left", "showarrow": False,
             "text": f"<b>{signed(w.gain[1])}</b> points<br>({signed(w.gain[0])} to {signed(w.gain[2])})",
             "font": {"size": 13, "color": INK[mode]}}
            for row, w in enumerate(rows)
        ]
    )  # fmt: skip
    return fig


def _ways_finding(rows: Sequence[Way]) -> str:
    """Which settings alignment leaves as they are, by how factors are sent where that decides it."""
    same = [w for w in rows if abs(w.gain[1]) < TIE_POINTS]
    others = [w.gain[1] for w in rows if abs(w.gain[1]) >= TIE_POINTS]
    groups = {w.group for w in same}
    if same and others and len(groups) == 1 and all(w in same for w in rows if w.group in groups):
        low, high = (signed(pick(w.gain[1] for w in same)) for pick in (min, max))
        rest = f"otherwise {signed(min(others))} to {signed(max(others))}"
        return fitting(f"{groups.pop().capitalize()}, no difference: median gain {low} to {high} points; {rest}")
    return f"Gain under {TIE_POINTS:g} points in {len(same)} of {len(rows)} settings"
