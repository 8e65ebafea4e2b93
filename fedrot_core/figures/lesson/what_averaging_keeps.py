"""What a naive average keeps of an update that all clients share: by the angle between two, by the number of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import plain
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.theme import FONT, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

SHARE_AXIS = {"range": [-0.03, 1.03], **percent_ticks(0, 1, 0.25), "fixedrange": True}


def cosine_law(
    angle: float,
    kept: float,
    error: float,
    angles: Array,
    measured: Array,
    errors: Array,
    mode: str,
    asked: bool = False,
) -> go.Figure:
    """cos²(θ/2): theory as a line, really averaged factors as dots, and the current angle.

    Args:
        angle, kept, error: the current point, from averaged factors.
        angles, measured, errors: (n,) each, of the experiment.
        asked: show the axes and the known end only.
    """
    theta, hue = HUES[mode]["orange"], HUES[mode]["vermillion"]
    if asked:
        title = "How much of the update does the naive average keep at each angle?"
        alt = "Axes: the angle between two clients' frames, and the share of their update that the naive average keeps."
    else:
        title = f"{degrees(angle)} apart, the naive average keeps {percent(kept)}: cos²(θ/2)"
        alt = (
            f"The share of the update that the naive average of two clients keeps falls as cos²(θ/2), from all of it "
            f"at 0° through half at 90° to nothing at 180°; at {degrees(angle)} it is {percent(kept)}, the relative "
            f"error {percent(error)}. Averages of really turned factors lie on the line."
        )
    fig = base_figure(
        mode, title, alt, margin={"l": 68, "r": 24, "b": 56},
        xaxis={"title": {"text": "angle θ between the two frames"}, "range": [-4, 184], "dtick": 45, "ticksuffix": "°",
               "fixedrange": True, "showgrid": False},
        yaxis={"title": {"text": "share of the update"}, **SHARE_AXIS},
        annotations=[] if asked else [
            _label(2, 0.74, "<b>kept</b><br>cos²(θ/2)", hue, "left"),
            _label(178, 0.74, "<b>error</b><br>sin²(θ/2)", MUTED[mode], "right"),
        ],
        shapes=[{"type": "line", "xref": "x", "yref": "paper", "x0": angle, "x1": angle, "y0": 0, "y1": 1,
                 "layer": "below", "line": {"color": theta, "width": 1.5}}],
    )  # fmt: skip
    if asked:
        fig.add_scatter(
            x=[0], y=[1], mode="markers", name="no turn", uid="experiment", hoverinfo="skip", cliponaxis=False,
            marker={"size": 12, "color": SURFACE[mode], "line": {"width": 2.5, "color": hue}},
        )  # fmt: skip
        return fig
    fine = np.linspace(0, 180, 91)
    half = np.radians(fine) / 2
    for name, uid, y, colour, dash in (
        ("error in theory", "error", np.sin(half) ** 2, MUTED[mode], "6px,4px"),
        ("kept in theory", "theory", np.cos(half) ** 2, hue, "solid"),
    ):
        fig.add_scatter(
            x=plain(fine), y=plain(y), mode="lines", name=name, uid=uid,
            line={"color": colour, "width": 2.5, "dash": dash},
            **hover(f"{name}, %{{x:.0f}}°: %{{hovertext}}", percents(y)),
        )  # fmt: skip
    for name, uid, y, colour, symbol in (
        ("error, averaged factors", "errors", errors, MUTED[mode], "diamond"),
        ("kept, averaged factors", "experiment", measured, hue, "circle"),
    ):
        fig.add_scatter(
            x=plain(angles), y=plain(y), mode="markers", name=name, uid=uid, cliponaxis=False,
            marker={"size": 10, "symbol": symbol, "color": SURFACE[mode], "line": {"width": 2.5, "color": colour}},
            **hover(f"{name}, %{{x:.0f}}°: %{{hovertext}}", percents(y)),
        )  # fmt: skip
    fig.add_scatter(
        x=[angle], y=[kept], mode="markers+text", name="now", uid="now", cliponaxis=False,
        text=[f"<b>{percent(kept)}</b>"],
        textposition="middle right" if angle < 150 else "top left", textfont={"size": 18, "color": INK[mode]},
        marker={"size": 18, "color": theta, "line": {"width": 2, "color": INK[mode]}},
        **hover("%{x:.0f}°: %{hovertext} kept", [percent(kept)]),
    )  # fmt: skip
    return fig


def crowd_keeps(counts: Array, kept: Array, mean: Array, chosen: int, mode: str, asked: bool = False) -> go.Figure:
    """One update in frames drawn at random: what the naive average of 1, 2, ... clients keeps.

    Args:
        counts: (n,); kept: (n, draws); mean: (n,) over the draws.
        chosen: the current number of clients.
        asked: show one client only, where nothing can cancel.
    """
    hue, at = HUES[mode]["vermillion"], int(np.flatnonzero(counts == chosen)[0])
    if asked:
        title = f"One update in random frames: what does the average of {chosen} clients keep?"
        alt = "Axes: number of clients, and the share of their common update that the naive average keeps."
    else:
        title = f"{chosen} clients in random frames: {percent(mean[at])} is kept on average, in theory 1/{chosen}"
        alt = (
            f"All clients hold one update in frames drawn at random. The naive average of {chosen} keeps "
            f"{percent(mean[at])} of it on average over {kept.shape[1]} draws; theory says one over their number."
        )
    fig = base_figure(
        mode, title, alt, margin={"l": 68, "r": 24, "b": 56},
        xaxis={"title": {"text": "clients that hold the same update"}, "range": [0.4, counts[-1] + 0.6], "dtick": 1,
               "fixedrange": True, "showgrid": False},
        yaxis={"title": {"text": "share of the update kept"}, **SHARE_AXIS},
        meta={"narrow": {"xaxis": {"dtick": 2}}},
    )  # fmt: skip
    spread = np.linspace(-0.3, 0.3, kept.shape[1])
    shown: Sequence[int] = [0] if asked else range(len(counts))
    fig.add_scatter(
        x=[float(counts[n] + s) for n in shown for s in spread], y=[float(v) for n in shown for v in kept[n]],
        mode="markers", name="one draw of frames", uid="draws", cliponaxis=False,
        marker={"size": 4, "color": MUTED[mode], "opacity": 0.45},
        **hover("%{hovertext} kept", percents([v for n in shown for v in kept[n]])),
    )  # fmt: skip
    if asked:
        return fig
    fig.add_scatter(
        x=plain(counts), y=plain(1 / counts), mode="lines", name="theory: 1 / clients", uid="theory",
        line={"color": hue, "width": 2.5}, **hover("theory: %{hovertext}", percents(1 / counts)),
    )  # fmt: skip
    fig.add_scatter(
        x=plain(counts), y=plain(mean), mode="markers", name="mean of the draws", uid="mean", cliponaxis=False,
        marker={"size": 10, "color": SURFACE[mode], "line": {"width": 2.5, "color": hue}},
        **hover("%{x} clients: %{hovertext} on average", percents(mean)),
    )  # fmt: skip
    fig.add_scatter(
        x=[chosen], y=[float(mean[at])], mode="markers", name="now", uid="now", cliponaxis=False, hoverinfo="skip",
        marker={"size": 18, "color": hue, "line": {"width": 2, "color": INK[mode]}},
    )  # fmt: skip
    fig.add_annotation(
        x=chosen, y=float(mean[at]), yshift=26, text=f"<b>{percent(mean[at])}</b>", showarrow=False,
        bgcolor=SURFACE[mode], font={"size": 18, "color": INK[mode]},
    )  # fmt: skip
    fig.add_annotation(
        **_label(counts[-1] + 0.4, 0.9, "each dot: one draw of frames<br>line: 1 / clients", MUTED[mode], "right")
    )
    return fig


def _label(x: float, y: float, text: str, colour: str, anchor: str) -> dict[str, Any]:
    """Text beside a line."""
    return {
        "x": x, "y": y, "xanchor": anchor, "yanchor": "middle", "text": text, "showarrow": False, "align": anchor,
        "font": {"size": 14, "color": colour, "family": FONT},
    }  # fmt: skip
