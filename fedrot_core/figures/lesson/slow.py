"""A round in slow motion: clients' arrows, what the server holds, and the error, at one moment between two phases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import rgba
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents, tip_hover
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

TAG = {"clients": "", "server": "2", "error": "3"}
"""Panel -> number of its axes."""

PANELS = tuple(TAG)

BARS_WIDTH = 0.6
"""Of the bars' panel, where a plane's is 1."""


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
        panels: which of :data:`PANELS` stand there, in their order; the same as long as arrows move.
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
    panels: tuple[str, ...]


def slow_motion(moment: Moment, title: str, alt: str, mode: str) -> go.Figure:
    """Clients on the left, the server in the middle, error bars on the right; the phases above as a thread."""
    m = moment
    heads = [
        text
        for panel, text in (
            ("clients", heading(1, f"<b>Clients</b><br>column {m.column} of A", mode)),
            ("server", heading(2, _server(m, mode), mode)),
            ("error", heading(3, _error(m), mode)),
        )
        if panel in m.panels
    ]
    thread = _thread(m.phase, mode)
    remark = "Each arrow is one column of A on both latent axes. Dashed: the broadcast."
    fig = base_figure(
        mode, title, alt, margin={"l": 52, "r": 12, "t": 34, "b": 72}, transition=TWEEN,
        annotations=[*heads, thread, note(remark, mode)], bargap=0.3,
        meta={
            "narrow": _stacked(m.panels) | {"annotations": [
                *heads, thread | {"font": thread["font"] | {"size": 12}, "x": 0.45},
                note(remark.replace(". D", ".<br>D"), mode, xshift=-36, yshift=-30),
            ]},
            "present": _large(m.panels) | {"annotations": heads},
        },
        **_in_a_row(m, mode),
    )  # fmt: skip
    if "clients" in m.panels:
        fig.add_traces(_client_arrows(m, mode))
    if "server" in m.panels:
        fig.add_traces(_server_arrows(m, mode))
    if "error" in m.panels:
        fig.add_trace(_bars(m, mode))
    return fig


def _in_a_row(m: Moment, mode: str) -> dict[str, Any]:
    """Axes of the panels that stand there, side by side; both planes have one scale."""
    planes, domains = plane(2, m.reach, m.reach, mode, top=0.8), _domains(m.panels)
    first = m.panels[0]
    layout: dict[str, Any] = {}
    for panel in m.panels:
        tag = TAG[panel]
        if panel == "error":
            layout["xaxis3"] = {
                "domain": domains[panel], "anchor": "y3", "fixedrange": True, "range": [-0.6, 2.6], "showgrid": False,
                "tickvals": [0, 1, 2], "ticktext": ["naive", "turned", "floor"], "tickangle": 0,
            }  # fmt: skip
            layout["yaxis3"] = {
                "domain": [0, 0.8], "anchor": "x3", "fixedrange": True, "range": [0, 1.12],
                **percent_ticks(0, 1, 0.5),
            }  # fmt: skip
            continue
        layout[f"xaxis{tag}"] = planes[f"xaxis{tag}"] | {
            "domain": domains[panel], "title": {"text": "latent axis 1"},
        }  # fmt: skip
        layout[f"yaxis{tag}"] = planes[f"yaxis{tag}"] | {
            "title": {"text": "latent axis 2" if panel == first else ""}, "showticklabels": panel == first,
        }  # fmt: skip
    return layout


def _domains(panels: tuple[str, ...], gap: float = 0.06) -> dict[str, list[float]]:
    """Where each panel stands from left to right; bars are narrower than planes."""
    widths = [BARS_WIDTH if panel == "error" else 1.0 for panel in panels]
    share = (1 - gap * (len(panels) - 1)) / sum(widths)
    found, left = {}, 0.0
    for panel, width in zip(panels, widths, strict=True):
        found[panel] = [left, min(1.0, left + share * width)]
        left += share * width + gap
    return found


def _stacked(panels: tuple[str, ...]) -> dict[str, Any]:
    """On narrow screens, one panel below the other."""
    layout: dict[str, Any] = {"height": 110 + 320 * len(panels), "margin": {"l": 44, "r": 8, "t": 30, "b": 76}}
    for row, panel in enumerate(reversed(panels)):
        low, high = row / len(panels), (row + 1) / len(panels)
        layout[f"xaxis{TAG[panel]}"] = {"domain": [0, 1], "title": {"text": ""}}
        layout[f"yaxis{TAG[panel]}"] = {
            "domain": [low + (0.1 if row else 0.0) / len(panels), high - 0.17 / len(panels)],
            "title": {"text": ""}, "showticklabels": True,
        }  # fmt: skip
    return layout


def _large(panels: tuple[str, ...]) -> dict[str, Any]:
    """In the presenter's mode arrows take all the room: no axis titles, no numbers at planes."""
    bare = {"title": {"text": ""}, "showticklabels": False, "ticks": ""}
    domains = _domains(panels, 0.1 if "error" in panels else 0.03)
    layout: dict[str, Any] = {"margin": {"l": 12, "r": 12, "t": 2, "b": 34 if "error" in panels else 8}}
    for panel in panels:
        tag = TAG[panel]
        layout[f"xaxis{tag}"] = {"domain": domains[panel]}
        layout[f"yaxis{tag}"] = {"domain": [0, 0.86]}
        if panel != "error":
            layout[f"xaxis{tag}"] |= bare
            layout[f"yaxis{tag}"] |= bare
        elif len(panels) > 2:
            layout["xaxis3"]["ticktext"] = ["naive", "<br>turned", "floor"]  # in two rows, where there is little room
    return layout


