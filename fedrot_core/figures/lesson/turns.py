"""Why gradients do not turn frames: one step's parts along a turn, and the turn that many steps add up to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import end_labels, rgba
from fedrot_core.figures.kit.numbers import hover
from fedrot_core.figures.kit.planes import heading
from fedrot_core.figures.kit.theme import GHOST, HUES, MUTED, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import amount, degrees

HUE = {"sgd": "ink", "adam": "yellow"}
DASH = {"sgd": "solid", "adam": "6px,3px"}
SYMBOL = {"sgd": "circle", "adam": "diamond"}
LABEL = {"sgd": "SGD", "adam": "Adam"}


@dataclass(frozen=True)
class Turning:
    """What is drawn of each optimiser. K clients, T moments, N = K clients x planes.

    Attributes:
        parts: (N, 2) the first step's cosine with a turn, its part in A and its part in B; not drawn if missing.
        angles: (T, K) degrees by which each client's frame is turned from the start; not drawn if missing.
        chosen: (A part, B part) of one client and plane, ringed in the left panel.
        limit: half range of the left panel; top: highest angle of the right one.
    """

    parts: dict[str, Array]
    angles: dict[str, Array]
    chosen: tuple[str, float, float] | None
    limit: float
    top: float
    steps: int


def turning(shown: Turning, title: str, alt: str, mode: str) -> go.Figure:
    """Left: one step, A's part against B's; on the diagonal they cancel. Right: turned angle by local step."""
    limit, hues = shown.limit, HUES[mode]
    tick = {"tickvals": [-0.1, 0, 0.1], "fixedrange": True, "showgrid": False, "zeroline": True,
            "zerolinecolor": GHOST[mode]}  # fmt: skip
    plane = {
        "xaxis": tick | {"range": [-limit, limit], "domain": [0, 0.42], "constrain": "domain",
                         "title": {"text": "part of A", "font": {"color": hues["blue"]}}},
        "yaxis": tick | {"range": [-limit, limit], "domain": [0, 0.9], "constrain": "domain", "scaleanchor": "x",
                         "title": {"text": "part of B", "font": {"color": hues["purple"]}}},
        "xaxis2": {"domain": [0.55, 1], "anchor": "y2", "range": [0, shown.steps], "fixedrange": True,
                   "title": {"text": "local step"}, "dtick": 5, "showgrid": False},
        "yaxis2": {"domain": [0, 0.9], "anchor": "x2", "range": [-0.02 * shown.top, shown.top], "fixedrange": True,
                   "title": {"text": "turned from the start"}, "ticksuffix": "°", "dtick": 5},
    }  # fmt: skip
    medians = {name: np.median(angles, axis=1) for name, angles in shown.angles.items()}
    ends = end_labels(
        [(float(m[-1]) / shown.top * 0.9, degrees_of(m[-1]), LABEL[n], hues[HUE[n]]) for n, m in medians.items()],
        mode, 0.07,
    )  # fmt: skip
    heads = [
        heading(1, "<b>One step</b>, each client and plane", mode),
        heading(2, "<b>All local steps</b>" + ("" if medians else ": shown later"), mode),
        *_on_the_line(mode, limit),
    ]
    narrow = {
        "height": 640,
        "margin": {"r": 88, "l": 60, "t": 8},
        "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.52, 0.94]},
        "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.36]},
        "annotations": [*heads, *[end | {"y": end["y"] * 0.4} for end in ends]],
    }  # fmt: skip
    still_open = "" if medians else "<br>shown later"
    present = {
        "margin": {"l": 36, "r": 4, "t": 4, "b": 40},
        "xaxis": {"domain": [0.04, 0.52]},
        "xaxis2": {"domain": [0.62, 0.99 if still_open else 0.82]},
        "yaxis": {"domain": [0, 0.84]}, "yaxis2": {"domain": [0, 0.84], "title": {"text": ""}},
        "annotations": [
            heading(1, "<b>one step</b><br>each client, plane", mode),
            heading(2, f"<b>all steps</b>{still_open or '<br>angle turned'}", mode),
            *[end | {"x": 0.82, "y": end["y"] * 0.84 / 0.9} for end in ends],
        ],
    }  # fmt: skip
    fig = base_figure(
        mode, title, alt, margin={"l": 64, "r": 96, "t": 8, "b": 52}, annotations=[*heads, *ends],
        meta={"narrow": narrow, "present": present}, **plane,
    )  # fmt: skip
    fig.add_scatter(
        x=[-limit, limit], y=[limit, -limit], mode="lines", uid="cancel", name="sum 0", hoverinfo="skip",
        line={"color": MUTED[mode], "width": 1.5, "dash": "4px,4px"},
    )  # fmt: skip
    for name in HUE:
        fig.add_trace(_dots(name, shown.parts.get(name), mode))
    chosen = shown.chosen or ("", 0.0, 0.0)
    fig.add_scatter(
        x=[chosen[1]], y=[chosen[2]], mode="markers", uid="chosen", name=chosen[0], visible=shown.chosen is not None,
        marker={"size": 20, "symbol": "circle-open", "color": hues["green"], "line": {"width": 3}},
        **hover(f"{chosen[0]}: %{{hovertext}}", _parts([chosen[1:]])),
    )  # fmt: skip
    for name in HUE:
        _lines(fig, name, shown.angles.get(name), mode)
    return fig


def degrees_of(angle: float) -> str:
    """Small angles with a decimal, since they are the point."""
    return f"{float(angle):.1f}°" if angle < 9.95 else degrees(angle)


def _on_the_line(mode: str, limit: float) -> list[dict[str, Any]]:
    return [
        {
            "xref": "x", "yref": "y", "x": 0.8 * limit, "y": -0.8 * limit, "text": "sum 0: no turn", "textangle": 45,
            "showarrow": False, "yshift": 11, "xshift": 8, "font": {"size": 13, "color": MUTED[mode]},
        }
    ]  # fmt: skip


def _parts(found: Any) -> list[str]:
    """Each dot's two parts, in words."""
    return [f"A {amount(a, '', 3)}, B {amount(b, '', 3)}" for a, b in found]


