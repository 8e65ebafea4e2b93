"""Short names of layers, for axes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

NAME_LENGTH = 26
"""Most characters of a name on an axis."""

ROW_PX = 20
"""Height of a row whose name can be read."""

MOST_NAMED = 64
"""Up to so many rows have a name each; of more, every k-th has one."""


def short_names(names: Sequence[str]) -> list[str]:
    """What tells the names apart: their block's number and last part where that is enough, such as ``3 · query``.

    Otherwise the names without the parts that all share at the beginning and end.
    """
    parts = [name.split(".") for name in names]
    brief = [" · ".join([*(p for p in ps[:-1] if p.isdigit()), ps[-1]]) for ps in parts]
    if len(set(brief)) == len(brief):
        return [shortened(name) for name in brief]
    head = len(_common(parts)) if len(parts) > 1 else 0
    tail = len(_common([ps[head:][::-1] for ps in parts])) if len(parts) > 1 else 0
    found = [".".join(ps[head : len(ps) - tail]) or name for ps, name in zip(parts, names, strict=True)]
    return [shortened(name) for name in (found if len(set(found)) == len(found) else names)]


def shortened(name: str, limit: int = NAME_LENGTH) -> str:
    """A name that is cut in its middle if it is long; neither markup nor a line break of Plotly is left in it."""
    text = name.replace("<", "‹").replace(">", "›").replace("&", "＆")
    return text if len(text) <= limit else f"{text[: limit // 2 - 1]}…{text[-limit // 2 :]}"


def _common(lists: Sequence[Sequence[str]]) -> list[str]:
    """The parts with which all lists begin."""
    same = itertools.takewhile(lambda column: len(set(column)) == 1, zip(*lists, strict=False))
    return [column[0] for column in same]


def row_axis(names: Sequence[str]) -> dict[str, Any]:
    """Layout of an axis with a row a layer, the first one on top."""
    step = math.ceil(len(names) / MOST_NAMED)
    return {
        "range": [len(names) - 0.5, -0.5], "fixedrange": True, "showgrid": False, "ticks": "",
        "tickvals": list(range(0, len(names), step)), "ticktext": short_names(names)[::step],
    }  # fmt: skip


def height(count: int) -> int:
    """Pixels of a figure with so many rows."""
    return 150 + max(170, min(count, MOST_NAMED) * ROW_PX)


def band(layer: int, colour: str, panels: Sequence[str]) -> list[dict[str, Any]]:
    """Lines above and below the selected row, across each of the panels."""
    return [
        {
            "type": "rect", "xref": f"x{tag} domain", "yref": f"y{tag}", "x0": 0, "x1": 1, "y0": layer - 0.5,
            "y1": layer + 0.5, "line": {"color": colour, "width": 2},
        }
        for tag in panels
    ]  # fmt: skip
