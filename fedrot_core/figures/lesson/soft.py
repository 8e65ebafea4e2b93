"""The soft turn: the angle it really turns by and the error it leaves, for each λ; and its cliff at half a turn."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import plain
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.planes import heading
from fedrot_core.figures.kit.theme import HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.figures.lesson.plane_marks import nothing, question
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

LINES = (("dot", 1.75), ("6px,3px", 2.25), ("10px,3px,3px,3px", 2.25), ("solid", 3.5))
"""Dash and width of the cliff's curves, the steepest last."""

OF_ERROR, OF_MARGIN = "<b>Two of four clients turned by θ</b>", "<b>How well defined the turn is</b>"
SHORT = {OF_ERROR: "<b>error</b>", OF_MARGIN: "<b>σ_min</b>"}


def soft_strength(
    theta: float,
    strengths: Array,
    polar: Array,
    errors: Array,
    best: int,
    at: int,
    mode: str,
    asked: bool = False,
) -> go.Figure:
    """Left: the angle turned against λθ. Right: the average's error, its least value starred.

    Args:
        theta: the angle to be turned back.
        strengths, polar, errors: (n,); polar is NaN where it is arbitrary.
        best, at: indices of the least error and of the current λ.
        asked: show the straight line λθ only.
    """
    now, strength = polar[at], strengths[at]
    lam = f"λ = {strength:g}"
    turned = "by an arbitrary angle" if np.isnan(now) else f"by {degrees(now)}"
    least = f"smallest error {percent(errors[best])} at λ = {strengths[best]:g}"
    if asked:
        title = f"How far does a soft turn really turn, for each λ, when {degrees(theta)} are to be turned?"
        alt = f"Axes: λ, and the angle turned. A straight line goes from 0 to {degrees(theta)}."
    else:
        title = f"{lam} turns {turned} of {degrees(theta)}, not by {degrees(strength * theta)}; {least}"
        if np.isnan(now):
            title = f"{lam} is the cliff of {degrees(theta)}: any angle will do; {least}"
        elif abs(now - strength * theta) < 0.5:
            title = f"{lam} turns {turned} of {degrees(theta)}; {least}"
        alt = (
            f"When {degrees(theta)} are to be turned, the soft turn of strength {strength:g} turns {turned}; a "
            f"straight path would turn by {degrees(strength * theta)}. Two of four trained clients are turned by "
            f"{degrees(theta)}: the error of their average is {percent(errors[at])} at this λ, and smallest, "
            f"{percent(errors[best])}, at λ = {strengths[best]:g}."
        )
    sky, hue = HUES[mode]["sky"], HUES[mode]["vermillion"]
    axis = _strength_axis()
    notes: list[dict[str, Any]] = [
        heading(1, f"<b>Angle turned, θ = {degrees(theta)}</b>", mode),
        heading(2, OF_ERROR, mode),
        {"x": 0, "y": 180, "xanchor": "left", "yanchor": "top", "showarrow": False, "align": "left",
         "text": "dashed: λθ" + ("" if asked else "<br>solid: soft turn"),
         "font": {"size": 13, "color": MUTED[mode]}, "bgcolor": SURFACE[mode]},
        *([question(2, mode)] if asked else []),
    ]  # fmt: skip
    fig = base_figure(
        mode, title, alt, margin={"l": 62, "r": 20, "t": 8, "b": 56},
        xaxis=axis | {"domain": [0, 0.45]}, xaxis2=axis | {"domain": [0.56, 1], "anchor": "y2"},
        yaxis={"range": [-5, 185], "dtick": 45, "ticksuffix": "°", "fixedrange": True, "domain": [0, 0.92],
               "title": {"text": "angle turned"}},
        yaxis2={"range": [0, 1.05], **percent_ticks(0, 1, 0.25), "fixedrange": True, "anchor": "x2",
                "domain": [0, 0.92], "title": {"text": "error of the average"}},
        annotations=notes,
        shapes=[] if asked else [_rule(strength, "", sky), _rule(strength, "2", sky)],
        meta={"narrow": {
            "height": 660, "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.58, 0.96]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.38]},
        }, "present": _presented(notes, mode)},
    )  # fmt: skip
    fig.add_scatter(
        x=[0, 1], y=[0, theta], mode="lines", name="straight path λθ", uid="straight",
        line={"color": MUTED[mode], "width": 2, "dash": "6px,4px"},
        hovertemplate="straight, λ = %{x}: %{y:.0f}°<extra></extra>",
    )  # fmt: skip
    second: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
    if asked:
        return fig.add_trace(nothing(2, "error"))
    fig.add_scatter(
        x=plain(strengths), y=_gaps(polar), mode="lines", name="soft turn", uid="polar",
        line={"color": sky, "width": 3.5}, hovertemplate="λ = %{x:.2f}: %{y:.1f}°<extra></extra>",
    )  # fmt: skip
    fig.add_scatter(
        x=plain(strengths), y=plain(errors), mode="lines", name="error", uid="error", line={"color": hue, "width": 3},
        **hover("λ = %{x:.2f}: %{hovertext}", percents(errors)), **second,
    )  # fmt: skip
    fig.add_scatter(
        x=[float(strengths[best])], y=[float(errors[best])], mode="markers", name="least error", uid="best",
        marker={"size": 19, "symbol": "star", "color": HUES[mode]["green"], "line": {"width": 1.5, "color": INK[mode]}},
        cliponaxis=False, **hover("least, λ = %{x:.2f}: %{hovertext}", [percent(errors[best])]), **second,
    )  # fmt: skip
    middle = theta / 2 if np.isnan(now) else float(now)
    for axes, y, uid, lost, text in (
        ({}, middle, "now", bool(np.isnan(now)), "arbitrary" if np.isnan(now) else degrees(now)),
        (second, float(errors[at]), "now-error", False, percent(errors[at])),
    ):
        fig.add_scatter(
            x=[float(strength)], y=[y], mode="markers", name=lam, uid=uid, cliponaxis=False,
            marker={"size": 15, "symbol": "x" if lost else "circle", "color": sky,
                    "line": {"width": 2, "color": INK[mode]}},
            **hover(f"{lam}: %{{hovertext}}", [text]), **axes,
        )  # fmt: skip
    fig.add_annotation(
        xref="x2", yref="y2", x=float(strengths[best]), y=float(errors[best]), yshift=24, showarrow=False,
        xanchor="right" if strengths[best] > 0.85 else "left" if strengths[best] < 0.15 else "center",
        text=f"<b>★ {percent(errors[best])}</b>", font={"size": 14, "color": HUES[mode]["green"]},
        bgcolor=SURFACE[mode],
    )  # fmt: skip
    return fig


