"""Several arms over several seeds: run summaries and a view in, a Plotly figure out. One question a figure."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.errors import decades
from fedrot_core.figures.parts import end_labels, end_of_line, fitting, markers, percent, plain, rgba
from fedrot_core.figures.theme import FONT, GHOST, INK, MUTED, base_figure, colour, empty_figure
from fedrot_core.summary import EXACT_BELOW, ArmStatistics, RunSummary, quartiles, statistics
from fedrot_core.trace import ArmCard

BAND = 0.22
"""Opacity of the band between quartiles."""

PANEL_HEIGHT = 178
COLUMNS = {"wide": 6, "narrow": 2}
"""Most panels of the small multiples side by side."""

LABEL_HEIGHT = 19
"""Room of a one-line label in px."""


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


Draw = Callable[[Sequence[RunSummary], CompareView], go.Figure]


@dataclass(frozen=True)
class CompareFigure:
    """A figure of the comparison: stable name, short label, its one question, and the pure function."""

    name: str
    label: str
    question: str
    draw: Draw


def learning_grid(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """A panel an arm on the same axes: median and quartiles over seeds, all other arms as ghosts behind."""
    arms = _arms(runs, view)
    if not arms:
        return _waiting(runs, view)
    mode, name, rounds = view.mode, runs[0].score_name, runs[0].config.train.rounds
    ranked = sorted(arms, key=lambda pair: -_final(pair[1].scores))
    (best, first), (worst, last) = ranked[0], ranked[-1]
    top, bottom = percent(_final(first.scores)), percent(_final(last.scores))
    over = _over(runs, view)
    if len(ranked) == 1 or _final(first.scores) - _final(last.scores) < 0.005:
        title = f"{best.label if len(ranked) == 1 else 'Every method'} ends at {top}, {over}"
    else:
        title = fitting(
            f"{best.label} ends at {top}, {worst.label} at {bottom}, {over}", f"Best {top}, worst {bottom}, {over}"
        )
    ends = "; ".join(
        f"{card.label} {percent(_final(s.scores))} (quartiles {percent(s.score.low)} to {percent(s.score.high)})"
        for card, s in ranked
    )
    ceiling = quartiles(np.array([_padded(run.ceiling, rounds) for run in runs])).median
    start = float(np.median([run.start_score for run in runs]))
    alt = (
        f"{name.capitalize()} by round, one panel a method, {over}: {ends}. "
        f"Before training {percent(start)}, centralised {percent(_last(ceiling))}."
    )
    wide, narrow = (_panels(arms, view, COLUMNS[width], rounds, start) for width in ("wide", "narrow"))
    fig = base_figure(mode, title, alt, **wide, margin={"l": 48, "r": 8, "t": 40, "b": 44})
    fig.update_layout(meta={**fig.layout.meta, "narrow": {**narrow, "margin": {"l": 44, "r": 6}}})
    x = list(range(rounds))
    for n, (card, s) in enumerate(arms, 1):
        axes = {"xaxis": f"x{n if n > 1 else ''}", "yaxis": f"y{n if n > 1 else ''}"}
        others = [o for c, o in arms if c is not card]
        fig.add_scatter(
            x=[*x, None] * len(others), y=[v for o in others for v in [*_gaps(o.scores.median), None]],
            mode="lines", name="other methods", line={"color": GHOST[mode], "width": 1}, opacity=0.55,
            hoverinfo="skip", meta={"ghost": True}, uid=f"ghost-{card.name}", **axes,
        )  # fmt: skip
        fig.add_scatter(
            x=x, y=_gaps(ceiling), mode="lines", name="centralised", line={"color": INK[mode], "width": 1.5,
            "dash": "dot"}, hovertemplate="centralised, round %{x}: %{y:.1%}<extra></extra>",
            meta={} if n == 1 else {"ghost": True}, uid=f"centralised-{card.name}", **axes,
        )  # fmt: skip
        _line(fig, card, s.scores, x, mode, "%{y:.1%}", axes)
    return fig


def error_curves(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """Median relative error by round in decades, quartiles behind; exact arms on the lower edge and named so."""
    arms = _arms(runs, view)
    if not arms:
        return _waiting(runs, view)
    mode, rounds = view.mode, runs[0].config.train.rounds
    ranked = sorted(arms, key=lambda pair: _final(pair[1].errors))
    exact = [card for card, s in ranked if s.exact]
    (low_card, low), (high_card, high) = next((p for p in ranked if not p[1].exact), ranked[0]), ranked[-1]
    over = _over(runs, view)
    if high.exact:
        title = f"{'All of these methods are' if len(ranked) > 1 else f'{high_card.label} is'} exact, {over}"
    else:
        worst = f"{high_card.label} misses the ideal by {percent(_final(high.errors))}"
        least = f"{low_card.label} by {percent(_final(low.errors))}" if low is not high else ""
        head = f"{len(exact)} exact" if exact else ""
        title = fitting(
            "; ".join(part for part in (", ".join(p for p in (worst, least) if p), head) if part),
            ", ".join(p for p in (worst, least) if p), worst,
        )  # fmt: skip
    numbers = "; ".join(f"{card.label} {'exactly 0' if s.exact else percent(_final(s.errors))}" for card, s in ranked)
    alt = f"Relative aggregation error by round, logarithmic, {over}; in the last round: {numbers}."
    axis = _error_axis([v for _, s in arms if not s.exact for v in (s.errors.low, s.errors.high)], bool(exact))
    fig = base_figure(
        mode, title, alt, xaxis=_rounds(rounds), yaxis={**axis.layout, "title": {"text": "relative error (log)"}},
        margin={"l": 60, "r": 150},
    )  # fmt: skip
    labels = []
    edge = axis.edge
    for card, s in arms:
        x = list(range(rounds))
        if s.exact:
            fig.add_scatter(
                x=x, y=[edge if math.isfinite(v) else None for v in s.errors.median], name=card.label, uid=card.name,
                hovertemplate=f"{card.label}, round %{{x}}: exactly 0 (below {EXACT_BELOW:g})<extra></extra>",
                **markers(card, mode, rounds),
            )  # fmt: skip
            labels.append((axis.share(edge), "exactly 0", end_of_line(card, bool(s.stopped)), colour(card, mode)))
            continue
        _line(fig, card, s.errors, x, mode, "%{y:.2%}", {}, edge)
        value = _final(s.errors)
        labels.append((axis.share(value), percent(value), end_of_line(card, bool(s.stopped)), colour(card, mode)))
    narrow = {"margin": {"l": 44, "r": 142}, "yaxis": {"title": {"text": ""}}}
    fig.update_layout(
        annotations=end_labels(labels, mode, gap=min(0.075, 0.55 / len(labels))),
        meta={**fig.layout.meta, "narrow": narrow},
    )
    return fig


def cost(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    """Bytes that one client moves in a round against the last round's error, both in decades, labels at the points."""
    arms = [(card, s) for card, s in _arms(runs, view) if math.isfinite(s.error.median)]
    if not arms:
        return _waiting(runs, view)
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
                f"{card.label} is exact at {size(s.traffic)} a round; {rival[0].label}: {what} at "
                f"{size(rival[1].traffic)}",
                f"{card.label} is exact at {size(s.traffic)} per client and round",
            )  # fmt: skip
    else:
        assert closest is not None
        title = fitting(
            f"Closest: {closest[0].label}, error {percent(closest[1].error.median)} at "
            f"{size(closest[1].traffic)} a round",
            f"Closest to the ideal: {closest[0].label}",
        )
    numbers = "; ".join(
        f"{card.label} {size(s.traffic)}, error {'exactly 0' if s.exact else percent(s.error.median)}, "
        f"score {percent(s.score.median)}"
        for card, s in sorted(arms, key=lambda pair: pair[1].traffic)
    )
    alt = f"Traffic up and down per client and round against relative error of the last round: {numbers}."
    axis = _error_axis([v for _, s in arms if not s.exact for v in (s.error.low, s.error.high)], bool(exact))
    left, right = math.log10(cheapest[1].traffic), math.log10(dearest[1].traffic)
    pad = 0.12 + 0.1 * (right - left)
    low_x, high_x = left - pad, right + pad
    fig = base_figure(
        mode, title, alt,
        xaxis={"type": "log", "range": [low_x, high_x], "fixedrange": True, **_size_ticks(low_x, high_x),
               "title": {"text": "up + down per client and round (log)"}},
        yaxis={**axis.layout, "title": {"text": "relative error, last round (log)"}},
        margin={"l": 60, "r": 16},
    )  # fmt: skip
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
    fig.update_layout(meta={**fig.layout.meta, "narrow": narrow})
    return fig


