"""The hero: one column of every client's A as an arrow; as sent, averaged, and turned before averaging.

Arrows are lines with an arrow-head marker rather than ``go.Quiver``: they take a z-order (the selected client stays on
top without changing the order of traces) and a dash, and they tween between frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import fitting, layer_of, of_clients, shown_clients, waiting
from fedrot_core.figures.kit.numbers import tip_hover, tip_texts
from fedrot_core.figures.kit.planes import arrow, arrow_points, heading, note, plane
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, base_figure, card_of, colour
from fedrot_core.figures.run.arrows import Arrows, arrows, half_ranges
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace
from fedrot_core.wording import percent

HEAD, MEAN_HEAD = 9.0, 16.0
SAME_SHARE = 0.01
"""Shares that differ by less are called equal."""


def column_text(trace: Trace, layer: int, column: int) -> str:
    """Which input of the layer the column belongs to."""
    text = f"column {column} of A, {trace.task.layers[layer]}"
    return f"{text} ({trace.task.inputs[column]})" if layer == 0 and trace.task.inputs else text


def axes_text(record: RoundRecord) -> str:
    """Which axes lengths are measured over: all of them, drawn or not."""
    rank = record.turns.rotation.shape[-1]
    return "the one latent axis" if rank == 1 else f"all {rank} latent axes"


def finding(record: RoundRecord, naive: float, turned: float) -> str:
    """The title: what averaging keeps as sent and turned first, from recorded lengths."""
    would = "" if record.applied else "would "
    verb = "keeps" if record.applied else "keep"
    as_sent = f"{percent(naive)} of the arrows' length"
    if turned > naive + SAME_SHARE:
        return f"Averaging as sent keeps {as_sent}; turning first {would}{verb} {percent(turned)}"
    if turned < naive - SAME_SHARE:
        return f"Turning hurts here: as sent, {as_sent} is kept; turned first, {percent(turned)}"
    return fitting(
        f"Turning does not help here: {as_sent} is kept as sent, {percent(turned)} turned",
    )


@figure(
    "latent",
    "Latent arrows",
    "What does averaging do to the clients' factors, and what if they are turned first?",
    "dependent",
    ("factor_angles", "turn_angles", "retention"),
)
def latent(trace: Trace, view: View) -> go.Figure:
    """Three planes; frames ``turn 0`` .. ``turn P-1`` move the third along the soft path, its end is the layout."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    layer, mode = layer_of(trace, view), view.mode
    a = arrows(record, layer, view.feature)
    naive, turned = float(a.kept[0]), float(a.kept[-1])
    card = card_of(trace, view.arm)
    turned_colour = colour(card, mode) if record.applied else HUES[mode]["green"]
    who = of_clients(record)
    about = "" if record.turns.rotation.shape[1] == len(record.clients) else " (estimated from the clients shown)"
    rule = card.label if record.applied else "generalised Procrustes, as a counterfactual,"
    alt = (
        f"Round {record.round_index}, {card.label}, {column_text(trace, layer, a.column)}, {who}: the mean of the "
        f"arrows as sent has {percent(naive)} of the clients' mean arrow length over {axes_text(record)}; "
        f"when {rule} turns each client first it has {percent(turned)}{about}."
    )
    names = ["Clients as sent", "Naive mean", "Turned, then averaged" if record.applied else "If turned by Procrustes"]
    keeps = "keeps" if record.applied else "would keep"
    lines = [
        who,
        f"<span style='color:{HUES[mode]['vermillion']}'><b>keeps {percent(naive)}</b></span>",
        f"<span style='color:{turned_colour}'><b>{keeps} {percent(turned)}</b></span>",
    ]
    rank = record.turns.rotation.shape[-1]
    half_x, half_y = half_ranges(trace.arm(view.arm), layer, view.feature)
    layout = plane(3, half_x, half_y, mode, top=0.83)
    for n, tag in enumerate(("", "2", "3")):
        layout[f"xaxis{tag}"]["title"] = {"text": ""}
        layout[f"xaxis{tag}"] |= {"showticklabels": rank > 1, "ticks": "outside" if rank > 1 else ""}
        layout[f"yaxis{tag}"]["title"] = {"text": "direction of the turned mean" if n == 0 else ""}
    headings = [heading(n + 1, f"<b>{names[n]}</b><br>{lines[n]}", mode, yshift=20) for n in range(3)]
    remark = note(
        f"Each arrow: {column_text(trace, layer, a.column)}; this plane holds {percent(a.share)} of the arrows. "
        f"Ring and bars: mean length over {axes_text(record)}.",
        mode,
    )
    bars = length_bars((None, naive, turned), (MUTED[mode], HUES[mode]["vermillion"], turned_colour), mode)
    narrow = {
        "height": 660,
        "margin": {"l": 52, "r": 8, "t": 16, "b": 48},
        "xaxis": {"domain": [0.2, 0.8]},
        "yaxis": {"domain": [0.55, 0.9]},
        "xaxis2": {"domain": [0, 0.47]},
        "yaxis2": {"domain": [0, 0.37], "showticklabels": True},
        "xaxis3": {"domain": [0.53, 1]},
        "yaxis3": {"domain": [0, 0.37]},
        "annotations": [h | {"text": h["text"].replace(names[2], "Turned first")} for h in headings],
    }
    fig = base_figure(
        mode,
        finding(record, naive, turned),
        alt,
        margin={"l": 56, "r": 12, "t": 8, "b": 72},
        shapes=bars,
        annotations=[*headings, remark],
        meta={"narrow": narrow},
        **layout,
    )
    ids = shown_clients(record)
    traces: list[dict[str, Any]] = []
    for panel in (1, 2, 3):
        axes: dict[str, Any] = {"xaxis": f"x{panel}" if panel > 1 else "x", "yaxis": f"y{panel}" if panel > 1 else "y"}
        circle = np.linspace(0, 2 * np.pi, 97)
        traces.append({
            "type": "scatter", "mode": "lines", "name": "mean length", "uid": f"ring-{panel}", "zorder": 0,
            "x": (a.length * np.cos(circle)).tolist(), "y": (a.length * np.sin(circle)).tolist(), **axes,
            "line": {"color": MUTED[mode], "width": 1, "dash": "4px,4px"}, "hoverinfo": "skip", "meta": {"ghost": True},
        })  # fmt: skip
        step = -1 if panel == 3 else 0
        shared = {"reach": half_x, **axes}
        for s, k in enumerate(ids):
            chosen = k == view.client
            quiet = MUTED[mode] if panel == 1 else GHOST[mode]
            traces.append(
                arrow(
                    a.clients[step, s], INK[mode] if chosen else quiet, 3 if chosen and panel == 1 else 1.75,
                    HEAD + 2 * chosen, zorder=3 if chosen else 1, name=f"client {k}", uid=f"{panel}-{k}",
                    meta={"client": k},
                    **tip_hover(f"client {k}", a.clients[step, s], 3), **shared,
                )
            )  # fmt: skip
        if panel > 1:
            share = turned if panel == 3 else naive
            traces.append(
                arrow(
                    a.mean[step], turned_colour if panel == 3 else HUES[mode]["vermillion"], 5, MEAN_HEAD,
                    zorder=4, name="turned mean" if panel == 3 else "naive mean", uid=f"mean-{panel}",
                    **tip_hover(
                        "mean", a.mean[step], 3,
                        f", {percent(share)} of the clients' mean length over {axes_text(record)}",
                    ), **shared,
                )
            )  # fmt: skip
    fig.add_traces(traces)
    if not view.moving:
        fig.frames = _frames(len(traces), a, [k == view.client for k in ids], half_x)
    return fig


