"""Aggregation error of every arm by round, in with each arm's own rank-r floor."""

from __future__ import annotations

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.error_axis import error_axis
from fedrot_core.figures.kit.layout import end_of_line, ends_of_round, fitting, labelled, markers, round_axis, waiting
from fedrot_core.figures.kit.numbers import hover, percents
from fedrot_core.figures.kit.theme import MUTED, base_figure, colour
from fedrot_core.figures.run.learning import latest
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import ROUNDING, percent

FLOOR = RUNGS.index("floor")


@figure(
    "errors",
    "Error by round",
    "How far is each method's global update from the ideal, round by round?",
    "dependent",
    ("error", "floor"),
)
def errors(trace: Trace, view: View) -> go.Figure:
    """One line an arm, a thin line for its floor; exact zeros stand in a row of their own."""
    now = latest(trace, view.round_index)
    if not now:
        return waiting(trace, view)
    mode, shown = view.mode, max(record.round_index for _, record in now)
    ranked = sorted(now, key=lambda pair: float(pair[1].errors.own[-1]))
    (best, low), (worst, high) = ranked[0], ranked[-1]
    small, large = float(low.errors.own[-1]), float(high.errors.own[-1])
    if len(ranked) == 1:
        title = f"Round {shown}: {best.label} has a relative error of {percent(small)}"
    elif large <= ROUNDING:
        title = f"Round {shown}: all {len(ranked)} methods are exact"
    elif percent(large) == percent(small):
        title = f"Round {shown}: all {len(ranked)} methods have a relative error of {percent(large)}"
    elif len(ranked) > 2:
        least = "0" if small <= ROUNDING else percent(small)
        title = f"Round {shown}, relative error: {len(ranked)} methods from {least} to {percent(large)}"
    elif small <= ROUNDING:
        title = fitting(
            f"Round {shown}: {best.label} is exact, {worst.label} has a relative error of {percent(large)}",
            f"Round {shown}: {best.label} is exact, {worst.label} {percent(large)} off",
        )
    else:
        pair = f"{worst.label} {percent(large)}, {best.label} {percent(small)}"
        title = fitting(f"Round {shown}, relative error: {pair}", f"Relative error: {pair}", f"Error: {pair}")
    numbers = "; ".join(
        f"{card.label} {percent(float(r.errors.own[-1]))} (floor {percent(float(r.errors.ladder[FLOOR, -1]))})"
        for card, r in ranked
    )
    alt = f"Relative aggregation error over all layers in round {shown}, logarithmic: {numbers}."
    every = [float(v) for r in trace.records for v in (r.errors.own[-1], r.errors.ladder[FLOOR, -1])]
    exact = any(float(r.errors.own[-1]) <= ROUNDING for r in trace.records)
    axis = error_axis([v for v in every if v > ROUNDING], exact)
    fig = base_figure(mode, title, alt, **round_axis(trace, view, now[0][1]))
    axis.put(fig, "relative error (log)")
    rounds, stopped = trace.config.train.rounds, {s.arm for s in trace.stopped}
    ends: list[tuple[float, str, str, str]] = []
    for card in trace.arms:
        records = trace.arm(card.name)
        x = [r.round_index for r in records]
        own, floor = [float(r.errors.own[-1]) for r in records], [float(r.errors.ladder[FLOOR, -1]) for r in records]
        hue = colour(card, mode)
        fig.add_scatter(
            x=x, y=[v if v > ROUNDING else None for v in floor], mode="lines", name=f"{card.label}: rank-r floor",
            line={"color": hue, "width": 1.5, "dash": "1px,3px"}, uid=f"floor-{card.name}", showlegend=False,
            **hover(f"{card.label}, rank-r floor, round %{{x}}: %{{hovertext}}", percents(floor)),
        )  # fmt: skip
        fig.add_scatter(
            x=x, y=[v if v > ROUNDING else axis.edge for v in own], name=card.label, uid=card.name,
            meta={"round": True},
            **hover(f"{card.label}, round %{{x}}: %{{hovertext}}", percents(own)), **markers(card, mode, rounds),
        )  # fmt: skip
        if records:
            value = "exactly 0" if own[-1] <= ROUNDING else percent(own[-1])
            ends.append((axis.share(own[-1]), value, end_of_line(card, card.name in stopped), hue))
    labelled(fig, ends, mode)
    fig.add_annotation(
        xref="paper", yref="paper", x=0, y=1, xanchor="left", yanchor="bottom", showarrow=False,
        text="dotted: rank-r floor of the same method", align="left", font={"size": 12, "color": MUTED[mode]},
    )  # fmt: skip
    return ends_of_round(fig, trace.rounds_done - 1, shown, mode)
