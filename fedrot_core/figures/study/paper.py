"""The paper's numbers and ours, each in a figure of its own with its own, named axis.

Two figures that stand side by side take the same number of points of height, so that equal slopes are equal gains.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import Drawing
from fedrot_core.figures.kit.layout import fitting, labelled, markers
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.theme import INK, MUTED, base_figure, colour
from fedrot_core.study import paper
from fedrot_core.study.plotted import Line, Ratios, Table, gaps
from fedrot_core.study.summary import TIE
from fedrot_core.wording import percent, signed, times

STEP = 0.05
"""Score axes begin and end on multiples of this."""

GLUE, DIGITS = f"{paper.MODEL}, from the paper", "small MLP on digits, ours"


def shared_span(*figures: Sequence[Line]) -> list[tuple[float, float]]:
    """Score ranges for figures that stand side by side: each around its own numbers, all of one height."""
    bounds = []
    for lines in figures:
        known = [v for line in lines for v in line.known] or [0.5]
        bounds.append((math.floor(min(known) / STEP) * STEP, math.ceil(max(known) / STEP) * STEP))
    height = max(high - low for low, high in bounds) or STEP
    return [(min(1.0, low + height) - height, min(1.0, low + height)) for low, _ in bounds]


def paper_figures(tables: Sequence[Table], ratios: Sequence[Ratios]) -> tuple[Drawing, ...]:
    """All figures: for each table the paper's and ours, of one height in points; then how many times errors differ."""
    found = []
    for table in tables:
        spans = shared_span(table.theirs, table.ours)
        for whose, lines, span, source in (
            ("Paper", table.theirs, spans[0], GLUE), ("Ours", table.ours, spans[1], DIGITS),
        ):  # fmt: skip
            title = best_strength if table.name == "strength" else gap_title
            draw = functools.partial(
                curves, title=title(whose, lines, table), lines=lines, x=table.x, x_title=table.what, source=source,
                span=span,
            )  # fmt: skip
            name, label = f"{whose.lower()}_{table.name}", f"{whose}: score by {table.what}"
            found.append(Drawing(name, label, "How much does alignment gain, in the paper and here?", draw))
    question = "How many times larger is the naive error?"
    draw = functools.partial(error_ratios, groups=ratios)
    return (*found, Drawing("error_ratios", "Error ratios", question, draw))


def gap_title(whose: str, lines: Sequence[Line], table: Table) -> str:
    """What FedRot-LoRA gains over FedIT, case by case."""
    found = gaps(lines, "fedrot", "fedit")
    if not found:
        return f"{whose}: no run is done yet"
    numbers, cases = ", ".join(signed(g, 1) for g in found), max(len(line.values) for line in lines)
    where = table.where if len(found) == cases else f"in {len(found)} of {cases} cases so far"
    return fitting(
        f"{whose}: FedRot-LoRA minus FedIT {numbers}\u00a0points {where}",
        f"{whose}: FedRot-LoRA {numbers}\u00a0points {where}",
    )


def best_strength(whose: str, lines: Sequence[Line], table: Table) -> str:
    """At which soft strength each line is highest, and what that gains over none."""
    parts = []
    for line in lines:
        known = [(v, at) for v, at in zip(line.values, table.x, strict=True) if math.isfinite(v)]
        if not known:
            continue
        (best, at), (least, _), (first, origin) = max(known), min(known), known[0]
        name = f"{line.card.label}: " if len(lines) > 1 else ""
        if len(known) == 1:
            parts.append(f"{name}{percent(best)} at λ = {at:g}, other runs to follow")
        elif best - least < TIE:
            parts.append(f"{name}λ changes the score by at most {100 * (best - least):.1f}\u00a0points")
        else:
            parts.append(
                f"{name}best at λ = {at:g} ({signed(100 * (best - first), 1)}\u00a0points over λ = {origin:g})"
            )
    return f"{whose}: {'; '.join(parts)}" if parts else f"{whose}: no run is done yet"