def soft_cliff(
    angles: Array, strengths: Array, polar: Array, margins: Array, at: int, mode: str, asked: bool = False
) -> go.Figure:
    """Left: the angle turned for several θ. Right: the smallest singular value of (1 − λ) I + λ R.

    Args:
        angles: (m,) ascending, the last one half a turn; strengths: (n,).
        polar, margins: (m, n); polar is NaN where it is arbitrary.
        at: index of the current λ.
        asked: leave out the last angle, and the right panel.
    """
    strength, now, margin = strengths[at], polar[-1, at], margins[-1, at]
    if asked:
        title = f"The nearer to {degrees(angles[-1])}, the steeper: what happens at {degrees(angles[-1])} itself?"
        alt = f"Soft turns of {', '.join(degrees(a) for a in angles[:-1])} for each λ: an S that gets steeper."
    elif np.isnan(now):
        title = f"Half a turn, λ = {strength:g}: the mix vanishes, and every angle is as good as any other"
        alt = f"At θ = {degrees(angles[-1])} and λ = {strength:g} the smallest singular value is 0: any turn fits."
    else:
        title = f"Half a turn, λ = {strength:g}: the soft turn is {degrees(now)}, with σ_min = {margin:.2g}"
        alt = (
            f"At θ = {degrees(angles[-1])} the soft turn jumps from 0° to {degrees(angles[-1])} as λ passes one half, "
            f"where the smallest singular value is 0; at λ = {strength:g} it turns by {degrees(now)}."
        )
    sky = HUES[mode]["sky"]
    axis = _strength_axis()
    notes: list[dict[str, Any]] = [
        heading(1, "<b>Angle turned</b>", mode),
        heading(2, OF_MARGIN, mode),
        *([question(2, mode)] if asked else []),
        *(_line_name(angles[m], polar[m], strengths, mode, m == len(angles) - 1) for m in range(len(angles) - asked)),
    ]
    fig = base_figure(
        mode, title, alt, margin={"l": 62, "r": 20, "t": 8, "b": 56},
        xaxis=axis | {"domain": [0, 0.45]}, xaxis2=axis | {"domain": [0.56, 1], "anchor": "y2"},
        yaxis={"range": [-5, 185], "dtick": 45, "ticksuffix": "°", "fixedrange": True, "domain": [0, 0.92],
               "title": {"text": "angle turned"}},
        yaxis2={"range": [0, 1.05], "dtick": 0.25, "fixedrange": True, "anchor": "x2", "domain": [0, 0.92],
                "title": {"text": "σ_min of (1 − λ) I + λ R"}},
        annotations=notes,
        shapes=[] if asked else [_rule(strength, "", sky), _rule(strength, "2", sky)],
        meta={"narrow": {
            "height": 660, "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.58, 0.96]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.38]},
        }, "present": _presented(notes, mode)},
    )  # fmt: skip
    second: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
    for m in range(len(angles) - asked):
        dash, width = LINES[m % len(LINES)]
        last = m == len(angles) - 1
        line = {"color": sky if last else MUTED[mode], "width": width, "dash": dash}
        fig.add_scatter(
            x=plain(strengths), y=_gaps(polar[m]), mode="lines", name=f"θ = {degrees(angles[m])}", uid=f"polar-{m}",
            line=line, hovertemplate=f"θ = {degrees(angles[m])}, λ = %{{x:.2f}}: %{{y:.1f}}°<extra></extra>",
        )  # fmt: skip
        if not asked:
            fig.add_scatter(
                x=plain(strengths), y=plain(margins[m]), mode="lines", name=f"σ_min, θ = {degrees(angles[m])}",
                uid=f"margin-{m}", line=line,
                hovertemplate=f"θ = {degrees(angles[m])}, λ = %{{x:.2f}}: %{{y:.2f}}<extra></extra>", **second,
            )  # fmt: skip
    if asked:
        return fig.add_trace(nothing(2, "margin"))
    lost = bool(np.isnan(now))
    for axes, y, uid in (({}, angles[-1] / 2 if lost else now, "now"), (second, margin, "now-margin")):
        fig.add_scatter(
            x=[float(strength)], y=[float(y)], mode="markers", name=f"λ = {strength:g}", uid=uid, cliponaxis=False,
            marker={"size": 15, "symbol": "x" if lost else "circle", "color": HUES[mode]["vermillion"] if lost else sky,
                    "line": {"width": 2, "color": INK[mode]}}, **axes,
        )  # fmt: skip
    return fig


