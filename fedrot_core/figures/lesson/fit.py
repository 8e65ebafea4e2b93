"""One client turned by hand onto the reference, and the misfit at every angle."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import nice, plain
from fedrot_core.figures.kit.numbers import degree_ticks, hover, percent_ticks
from fedrot_core.figures.kit.planes import arrow, heading
from fedrot_core.figures.kit.theme import HUES, INK, base_figure
from fedrot_core.figures.lesson.plane_marks import bare_plane, nothing, question, reference_arrow, signed_degrees
from fedrot_core.records import Array
from fedrot_core.wording import percent


def turned_by_hand(
    client: int,
    columns: Array,
    reference: Array,
    hand: float,
    misfit: float,
    angles: Array,
    misfits: Array,
    best: tuple[float, float],
    mode: str,
    asked: bool = False,
) -> go.Figure:
    """Left: the client's columns of A after the hand's turn, and the reference's. Right: the misfit at every angle.

    Args:
        columns, reference: (i, 2).
        hand, misfit: the angle in degrees, and the distance to the reference over its norm.
        angles, misfits: (n,) over the circle; best: the angle and misfit that Procrustes finds.
        asked: leave the misfit out.
    """
    if asked:
        title = f"Client {client} turned by {signed_degrees(hand)}: where do its arrows meet the dashed ones?"
        alt = f"Columns of A of client {client}, turned by {signed_degrees(hand)}, and those of the reference, dashed."
    else:
        title = (
            f"Turned by {signed_degrees(hand)} the misfit is {percent(misfit)}; Procrustes turns by "
            f"{signed_degrees(best[0])} and leaves {percent(best[1])}"
        )
        alt = (
            f"The misfit of client {client} to the reference at every angle: {percent(misfit)} at "
            f"{signed_degrees(hand)}, least at {signed_degrees(best[0])}, where it is {percent(best[1])}."
        )
    half = 1.1 * float(max(np.linalg.norm(columns, axis=-1).max(), np.linalg.norm(reference, axis=-1).max()))
    top = nice(float(misfits.max()) * 1.02)
    blue = HUES[mode]["blue"]
    right: dict[str, Any] = {"domain": [0.5, 1], "anchor": "y2", "fixedrange": True}
    fig = base_figure(
        mode, title, alt, margin={"l": 8, "r": 20, "t": 8, "b": 56},
        xaxis=bare_plane(half, mode) | {"domain": [0, 0.4]},
        yaxis=bare_plane(half, mode) | {"domain": [0, 0.88], "scaleanchor": "x"},
        xaxis2=right | {"range": [-184, 184], **degree_ticks(-180, 180, 90), "showgrid": False,
                        "title": {"text": "angle of the turn"}},
        yaxis2={"domain": [0, 0.93], "anchor": "x2", "range": [0, top], "fixedrange": True,
                **percent_ticks(0, top, 0.5 if top > 1 else 0.25), "title": {"text": "misfit to the reference"}},
        annotations=[
            heading(1, f"<b><span style='color:{blue}'>client {client}</span></b><br>dashed: reference", mode),
            question(2, mode) if asked else heading(2, "★ Procrustes &nbsp; ● your hand", mode),
        ],
        meta={"narrow": {
            "height": 640, "xaxis": {"domain": [0.1, 0.9]}, "yaxis": {"domain": [0.46, 0.92]},
            "xaxis2": {"domain": [0.02, 1]}, "yaxis2": {"domain": [0, 0.34]},
        }, "present": {"xaxis2": {"domain": [0.58, 1], **degree_ticks(-180, 180, 180)}}},
    )  # fmt: skip
    x: list[float | None] = []
    y: list[float | None] = []
    for a, b in zip(columns, reference, strict=True):
        x += [float(a[0]), float(b[0]), None]
        y += [float(a[1]), float(b[1]), None]
    fig.add_scatter(
        x=x, y=y, mode="lines", name="misfit", uid="gaps", hoverinfo="skip",
        line={"color": HUES[mode]["vermillion"], "width": 2, "dash": "2px,3px"},
    )  # fmt: skip
    for c, tip in enumerate(reference):
        fig.add_trace(reference_arrow(tip, half, mode, f"reference, column {c}", f"reference-{c}"))
    for c, tip in enumerate(columns):
        name = f"client {client}, column {c}"
        fig.add_trace(arrow(tip, blue, 3.5, 12, half, zorder=3, name=name, uid=f"client-{c}"))
    if asked:
        return fig.add_trace(nothing(2, "curve"))
    axes: dict[str, Any] = {"xaxis": "x2", "yaxis": "y2"}
    fig.add_scatter(
        x=plain(angles), y=plain(misfits), mode="lines", name="misfit by angle", uid="curve",
        line={"color": HUES[mode]["vermillion"], "width": 2.5}, **axes,
        **hover("%{hovertext}", [f"{signed_degrees(a)}: {percent(v)}" for a, v in zip(angles, misfits, strict=True)]),
    )  # fmt: skip
    fig.add_scatter(
        x=[best[0]], y=[best[1]], mode="markers", name="Procrustes", uid="best", cliponaxis=False,
        marker={"size": 18, "symbol": "star", "color": HUES[mode]["green"], "line": {"width": 1.5, "color": INK[mode]}},
        **hover("Procrustes, %{hovertext}", [f"{signed_degrees(best[0])}: {percent(best[1])}"]), **axes,
    )  # fmt: skip
    fig.add_scatter(
        x=[hand], y=[misfit], mode="markers", name="your hand", uid="hand", cliponaxis=False,
        marker={"size": 16, "color": HUES[mode]["orange"], "line": {"width": 2, "color": INK[mode]}},
        **hover("your hand, %{hovertext}", [f"{signed_degrees(hand)}: {percent(misfit)}"]), **axes,
    )  # fmt: skip
    return fig
