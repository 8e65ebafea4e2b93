"""What a lecture's room predicted or answered, as one figure: bars per option, a histogram, or a fan of curves."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import fitting, nice, rgba
from fedrot_core.figures.kit.numbers import hover, tick_step
from fedrot_core.figures.kit.theme import HUES, INK, base_figure
from fedrot_core.wording import amount, counted, percent, rough

OPTION_WIDTH, OPTION_WIDTH_NARROW = 60, 38
"""Characters in one line of an option."""

MOST_BINS = 20


def said_choices(options: Sequence[str], said: Sequence[float], right: int | None, mode: str) -> go.Figure:
    """A bar for each option.

    Args:
        options: as they were offered; said: the index of one for each person, whatever is none is left out.
        right: index of the true one, once it may be seen.
    """
    counts = [sum(1 for n in said if n == k) for k in range(len(options))]
    total = sum(counts)
    most = int(np.argmax(counts))
    if right is None:
        title = fitting(f"{counted(total, 'answer')}, most for “{options[most]}”", counted(total, "answer"))
    else:
        title = f"{counted(total, 'answer')}: {percent(counts[right] / max(total, 1))} are right"
    listed = ", ".join(f"“{option}” {count}" for option, count in zip(options, counts, strict=True))
    truth = "" if right is None else f" The right one is “{options[right]}”."
    rows = [float(-k) for k in range(len(options))]
    hues = [HUES[mode]["green" if k == right else "blue"] for k in range(len(options))]
    texts = [f"<b>{count}</b>" for count in counts]

    def words(width: int, size: int) -> list[dict[str, Any]]:
        lines = ["<br>".join(textwrap.wrap(html.escape(option, quote=False), width)) for option in options]
        return [
            {
                "xref": "paper", "yref": "y", "x": 0, "y": y + 0.04, "xanchor": "left", "yanchor": "bottom",
                "text": f"<b>✓ {line}</b>" if k == right else line, "showarrow": False, "align": "left",
                "font": {"size": size, "color": hues[k] if k == right else INK[mode]},
            }
            for k, (y, line) in enumerate(zip(rows, lines, strict=True))
        ]  # fmt: skip

    figure = base_figure(
        mode, title, f"{counted(total, 'answer')} of the room: {listed}.{truth}",
        margin={"l": 8, "r": 44, "t": 16, "b": 12},
        xaxis={"range": [0, max([*counts, 1])], "visible": False, "fixedrange": True},
        yaxis={"range": [rows[-1] - 0.5, 0.62], "visible": False, "fixedrange": True},
        annotations=words(OPTION_WIDTH, 15),
        meta={"narrow": {"annotations": words(OPTION_WIDTH_NARROW, 15)},
              "present": {"annotations": words(OPTION_WIDTH_NARROW, 16)}, "least_height": 70 + 76 * len(options)},
    )  # fmt: skip
    figure.add_bar(
        x=counts, y=[y - 0.16 for y in rows], orientation="h", width=0.3, uid="answers", name="answers",
        marker={"color": hues, "line": {"width": 0}}, text=texts, textposition="outside", cliponaxis=False,
        textfont={"size": 16, "color": INK[mode]}, constraintext="none",
        **hover("%{hovertext}", [counted(n, "answer") for n in counts]),
    )  # fmt: skip
    return figure


def said_numbers(
    low: float, high: float, step: float, unit: str, said: Sequence[float], right: float | None, mode: str
) -> go.Figure:
    """A histogram over the range of the question.

    Args:
        low, high, step, unit: of what could be answered.
        said: one number for each person; whatever is outside the range is left out.
        right: the true one, once it may be seen.
    """
    values = np.array([v for v in said if low <= v <= high], dtype=float)
    wide = step * max(1, math.ceil((high - low) / step / MOST_BINS))
    bins = max(1, math.ceil((high - low) / wide - 1e-9) + (1 if wide == step else 0))
    first = low - wide / 2 if wide == step else low  # single values stand in the middle of their bars
    at = np.clip(((values - first) / wide + 1e-9).astype(int), 0, bins - 1)
    counts = np.bincount(at, minlength=bins)
    middles = first + wide * (np.arange(bins) + 0.5)
    answers = counted(len(values), "answer")
    half = "" if not len(values) else f", the middle one {rough(float(np.median(values)), unit)}"
    truth = "" if right is None else f"; it is {rough(right, unit)}"
    lead, edge = 0.02 * (high - low), 0.1 * (high - low)
    ticks = _ticks(low, high, unit)
    top = max(float(counts.max(initial=0)), 1.0)
    note = [] if right is None else [
        {"xref": "x", "yref": "paper", "x": right, "y": 1, "yanchor": "bottom", "text": f"<b>{rough(right, unit)}</b>",
         "showarrow": False, "font": {"size": 16, "color": HUES[mode]["green"]},
         "xanchor": "left" if right < low + edge else "right" if right > high - edge else "center"},
    ]  # fmt: skip
    figure = base_figure(
        mode, f"{answers}{half}{truth}", f"{answers} of the room{half}{truth}.",
        margin={"l": 44, "r": 20, "t": 30, "b": 44}, bargap=0.08,
        xaxis={"range": [min(first, low) - lead, max(first + bins * wide, high) + lead], "fixedrange": True,
               "showgrid": False, **ticks},
        yaxis={"range": [0, 1.08 * nice(top)], "fixedrange": True, "title": {"text": "answers"},
               "dtick": max(1, math.ceil(top / 5)), "tick0": 0},
        annotations=note,
        shapes=[] if right is None else [
            {"type": "line", "xref": "x", "yref": "paper", "x0": right, "x1": right, "y0": 0, "y1": 1,
             "line": {"color": HUES[mode]["green"], "width": 3}}],
    )  # fmt: skip
    spans = [
        f"{counted(int(n), 'answer')} around {rough(float(x), unit)}" for n, x in zip(counts, middles, strict=True)
    ]
    figure.add_bar(
        x=middles.tolist(), y=counts.tolist(), width=[0.9 * wide] * bins, uid="answers", name="answers",
        marker={"color": HUES[mode]["blue"], "line": {"width": 0}}, **hover("%{hovertext}", spans),
    )  # fmt: skip
    return figure


def said_curves(
    ticks: Sequence[str],
    x_label: str,
    y_label: str,
    unit: str,
    low: float,
    high: float,
    said: Sequence[Sequence[float]],
    right: Sequence[float] | None,
    mode: str,
) -> go.Figure:
    """The middle one of the drawn curves at each tick, and where half of them lie.

    Args:
        ticks, x_label, y_label, unit, low, high: of what could be drawn.
        said: a number for each tick, for each person; a curve of another length is left out.
        right: the true curve, once it may be seen.
    """
    curves = np.array([curve for curve in said if len(curve) == len(ticks)], dtype=float).reshape(-1, len(ticks))
    curves = np.clip(curves, low, high)
    quarter, middle, third = (
        np.percentile(curves, q, axis=0) if len(curves) else np.full(len(ticks), low) for q in (25, 50, 75)
    )
    drawn, x, blue = counted(len(curves), "curve"), list(range(len(ticks))), HUES[mode]["blue"]
    title = f"{drawn} drawn: the middle one, and where half of them lie"
    if right is not None:
        title = f"{drawn} drawn, and the true one in green"
    said_of = ", ".join(f"{tick} {rough(float(v), unit)}" for tick, v in zip(ticks, middle, strict=True))
    truth = "" if right is None else " The true one: " + ", ".join(rough(float(v), unit) for v in right) + "."
    figure = base_figure(
        mode, title, f"{drawn} of the room; the middle one at each {x_label}: {said_of}.{truth}",
        margin={"l": 60, "r": 20, "t": 16, "b": 50},
        xaxis={"tickvals": x, "ticktext": list(ticks), "range": [-0.3, len(ticks) - 0.7], "fixedrange": True,
               "title": {"text": x_label}, "showgrid": False},
        yaxis={"range": [low, high], "fixedrange": True, "title": {"text": y_label}, **_ticks(low, high, unit)},
    )  # fmt: skip
    figure.add_scatter(
        x=x + x[::-1], y=third.tolist() + quarter.tolist()[::-1], mode="lines", fill="toself", uid="half", name="half",
        line={"width": 0}, fillcolor=rgba(blue, 0.28), hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=middle.tolist(), mode="lines+markers", uid="middle", name="middle", line={"color": blue, "width": 3},
        marker={"size": 9, "color": blue}, cliponaxis=False,
        **hover("half of the room up to %{hovertext}", [rough(float(v), unit) for v in middle]),
    )  # fmt: skip
    if right is not None:
        green = HUES[mode]["green"]
        figure.add_scatter(
            x=x, y=[float(v) for v in right], mode="lines+markers", uid="right", name="true", cliponaxis=False,
            line={"color": green, "width": 3, "dash": "dot"}, marker={"size": 11, "color": green, "symbol": "diamond"},
            **hover("true: %{hovertext}", [rough(float(v), unit) for v in right]),
        )  # fmt: skip
    return figure


def _ticks(low: float, high: float, unit: str) -> dict[str, list[Any]]:
    """Round ticks of an axis, in words."""
    step = tick_step(high - low)
    at = [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return {"tickvals": at, "ticktext": [amount(v, unit if unit in ("%", "°") else "", decimals) for v in at]}
