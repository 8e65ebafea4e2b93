"""What the figures of the comparison share: their view, statistics by arm, lines with bands, and the error axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import fitting, markers, plain, rgba
from fedrot_core.figures.kit.numbers import hover, percents
from fedrot_core.figures.kit.theme import colour, empty_figure
from fedrot_core.study.summary import ArmStatistics, RunSummary, statistics
from fedrot_core.trace import ArmCard
from fedrot_core.wording import counted

BAND = 0.22
"""Opacity of the band between quartiles."""


@dataclass(frozen=True)
class CompareView:
    """How summaries are drawn.

    Attributes:
        cards: name and style of each arm, in order of drawing.
        mode: "light" or "dark".
        seeds: how many seeds were asked for; some may not be done yet.
    """

    cards: tuple[ArmCard, ...]
    mode: str
    seeds: int


def plot_height(arms: int) -> int:
    """Height in px of a chart that labels every arm beside its mark."""
    return max(330, least_height(arms))


def least_height(arms: int) -> int:
    """Height in px below which labels of arms that end alike would touch."""
    return 90 + 26 * arms


def arms_of(runs: Sequence[RunSummary], view: CompareView) -> list[tuple[ArmCard, ArmStatistics]]:
    """Every arm that has finished a round in some run."""
    found = [(card, statistics(runs, card.name)) for card in view.cards]
    return [(card, s) for card, s in found if len(s.finals) and np.isfinite(s.scores.median).any()]


def no_arms(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """What is shown before any arm has finished a round: the reason why none has."""
    reasons = [run.error for run in runs if run.error]
    reasons += [reason for card in view.cards for reason in statistics(runs, card.name).stopped]
    return empty_figure(view.mode, fitting(reasons[0]) if reasons else "The first seed is running")


def over_seeds(runs: Sequence[RunSummary], view: CompareView) -> str:
    """``median of 5 seeds``, and how many there will be while some are missing."""
    done = len(runs)
    if done < view.seeds:
        return f"{done} of {counted(view.seeds, 'seed')}"
    return "one seed" if done == 1 else f"median of {counted(done, 'seed')}"


def last_finite(values: Any) -> float:
    """The last finite entry; NaN if there is none."""
    finite = np.asarray(values)[np.isfinite(values)]
    return float(finite[-1]) if len(finite) else float("nan")


def final(values: Any) -> float:
    """Median in the last round that any seed reached."""
    return last_finite(values.median)


def with_gaps(values: Any) -> list[Any]:
    """Plain numbers, None for NaN."""
    return [v if math.isfinite(v) else None for v in plain(values)]


def banded_line(
    fig: go.Figure, card: ArmCard, q: Any, x: list[int], mode: str, axes: dict[str, str], edge: float = 0.0
) -> None:
    """Median with markers on a band between the quartiles; nothing is drawn below ``edge``."""
    hue = colour(card, mode)
    low, median, high = ([None if v is None else max(v, edge) for v in with_gaps(v)] for v in (q.low, q.median, q.high))
    for values, which, fill in ((low, "lower", None), (high, "upper", "tonexty")):
        fig.add_scatter(
            x=x, y=values, mode="lines", name=f"{card.label}: {which} quartile", line={"color": hue, "width": 0},
            fill=fill, fillcolor=rgba(hue, BAND), hoverinfo="skip", uid=f"{which}-{card.name}", **axes,
        )  # fmt: skip
    style = markers(card, mode, len(x))
    if axes:  # a small panel
        style["marker"]["size"], style["line"]["width"] = 4, 2
    fig.add_scatter(
        x=x, y=median, name=card.label, uid=card.name,
        **hover(f"{card.label}, round %{{x}}: %{{hovertext}}", percents(q.median)), **style, **axes,
    )  # fmt: skip


def rounds_axis(rounds: int, ticks: int = 10) -> dict[str, Any]:
    """Layout of an axis that holds all rounds, with about ``ticks`` ticks."""
    return {
        "title": {"text": "round"}, "range": [-0.5, rounds - 0.5], "fixedrange": True, "showgrid": False, "tick0": 0,
        "dtick": max(1, math.ceil(rounds / ticks)),
    }  # fmt: skip
