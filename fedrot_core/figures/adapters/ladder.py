"""The error ladder by layer: what of the naive error rotation removes, and what nobody at this rank can."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from fedrot_core.adapters.report import Report
from fedrot_core.figures.adapters.names import band, height, row_axis, short_names, shortened
from fedrot_core.figures.kit.layout import fitting, nice, plain, rgba
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents, tick_step
from fedrot_core.figures.kit.rows import ROWS
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, SURFACE, base_figure
from fedrot_core.wording import counted, percent

LEAST_TOP = 0.01


def finding(found: Report) -> str:
    """What turning does to the error of all layers together."""
    told = found.verdict
    naive, floor = percent(told.naive), percent(told.floor)
    if told.turned is None:
        return fitting(f"Ranks differ, so nobody can be turned: naive error {naive}, rank-r floor {floor}")
    if told.naive < LEAST_TOP:
        return f"Clients agree: the naive error is {naive}, and there is nothing to remove"
    if told.removed is not None and told.removed < 0:
        return f"Turning hurts here: naive error {naive}, turned {percent(told.turned)}"
    ranks = {layer.module.rank for layer in found.layers}
    rank = f"rank-{ranks.pop()}" if len(ranks) == 1 else "rank-r"
    layers = f" over {counted(len(found.layers), 'layer')}" if len(found.layers) > 1 else ""
    return fitting(
        f"Turning takes the error from {naive} to {percent(told.turned)}{layers}; {rank} floor {floor}",
        f"Turning: {naive} to {percent(told.turned)}; floor {floor}",
    )


def ladder(found: Report, layer: int, mode: str) -> go.Figure:
    """A stacked bar for each layer, and a mark for each side of FedRot-LoRA."""
    layers, names = found.layers, [report.name for report in found.layers]
    naive = np.array([report.errors["naive"] for report in layers])
    best = np.array([report.turned for report in layers])
    floor = np.minimum(np.array([report.errors["floor"] for report in layers]), np.minimum(naive, best))
    below = np.minimum(best, naive)
    marks = {side: np.array([report.errors.get(f"align_{side}", np.nan) for report in layers]) for side in ("A", "B")}
    highest = float(np.nanmax([naive.max(), best.max(), *(np.nanmax(m, initial=0) for m in marks.values())]))
    top = nice(highest * 1.02) if highest else LEAST_TOP
    title, tall = finding(found), height(len(layers))
    alt = f"{title}. By layer: " + "; ".join(
        f"{name}: naive {percent(n)}, turned {percent(b)}, floor {percent(f)}"
        for name, n, b, f in zip(short_names(names)[:12], naive, best, floor, strict=False)
    )
    fig = base_figure(
        mode, title, alt + ".", barmode="stack", bargap=0.12, hovermode="closest",
        yaxis=row_axis(names),
        xaxis={"title": {"text": "relative error"}, "range": [0, top], **percent_ticks(0, top, tick_step(top)),
               "fixedrange": True},
        shapes=band(layer, INK[mode], [""]) if len(layers) > 1 else [],
        showlegend=True, legend={"traceorder": "normal"},
        margin={"b": 96, "r": 30},
        meta={ROWS: names, "least_height": tall, "narrow": {"height": tall + 80, "margin": {"b": 150}}},
    )  # fmt: skip
    y = list(range(len(layers)))
    line = {"line": {"width": 1, "color": SURFACE[mode]}}
    hurt = best - below
    turns = np.array([report.module.turns for report in layers])
    bands = [
        ("rank-r floor", "floor", floor, {"color": GHOST[mode], **line}),
        ("left by the best turn", "left", np.where(turns, below - floor, 0), {"color": HUES[mode]["green"], **line}),
        ("turning removes", "removed", naive - below, {"color": rgba(HUES[mode]["vermillion"], 0.75), **line}),
    ]
    if not turns.all():
        above = np.where(turns, 0, naive - floor)
        bands = [bands[0], *(bands[1:] if turns.any() else [])]
        bands.append(("above the floor; no rotation exists", "above", above, {"color": HUES[mode]["purple"], **line}))
    if (hurt > 0).any():
        pattern = {"shape": "/", "fgcolor": INK[mode], "fillmode": "replace", "size": 7, "solidity": 0.35}
        bands.append(("turning hurts", "hurt", hurt, {"color": SURFACE[mode], "pattern": pattern}))
    said = [shortened(name, 60) for name in names]
    for label, uid, width, marker in bands:
        texts = [f"{name}<br>{label}: {text}" for name, text in zip(said, percents(width), strict=True)]
        fig.add_bar(
            x=plain(width), y=y, orientation="h", name=label, uid=uid, marker=marker, customdata=y,
            meta={"pick": "layer"}, **hover("%{hovertext}", texts),
        )  # fmt: skip
    for side, symbol in (("A", "diamond-open"), ("B", "circle-open")):
        if np.isfinite(marks[side]).any():
            texts = [
                f"{name}<br>aligned to {shortened(found.reference)} by {side}: {text}"
                for name, text in zip(said, percents(marks[side]), strict=True)
            ]
            fig.add_scatter(
                x=plain(marks[side]), y=y, mode="markers", name=f"aligned to one client by {side}", uid=f"by{side}",
                customdata=y, meta={"pick": "layer"}, cliponaxis=False,
                marker={"symbol": symbol, "size": 9, "color": INK[mode], "line": {"width": 2, "color": INK[mode]}},
                **hover("%{hovertext}", texts),
            )  # fmt: skip
    return fig
