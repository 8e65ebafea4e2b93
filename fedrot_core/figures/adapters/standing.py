"""Clients among the others: whose update is of another size, or points another way."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from fedrot_core.adapters.outliers import APART, FEWEST
from fedrot_core.adapters.report import Report
from fedrot_core.figures.adapters.names import shortened
from fedrot_core.figures.kit.layout import fitting
from fedrot_core.figures.kit.numbers import decimals, hover
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, base_figure
from fedrot_core.wording import amount, times

FLOOR = 1e-3
"""Sizes below this share of the median are drawn here."""


def standing(found: Report, client: int, mode: str) -> go.Figure:
    """A mark for each client; dashed lines where its size begins to stand out."""
    stand = found.standings
    odd = found.outliers
    names = [shortened(s.client) for s in stand]
    if len(stand) < FEWEST:
        title = f"Two clients, cosine {amount(stand[0].agreement, '', 2)}: nobody can tell which one is odd"
    elif odd:
        title = fitting(f"{len(odd)} of {len(stand)} clients stand out: {', '.join(shortened(s.client) for s in odd)}")
    else:
        least = min(s.agreement for s in stand)
        title = f"No client stands out: each agrees with the others by a cosine of {amount(least, '', 2)} or more"
    alt = " ".join([f"{title}.", *(f"{shortened(s.client)}: {s.reason}" for s in odd)])
    sizes = [max(s.size, FLOOR) for s in stand]
    low, high = min(*sizes, 1 / APART) / 1.6, max(*sizes, APART) * 1.6
    ticks = [v for v in (0.001, 0.01, 0.1, 1 / 3, 1, 3, 10, 100, 1000) if low <= v <= high]
    edges = [
        {"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": y, "y1": y,
         "line": {"color": GHOST[mode], "width": 1.5, "dash": "dash"}}
        for y in (1 / APART, APART)
    ] + [
        {"type": "line", "yref": "y domain", "y0": 0, "y1": 1, "x0": 0, "x1": 0,
         "line": {"color": GHOST[mode], "width": 1.5, "dash": "dash"}}
    ]  # fmt: skip
    fig = base_figure(
        mode, title, alt, shapes=edges,
        xaxis={"title": {"text": "agreement with the sum of the others (cosine)"}, "range": [-1.12, 1.12],
               "fixedrange": True, "tickvals": [-1, -0.5, 0, 0.5, 1], "ticktext": ["−1", "−0.5", "0", "0.5", "1"]},
        meta={"narrow": {"xaxis": {"title": {"text": "cosine with the sum of the others"}}}},
        yaxis={"title": {"text": "size of its update over the median"}, "type": "log", "fixedrange": True,
               "range": [math.log10(low), math.log10(high)], "tickvals": ticks,
               "ticktext": ["⅓×" if abs(v - 1 / 3) < 1e-9 else f"{v:g}×" for v in ticks]},
    )  # fmt: skip
    reasons = {s.client for s in odd}
    texts = [
        f"{name}: {times(s.size)} the median, cosine {cosine}"
        for name, s, cosine in zip(names, stand, decimals([s.agreement for s in stand], 2), strict=True)
    ]
    hue = [HUES[mode]["vermillion"] if s.client in reasons else HUES[mode]["green"] for s in stand]
    shown = [name if n == client or stand[n].client in reasons else "" for n, name in enumerate(names)]
    fig.add_scatter(
        x=[s.agreement for s in stand], y=sizes, mode="markers+text", name="clients", uid="clients", text=shown,
        textposition=["middle left" if s.agreement > 0 else "middle right" for s in stand],
        textfont={"size": 12, "color": INK[mode]}, customdata=list(range(len(stand))), meta={"pick": "client"},
        cliponaxis=False,
        marker={"size": [14 if n == client else 10 for n in range(len(stand))], "color": hue,
                "symbol": ["x" if s.client in reasons else "circle" for s in stand],
                "line": {"width": 2, "color": [INK[mode] if n == client else c for n, c in enumerate(hue)]}},
        **hover("%{hovertext}", texts),
    )  # fmt: skip
    return fig