COMPARE_FIGURES = (
    CompareFigure(
        "compare_learning", "Learning curves", "Who learns, who stalls, and how sure is that?", learning_grid
    ),
    CompareFigure("compare_errors", "Error by round", "How far is each method from the ideal aggregate?", error_curves),
    CompareFigure("compare_cost", "Cost against error", "What does exactness cost in traffic?", cost),
)


def grid_height(arms: int) -> int:
    """Height in px of the small multiples on wide screens."""
    return 70 + PANEL_HEIGHT * math.ceil(arms / _columns(arms, COLUMNS["wide"]))


def plot_height(arms: int) -> int:
    """Height in px of a chart that labels every arm beside its mark."""
    return max(330, 90 + 26 * arms)


def size(count: float) -> str:
    """Bytes as text: ``840 B``, ``10.6 kB``, ``1.2 MB``."""
    for unit, scale in (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if abs(count) < 999.5 * scale or unit == "GB":
            return f"{count / scale:.3g}\u00a0{unit}"
    raise AssertionError("unreachable")


def _arms(runs: Sequence[RunSummary], view: CompareView) -> list[tuple[ArmCard, ArmStatistics]]:
    """Every arm that has finished a round in some run."""
    found = [(card, statistics(runs, card.name)) for card in view.cards]
    return [(card, s) for card, s in found if len(s.finals) and np.isfinite(s.scores.median).any()]


def _waiting(runs: Sequence[RunSummary], view: CompareView) -> go.Figure:
    reasons = [run.error for run in runs if run.error]
    reasons += [reason for card in view.cards for reason in statistics(runs, card.name).stopped]
    return empty_figure(view.mode, fitting(reasons[0]) if reasons else "The first seed is running")


def _over(runs: Sequence[RunSummary], view: CompareView) -> str:
    """``median of 5 seeds``, and how many there will be while some are missing."""
    done = len(runs)
    if done < view.seeds:
        return f"{done} of {view.seeds} seeds"
    return "one seed" if done == 1 else f"median of {done} seeds"


def _last(values: Any) -> float:
    """The last finite entry; NaN if there is none."""
    held = np.asarray(values)[np.isfinite(values)]
    return float(held[-1]) if len(held) else float("nan")


def _final(values: Any) -> float:
    return _last(values.median)


def _padded(values: Any, length: int) -> Any:
    return np.concatenate([values, np.full(length - len(values), np.nan)])


def _gaps(values: Any) -> list[Any]:
    """Plain numbers, None for NaN."""
    return [v if math.isfinite(v) else None for v in plain(values)]


def _line(
    fig: go.Figure, card: ArmCard, q: Any, x: list[int], mode: str, number: str, axes: dict[str, str], edge: float = 0.0
) -> None:
    """Median with markers on a band between the quartiles; nothing is drawn below ``edge``."""
    hue = colour(card, mode)
    low, median, high = ([None if v is None else max(v, edge) for v in _gaps(v)] for v in (q.low, q.median, q.high))
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
        hovertemplate=f"{card.label}, round %{{x}}: {number}<extra></extra>", **style, **axes,
    )  # fmt: skip