def length_bars(shares: tuple[float | None, ...], colours: tuple[str, ...], mode: str) -> list[dict[str, Any]]:
    """A bar above each panel, as long as the share of the clients' mean arrow length; the full length without one."""
    bars = []
    for n, (share, hue) in enumerate(zip(shares, colours, strict=True)):
        tag = "" if n == 0 else str(n + 1)
        place = {
            "type": "rect", "xref": f"x{tag} domain", "yref": f"y{tag} domain", "ysizemode": "pixel", "yanchor": 1,
            "y0": 7, "y1": 15, "x0": 0,
        }  # fmt: skip
        bars.append(place | {"x1": 1, "line": {"width": 1, "color": MUTED[mode]}})
        bars.append(place | {"x1": 1 if share is None else share, "line": {"width": 0}, "fillcolor": hue})
    return bars


def _frames(traces: int, a: Arrows, chosen: list[bool], reach: float) -> list[dict[str, Any]]:
    """The last traces, arrows of panel 3 and their mean, at every step of the path.

    A frame also names the traces that stand still, without data: Plotly removes those that a frame leaves out.
    """
    heads = [HEAD + 2 * c for c in chosen] + [MEAN_HEAD]
    tips = np.concatenate([a.clients, a.mean[:, None]], axis=1)  # (P, S + 1, 2)
    still: list[dict[str, Any]] = [{"type": "scatter"}] * (traces - len(heads))
    return [
        {
            "name": f"turn {p}",
            "traces": list(range(traces)),
            "data": still
            + [
                {"type": "scatter", **arrow_points(tip, head, reach), "hovertext": tip_texts(tip, 3)}
                for tip, head in zip(step, heads, strict=True)
            ],
        }
        for p, step in enumerate(tips)
    ]
