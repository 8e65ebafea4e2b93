"""Where turned frames come from: angles of every client by source, by round, and what they cost in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import end_labels
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.planes import note
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

TOP = 188.0
"""Highest angle drawn: 180° and room for its dot."""

ANGLES = {"tickvals": [0, 45, 90, 135, 180], "ticktext": ["0°", "45°", "90°", "135°", "180°"]}

STYLE = {
    "trained": ("ink", "solid", "circle"),
    "independent": ("blue", "6px,3px", "square"),
    "svd": ("vermillion", "8px,3px,2px,3px", "diamond"),
    "turned": ("orange", "2px,3px", "triangle-up"),
}
"""Hue, dash and marker of each source, the same in every figure."""


@dataclass(frozen=True)
class Source:
    """What one source of turned frames did. K clients.

    Attributes:
        name, label: as in the config, and for people.
        angles: (K,) degrees; None where they are not to be seen yet.
        reflected: (K,) whether the client's frame is mirrored.
    """

    name: str
    label: str
    angles: Array | None
    reflected: Array


@dataclass(frozen=True)
class Score:
    """Final scores of one source, S seeds each; None where they are not to be seen yet."""

    name: str
    label: str
    naive: Array | None
    aligned: Array | None


def strip(sources: list[Source], title: str, alt: str, mode: str, mirrored: bool = False) -> go.Figure:
    """One column a source, one dot a client, a bar at the median; crosses for mirrored frames if wanted."""
    remark = "Largest angle of the turn onto the clients' common mean, first layer."
    under = [f"<b>{degrees(np.median(s.angles))}</b>" if s.angles is not None else "?" for s in sources]
    fig = _columns(
        [s.label for s in sources], under, title, alt, mode, remark + (" ✕: mirrored." if mirrored else ""),
        {"title": {"text": "frame turned by"}, "range": [-6, TOP], **ANGLES},
    )  # fmt: skip
    for n, source in enumerate(sources):
        hue, _, symbol = STYLE[source.name]
        colour, angles = HUES[mode][hue], np.zeros(0) if source.angles is None else source.angles
        crossed = source.reflected[: len(angles)].astype(bool) & mirrored
        fig.add_scatter(
            x=(n + _beside(angles)).tolist(), y=angles.tolist(), mode="markers", uid=f"dots-{source.name}",
            name=source.label, cliponaxis=False,
            marker={"size": np.where(crossed, 12, 10).tolist(), "color": colour, "opacity": 0.85,
                    "symbol": np.where(crossed, "x-thin", symbol).tolist(),
                    "line": {"width": np.where(crossed, 3, 1).tolist(),
                             "color": np.where(crossed, colour, SURFACE[mode]).tolist()}},
            hovertemplate=f"{source.label}: %{{y:.1f}}°<extra></extra>",
        )  # fmt: skip
        seen = bool(len(angles))
        fig.add_scatter(
            x=[n - 0.4, n + 0.4] if seen else [], y=[float(np.median(angles))] * 2 if seen else [], mode="lines",
            uid=f"median-{source.name}", name=f"{source.label}, median", line={"color": INK[mode], "width": 3},
            hoverinfo="skip", zorder=-1,
        )  # fmt: skip
    return fig


def by_round(
    medians: dict[str, tuple[str, Array]], asked: str | None, rounds: int, title: str, alt: str, mode: str
) -> go.Figure:
    """Median turn by round, one line a source; the line of ``asked`` is not drawn."""
    seen = {name: entry for name, entry in medians.items() if name != asked}
    ends = end_labels(
        [((float(y[-1]) + 6) / (TOP + 6), degrees(y[-1]), label, HUES[mode][STYLE[n][0]])
         for n, (label, y) in seen.items()],
        mode, 0.055,
    )  # fmt: skip
    fig = base_figure(
        mode, title, alt, margin={"l": 64, "r": 150, "t": 12, "b": 52}, annotations=ends,
        xaxis={"title": {"text": "round"}, "range": [-0.4, rounds - 0.6], "fixedrange": True, "dtick": 2,
               "showgrid": False},
        yaxis={"title": {"text": "median frame turned by"}, "range": [-6, TOP], "fixedrange": True,
               **ANGLES},
        meta={"narrow": {"margin": {"r": 128, "l": 56}, "xaxis": {"dtick": 4}}},
    )  # fmt: skip
    for name, (label, y) in medians.items():
        hue, dash, symbol = STYLE[name]
        shown = name != asked
        fig.add_scatter(
            x=list(range(len(y))) if shown else [], y=y.tolist() if shown else [], uid=f"line-{name}", name=label,
            mode="lines+markers", cliponaxis=False,
            line={"color": HUES[mode][hue], "width": 4 if name == "independent" else 2.5, "dash": dash},
            marker={"symbol": symbol, "size": 9, "line": {"width": 1, "color": SURFACE[mode]}},
            hovertemplate=f"{label}, round %{{x}}: %{{y:.1f}}°<extra></extra>",
        )  # fmt: skip
    return fig


def gains(scores: list[Score], start: float, score_name: str, title: str, alt: str, mode: str) -> go.Figure:
    """Final scores by source: naive on the left, turned first on the right, one mark a seed, a line between medians."""
    sides = (("naive", -0.17, "vermillion", "square"), ("turned first", 0.17, "blue", "circle"))
    fig = _columns(
        [s.label for s in scores], [_from_to(s, mode) for s in scores], title, alt, mode,
        "Squares: naive. Circles: turned first. One mark per seed, medians below. Dashed: before training.",
        {"title": {"text": f"final {score_name}"}, "range": [0.4, 1.02], **percent_ticks(0.4, 1, 0.2)},
    )  # fmt: skip
    fig.add_shape(
        type="line", xref="paper", x0=0, x1=1, yref="y", y0=start, y1=start, layer="below",
        line={"color": MUTED[mode], "width": 1.5, "dash": "6px,4px"},
    )  # fmt: skip
    for n, score in enumerate(scores):
        both = score.naive is not None and score.aligned is not None
        fig.add_scatter(
            x=[n - 0.17, n + 0.17] if both else [], uid=f"between-{score.name}", name=f"{score.label}, medians",
            y=[float(np.median(v)) for v in (score.naive, score.aligned) if v is not None] if both else [],
            mode="lines", line={"color": GHOST[mode], "width": 2}, hoverinfo="skip",
        )  # fmt: skip
        for (what, side, hue, symbol), values in zip(sides, (score.naive, score.aligned), strict=True):
            found = np.zeros(0) if values is None else values
            fig.add_scatter(
                x=[n + side] * len(found), y=found.tolist(), mode="markers", uid=f"{what}-{score.name}", name=what,
                cliponaxis=False,
                marker={"size": 11, "symbol": symbol, "color": HUES[mode][hue], "opacity": 0.85,
                        "line": {"width": 1, "color": SURFACE[mode]}},
                **hover(f"{score.label}, {what}: %{{hovertext}}", percents(found)),
            )  # fmt: skip
    return fig


def _from_to(score: Score, mode: str) -> str:
    """``50 % → 93 %`` in the methods' colours, a question mark for what is not to be seen."""
    texts = [
        f"<span style='color:{HUES[mode][hue]}'><b>{'?' if v is None else percent(np.median(v))}</b></span>"
        for hue, v in (("vermillion", score.naive), ("blue", score.aligned))
    ]
    return " → ".join(texts)