def _rounds(rounds: int, ticks: int = 10) -> dict[str, Any]:
    return {
        "title": {"text": "round"}, "range": [-0.5, rounds - 0.5], "fixedrange": True, "showgrid": False, "tick0": 0,
        "dtick": max(1, math.ceil(rounds / ticks)),
    }  # fmt: skip


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
            **_rounds(rounds, 4), "domain": domain_x, "anchor": y, "showticklabels": lowest,
            "title": {"text": "round" if lowest else "", "standoff": 2, "font": {"size": 12}},
            **({"matches": "x"} if n else {}),
        }  # fmt: skip
        layout[f"yaxis{n + 1 if n else ''}"] = {
            "domain": domain_y, "anchor": x, "range": [0, 1], "tickformat": ".0%", "dtick": 0.25 if most > 2 else 0.5,
            "fixedrange": True, "showticklabels": outer, "ticks": "outside" if outer else "",
            **({"matches": "y"} if n else {}),
        }  # fmt: skip
        title = textwrap.wrap(f"{percent(_final(s.scores))} {end_of_line(card, bool(s.stopped))}", letters)
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


@dataclass(frozen=True)
class _ErrorAxis:
    """A log axis in percent; below its lowest decade a row for exact zeros, which have no logarithm.

    Attributes:
        layout: Plotly's; edge: the value at which exact zeros are drawn.
    """

    layout: dict[str, Any]
    edge: float

    def share(self, value: float) -> float:
        """Height of ``value`` as a share of the plot."""
        low, high = map(float, self.layout["range"])
        return (math.log10(max(value, self.edge)) - low) / (high - low)


def _error_axis(values: Sequence[Any], exact: bool) -> _ErrorAxis:
    """The axis that holds ``values`` and, if some arms are exact, zero."""
    held = [float(v) for v in np.concatenate([np.ravel(v) for v in values])] if len(values) else []
    bottom, top = decades([v for v in held if math.isfinite(v)])
    span = top - bottom
    exponents = list(range(bottom, top + 1, max(1, math.ceil(span / 6))))
    ticks, texts = [10.0**n for n in exponents], [percent(10.0**n) for n in exponents]
    zero = bottom - 0.16 * span if exact else float(bottom)
    if exact:
        ticks, texts = [10.0**zero, *ticks], ["0", *texts]
    low = zero - 0.05 * span if exact else bottom
    shown = [low, top + 0.04 * span]
    layout = {"type": "log", "range": shown, "fixedrange": True, "tickvals": ticks, "ticktext": texts}
    return _ErrorAxis(layout, 10.0**zero)


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