def _bars(m: Moment, mode: str) -> dict[str, Any]:
    """The three errors."""
    hues, shown = HUES[mode], m.errors or (0.0, 0.0, 0.0)
    return {
        "type": "bar", "x": [0, 1, 2], "y": list(shown), "uid": "errors", "name": "relative error", "xaxis": "x3",
        "yaxis": "y3", "cliponaxis": False,
        "marker": {"color": [hues["vermillion"], hues["blue"], GHOST[mode]], "line": {"width": 1, "color": INK[mode]}},
        "text": [percent(v) if m.errors and m.whole else "" for v in shown], "textposition": "outside", "textangle": 0,
        "textfont": {"size": 14}, "constraintext": "none",
        **hover("%{hovertext}", percents(shown)),
    }  # fmt: skip


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
        _arrow(turned, rgba(hues["blue"], 0.45), 16, MEAN_HEAD / 2, m.reach, "turned mean", "turned", 2, 3),
        _arrow(naive, hues["vermillion"], 4, MEAN_HEAD, m.reach, "naive mean", "naive", 2, 4),
    ]


def _broadcast(m: Moment, panel: int, mode: str) -> dict[str, Any]:
    tag = "" if panel == 1 else str(panel)
    return {
        "type": "scatter", "mode": "lines+markers", "uid": f"broadcast-{panel}", "name": "broadcast", "zorder": 2,
        "x": [0.0, float(m.broadcast[0])], "y": [0.0, float(m.broadcast[1])],
        "line": {"color": MUTED[mode], "width": 3, "dash": "6px,4px"},
        "marker": {"symbol": "diamond", "size": [0, 11], "color": MUTED[mode], "opacity": 1},
        "xaxis": f"x{tag}", "yaxis": f"y{tag}",
        **tip_hover("broadcast", m.broadcast, 3),
    }  # fmt: skip


def _arrow(
    tip: Any, colour: str, width: float, head: float, reach: float, name: str, uid: str, panel: int, zorder: int
) -> dict[str, Any]:
    tag = "" if panel == 1 else str(panel)
    shown = arrow(
        tip, colour, width, head, reach, zorder=zorder, name=name, uid=uid, xaxis=f"x{tag}", yaxis=f"y{tag}",
        **tip_hover(name, tip, 3),
    )  # fmt: skip
    if not np.any(tip):
        shown["marker"]["size"] = [0.0, 0.0]
    return shown
