"""All clients turned onto the reference: each one's misfit before and after, and the average's error."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from fedrot_core.figures.kit.numbers import hover, percent_ticks
from fedrot_core.figures.kit.theme import GRID, HUES, INK, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import percent


def everyone(
    misfits: Array,
    after: Array,
    error: float,
    error_after: float,
    floor: float,
    chosen: int,
    group: str,
    mode: str,
    asked: bool = False,
) -> go.Figure:
    """A row for each client and one for the average: hollow as sent, full after the turn.

    Args:
        misfits, after: (K,) distances to the reference over its norm.
        error, error_after: of the average, relative; floor: nobody at this rank can be below it.
        chosen: the client whose numbers are worked out.
        group: which turns were allowed, in words.
        asked: as sent only.
    """
    K = len(misfits)
    if asked:
        title = f"As sent, the average's error is {percent(error)}: how large is it once every client is turned?"
        alt = f"Misfits of {K} clients as sent, and the error of their average, {percent(error)}."
    else:
        title = f"{group}: the average's error goes from {percent(error)} to {percent(error_after)}"
        alt = (
            f"{group}. Misfit of each client as sent and turned: "
            + ", ".join(f"client {k} {percent(misfits[k])} to {percent(after[k])}" for k in range(K))
            + f". The average's error goes from {percent(error)} to {percent(error_after)}; the rank floor is "
            f"{percent(floor)}."
        )
    rows = [f"client {k}" for k in range(K)] + ["average"]
    heights = [float(K - k) for k in range(K)] + [-0.4]
    before, now = [*misfits.tolist(), error], [*after.tolist(), error_after]
    names = [f"<b>{row}</b>" if k in (chosen, K) else row for k, row in enumerate(rows)]
    notes: list[dict[str, Any]] = [
        {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom", "yshift": 2,
         "text": "○ as sent" if asked else "○ as sent &nbsp; ● turned", "showarrow": False,
         "font": {"size": 14, "color": INK[mode]}},
    ]  # fmt: skip
    most = 1.25 * max(before)
    fig = base_figure(
        mode, title, alt, margin={"l": 76, "r": 20, "t": 26, "b": 52},
        xaxis={"range": [-0.04 * most, most], **percent_ticks(0, most, 0.5),
               "fixedrange": True, "title": {"text": "misfit of clients, error of the average"}},
        yaxis={"range": [-1.0, K + 0.9], "tickvals": heights, "ticktext": names, "fixedrange": True, "showgrid": False,
               "ticks": ""},
        annotations=notes,
        shapes=[{"type": "line", "xref": "paper", "yref": "y", "x0": 0, "x1": 1, "y0": 0.35, "y1": 0.35,
                 "line": {"width": 1, "color": GRID[mode]}}],
        meta={"narrow": {"xaxis": percent_ticks(0, most, 1)}},
    )  # fmt: skip
    for n, (y, then, turned) in enumerate(zip(heights, before, now, strict=True)):
        average = n == K
        hue = HUES[mode]["vermillion" if average else "blue"]
        end = HUES[mode]["green" if average else "blue"]
        if not asked:
            fig.add_scatter(
                x=[then, turned], y=[y, y], mode="lines", name=rows[n], uid=f"line-{n}", hoverinfo="skip",
                line={"color": hue, "width": 3},
            )  # fmt: skip
        fig.add_scatter(
            x=[then], y=[y], mode="markers+text", name=f"{rows[n]}, as sent", uid=f"before-{n}", cliponaxis=False,
            text=[percent(then)], textposition="middle right", textfont={"size": 13, "color": INK[mode]},
            marker={"size": 15, "color": SURFACE[mode], "line": {"width": 2.5, "color": hue}},
            **hover("as sent: %{hovertext}", [percent(then)]),
        )  # fmt: skip
        if not asked:
            fig.add_scatter(
                x=[turned], y=[y], mode="markers+text", name=f"{rows[n]}, turned", uid=f"after-{n}", cliponaxis=False,
                text=[f"<b>{percent(turned)}</b>"],
                textposition="middle left" if turned > 0.5 * max(before) else "bottom center",
                textfont={"size": 13, "color": INK[mode]},
                marker={"size": 15, "color": end, "line": {"width": 1.5, "color": INK[mode]}},
                **hover("turned: %{hovertext}", [percent(turned)]),
            )  # fmt: skip
    return fig
