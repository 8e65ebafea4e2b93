"""Where alignment hurts: one factor comes closer, the other is driven apart, and the error grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import fitting, plain
from fedrot_core.figures.kit.numbers import hover, percent_ticks
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, SURFACE, base_figure
from fedrot_core.records import Array
from fedrot_core.wording import percent, signed

SAME_ERROR = 1e-9
"""Distances and errors at or below this are rounding."""


@dataclass(frozen=True)
class Pull:
    """One quantity before and after alignment, 0 to 1.

    Attributes:
        name, hue: what it is, and its colour in the theme.
        before, after: its values.
    """

    name: str
    hue: str
    before: float
    after: float


def pulls(rows: Sequence[Pull], mode: str, asked: str = "") -> go.Figure:
    """A row each for the distance of the A's, of the B's, and the error: an arrow from before to after.

    Args:
        rows: A, B, error, in this order.
        asked: a question as title; then the last two rows show only where they start.
    """
    a, error = rows[0], rows[-1]
    moves = ", ".join(f"{row.name} {percent(row.before)} → {percent(row.after)}" for row in rows)
    if asked:
        title, alt = asked, f"{asked} {a.name}: {percent(a.before)} as sent, {percent(a.after)} after alignment."
    elif error.after > error.before + SAME_ERROR:
        title = (
            f"A comes closer, B is driven apart: the error rises from {percent(error.before)} to {percent(error.after)}"
        )
        alt = f"Before and after alignment: {moves}. Alignment hurts here."
    else:
        title = f"No harm here: the error is {percent(error.before)} before alignment and {percent(error.after)} after"
        alt = f"Before and after alignment: {moves}. Alignment does no harm here."
    names = [row.name for row in rows]
    short = {"title": {"text": "relative distance or error"}}
    fig = base_figure(
        mode, title, alt, margin={"l": 12, "r": 24, "b": 52}, dragmode=False,
        xaxis={"title": {"text": "relative distance or error (0\u00a0%: equal factors, no error)"},
               "range": [-0.05, 1.04], **percent_ticks(0, 1, 0.25), "fixedrange": True},
        yaxis={"range": [2.6, -0.6], "tickvals": [0, 1, 2], "ticktext": [f"<b>{n}</b>" for n in names],
               "tickfont": {"size": 14}, "fixedrange": True, "showgrid": False, "ticks": ""},
        meta={"narrow": {"xaxis": percent_ticks(0, 1, 0.5) | short}, "present": {"xaxis": short}},
    )  # fmt: skip
    notes: list[dict[str, Any]] = []
    for n, row in enumerate(rows):
        hue, hidden = HUES[mode][row.hue], bool(asked) and n > 0
        fig.add_scatter(
            x=[0, 1], y=[n, n], mode="lines", uid=f"rail-{n}", name="rail", hoverinfo="skip",
            line={"color": GHOST[mode], "width": 1},
        )  # fmt: skip
        fig.add_scatter(
            x=[row.before], y=[n], mode="markers", uid=f"before-{n}", name=f"{row.name}, as sent", cliponaxis=False,
            marker={"symbol": "circle", "size": 15, "color": SURFACE[mode], "line": {"width": 3, "color": hue}},
            **hover("as sent: %{hovertext}", [percent(row.before)]),
        )  # fmt: skip
        notes.append(_note(row.before, n, f"as sent {percent(row.before)}", hue, -20))
        if hidden:
            continue
        fig.add_scatter(
            x=[row.before, row.after], y=[n, n], mode="lines", uid=f"path-{n}", name="path", hoverinfo="skip",
            line={"color": hue, "width": 4},
        )  # fmt: skip
        forward = row.after >= row.before
        fig.add_scatter(
            x=[row.after], y=[n], mode="markers", uid=f"after-{n}", name=f"{row.name}, aligned", cliponaxis=False,
            marker={"symbol": "triangle-right" if forward else "triangle-left", "size": 18, "color": hue,
                    "line": {"width": 1, "color": SURFACE[mode]}},
            **hover("aligned: %{hovertext}", [percent(row.after)]),
        )  # fmt: skip
        notes.append(_note(row.after, n, f"<b>aligned {percent(row.after)}</b>", hue, 21))
    fig.update_layout(annotations=notes)
    return fig


def _note(x: float, y: float, text: str, colour: str, shift: float) -> dict[str, Any]:
    """A number above or below its mark, kept inside the plot."""
    anchor = "left" if x < 0.15 else "right" if x > 0.85 else "center"
    return {
        "x": x, "y": y, "text": text, "showarrow": False, "yshift": shift, "xanchor": anchor,
        "xshift": {"left": -8, "right": 8, "center": 0}[anchor], "font": {"size": 14, "color": colour},
    }  # fmt: skip


@dataclass(frozen=True)
class HarmByRound:
    """What aligning one factor does to the naive error of the same factors, round by round.

    Attributes:
        rounds: (n,) indices; by_A, by_B: (n,) change of the naive error, over it: above 0 alignment hurts.
        strength: of the turn.
    """

    rounds: Array
    by_A: Array
    by_B: Array
    strength: float


LIMIT = 0.08
"""Half range of the change; a bar beyond it is cut and its number still told."""


def harm_bars(harm: HarmByRound, mode: str, asked: str = "") -> go.Figure:
    """Bars by round: above zero alignment hurts, below it helps. With a question, side A only."""
    count = len(harm.rounds)
    raised = {side: int((change > 0).sum()) for side, change in (("A", harm.by_A), ("B", harm.by_B))}
    worst, best = float(harm.by_B.max()), float(-harm.by_B.min())
    if asked:
        title, alt = asked, f"{asked} Shown: what aligning by A does to the naive error in {count} rounds."
    elif raised["B"]:
        title = fitting(
            f"Aligning by B raised the naive error in {raised['B']} of {count} rounds, by up to {percent(worst)}; "
            f"by A in {raised['A']}",
        )
        alt = (
            f"Change of the naive error by round, strength {harm.strength:g}: aligning by B raised it in "
            f"{raised['B']} of {count} rounds, by up to "
            f"{percent(worst)} of itself; aligning by A in {raised['A']}, by up to {percent(max(0, harm.by_A.max()))}."
        )
    else:
        title = f"Aligning by B lowered the naive error in every round, by up to {percent(best)}"
        alt = f"{title}; aligning by A raised it in {raised['A']} of {count}."
    last = float(harm.rounds[-1])
    fig = base_figure(
        mode, title, alt, bargap=0.25, bargroupgap=0.05, margin={"b": 84}, showlegend=True,
        xaxis={"title": {"text": "round"}, "range": [float(harm.rounds[0]) - 0.6, last + 0.6], "dtick": 1,
               "fixedrange": True, "showgrid": False},
        yaxis={"title": {"text": "change of the naive error"}, "range": [-LIMIT, LIMIT],
               "tickvals": [-0.08, -0.04, 0, 0.04, 0.08],
               "ticktext": ["−8\u00a0%", "−4\u00a0%", "0", "+4\u00a0%", "+8\u00a0%"],
               "fixedrange": True, "zeroline": True, "zerolinecolor": INK[mode], "zerolinewidth": 2},
        legend={"itemclick": False, "itemdoubleclick": False},
        annotations=[
            {"xref": "paper", "x": 1, "xanchor": "right", "y": sign * LIMIT * 0.9, "text": text, "showarrow": False,
             "font": {"size": 13, "color": MUTED[mode]}}
            for sign, text in ((1, "alignment hurts ↑"), (-1, "alignment helps ↓"))
        ],
        meta={"narrow": {"xaxis": {"dtick": 2}, "margin": {"l": 52, "r": 8}}},
    )  # fmt: skip
    blue, purple = HUES[mode]["blue"], HUES[mode]["purple"]
    bars: list[tuple[str, str, Array, dict[str, Any]]] = [("aligning by A", "A", harm.by_A, {"color": blue})]
    if not asked:
        hatched = {"shape": "/", "fgcolor": SURFACE[mode], "bgcolor": purple, "size": 6, "solidity": 0.25}
        bars.append(("aligning by B", "B", harm.by_B, {"color": purple, "pattern": hatched}))
    for name, uid, change, marker in bars:
        fig.add_bar(
            x=plain(harm.rounds), y=plain(change), name=name, uid=uid, marker=marker,
            **hover(f"{name}, round %{{x}}: %{{hovertext}}", [f"{signed(100 * v)}\u00a0%" for v in change]),
        )  # fmt: skip
    return fig
