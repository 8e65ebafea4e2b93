"""Cost against error: what one client moves in a round, and how far the update is from the ideal."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from fedrot_core.figures.kit.error_axis import error_axis
from fedrot_core.figures.kit.layout import fitting, markers
from fedrot_core.figures.kit.theme import FONT, base_figure, colour
from fedrot_core.figures.study.comparison_kit import CompareView, arms_of, least_height, no_arms, plot_height
from fedrot_core.study.summary import ArmStatistics, RunSummary
from fedrot_core.trace import ArmCard
from fedrot_core.wording import percent, size


def cost(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """Bytes that one client moves in a round against the last round's error, both in decades, labels at the points."""
    arms = [(card, s) for card, s in arms_of(runs, view) if math.isfinite(s.error.median)]
    if not arms:
        return no_arms(runs, view)
    mode = view.mode
    exact = [pair for pair in arms if pair[1].exact]
    cheapest = min(arms, key=lambda pair: pair[1].traffic)
    dearest = max(arms, key=lambda pair: pair[1].traffic)
    closest = min((p for p in arms if not p[1].exact), key=lambda p: float(p[1].error.median), default=None)
    if exact:
        card, s = min(exact, key=lambda pair: pair[1].traffic)
        rival = closest or dearest
        if rival[0] is card:
            title = f"{card.label} is exact at {size(s.traffic)} per client and round"
        else:
            what = "exact" if rival[1].exact else f"error {percent(rival[1].error.median)}"
            title = fitting(
                f"{card.label} is exact at {size(s.traffic)} per round; {rival[0].label}: {what} at "
                f"{size(rival[1].traffic)}",
                f"{card.label} is exact at {size(s.traffic)} per client and round",
            )  # fmt: skip
    else:
        assert closest is not None
        title = fitting(
            f"Closest to the ideal: {closest[0].label}, error {percent(closest[1].error.median)} at "
            f"{size(closest[1].traffic)} per round",
            f"Closest to the ideal: {closest[0].label}, error {percent(closest[1].error.median)}",
            f"Closest to the ideal: {closest[0].label}",
        )
    numbers = "; ".join(
        f"{card.label} {size(s.traffic)}, error {'exactly 0' if s.exact else percent(s.error.median)}, "
        f"score {percent(s.score.median)}"
        for card, s in sorted(arms, key=lambda pair: pair[1].traffic)
    )
    alt = f"Traffic up and down per client and round against relative error of the last round: {numbers}."
    axis = error_axis([v for _, s in arms if not s.exact for v in (s.error.low, s.error.high)], bool(exact))
    left, right = math.log10(cheapest[1].traffic), math.log10(dearest[1].traffic)
    pad = 0.12 + 0.1 * (right - left)
    low_x, high_x = left - pad, right + pad
    fig = base_figure(
        mode, title, alt,
        xaxis={"type": "log", "range": [low_x, high_x], "fixedrange": True, **_size_ticks(low_x, high_x),
               "title": {"text": "up + down per client and round (log)"}},
        margin={"l": 60, "r": 16},
    )  # fmt: skip
    axis.put(fig, "relative error, last round (log)")
    edge = axis.edge
    shares = []
    for card, s in arms:
        value = edge if s.exact else max(float(s.error.median), edge)
        bars = None if s.exact or not s.error.high > s.error.low else {
            "type": "data", "symmetric": False, "array": [float(s.error.high) - value],
            "arrayminus": [value - max(float(s.error.low), edge)], "width": 4, "thickness": 1.5,
        }  # fmt: skip
        style = markers(card, mode, 1)
        fig.add_scatter(
            x=[s.traffic], y=[value], name=card.label, uid=card.name, mode="markers", error_y=bars, cliponaxis=False,
            marker={**style["marker"], "size": 11},
            customdata=[["exactly 0" if s.exact else percent(s.error.median), size(s.traffic),
                         percent(s.score.median)]],
            hovertemplate=f"{card.label}: %{{customdata[1]}}, error %{{customdata[0]}}, score %{{customdata[2]}}"
                          "<extra></extra>",
        )  # fmt: skip
        x = (math.log10(s.traffic) - low_x) / (high_x - low_x)
        shares.append((x, axis.share(value), card, s))
    fig.update_layout(annotations=_point_labels(shares, mode, (420.0, plot_height(len(arms)) - 85.0), 40))
    narrow = {
        "margin": {"l": 44, "r": 8}, "yaxis": {"title": {"text": ""}}, "xaxis": {"nticks": 4},
        "annotations": _point_labels(shares, mode, (280.0, plot_height(len(arms)) - 75.0), 17),
    }  # fmt: skip
    fig.update_layout(meta={**fig.layout.meta, "narrow": narrow, "least_height": least_height(len(arms))})
    return fig


def _size_ticks(low: float, high: float) -> dict[str, Any]:
    """Round byte counts between 10^low and 10^high."""
    steps = (1, 2, 5) if high - low < 2.2 else (1,)
    values = [
        step * 10.0**n
        for n in range(math.floor(low), math.ceil(high) + 1)
        for step in steps
        if low <= math.log10(step * 10.0**n) <= high
    ]
    return {"tickvals": values, "ticktext": [size(v) for v in values]}


def _point_labels(
    points: Sequence[tuple[float, float, ArmCard, ArmStatistics]], mode: str, area: tuple[float, float], letters: int
) -> list[dict[str, Any]]:
    """A label beside each point, where it meets no other label or mark.

    Args:
        points: position as shares of the plot, card, statistics.
        area: width and height of the plot in px, about.
        letters: most characters in a line.
    """
    width, height = area
    taken = [(x * width - 7, y * height - 7, x * width + 7, y * height + 7) for x, y, _, _ in points]
    out: list[dict[str, Any]] = []
    for x, y, card, s in sorted(points, key=lambda p: -p[1]):
        value = percent(s.score.median)
        lines = textwrap.wrap(f"{card.label} {value}", letters)
        long, tall = 6.9 * max(map(len, lines)), 15.0 * len(lines)
        spots = [(side, 17.0 * step) for step in (0, 1, -1, 2, -2, 3, -3, 4, -4, 5, 6, 7) for side in (1, -1)]
        best: tuple[float, int, float, tuple[float, float, float, float]] | None = None
        for side, up in spots:
            left = x * width + (11 if side > 0 else -11 - long)
            box = (left, y * height + up - tall / 2, left + long, y * height + up + tall / 2)
            outside = max(0.0, -box[0]) + max(0.0, box[2] - width) + max(0.0, -box[1] - 12) + max(0.0, box[3] - height)
            clash = outside + sum(_overlap(box, other) for other in taken)
            if best is None or clash < best[0] - 1e-9:
                best = (clash, side, up, box)
        assert best is not None
        _, side, up, box = best
        taken.append(box)
        out.append({
            "xref": "x domain", "yref": "y domain", "x": x, "y": y, "showarrow": False,
            "xanchor": "left" if side > 0 else "right", "yanchor": "middle", "xshift": 11 * side, "yshift": up,
            "text": "<br>".join(lines).replace(value, f"<b>{value}</b>"), "align": "left" if side > 0 else "right",
            "font": {"size": 12, "color": colour(card, mode), "family": FONT},
        })  # fmt: skip
    return out


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Shared area of two boxes (left, bottom, right, top)."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
