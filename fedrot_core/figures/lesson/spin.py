"""One of several trained clients is spun: where its arrow goes, and which errors follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.numbers import hover, percent_ticks
from fedrot_core.figures.kit.planes import arrow, heading
from fedrot_core.figures.kit.theme import GHOST, GRID, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

NAMES = ("naive average", "aligned average")


def spun_client(
    arrows: Array,
    before: Array,
    client: int,
    errors: tuple[float, float],
    errors_before: tuple[float, float],
    angle: float,
    mode: str,
) -> go.Figure:
    """Left: the longest column of A of each client. Right: errors, hollow before the spin, full after it.

    Args:
        arrows, before: (K, 2) as they stand, and before the spin.
        client: who is spun.
        errors, errors_before: of the naive and the aligned average, relative.
        angle: of the spin in degrees; 0 if there is none yet.
    """
    if angle:
        title = (
            f"Client {client} is spun: naive error {percent(errors_before[0])} → {percent(errors[0])}, "
            f"aligned stays {percent(errors[1])}"
        )
        alt = (
            f"Client {client} was spun by {degrees(angle)}. The naive average's error went from "
            f"{percent(errors_before[0])} to {percent(errors[0])}; the aligned average's was "
            f"{percent(errors_before[1])} and is {percent(errors[1])}."
        )
    else:
        title = f"No client is spun yet: naive error {percent(errors[0])}, aligned {percent(errors[1])}"
        alt = f"{len(arrows)} clients, none spun; naive error {percent(errors[0])}, aligned {percent(errors[1])}."
    half = 1.15 * float(np.linalg.norm(before, axis=-1).max())
    plane = {"range": [-half, half], "fixedrange": True, "constrain": "domain", "zeroline": True, "showgrid": False,
             "zerolinecolor": GRID[mode], "showticklabels": False, "ticks": ""}  # fmt: skip
    hues = (HUES[mode]["vermillion"], HUES[mode]["green"])
    notes = [
        heading(1, "<b>One column of each client's A</b>", mode),
        heading(2, "◇ before the spin, bars: now" if angle else "<b>Error of the average</b>", mode),
        _at_tip(arrows[client], client, mode),
        *_names(hues, errors, errors_before, bool(angle), mode),
    ]
    fig = base_figure(
        mode, title, alt, margin={"l": 8, "r": 24, "t": 8, "b": 56},
        xaxis=plane | {"domain": [0, 0.38]}, yaxis=plane | {"domain": [0, 0.9], "scaleanchor": "x"},
        xaxis2={"domain": [0.46, 1], "anchor": "y2", "range": [0, 1.05], **percent_ticks(0, 1, 0.25),
                "title": {"text": "relative aggregation error"}, "fixedrange": True},
        yaxis2={"domain": [0, 0.86], "anchor": "x2", "range": [-0.6, 1.75], "visible": False, "fixedrange": True},
        annotations=notes,
        meta={"narrow": {
            "height": 640, "xaxis": {"domain": [0.1, 0.9]}, "yaxis": {"domain": [0.5, 0.94]},
            "xaxis2": {"domain": [0.02, 1]}, "yaxis2": {"domain": [0, 0.38]},
        }, "present": {
            "xaxis": {"domain": [0, 0.32]}, "xaxis2": {"domain": [0.36, 1], **percent_ticks(0, 1, 0.5)},
            "annotations": [
                heading(1, "<b>columns of A</b>", mode),
                *(n | {"font": n["font"] | {"size": 14}} for n in notes[1:]),
            ],
        }},
    )  # fmt: skip
    for k, tip in enumerate(arrows):
        if k != client:
            fig.add_trace(arrow(tip, MUTED[mode], 2, 10, half, name=f"client {k}", uid=f"arrow-{k}"))
    if angle:
        fig.add_trace(
            arrow(before[client], GHOST[mode], 2.5, 10, half, name=f"client {client} before", uid="ghost",
                  line={"color": GHOST[mode], "width": 2.5, "dash": "6px,3px"})
        )  # fmt: skip
    blue = HUES[mode]["blue"]
    fig.add_trace(arrow(arrows[client], blue, 5, 15, half, zorder=3, name=f"client {client}", uid=f"arrow-{client}"))
    for n, (now, then, hue) in enumerate(zip(errors, errors_before, hues, strict=True)):
        row, axes = 1 - n, {"xaxis": "x2", "yaxis": "y2"}
        fig.add_bar(
            x=[now], y=[row], orientation="h", width=0.42, name=f"{NAMES[n]}, now", uid=f"bar-{n}",
            marker={"color": hue},
            **hover(f"{NAMES[n]}: %{{hovertext}}", [percent(now)]), **axes,
        )  # fmt: skip
        fig.add_scatter(
            x=[then], y=[row], mode="markers", name=f"{NAMES[n]}, before the spin", uid=f"before-{n}", cliponaxis=False,
            marker={"size": 15, "symbol": "diamond", "color": SURFACE[mode],
                    "line": {"width": 2.5, "color": INK[mode]}},
            **hover("before the spin: %{hovertext}", [percent(then)]), visible=bool(angle), **axes,
        )  # fmt: skip
    return fig


def _at_tip(tip: Array, client: int, mode: str) -> dict[str, Any]:
    """The spun client's name beyond its arrow."""
    return {
        "x": float(tip[0]), "y": float(tip[1]), "yshift": 18 if tip[1] >= 0 else -18, "showarrow": False,
        "text": f"<b>client {client}</b>", "font": {"size": 14, "color": HUES[mode]["blue"]},
    }  # fmt: skip


def _names(
    hues: tuple[str, str], now: tuple[float, float], before: tuple[float, float], spun: bool, mode: str
) -> list[dict[str, Any]]:
    """Above each bar its name and numbers."""
    rows = []
    for n, hue in enumerate(hues):
        numbers = f"{percent(before[n])} → <b>{percent(now[n])}</b>" if spun else f"<b>{percent(now[n])}</b>"
        rows.append({
            "xref": "x2 domain", "yref": "y2", "x": 0, "y": 1 - n + 0.24, "xanchor": "left", "yanchor": "bottom",
            "text": f"<span style='color:{hue}'><b>{NAMES[n]}</b></span> &nbsp;{numbers}", "showarrow": False,
            "font": {"size": 16, "color": INK[mode]},
        })  # fmt: skip
    return rows
