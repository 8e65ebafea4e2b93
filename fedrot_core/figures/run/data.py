"""Who holds what: the skew that the heterogeneity slider makes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import TEXT_UP_TO, client_ticks, fitting, outline, plain
from fedrot_core.figures.kit.theme import HUES, SURFACE, base_figure, empty_figure
from fedrot_core.trace import Trace
from fedrot_core.wording import percent


@figure("data", "Who holds what", "Which classes does each client hold?", None, from_start=True)
def data(trace: Trace, view: View) -> go.Figure:
    """Training samples by client and class; needs no record."""
    mode, kind = view.mode, trace.task.class_name
    if not trace.task.class_counts:
        return empty_figure(mode, "This task has no classes: its clients hold no labelled samples")
    counts = np.array(trace.task.class_counts)  # (K, classes)
    K, classes = counts.shape
    top_share = counts.max(1) / np.maximum(counts.sum(1), 1)
    ends = ""
    if 0 <= view.client < K:
        ends = f"; client {view.client}: {percent(top_share[view.client])} ({kind} {counts[view.client].argmax()})"
    title = fitting(
        f"A client's commonest {kind} makes up {percent(top_share.mean())} of its data on average{ends}",
        f"A client's commonest {kind} makes up {percent(top_share.mean())} of its data on average",
    )
    different = (counts > 0).sum(1)
    alt = (
        f"Training samples of {K} clients by {kind}, {classes} in all: a client's commonest {kind} makes up "
        f"{percent(top_share.mean())} of its data on average, and clients hold {different.min()} to "
        f"{different.max()} classes, {counts.sum(1).min()} to {counts.sum(1).max()} samples."
    )
    fig = base_figure(
        mode, title, alt, shapes=outline(view.client, K, classes, mode) if ends else [],
        xaxis={"title": {"text": "client"}, "showgrid": False, "range": [-0.5, K - 0.5], "fixedrange": True,
               **client_ticks(list(range(K)))},
        yaxis={"title": {"text": kind}, "showgrid": False, "range": [classes - 0.5, -0.5], "dtick": 1,
               "fixedrange": True},
        meta={"narrow": {"xaxis": {"nticks": 5}}},
    )  # fmt: skip
    fig.add_heatmap(
        z=plain(counts.T), x=list(range(K)), y=list(range(classes)), name="training samples",
        zmin=0, zmax=int(counts.max()), colorscale=[[0, SURFACE[mode]], [1, HUES[mode]["blue"]]],
        xgap=1, ygap=1, texttemplate="%{z}" if K <= TEXT_UP_TO else None, textfont={"size": 12},
        colorbar={"title": {"text": "samples", "side": "right", "font": {"size": 14}}, "tickfont": {"size": 12},
                  "thickness": 12, "outlinewidth": 0},
        hovertemplate=f"client %{{x}}, {kind} %{{y}}: %{{z}} samples<extra></extra>",
    )  # fmt: skip
    return fig
