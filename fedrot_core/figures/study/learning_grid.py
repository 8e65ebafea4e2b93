"""Small multiples of the comparison: a panel an arm, all on the same axes."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import end_of_line, fitting
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.theme import FONT, GHOST, INK, MUTED, base_figure, colour
from fedrot_core.figures.study.comparison_kit import (
    CompareView,
    arms_of,
    banded_line,
    final,
    last_finite,
    no_arms,
    over_seeds,
    rounds_axis,
    with_gaps,
)
from fedrot_core.study.summary import ArmStatistics, RunSummary, quartiles
from fedrot_core.trace import ArmCard
from fedrot_core.wording import percent

PANEL_HEIGHT = 178
COLUMNS = {"wide": 6, "narrow": 2}
"""Most panels side by side."""


def learning_grid(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """A panel an arm on the same axes: median and quartiles over seeds, all other arms as ghosts behind."""
    arms = arms_of(runs, view)
    if not arms:
        return no_arms(runs, view)
    mode, name, rounds = view.mode, runs[0].score_name, runs[0].config.train.rounds
    ranked = sorted(arms, key=lambda pair: -final(pair[1].scores))
    (best, first), (worst, last) = ranked[0], ranked[-1]
    top, bottom = percent(final(first.scores)), percent(final(last.scores))
    over = over_seeds(runs, view)
    if len(ranked) == 1 or top == bottom:
        who = f"{best.label} ends" if len(ranked) == 1 else f"All {len(ranked)} methods end"
        title = f"{who} at {top}, {over}"
    elif len(ranked) > 2:
        span = f"{len(ranked)} methods end from {bottom} to {top}"
        title = fitting(f"{span}, the best is {best.label}, {over}", f"{span}, {over}")
    else:
        title = fitting(
            f"{best.label} ends at {top}, {worst.label} at {bottom}, {over}", f"Best {top}, worst {bottom}, {over}"
        )
    ends = "; ".join(
        f"{card.label} {percent(final(s.scores))} (quartiles {percent(s.score.low)} to {percent(s.score.high)})"
        for card, s in ranked
    )
    centralised = quartiles(np.array([_padded(run.centralised, rounds) for run in runs])).median
    start = float(np.median([run.start_score for run in runs]))
    alt = (
        f"{name.capitalize()} by round, one panel a method, {over}: {ends}. "
        f"Before training {percent(start)}, centralised {percent(last_finite(centralised))}."
    )
    wide, narrow = (_panels(arms, view, COLUMNS[width], rounds, start) for width in ("wide", "narrow"))
    fig = base_figure(mode, title, alt, **wide, margin={"l": 48, "r": 8, "t": 40, "b": 44})
    own = {"narrow": {**narrow, "margin": {"l": 44, "r": 6}}, "least_height": grid_height(len(arms))}
    fig.update_layout(meta={**fig.layout.meta, **own})
    x = list(range(rounds))
    for n, (card, s) in enumerate(arms, 1):
        axes = {"xaxis": f"x{n if n > 1 else ''}", "yaxis": f"y{n if n > 1 else ''}"}
        others = [o for c, o in arms if c is not card]
        fig.add_scatter(
            x=[*x, None] * len(others), y=[v for o in others for v in [*with_gaps(o.scores.median), None]],
            mode="lines", name="other methods", line={"color": GHOST[mode], "width": 1}, opacity=0.55,
            hoverinfo="skip", meta={"ghost": True}, uid=f"ghost-{card.name}", **axes,
        )  # fmt: skip
        fig.add_scatter(
            x=x, y=with_gaps(centralised), mode="lines", name="centralised", line={"color": INK[mode], "width": 1.5,
            "dash": "dot"}, **hover("centralised, round %{x}: %{hovertext}", percents(centralised)),
            meta={} if n == 1 else {"ghost": True}, uid=f"centralised-{card.name}", **axes,
        )  # fmt: skip
        banded_line(fig, card, s.scores, x, mode, axes)
    return fig


def grid_height(arms: int) -> int:
    """Height in px of the small multiples on wide screens."""
    return 70 + PANEL_HEIGHT * math.ceil(arms / _columns(arms, COLUMNS["wide"]))


def _padded(values: Any, length: int) -> Any:
    return np.concatenate([values, np.full(length - len(values), np.nan)])


def _columns(count: int, most: int) -> int:
    """Columns of a grid without a nearly empty last row."""
    return math.ceil(count / math.ceil(count / most))


def _panels(
    arms: Sequence[tuple[ArmCard, ArmStatistics]], view: CompareView, most: int, rounds: int, start: float
) -> dict[str, Any]:
    """Axes, titles, start lines and height of the grid."""
    mode, count = view.mode, len(arms)
    columns = _columns(count, most)
    rows = math.ceil(count / columns)
    gap_x, gap_y = 0.13 / columns if most > 2 else 0.04, 0.36 / rows if rows > 1 else 0.0
    width, height = (1 - gap_x * (columns - 1)) / columns, (1 - gap_y * (rows - 1)) / rows
    letters = (130 if most > 2 else 42) // columns
    layout: dict[str, Any] = {"annotations": [], "shapes": []}
    for n, (card, s) in enumerate(arms):
        row, column = divmod(n, columns)
        x0, y1 = column * (width + gap_x), 1 - row * (height + gap_y)
        x, y = (f"{letter}{n + 1 if n else ''}" for letter in "xy")
        domain_x, domain_y = [x0, min(1.0, x0 + width)], [max(0.0, y1 - height), y1]
        outer, lowest = column == 0, n + columns >= count
        layout[f"xaxis{n + 1 if n else ''}"] = {
            **rounds_axis(rounds, 4), "domain": domain_x, "anchor": y, "showticklabels": lowest,
            "title": {"text": "round" if lowest else "", "standoff": 2, "font": {"size": 12}},
            **({"matches": "x"} if n else {}),
        }  # fmt: skip
        layout[f"yaxis{n + 1 if n else ''}"] = {
            "domain": domain_y, "anchor": x, "range": [0, 1], **percent_ticks(0, 1, 0.25 if most > 2 else 0.5),
            "fixedrange": True, "showticklabels": outer, "ticks": "outside" if outer else "",
            **({"matches": "y"} if n else {}),
        }  # fmt: skip
        title = textwrap.wrap(f"{percent(final(s.scores))} {end_of_line(card, bool(s.stopped))}", letters)
        title[0] = re.sub(r"^[^ ]+", lambda m: f"<b>{m[0]}</b>", title[0])
        layout["annotations"].append({
            "xref": "paper", "yref": "paper", "x": x0, "y": y1, "xanchor": "left", "yanchor": "bottom", "yshift": 3,
            "showarrow": False, "text": "<br>".join(title), "align": "left",
            "font": {"size": 12 if most <= 2 else 13, "color": colour(card, mode), "family": FONT},
        })  # fmt: skip
        layout["shapes"].append({
            "type": "line", "xref": f"{x} domain", "yref": y, "x0": 0, "x1": 1, "y0": start, "y1": start,
            "layer": "below", "line": {"color": MUTED[mode], "width": 1, "dash": "2px,4px"},
        })  # fmt: skip
    if most <= 2:
        layout["height"] = 75 + 152 * rows
    return layout
