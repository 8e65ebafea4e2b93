"""Frames against subspaces: a rotation mends the first, and none mends the second."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from fedrot_core.adapters.report import Report
from fedrot_core.figures.adapters.names import short_names, shortened
from fedrot_core.figures.kit.layout import fitting
from fedrot_core.figures.kit.numbers import degree_ticks, hover
from fedrot_core.figures.kit.theme import HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.wording import degrees


def apart(found: Report, layer: int, mode: str) -> go.Figure:
    """A mark for each layer: how far clients' subspaces of A lie apart, and how far a client is turned."""
    turned = {n: report for n, report in enumerate(found.layers) if report.angles.size}
    short = short_names([r.name for r in found.layers])
    subspace = float(np.median([r.apart_A for r in turned.values()]))
    frame = float(np.median([r.turn for r in turned.values()]))
    title = fitting(
        f"In the median layer: turn {degrees(frame)}, subspaces of A {degrees(subspace)} apart",
    )
    alt = (
        f"{title}. Across: mean largest principal angle between two clients' A, which no rotation changes. Up: mean "
        "rotation angle of the client that is turned most."
    )
    fig = base_figure(
        mode, title, alt,
        xaxis={"title": {"text": "subspaces of A apart (no turn changes it)"}, "range": [-3, 93], "fixedrange": True,
               **degree_ticks(0, 90, 15)},
        yaxis={"title": {"text": "mean angle of the client turned most"}, "range": [-6, 140], "fixedrange": True,
               **degree_ticks(0, 135, 45)},
        annotations=[_corner(0.01, 0.99, "other frames, one subspace:<br>turning mends most", mode, "left", "top"),
                     _corner(0.01, 0.01, "one frame: nothing to turn", mode, "left", "bottom")],
        meta={"narrow": {"yaxis": {"title": {"text": "mean turn"}}}},
    )  # fmt: skip
    chosen = {n: r for n, r in turned.items() if n == layer}
    others = {n: r for n, r in turned.items() if n != layer}
    for name, uid, some, size, ink in (
        ("other layers", "other", others, 9, HUES[mode]["green"]),
        (short[layer], "chosen", chosen, 13, INK[mode]),
    ):
        texts = [
            f"{shortened(r.name, 60)}<br>turned by {degrees(r.turn)} on average, subspaces of A "
            f"{degrees(r.apart_A)} apart"
            for r in some.values()
        ]
        fig.add_scatter(
            x=[r.apart_A for r in some.values()], y=[r.turn for r in some.values()], mode="markers",
            name=name, uid=uid, customdata=list(some), meta={"pick": "layer"}, cliponaxis=False,
            marker={"size": size, "color": ink, "opacity": 0.85, "line": {"width": 1, "color": SURFACE[mode]}},
            **hover("%{hovertext}", texts),
        )  # fmt: skip
    return fig


def _corner(x: float, y: float, text: str, mode: str, xanchor: str, yanchor: str) -> dict[str, object]:
    return {
        "xref": "x domain", "yref": "y domain", "x": x, "y": y, "xanchor": xanchor, "yanchor": yanchor, "text": text,
        "align": xanchor, "showarrow": False, "font": {"size": 12, "color": MUTED[mode]},
    }  # fmt: skip