def _columns(
    labels: list[str], under: list[str], title: str, alt: str, mode: str, remark: str, height: dict[str, Any]
) -> go.Figure:
    """A figure with one column a label, and a number under each."""
    pairs = list(zip(labels, under, strict=True))
    axis = {
        "tickvals": list(range(len(labels))), "range": [-0.5, len(labels) - 0.5], "fixedrange": True,
        "ticktext": [f"{label}<br>{number}" for label, number in pairs],
        "showgrid": False, "tickfont": {"size": 15}, "tickangle": 0,
    }  # fmt: skip
    return base_figure(
        mode, title, alt, margin={"l": 64, "r": 24, "t": 12, "b": 88}, xaxis=axis, yaxis=height | {"fixedrange": True},
        annotations=[note(remark, mode, yshift=-56)],
        meta={
            "narrow": {
                "margin": {"l": 52, "r": 8, "b": 140},
                "xaxis": {"tickfont": {"size": 12}, "ticktext": [_tall(*pair) for pair in pairs]},
                "annotations": [note(_wrapped(remark), mode, yshift=-86, xshift=-44)],
            },
            "present": {
                "margin": {"r": 4, "t": 4, "b": 110},
                "xaxis": {"tickfont": {"size": 12}, "ticktext": [_tall(*pair) for pair in pairs]},
                "annotations": [note(_wrapped(remark), mode, yshift=-76)],
            },
        },
    )  # fmt: skip


def _tall(label: str, number: str) -> str:
    """The same in a narrow column: a name in two lines, and what follows an arrow below it."""
    first, _, second = label.partition(" ")
    return f"{first}<br>{second or '&nbsp;'}<br>{number.replace(' → ', ' →<br>')}"


def _wrapped(text: str) -> str:
    """In two lines, broken near the middle."""
    middle = text.rfind(" ", 0, len(text) // 2 + 6)
    return text if len(text) < 48 else f"{text[:middle]}<br>{text[middle + 1 :]}"


def _beside(angles: Array) -> Array:
    """Shifts to the side, so that dots of nearly equal height stand in a row."""
    shift = np.zeros(len(angles))
    for i, angle in enumerate(angles):
        rank = int((np.abs(angles[:i] - angle) < 6).sum())
        shift[i] = 0.075 * ((rank + 1) // 2) * (-1 if rank % 2 else 1)
    return np.clip(shift, -0.38, 0.38)
