"""Titles that fit, fixed ranges, arrows and marks that several figures share."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View
from fedrot_core.figures.kit.theme import FONT, HUES, INK, MUTED, SURFACE, card_of, empty_figure
from fedrot_core.records import RoundRecord
from fedrot_core.trace import ArmCard, Trace
from fedrot_core.wording import counted

TITLE_LENGTH = 90
LABEL_WIDTH = 19
"""Characters in one line of a label beside a line's end."""

NICE = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)


def fitting(*titles: str) -> str:
    """The first title of at most :data:`TITLE_LENGTH` characters; the last one, shortened, if none is."""
    return next((t for t in titles if len(t) <= TITLE_LENGTH), textwrap.shorten(titles[-1], TITLE_LENGTH))


def nice(value: float) -> float:
    """The next round number at or above ``value``."""
    if not value > 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in NICE if step * power >= value * (1 - 1e-9))


def rgba(colour: str, opacity: float) -> str:
    """``#RRGGBB`` with an opacity."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


def plain(values: Any) -> list[Any]:
    """An array as plain lists, so that figures own their numbers and serialise as JSON."""
    out: list[Any] = np.asarray(values).tolist()
    return out


def waiting(trace: Trace, view: View) -> go.Figure:
    """What is shown before the arm's first record: the reason why it has none."""
    label = card_of(trace, view.arm).label
    ended = [s.message for s in trace.stopped if s.arm == view.arm]
    return empty_figure(view.mode, ended[0] if ended else f"{label}: the first round is running")


def layer_of(trace: Trace, view: View) -> int:
    """The selected layer, or the last one where the task has fewer."""
    return min(view.layer, len(trace.task.layers) - 1)


def shown_clients(record: RoundRecord) -> list[int]:
    """Ids of the clients in S-shaped arrays."""
    return [int(k) for k in record.clients[: record.turns.rotation.shape[1]]]


def of_clients(record: RoundRecord) -> str:
    """``10 clients``, or ``first 24 of 60 clients`` where not all are shown."""
    shown, all_kept = record.turns.rotation.shape[1], len(record.clients)
    if all_kept == 1:
        return counted(1, "client")
    everyone = counted(all_kept, "client")
    return everyone if shown == all_kept else f"first {shown} of {everyone}"


def round_axis(trace: Trace, view: View, record: RoundRecord) -> dict[str, Any]:
    """Layout of a time series: all rounds of the run, and a thin line at the selected one."""
    last = trace.config.train.rounds - 1
    shown = min(max(view.round_index, 0), last)
    line = {
        "type": "line", "xref": "x", "yref": "paper", "x0": shown, "x1": shown, "y0": 0, "y1": 1, "layer": "below",
        "line": {"color": MUTED[view.mode], "width": 1.5},
    }  # fmt: skip
    axis = {
        "title": {"text": "round"}, "range": [-0.5, last + 0.5], "fixedrange": True, "showgrid": False,
        "tick0": 0, "zeroline": False, "dtick": max(1, math.ceil((last + 1) / 10)),
    }  # fmt: skip
    return {"xaxis": axis, "shapes": [line]}


def end_labels(items: Iterable[tuple[float, str, str, str]], mode: str, gap: float) -> list[dict[str, Any]]:
    """Labels in the right margin, level with where lines end, pushed apart where they would touch.

    Args:
        items: height as a share of the plot, bold value, name, colour.
        gap: least distance of two text lines, as a share of the plot's height.
    """
    rows: list[tuple[float, str, str, float]] = []
    for height, value, name, colour in sorted(items):
        lines = textwrap.wrap(f"{value}: {name}" if value else name, LABEL_WIDTH)
        text = "<br>".join(lines).replace(f"{value}:", f"<b>{value}</b>", 1) if value else "<br>".join(lines)
        rows.append((height, text, colour, gap * len(lines)))
    heights = spread([r[0] for r in rows], [r[3] for r in rows])
    return [
        {
            "xref": "paper", "yref": "paper", "x": 1, "xanchor": "left", "xshift": 6, "y": y, "yanchor": "middle",
            "text": text, "showarrow": False, "align": "left", "font": {"size": 13, "color": colour, "family": FONT},
        }
        for y, (_, text, colour, _) in zip(heights, rows, strict=True)
    ]  # fmt: skip


def spread(heights: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Centres of labels of the given sizes, near ``heights`` (ascending), in 0..1 and without overlap if they fit."""
    centres: list[float] = []
    floor = 0.0
    for height, size in zip(heights, sizes, strict=True):
        centres.append(max(height, floor + size / 2))
        floor = centres[-1] + size / 2
    roof = 1.0
    for i in reversed(range(len(centres))):
        centres[i] = min(centres[i], roof - sizes[i] / 2)
        roof = centres[i] - sizes[i] / 2
    return centres


def end_of_line(card: ArmCard, stopped: bool) -> str:
    """An arm's name beside its line."""
    return f"{card.label} (stopped)" if stopped else card.label


def markers(card: ArmCard, mode: str, count: int) -> dict[str, Any]:
    """An arm's line and markers; markers shrink where there are many rounds."""
    hue = HUES[mode][card.hue]
    return {
        "mode": "lines+markers",
        "line": {"color": hue, "dash": card.dash, "width": 2.5},
        "marker": {
            "symbol": card.symbol,
            "size": 8 if count <= 30 else 5,
            "color": hue,
            "line": {"width": 1, "color": SURFACE[mode]},
        },
        "cliponaxis": False,
    }


TEXT_UP_TO = 12
"""Cells carry their number up to this many clients."""


def client_ticks(ids: Sequence[object]) -> dict[str, Any]:
    """Ticks for clients at positions 0..n-1; every k-th where there are many."""
    step = max(1, math.ceil(len(ids) / TEXT_UP_TO))
    return {"tickvals": list(range(0, len(ids), step)), "ticktext": [str(k) for k in ids[::step]]}


def outline(column: int, columns: int, rows: int, mode: str, panel: int = 1) -> list[dict[str, Any]]:
    """A frame around one column of a heatmap: the selected client."""
    n = "" if panel == 1 else str(panel)
    return [
        {
            "type": "rect", "xref": f"x{n}", "yref": f"y{n}", "x0": column - 0.5, "x1": column + 0.5,
            "y0": -0.5, "y1": rows - 0.5, "line": {"color": INK[mode], "width": 2.5},
        }
    ]  # fmt: skip


def labelled(fig: go.Figure, ends: list[tuple[float, str, str, str]], mode: str) -> go.Figure:
    """Put end labels in the right margin, on narrow screens too: a legend would take the room of the lines."""
    narrow: dict[str, Any] = {"margin": {"l": 44, "r": 142}, "yaxis": {"title": {"text": ""}}}
    fig.update_layout(
        annotations=end_labels(ends, mode, gap=0.1),
        margin={"l": 60, "r": 144},
        meta={**fig.layout.meta, "narrow": narrow},
    )
    return fig


def ends_of_round(fig: go.Figure, last: int, shown: int, mode: str) -> go.Figure:
    """Say which round the numbers at the lines' ends are of, where the title tells of an earlier one."""
    if shown < last:
        fig.add_annotation(
            xref="paper", yref="paper", x=1, y=1, xanchor="left", yanchor="bottom", xshift=6, showarrow=False,
            text=f"in round {last}:", font={"size": 12, "color": MUTED[mode]},
        )  # fmt: skip
    return fig
