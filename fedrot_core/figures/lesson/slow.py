"""A round in slow motion: clients' arrows, what the server holds, and the error, at one moment between two phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.planes import arrow, heading, note, plane
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import percent

PHASES = ("broadcast", "train", "upload", "turn", "average", "error")

TWEEN = {"duration": 450, "easing": "cubic-in-out"}
"""How a change of the figure is animated; every moment has the same traces, so arrows keep their identity. Bars carry
no pattern: Plotly cannot redraw one during a transition."""

CLIENT_HEAD, MEAN_HEAD = 11.0, 14.0

LABEL_GAP = 15.0
"""Degrees between the numbers of two clients."""


@dataclass(frozen=True)
class Moment:
    """What is drawn. K clients.

    Attributes:
        phase: index into :data:`PHASES`, the one under way or just ended.
        clients: (K, 2) tips of the clients' arrows now; ghosts: (K, 2) where they were when the phase began.
        broadcast: (2,) what the server sent.
        naive, turned: (2,) the averages that the server makes, or None before it has any.
        errors: of the naive average, the turned average and the floor, or None before they are known.
        reach: half range of both planes, the same at every moment.
        column: which column of A is drawn; whole: whether the phase has ended, so that bars carry their numbers.
    """

    phase: int
    clients: Array
    ghosts: Array
    broadcast: Array
    naive: Array | None
    turned: Array | None
    errors: tuple[float, float, float] | None
    reach: float
    column: int
    whole: bool


def slow_motion(moment: Moment, title: str, alt: str, mode: str) -> go.Figure:
    """Clients on the left, the server in the middle, error bars on the right; the phases above as a thread."""
    hues, m = HUES[mode], moment
    layout = plane(2, m.reach, m.reach, mode, top=0.8)
    for n, domain in enumerate(([0, 0.34], [0.4, 0.74])):
        tag = "" if n == 0 else "2"
        layout[f"xaxis{tag}"] |= {"domain": domain, "title": {"text": "latent axis 1"}}
        layout[f"yaxis{tag}"]["title"] = {"text": "latent axis 2" if n == 0 else ""}
    bars = {
        "domain": [0.8, 1], "anchor": "y3", "fixedrange": True, "range": [-0.6, 2.6], "showgrid": False,
        "tickvals": [0, 1, 2], "ticktext": ["naive", "turned", "floor"], "tickangle": 0,
    }  # fmt: skip
    height = {
        "domain": [0, 0.8], "anchor": "x3", "fixedrange": True, "range": [0, 1.12], "tickformat": ".0%",
        "tickvals": [0, 0.5, 1],
    }  # fmt: skip
    heads = [
        heading(1, f"<b>Clients</b><br>column {m.column} of A", mode),
        heading(2, _server(m, mode), mode),
        heading(3, _error(m), mode),
    ]
    thread, remark = (
        _thread(m.phase, mode),
        "Each arrow is one column of A on both latent axes. Dashed: the broadcast.",
    )
    narrow = {
        "height": 640,
        "margin": {"l": 44, "r": 8, "t": 30, "b": 76},
        "xaxis": {"domain": [0.1, 0.9], "title": {"text": ""}},
        "yaxis": {"domain": [0.5, 0.91], "title": {"text": ""}},
        "xaxis2": {"domain": [0, 0.5], "title": {"text": ""}},
        "yaxis2": {"domain": [0, 0.35], "showticklabels": True},
        "xaxis3": {"domain": [0.61, 1]},
        "yaxis3": {"domain": [0, 0.35]},
        "annotations": [
            *heads,
            thread | {"font": thread["font"] | {"size": 12}, "x": 0.45},
            note(remark.replace(". D", ".<br>D"), mode, xshift=-36, yshift=-30),
        ],
    }  # fmt: skip
    present = {
        "margin": {"t": 2, "b": 34},
        "annotations": heads,
        "xaxis": {"title": {"text": ""}},
        "xaxis2": {"title": {"text": ""}},
        "xaxis3": {"domain": [0.7, 1]},
    } | {name: {"domain": [0, 0.76]} for name in ("yaxis", "yaxis2", "yaxis3")}
    fig = base_figure(
        mode, title, alt, margin={"l": 52, "r": 12, "t": 34, "b": 72}, transition=TWEEN,
        annotations=[*heads, thread, note(remark, mode)], xaxis3=bars, yaxis3=height, bargap=0.3,
        meta={"narrow": narrow, "present": present}, **layout,
    )  # fmt: skip
    fig.add_traces([*_client_arrows(m, mode), *_server_arrows(m, mode)])
    shown = m.errors or (0.0, 0.0, 0.0)
    fig.add_bar(
        x=[0, 1, 2], y=list(shown), uid="errors", name="relative error", xaxis="x3", yaxis="y3", cliponaxis=False,
        marker={"color": [hues["vermillion"], hues["blue"], GHOST[mode]], "line": {"width": 1, "color": INK[mode]}},
        text=[percent(v) if m.errors and m.whole else "" for v in shown], textposition="outside", textangle=0,
        textfont={"size": 14}, constraintext="none", hovertemplate="%{y:.1%}<extra></extra>",
    )  # fmt: skip
    return fig


def _server(m: Moment, mode: str) -> str:
    """What the server has in its hands."""
    if m.naive is None:
        return "<b>Server</b><br>what it broadcast"
    hues = HUES[mode]
    return (
        f"<b>Server</b><br><span style='color:{hues['vermillion']}'><b>naive mean</b></span>, "
        f"<span style='color:{hues['blue']}'><b>turned mean</b></span>"
    )


def _error(m: Moment) -> str:
    return f"<b>Error</b><br>{'of B A, relative' if m.errors else 'comes last'}"


def _thread(phase: int, mode: str) -> dict[str, Any]:
    """All phases in a row; the present one stands out by weight and brackets, not by colour alone."""
    words = [
        f"<span style='color:{INK[mode]}'><b>[{name}]</b></span>" if n == phase else name
        for n, name in enumerate(PHASES)
    ]
    return {
        "xref": "paper", "yref": "paper", "x": 0.5, "y": 1, "xanchor": "center", "yanchor": "bottom", "yshift": 4,
        "text": " › ".join(words), "showarrow": False, "font": {"size": 15, "color": MUTED[mode]},
    }  # fmt: skip


def _client_arrows(m: Moment, mode: str) -> list[dict[str, Any]]:
    """The broadcast, ghosts, arrows and numbers of panel 1."""
    found = [_broadcast(m, 1, mode)]
    for k, tip in enumerate(m.ghosts):
        found.append({
            "type": "scatter", "mode": "lines", "uid": f"ghost-{k}", "name": f"client {k}, before", "zorder": 1,
            "x": [0.0, float(tip[0])], "y": [0.0, float(tip[1])], "line": {"color": GHOST[mode], "width": 1.5},
            "hoverinfo": "skip",
        })  # fmt: skip
    for k, tip in enumerate(m.clients):
        found.append(_arrow(tip, INK[mode], 2.25, CLIENT_HEAD, m.reach, f"client {k}", f"client-{k}", 1, 3))
    places, texts = numbers(m.clients, m.reach)
    found.append({
        "type": "scatter", "mode": "text", "uid": "numbers", "name": "client numbers", "x": places[:, 0].tolist(),
        "y": places[:, 1].tolist(), "text": texts, "textfont": {"size": 13, "color": INK[mode]}, "hoverinfo": "skip",
        "zorder": 4, "cliponaxis": False,
    })  # fmt: skip
    return found


def numbers(tips: Array, reach: float) -> tuple[Array, list[str]]:
    """Where each client's number stands, (K, 2): on a ring beyond the longest tip, in the arrows' order.

    Arrows that lie on each other share one label.
    """
    lengths = np.linalg.norm(tips, axis=1)
    angles = np.degrees(np.arctan2(tips[:, 1], tips[:, 0]))
    texts = [str(k) for k in range(len(tips))]
    beyond = 0.11
    if np.ptp(tips, axis=0).max() < 1e-9:
        beyond = 0.2
        texts = [" ".join(texts), *[""] * (len(tips) - 1)]
    else:
        angles = apart(angles, LABEL_GAP)
    ring = lengths.max() + beyond * reach
    turned = np.radians(angles)
    return ring * np.stack([np.cos(turned), np.sin(turned)], axis=1), texts


def apart(angles: Array, gap: float) -> Array:
    """Degrees near ``angles`` that are at least ``gap`` apart, in the same order around the circle."""
    order = np.argsort(angles)
    found = angles[order].astype(float)
    for _ in range(200):
        lack = gap - (np.roll(found, -1) - found + np.where(np.arange(len(found)) == len(found) - 1, 360, 0))
        if lack.max() < 1e-3:
            break
        push = np.maximum(lack, 0) / 2
        found = found - push + np.roll(push, 1)
    out = np.empty(len(found))
    out[order] = found
    return out


def _server_arrows(m: Moment, mode: str) -> list[dict[str, Any]]:
    """The broadcast and both averages of panel 2; averages lie at the origin before they exist."""
    hues, zero = HUES[mode], np.zeros(2)
    turned, naive = (zero if tip is None else tip for tip in (m.turned, m.naive))
    return [
        _broadcast(m, 2, mode),
        _arrow(turned, hues["blue"], 8, MEAN_HEAD + 4, m.reach, "turned mean", "turned", 2, 3),
        _arrow(naive, hues["vermillion"], 3.5, MEAN_HEAD, m.reach, "naive mean", "naive", 2, 4),
    ]


def _broadcast(m: Moment, panel: int, mode: str) -> dict[str, Any]:
    tag = "" if panel == 1 else str(panel)
    return {
        "type": "scatter", "mode": "lines+markers", "uid": f"broadcast-{panel}", "name": "broadcast", "zorder": 2,
        "x": [0.0, float(m.broadcast[0])], "y": [0.0, float(m.broadcast[1])],
        "line": {"color": MUTED[mode], "width": 3, "dash": "6px,4px"},
        "marker": {"symbol": "diamond", "size": [0, 11], "color": MUTED[mode], "opacity": 1},
        "xaxis": f"x{tag}", "yaxis": f"y{tag}",
        "hovertemplate": "broadcast: (%{x:.3f}, %{y:.3f})<extra></extra>",
    }  # fmt: skip


def _arrow(
    tip: Any, colour: str, width: float, head: float, reach: float, name: str, uid: str, panel: int, zorder: int
) -> dict[str, Any]:
    tag = "" if panel == 1 else str(panel)
    shown = arrow(
        tip, colour, width, head, reach, zorder=zorder, name=name, uid=uid, xaxis=f"x{tag}", yaxis=f"y{tag}",
        hovertemplate=f"{name}: (%{{x:.3f}}, %{{y:.3f}})<extra></extra>",
    )  # fmt: skip
    if not np.any(tip):
        shown["marker"]["size"] = [0.0, 0.0]
    return shown
