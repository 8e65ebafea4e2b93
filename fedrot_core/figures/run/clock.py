"""By which angles each client is turned: eigen-angles on the unit circle, and the largest one of each client."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import client_ticks, layer_of, plain, waiting
from fedrot_core.figures.kit.numbers import hover
from fedrot_core.figures.kit.planes import heading, note
from fedrot_core.figures.kit.theme import GHOST, GRID, HUES, INK, MUTED, base_figure, card_of, colour
from fedrot_core.records import Array
from fedrot_core.trace import Trace
from fedrot_core.wording import amount, degrees

BIN = 4.0
"""Dots within this many degrees are stacked outwards, so that all can be seen."""

EDGE = 1.52
"""Half width of the clock's plane; dots reach to 1.45, hour labels stand inside."""


def stacked_radii(angles: Array) -> Array:
    """Radius of each dot: 1, and further out for each earlier dot in the same bin."""
    bins = np.round(np.mod(angles, 360) / BIN).astype(int) % round(360 / BIN)
    level = np.array([int((bins[:i] == b).sum()) for i, b in enumerate(bins)])
    return 1 + level * min(0.09, 0.45 / max(1, int(level.max(initial=0))))


@figure("clock", "Rotation angles", "How far does alignment turn each client?", "dependent", ("turn_angles",))
def clock(trace: Trace, view: View) -> go.Figure:
    """Left: every eigen-angle, ✕ for the unpaired -1 of a reflection. Right: the largest turn of each client."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    layer, mode, card = layer_of(trace, view), view.mode, card_of(trace, view.arm)
    angles = record.turns.angles[layer].astype(float)  # (K, r)
    reflected = record.turns.reflected[layer].astype(bool)
    K = len(angles)
    ids = [int(k) for k in record.clients]
    largest = np.abs(angles).max(1)
    median, flips = float(np.median(largest)), int(reflected.sum())
    verb = "turns" if record.applied else "would turn"
    mirror = f"; {flips} of {K} reflected" if flips else "; none reflected"
    if largest.max() < 1:
        title = "No client needs turning: every rotation angle is below 1°"
    else:
        title = f"Alignment {verb} clients by up to {degrees(largest.max())}, median {degrees(median)}{mirror}"
    alt = (
        f"Eigen-angles of the {K} clients' rotations, round {record.round_index}, {card.label}, "
        f"{trace.task.layers[layer]}: the largest angle of a client has median {degrees(median)} and maximum "
        f"{degrees(largest.max())}; {flips} of {K} contain a reflection, an unpaired eigenvalue −1."
    )
    return turns(
        mode, title, alt, angles, reflected, [f"client {k}" for k in ids], ids,
        ids.index(view.client) if view.client in ids else None,
        colour(card, mode) if record.applied else HUES[mode]["green"],
    )  # fmt: skip


def turns(
    mode: str, title: str, alt: str, angles: Array, reflected: Array, names: Sequence[str], keys: Sequence[object],
    chosen: int | None, hue: str,
) -> go.Figure:  # fmt: skip
    """The two panels, of any clients.

    Args:
        mode: "light" or "dark"; title, alt: what they say.
        angles: (K, r), eigen-angles of each client's rotation, in degrees.
        reflected: (K,) bool, whether it contains a reflection.
        names: of the clients; keys: what stands for each on the axis, and what a click on it gives.
        chosen: index of the selected client; hue: of all others.
    """
    K, r = angles.shape
    largest = np.abs(angles).max(1)
    flat, owner = angles.ravel(), np.repeat(np.arange(K), r)
    cross = np.zeros((K, r), dtype=bool)
    cross[np.flatnonzero(reflected), np.abs(angles).argmax(1)[reflected]] = True
    last = np.argsort(cross.ravel(), kind="stable")  # crosses go outermost, where nothing hides them
    radius = np.empty(len(flat))
    radius[last] = stacked_radii(flat[last])
    px, py = radius * np.cos(np.radians(flat)), radius * np.sin(np.radians(flat))
    own = owner == (-1 if chosen is None else chosen)
    square = {"range": [-EDGE, EDGE], "visible": False, "fixedrange": True, "constrain": "domain"}
    fig = base_figure(
        mode, title, alt,
        xaxis={**square, "domain": [0, 0.44]},
        yaxis={**square, "scaleanchor": "x", "domain": [0, 0.93]},
        xaxis2={"domain": [0.54, 1], "anchor": "y2", "title": {"text": "client"}, "range": [-0.6, K - 0.4],
                "fixedrange": True, "showgrid": False, **client_ticks(keys)},
        yaxis2={"anchor": "x2", "domain": [0, 0.93], "title": {"text": "largest angle (degrees)"},
                "range": [0, 185], "dtick": 45,
                "ticksuffix": "°", "fixedrange": True},
        annotations=[
            heading(1, "<b>Every rotation angle</b>", mode), heading(2, "<b>Largest turn of each client</b>", mode),
            *_hours(mode),
            note("✕ reflection: an unpaired eigenvalue −1", mode, xref="x domain", yref="y domain", yshift=-6),
        ],
        shapes=[{"type": "circle", "xref": "x", "yref": "y", "x0": -1, "x1": 1, "y0": -1, "y1": 1, "layer": "below",
                 "line": {"color": GHOST[mode], "width": 1.5}}],
        meta={"narrow": {
            "height": 640, "xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.46, 0.95]},
            "xaxis2": {"domain": [0, 1]}, "yaxis2": {"domain": [0, 0.33]},
        }},
    )  # fmt: skip
    symbols = np.where(cross.ravel(), "x-thin", "circle")
    for name, uid, which, size, ink in (
        ("other clients", "other", ~own, 8, hue),
        ("" if chosen is None else names[chosen], "client", own, 12, INK[mode]),
    ):
        fig.add_scatter(
            x=plain(px[which]), y=plain(py[which]), mode="markers", name=name, uid=uid,
            customdata=[[keys[k], float(a)] for k, a in zip(owner[which], flat[which], strict=True)], cliponaxis=False,
            marker={"size": size, "color": ink, "symbol": plain(symbols[which]), "opacity": 0.85,
                    "line": {"width": 2, "color": ink}},
            **hover(
                "%{hovertext}",
                [f"{names[k]}: {amount(a, '°')}" for k, a in zip(owner[which], flat[which], strict=True)],
            ),
        )  # fmt: skip
    ends = np.arange(K) == chosen
    fig.add_bar(
        x=list(range(K)), y=plain(largest), width=0.12, marker={"color": GRID[mode]}, hoverinfo="skip", name="stem",
        xaxis="x2", yaxis="y2", uid="stems",
    )  # fmt: skip
    fig.add_scatter(
        x=list(range(K)), y=plain(largest), mode="markers", name="largest angle", xaxis="x2", yaxis="y2", uid="largest",
        customdata=list(keys), cliponaxis=False,
        **hover("%{hovertext}", [f"{name}: {degrees(a)}" for name, a in zip(names, largest, strict=True)]),
        marker={"size": 10 if K <= 40 else 6, "symbol": plain(np.where(reflected, "x-thin", "circle")),
                "color": [INK[mode] if e else hue for e in ends],
                "line": {"width": 2, "color": [INK[mode] if e else hue for e in ends]}},
    )  # fmt: skip
    return fig


def _hours(mode: str) -> list[dict[str, object]]:
    """Labels and ticks each 30°; 0° at the right."""
    return [
        {
            "xref": "x", "yref": "y", "x": 0.8 * np.cos(np.radians(a)), "y": 0.8 * np.sin(np.radians(a)),
            "text": amount(a if a <= 180 else a - 360, "°"), "showarrow": False,
            "font": {"size": 12, "color": MUTED[mode]},
        }
        for a in range(0, 360, 30)
    ]  # fmt: skip
