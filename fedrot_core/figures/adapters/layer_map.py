"""Layers by metrics: errors, rotation, and how far subspaces lie apart, each on a scale of its own kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.adapters.layer_report import LayerReport
from fedrot_core.adapters.report import Report
from fedrot_core.figures.adapters.names import MOST_NAMED, band, height, row_axis, short_names, shortened
from fedrot_core.figures.kit.layout import fitting, plain
from fedrot_core.figures.kit.planes import heading
from fedrot_core.figures.kit.rows import ROWS
from fedrot_core.figures.kit.theme import INK, base_figure
from fedrot_core.wording import degrees, percent

ERRORS = ("naive", "best turn", "floor")
ROTATION = ("mean",)
SUBSPACES = ("of A", "of B")

PANELS = (
    ("<b>Relative error</b>", ERRORS, 1.0),
    ("<b>Turn</b>", ROTATION, 120.0),
    ("<b>Subspaces apart</b>", SUBSPACES, 90.0),
)
"""Heading of each panel, its columns, and the upper end of its colours: a share, then degrees twice."""

DOMAINS = ([0.0, 0.46], [0.52, 0.66], [0.72, 1.0])


def values(report: LayerReport) -> tuple[list[float], list[float], list[float]]:
    """The cells of a layer, panel by panel; NaN where no rotation exists."""
    turns = report.module.turns
    return (
        [report.errors["naive"], report.turned if turns else np.nan, report.errors["floor"]],
        [report.turn if turns else np.nan],
        [report.apart_A, report.apart_B],
    )


def layer_map(found: Report, layer: int, mode: str) -> go.Figure:
    """A row for each layer, in the order of the files."""
    layers, names = found.layers, [report.name for report in found.layers]
    short = short_names(names)
    worst = max(range(len(layers)), key=lambda n: layers[n].errors["naive"])
    most = layers[worst]
    lost = f"naive error {percent(most.errors['naive'])}"
    lost += f", mean turn {degrees(most.turn)}" if most.module.turns else ""
    title = fitting(f"{short[worst]} has the largest {lost}", f"Largest {lost}")
    if len(layers) == 1:
        title = f"{lost[0].upper()}{lost[1:]}"
    alt = (
        f"{title}. Table of {len(layers)} layers by naive error, error after the best turn, rank-r floor, mean "
        "rotation angle of the client turned most, and mean largest principal angle between two clients' A and B, "
        "which no rotation changes."
    )
    cells = [values(report) for report in layers]
    layout: dict[str, Any] = {}
    notes = []
    rows = row_axis(names)
    for n, (text, columns, top) in enumerate(PANELS):
        tag = "" if n == 0 else str(n + 1)
        layout[f"xaxis{tag}"] = {
            "domain": DOMAINS[n], "anchor": f"y{tag}", "range": [-0.5, len(columns) - 0.5], "fixedrange": True,
            "showgrid": False, "ticks": "", "tickvals": list(range(len(columns))), "ticktext": list(columns),
            "tickangle": 0,
        }  # fmt: skip
        layout[f"yaxis{tag}"] = {**rows, "anchor": f"x{tag}", "showticklabels": n == 0}
        layout["coloraxis" + tag] = {
            "cmin": 0, "cmax": top, "colorscale": "Cividis", "reversescale": True, "showscale": False,
        }  # fmt: skip
        notes.append(heading(n + 1, text, mode))
    fig = base_figure(
        mode, title, alt, annotations=notes, shapes=band(layer, INK[mode], ["", "2", "3"]) if len(layers) > 1 else [],
        margin={"t": 44, "b": 36, "r": 8},
        meta={ROWS: names, "least_height": height(len(layers)), "narrow": {
            "height": height(len(layers)),
            "xaxis": {"domain": [0, 0.48], "ticktext": ["naive", "turn", "floor"]},
            "xaxis2": {"domain": [0.52, 0.66], "ticktext": [""]},
            "xaxis3": {"domain": [0.7, 1], "ticktext": ["A", "B"]},
            "annotations": [
                heading(1, "<b>Error</b>", mode), heading(2, "<b>Turn</b>", mode), heading(3, "<b>Apart</b>", mode),
            ],
        }},
        **layout,
    )  # fmt: skip
    for n, (text, columns, _) in enumerate(PANELS):
        tag = "" if n == 0 else str(n + 1)
        z = np.array([cell[n] for cell in cells])
        told = [[("–" if np.isnan(v) else percent(v) if n == 0 else degrees(v)) for v in row] for row in z]
        hovers = [
            [f"{shortened(name, 60)}<br>{_meaning(n, column)}: {told[i][j]}" for j, column in enumerate(columns)]
            for i, name in enumerate(names)
        ]
        fig.add_heatmap(
            z=[[None if np.isnan(v) else v for v in row] for row in plain(z)], x=list(range(len(columns))),
            y=list(range(len(layers))), name=text.removeprefix("<b>").removesuffix("</b>"), xaxis=f"x{tag}",
            yaxis=f"y{tag}", coloraxis="coloraxis" + tag, text=told, xgap=2, ygap=1,
            texttemplate="%{text}" if len(layers) <= MOST_NAMED else None, textfont={"size": 12}, hovertext=hovers,
            hovertemplate="%{hovertext}<extra></extra>", customdata=[[n] * len(columns) for n in range(len(names))],
            meta={"pick": "layer"},
        )  # fmt: skip
    return fig


def _meaning(panel: int, column: str) -> str:
    """What a column holds, in words."""
    if panel == 0:
        return {"naive": "naive error", "best turn": "error after the best turn", "floor": "rank-r floor"}[column]
    return "mean angle of the client turned most" if panel == 1 else f"subspaces {column} apart"