def _presented(notes: list[dict[str, Any]], mode: str) -> dict[str, Any]:
    """Large type, little room: headings take the place of the axes' titles."""
    short = [heading(1, "<b>angle turned</b>", mode), heading(2, SHORT[notes[1]["text"]], mode)]
    untitled = {"title": {"text": ""}}
    return {
        "annotations": [*short, *notes[2:]], "margin": {"l": 40}, "yaxis": untitled, "yaxis2": untitled,
        "xaxis": {"title": {"text": "λ"}}, "xaxis2": {"title": {"text": "λ"}},
    }  # fmt: skip


def _line_name(angle: float, polar: Array, strengths: Array, mode: str, last: bool) -> dict[str, Any]:
    """θ beside the end of its curve, on the right; the half turn's stands left of its jump."""
    if last:
        return {
            "x": 0.48, "y": float(angle) - 4, "xanchor": "right", "yanchor": "top", "showarrow": False,
            "text": f"<b>θ = {degrees(angle)}</b>", "font": {"size": 14, "color": HUES[mode]["sky"]},
            "bgcolor": SURFACE[mode],
        }  # fmt: skip
    n = round(0.78 * (len(strengths) - 1))
    return {
        "x": float(strengths[n]), "y": float(polar[n]), "xanchor": "left", "yanchor": "top", "xshift": 4, "yshift": -1,
        "text": degrees(angle), "showarrow": False, "font": {"size": 13, "color": MUTED[mode]},
    }  # fmt: skip


def _gaps(values: Array) -> list[float | None]:
    """Plain numbers, None where there is none, so that lines break there."""
    return [None if np.isnan(v) else float(v) for v in values]


def _strength_axis() -> dict[str, Any]:
    return {
        "title": {"text": "strength λ"}, "range": [-0.03, 1.03], "tickvals": [0, 0.25, 0.5, 0.75, 1],
        "ticktext": ["0", "¼", "½", "¾", "1"], "fixedrange": True, "showgrid": False,
    }  # fmt: skip


def _rule(x: float, panel: str, hue: str) -> dict[str, Any]:
    """A thin line at the current λ."""
    return {
        "type": "line", "xref": f"x{panel}", "yref": f"y{panel} domain", "x0": x, "x1": x, "y0": 0, "y1": 1,
        "layer": "below", "line": {"color": hue, "width": 1.25},
    }  # fmt: skip
