"""How much of each direction the naive average keeps."""

from __future__ import annotations

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import layer_of, plain, waiting
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.planes import note
from fedrot_core.figures.kit.theme import GHOST, HUES, SURFACE, base_figure, card_of
from fedrot_core.trace import Trace
from fedrot_core.wording import percent

TEXT_UP_TO = 12
"""Bars carry their number up to this rank."""


@figure(
    "retention",
    "Retention",
    "What share of each latent direction survives the naive average?",
    "dependent",
    ("retention",),
)
def retention(trace: Trace, view: View) -> go.Figure:
    """σ(M)² by direction, stacked to one: kept and lost."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    layer, mode = layer_of(trace, view), view.mode
    kept = record.turns.retention[layer].astype(float).clip(0, 1)
    exact = bool(record.turns.shared[layer])
    rank, proxy = len(kept), "" if exact else " (proxy)"
    first, last = percent(kept[0]), percent(kept[-1])
    if rank == 1:
        title = f"{first} of the one direction survives naive averaging{proxy}"
    elif kept[-1] > 0.99:
        title = f"Every direction survives naive averaging: at least {last}{proxy}"
    else:
        title = f"{first} of direction 1 survives naive averaging, {last} of direction {rank}{proxy}"
    why = "exact, since all clients hold the same update" if exact else "a proxy, since the clients' updates differ"
    alt = (
        f"Share of each of {rank} latent directions that the naive average keeps in round {record.round_index}, "
        f"{card_of(trace, view.arm).label}, {trace.task.layers[layer]}: {', '.join(percent(v) for v in kept)}; {why}."
    )
    x = list(range(1, rank + 1))
    remark = (
        "Exact: all clients hold the same update."
        if exact
        else "Proxy: exact only if all clients held the same update."
    )
    numbers = [
        {"x": i, "y": float(v), "yanchor": "bottom" if v < 0.85 else "top", "yshift": 2 if v < 0.85 else -2,
         "text": f"<b>{percent(v)}</b>", "showarrow": False, "bgcolor": SURFACE[mode],
         "font": {"color": HUES[mode]["vermillion"]}}
        for i, v in zip(x, kept, strict=True)
        if rank <= TEXT_UP_TO
    ]  # fmt: skip
    fig = base_figure(
        mode, title, alt, barmode="stack", bargap=0.25, showlegend=True, margin={"b": 104},
        xaxis={"title": {"text": "direction (by σ of the mean rotation M)"}, "range": [0.4, rank + 0.6],
               "fixedrange": True, "dtick": 1 if rank <= 16 else 4, "tick0": 1, "showgrid": False},
        yaxis={"title": {"text": "share of the direction, σ(M)²"}, "range": [0, 1], **percent_ticks(0, 1, 0.2),
               "fixedrange": True},
        legend={"traceorder": "normal", "itemclick": False, "itemdoubleclick": False},
        annotations=[*numbers, note(remark, mode, yshift=-50)],
    )  # fmt: skip
    fig.add_bar(
        x=x, y=plain(kept), name="kept", uid="kept", marker={"color": HUES[mode]["vermillion"]},
        **hover("direction %{x}: %{hovertext} kept", percents(kept)),
    )  # fmt: skip
    fig.add_bar(
        x=x, y=plain(1 - kept), name="lost", uid="lost",
        marker={"color": SURFACE[mode], "line": {"width": 1, "color": GHOST[mode]},
                "pattern": {"shape": "/", "fgcolor": GHOST[mode], "fillmode": "replace", "size": 8, "solidity": 0.2}},
        **hover("direction %{x}: %{hovertext} lost", percents(1 - kept)),
    )  # fmt: skip
    return fig