def _dots(name: str, parts: Array | None, mode: str) -> dict[str, Any]:
    """One optimiser's dots; at the origin and hidden before they are shown."""
    found = np.zeros((0, 2)) if parts is None else parts
    hue = HUES[mode][HUE[name]]
    return {
        "type": "scatter", "mode": "markers", "uid": f"dots-{name}", "name": f"{LABEL[name]}, first step",
        "x": found[:, 0].tolist(), "y": found[:, 1].tolist(), "cliponaxis": False,
        "marker": {"size": 7 if name == "sgd" else 8, "symbol": SYMBOL[name], "color": rgba(hue, 0.75),
                   "line": {"width": 1, "color": hue}},
        **hover(f"{LABEL[name]}: %{{hovertext}}", _parts(found)),
    }  # fmt: skip


def _lines(fig: go.Figure, name: str, angles: Array | None, mode: str) -> None:
    """Each client thin, the median thick; in one trace each, so that the set of traces never changes."""
    hue = HUES[mode][HUE[name]]
    table = np.zeros((0, 0)) if angles is None else angles
    x: list[float | None] = []
    y: list[float | None] = []
    for k in range(table.shape[1]):
        x += [*range(len(table)), None]
        y += [*map(float, table[:, k]), None]
    shared = {"xaxis": "x2", "yaxis": "y2", "mode": "lines"}
    fig.add_scatter(
        x=x, y=y, uid=f"clients-{name}", name=f"{LABEL[name]}, each client", hoverinfo="skip",
        line={"color": rgba(hue, 0.35), "width": 1}, **shared,
    )  # fmt: skip
    median = np.median(table, axis=1) if table.size else np.zeros(0)
    fig.add_scatter(
        x=list(range(len(median))), y=median.tolist(), uid=f"median-{name}", name=f"{LABEL[name]}, median client",
        line={"color": hue, "width": 3.5, "dash": DASH[name]},
        hovertemplate=f"{LABEL[name]}, step %{{x}}: %{{y:.2f}}°<extra></extra>", **shared,
    )  # fmt: skip
