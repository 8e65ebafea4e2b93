"""Error by round of the comparison, in decades, exact arms in a row of their own."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from fedrot_core.figures.kit.error_axis import error_axis
from fedrot_core.figures.kit.layout import end_labels, end_of_line, fitting, markers
from fedrot_core.figures.kit.theme import base_figure, colour
from fedrot_core.figures.study.comparison_kit import (
    CompareView,
    arms_of,
    banded_line,
    final,
    least_height,
    no_arms,
    over_seeds,
    rounds_axis,
)
from fedrot_core.study.summary import EXACT_BELOW, RunSummary
from fedrot_core.wording import counted, percent


def error_curves(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """Median relative error by round in decades, quartiles behind; exact arms on the lower edge and named so."""
    arms = arms_of(runs, view)
    if not arms:
        return no_arms(runs, view)
    mode, rounds = view.mode, runs[0].config.train.rounds
    ranked = sorted(arms, key=lambda pair: final(pair[1].errors))
    exact = [card for card, s in ranked if s.exact]
    (low_card, low), (high_card, high) = next((p for p in ranked if not p[1].exact), ranked[0]), ranked[-1]
    over = over_seeds(runs, view)
    if high.exact:
        title = f"{'All of these methods are' if len(ranked) > 1 else f'{high_card.label} is'} exact, {over}"
    elif len(ranked) > 2:
        span = f"{percent(final(low.errors))} to {percent(final(high.errors))}"
        others = f"{len(ranked)} methods from {span}"
        if exact:
            others = f"{len(exact)} of {len(ranked)} methods exact, the others {span}"
        title = f"Relative error: {others}, {over}"
    else:
        worst = f"Relative error: {high_card.label} {percent(final(high.errors))}"
        least = f"{low_card.label} {percent(final(low.errors))}" if low is not high else ""
        head = f"{counted(len(exact), 'exact method')}" if exact else ""
        title = fitting(
            "; ".join(part for part in (", ".join(p for p in (worst, least) if p), head) if part),
            ", ".join(p for p in (worst, least) if p), worst,
        )  # fmt: skip
    numbers = "; ".join(f"{card.label} {'exactly 0' if s.exact else percent(final(s.errors))}" for card, s in ranked)
    alt = f"Relative aggregation error by round, logarithmic, {over}; in the last round: {numbers}."
    axis = error_axis([v for _, s in arms if not s.exact for v in (s.errors.low, s.errors.high)], bool(exact))
    fig = base_figure(mode, title, alt, xaxis=rounds_axis(rounds), margin={"l": 60, "r": 150})
    axis.put(fig, "relative error (log)")
    labels = []
    edge = axis.edge
    for card, s in arms:
        x = list(range(rounds))
        if s.exact:
            fig.add_scatter(
                x=x, y=[edge if math.isfinite(v) else None for v in s.errors.median], name=card.label, uid=card.name,
                hovertemplate=f"{card.label}, round %{{x}}: exactly 0 (below {percent(EXACT_BELOW)})<extra></extra>",
                **markers(card, mode, rounds),
            )  # fmt: skip
            labels.append((axis.share(edge), "exactly 0", end_of_line(card, bool(s.stopped)), colour(card, mode)))
            continue
        banded_line(fig, card, s.errors, x, mode, {}, edge)
        value = final(s.errors)
        labels.append((axis.share(value), percent(value), end_of_line(card, bool(s.stopped)), colour(card, mode)))
    narrow = {"margin": {"l": 44, "r": 142}, "yaxis": {"title": {"text": ""}}}
    fig.update_layout(
        annotations=end_labels(labels, mode, gap=min(0.075, 0.55 / len(labels))),
        meta={**fig.layout.meta, "narrow": narrow, "least_height": least_height(len(arms))},
    )
    return fig
