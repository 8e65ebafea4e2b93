"""Angles between clients: those that no rotation changes, and those that alignment removes."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import (
    TEXT_UP_TO,
    client_ticks,
    layer_of,
    of_clients,
    outline,
    plain,
    shown_clients,
    waiting,
)
from fedrot_core.figures.kit.planes import heading, row_domain
from fedrot_core.figures.kit.theme import base_figure, card_of
from fedrot_core.records import mean_pair
from fedrot_core.trace import Trace
from fedrot_core.wording import degrees


@figure(
    "angles",
    "Angles",
    "Which differences between clients can a rotation remove, and which can it not?",
    "dependent",
    ("principal_angles", "factor_angles"),
)
def angles(trace: Trace, view: View) -> go.Figure:
    """Principal angles of A, and angles between factors before and after alignment; scales fixed."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    layer, mode, ids = layer_of(trace, view), view.mode, shown_clients(record)
    panels = [record.pairs.principal_A[layer], record.pairs.factors_before[layer], record.pairs.factors_after[layer]]
    subspace, before, after = (mean_pair(p) for p in panels)
    card = card_of(trace, view.arm)
    would = "Turning" if record.applied else "Turning would"
    s = "s" if record.applied else ""
    if after > before - 1:
        title = f"Turning brings clients no closer: factors {degrees(before)} apart as sent, {degrees(after)} turned"
    else:
        title = (
            f"{would} cut{s} the angle between factors from {degrees(before)} to {degrees(after)}; "
            f"subspaces stay {degrees(subspace)} apart"
        )
    alt = (
        f"Mean angle between two clients, round {record.round_index}, {card.label}, {trace.task.layers[layer]}, "
        f"{of_clients(record)}: subspaces of A {degrees(subspace)} (largest principal angle, which no rotation "
        f"changes); factors {degrees(before)} as sent and {degrees(after)} turned."
    )
    n, K = len(ids), range(len(ids))
    names = [
        "Subspaces of A",
        "Factors as sent",
        "Factors turned" if record.applied else "Factors, if turned",
    ]
    values = [subspace, before, after]
    layout: dict[str, object] = {}
    narrow: dict[str, object] = {"height": 1060, "margin": {"l": 44}}
    notes = []
    shapes = []
    domains = [[0.0, 0.255], [0.40, 0.655], [0.675, 0.93]]
    for panel in (1, 2, 3):
        tag = "" if panel == 1 else str(panel)
        axis = {"showgrid": False, "fixedrange": True, **client_ticks(ids)}
        layout[f"xaxis{tag}"] = axis | {
            "range": [-0.5, n - 0.5], "domain": domains[panel - 1], "anchor": f"y{tag}", "title": {"text": "client"},
        }  # fmt: skip
        layout[f"yaxis{tag}"] = axis | {
            "range": [n - 0.5, -0.5], "domain": [0, 0.84], "anchor": f"x{tag}",
            "showticklabels": panel < 3,
            "title": {"text": "client" if panel == 1 else ""},
        }  # fmt: skip
        narrow[f"xaxis{tag}"] = {"domain": [0, 0.88]}
        narrow[f"yaxis{tag}"] = {
            "domain": [0.94 * end for end in row_domain(3 - panel, 3, 0.14)],
            "showticklabels": True,
        }
        always = ", in any frame" if panel == 1 else ""
        notes.append(heading(panel, f"<b>{names[panel - 1]}</b><br>mean {degrees(values[panel - 1])}{always}", mode))
        if view.client in ids:
            shapes += outline(ids.index(view.client), n, n, mode, panel)
    bars = [("coloraxis", 90, 0.265), ("coloraxis2", 180, 0.94)]
    for name, top, x in bars:
        layout[name] = {
            "cmin": 0, "cmax": top, "colorscale": "Cividis", "reversescale": True,
            "colorbar": {"x": x, "xanchor": "left", "thickness": 12, "outlinewidth": 0, "ticksuffix": "°",
                         "dtick": top / 6, "tickfont": {"size": 12}, "lenmode": "fraction", "len": 0.84, "y": 0.42},
        }  # fmt: skip
    narrow["coloraxis"] = {"colorbar": {"x": 0.9, "y": 0.86, "len": 0.26}}
    narrow["coloraxis2"] = {"colorbar": {"x": 0.9, "y": 0.31, "len": 0.6}}
    fig = base_figure(
        mode, title, alt, annotations=notes, shapes=shapes, margin={"l": 60, "r": 8},
        meta={"narrow": narrow}, **layout,
    )  # fmt: skip
    for panel, z in enumerate(panels, 1):
        tag = "" if panel == 1 else str(panel)
        fig.add_heatmap(
            z=plain(np.round(z, 1)), x=list(K), y=list(K), name=names[panel - 1],
            coloraxis="coloraxis" if panel == 1 else "coloraxis2", xaxis=f"x{tag}", yaxis=f"y{tag}", xgap=1, ygap=1,
            texttemplate="%{z:.0f}" if n <= TEXT_UP_TO else None,
            customdata=[[[ids[i], ids[j]] for j in K] for i in K],
            hovertemplate="clients %{customdata[0]} and %{customdata[1]}: %{z:.1f}°<extra></extra>",
        )  # fmt: skip
    return fig
