"""Rows of every client's A in one plane: fans as sent, bundles when turned."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import fitting, layer_of, of_clients, shown_clients, waiting
from fedrot_core.figures.kit.numbers import tip_hover
from fedrot_core.figures.kit.planes import arrow, heading, note, plane
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, base_figure, card_of, colour
from fedrot_core.records import Array
from fedrot_core.trace import Trace
from fedrot_core.wording import percent

FAITHFUL = 0.6
"""Below this share of the power the plane is called a poor view."""


def kept(rows: Array) -> float:
    """Length of the mean rows over the mean length of rows, in the plane; ``rows`` is (S, r, 2)."""
    lengths = np.linalg.norm(rows, axis=-1).mean(0).sum()
    return float(np.linalg.norm(rows.mean(0), axis=-1).sum() / lengths) if lengths > 0 else 0.0


@figure(
    "ambient", "Ambient plane", "Do the rows of the clients' A point the same way?", "dependent", ("factor_angles",)
)
def ambient(trace: Trace, view: View) -> go.Figure:
    """Two planes with the same axes; one trace a client, an arrow a row; the mean of each row on top."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    layer, mode, card = layer_of(trace, view), view.mode, card_of(trace, view.arm)
    sides = [record.arrows.ambient_before[layer].astype(float), record.arrows.ambient_after[layer].astype(float)]
    share = record.arrows.ambient_share[layer].astype(float)
    before, after = kept(sides[0]), kept(sides[1])
    power = percent(share.sum())
    weak = share.sum() < FAITHFUL
    if weak:
        kept_text = f"{percent(before)} of its length as sent, {percent(after)} turned"
        title = f"The mean row of A keeps {kept_text} (plane shows {power})"
    elif after > before + 0.01:
        fan = f"Rows of A fan out as sent (mean keeps {percent(before)} of their length)"
        title = f"{fan}, bundle turned ({percent(after)})"
    else:
        title = f"Turning does not bundle the rows of A: their mean keeps {percent(before)}, turned {percent(after)}"
    alt = (
        f"Rows of A of {of_clients(record)}, {card.label}, round {record.round_index}, {trace.task.layers[layer]}, in "
        f"the plane of their two main directions, which shows {power} of their squared length: the mean of a row has "
        f"{percent(before)} of the rows' mean length as sent and {percent(after)} turned, in this plane."
    )
    remark = f"This plane shows {power} of the rows' squared length."
    if weak:
        remark = f"Careful: this plane shows only {power} of the rows' squared length."
    remark_hue = HUES[mode]["vermillion"] if weak else MUTED[mode]
    reach = 1.06 * max(
        float(np.abs(x[layer]).max())
        for r in trace.arm(view.arm)
        for x in (r.arrows.ambient_before, r.arrows.ambient_after)
    )
    layout = plane(2, reach, reach, mode, top=0.87, gap=0.08)
    for tag in ("", "2"):
        layout[f"xaxis{tag}"]["title"] = {"text": f"PC1 ({percent(share[0])} of squared length)"}
    layout["yaxis"]["title"] = {"text": f"PC2 ({percent(share[1])} of squared length)"}
    turned = "Rows of A, turned" if record.applied else "Rows of A, if turned"
    headings = [
        heading(1, f"<b>Rows of A as sent</b><br>mean keeps {percent(before)}", mode),
        heading(2, f"<b>{turned}</b><br>mean keeps {percent(after)}", mode),
    ]
    fig = base_figure(
        mode, fitting(title), alt, annotations=[*headings, note(remark, mode, font={"size": 13, "color": remark_hue})],
        margin={"t": 16, "b": 70, "l": 64},
        meta={"narrow": {
            "height": 760, "xaxis": {"domain": [0, 1]}, "xaxis2": {"domain": [0, 1]},
            "yaxis": {"domain": [0.57, 0.93]}, "yaxis2": {"domain": [0, 0.4], "showticklabels": True},
        }},
        **layout,
    )  # fmt: skip
    means = [HUES[mode]["vermillion"], colour(card, mode) if record.applied else HUES[mode]["green"]]
    traces: list[dict[str, Any]] = []
    for panel, rows in enumerate(sides, 1):
        tag = "" if panel == 1 else str(panel)
        axes: dict[str, Any] = {"xaxis": f"x{tag}", "yaxis": f"y{tag}", "reach": reach}
        for s, k in enumerate(shown_clients(record)):
            chosen = k == view.client
            traces.append(
                arrow(
                    rows[s], INK[mode] if chosen else GHOST[mode], 2 if chosen else 1.25, 9 if chosen else 7,
                    zorder=2 if chosen else 1, name=f"client {k}", uid=f"{panel}-{k}", meta={"client": k},
                    **tip_hover(f"client {k}", rows[s]), **axes,
                )
            )  # fmt: skip
        traces.append(
            arrow(
                rows.mean(0), means[panel - 1], 4, 14, zorder=3, name="mean of each row", uid=f"mean-{panel}",
                **tip_hover("mean of a row", rows.mean(0)), **axes,
            )
        )  # fmt: skip
    return fig.add_traces(traces)