def curves(
    mode: str, title: str, lines: Sequence[Line], x: Sequence[float], x_title: str, source: str,
    span: tuple[float, float],
) -> go.Figure:  # fmt: skip
    """Accuracy against a few settings, evenly spaced; bars span the seeds where there are several.

    Args:
        x: what the settings are, one for each value of a line.
        source: whose score it is, on what model and data, written above the plot.
        span: range of the score axis.
    """
    alt = f"Accuracy by {x_title}, {source}: " + "; ".join(
        f"{line.card.label} "
        + ", ".join(f"{percent(v)} at {at:g}" for v, at in zip(line.values, x, strict=True) if math.isfinite(v))
        for line in lines
    )
    fig = base_figure(
        mode, title, f"{alt}.",
        xaxis={"title": {"text": x_title}, "range": [-0.35, len(x) - 0.65], "tickvals": list(range(len(x))),
               "ticktext": [f"{at:g}" for at in x], "fixedrange": True, "showgrid": False},
        yaxis={"title": {"text": "accuracy"}, "range": list(span),
               **percent_ticks(*span, STEP if span[1] - span[0] < 0.31 else 2 * STEP), "fixedrange": True},
    )  # fmt: skip
    ends: list[tuple[float, str, str, str]] = []
    for line in lines:
        bars = None
        if line.low and any(h > low for h, low in zip(line.high, line.low, strict=True)):
            bars = {
                "array": [h - v for h, v in zip(line.high, line.values, strict=True)],
                "arrayminus": [v - low for v, low in zip(line.values, line.low, strict=True)],
                "color": colour(line.card, mode), "thickness": 1.2, "width": 3,
            }  # fmt: skip
        y = [v if math.isfinite(v) else None for v in line.values]
        fig.add_scatter(
            x=list(range(len(x))), y=y, name=line.card.label, uid=line.card.name, error_y=bars,
            customdata=[f"{at:g}" for at in x],
            **hover(f"{line.card.label}, {x_title} %{{customdata}}: %{{hovertext}}", percents(line.values)),
            **markers(line.card, mode, len(x)),
        )  # fmt: skip
        last = next((v for v in reversed(line.values) if math.isfinite(v)), None)
        if last is not None:
            height = (last - span[0]) / (span[1] - span[0])
            ends.append((height, percent(last), line.card.label, colour(line.card, mode)))
    labelled(fig, ends, mode)
    fig.add_annotation(
        xref="paper", yref="paper", x=0, y=1, xanchor="left", yanchor="bottom", yshift=6, text=source, showarrow=False,
        font={"size": 13, "color": MUTED[mode]},
    )  # fmt: skip
    return fig.update_layout(margin={"t": 34})


def error_ratios(mode: str, groups: Sequence[Ratios]) -> go.Figure:
    """How many times larger the naive error is: one row a case, logarithmic; 1 means no difference."""
    rows = [(name, value, group.card) for group in groups for name, value in group.values.items()]
    known = [value for _, value, _ in rows if math.isfinite(value) and value > 0]
    by_group = [
        f"{group.card.label} {' to '.join(dict.fromkeys((times(min(v)), times(max(v)))))}"
        for group in groups
        if (v := [x for x in group.values.values() if math.isfinite(x)])
    ]
    title = fitting(f"Naive error ÷ aligned error: {'; '.join(by_group)}", "Naive error ÷ aligned error")
    alt = "Naive over aligned aggregation error: " + "; ".join(
        f"{name} {times(value)}" if math.isfinite(value) else f"{name} not known yet" for name, value, _ in rows
    )
    low = math.floor(math.log10(min([*known, 0.9])) * 2) / 2
    high = math.ceil(math.log10(max([*known, 10.0])) * 2) / 2
    fig = base_figure(
        mode, title, f"{alt}.", margin={"l": 20, "r": 36},
        meta={"narrow": {"xaxis": {"title": {"text": "naive ÷ aligned (log)"}, "tickvals": [0.5, 1, 2, 5, 10, 20]}}},
        xaxis={"type": "log", "range": [low, high], "tickvals": [0.5, 1, 2, 5, 10, 20, 50, 100],
               "title": {"text": "naive error ÷ aligned error (log); 1 means no difference"}, "fixedrange": True},
        yaxis={"range": [len(rows) - 0.5, -0.5], "tickvals": list(range(len(rows))), "showgrid": False,
               "ticktext": [name for name, _, _ in rows], "fixedrange": True},
        shapes=[{"type": "line", "xref": "x", "yref": "paper", "x0": 1, "x1": 1, "y0": 0, "y1": 1,
                 "line": {"color": MUTED[mode], "width": 1.5, "dash": "dot"}}],
    )  # fmt: skip
    for group in groups:
        at = [n for n, (name, _, card) in enumerate(rows) if card == group.card and name in group.values]
        values = [v if math.isfinite(v) else None for v in group.values.values()]
        hue = colour(group.card, mode)
        fig.add_scatter(
            x=values, y=at, mode="markers+text", name=group.card.label, uid=group.card.name, cliponaxis=False,
            text=["" if v is None else times(v) for v in values], textposition="middle right",
            textfont={"size": 13, "color": INK[mode]},
            marker={"symbol": group.card.symbol, "size": 11, "color": hue},
            **hover(f"{group.card.label}: %{{hovertext}}", ["" if v is None else times(v) for v in values]),
        )  # fmt: skip
    return fig
