"""Numbers in our words where Plotly would write them: its own formats put no space before "%" and no true minus."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from fedrot_core.wording import amount, percent


def percent_ticks(low: float, high: float, step: float) -> dict[str, list[Any]]:
    """Ticks of an axis of shares at the multiples of ``step`` from ``low`` to ``high``, in percent."""
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    at = [round(n * step, 10) for n in range(first, last + 1)]
    return {"tickvals": at, "ticktext": [percent(v) for v in at]}


def tick_step(top: float) -> float:
    """1, 2 or 5 times a power of ten, of which ``top`` holds at most six."""
    power: float = 10.0 ** math.floor(math.log10(top / 6))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= top / 6 * (1 - 1e-9))


def degree_ticks(low: float, high: float, step: float) -> dict[str, list[Any]]:
    """The same for an axis of degrees."""
    at = [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return {"tickvals": at, "ticktext": [amount(v, "°") for v in at]}


def hover(line: str, texts: Iterable[Any]) -> dict[str, Any]:
    """What a mark says: ``line``, in which ``%{hovertext}`` stands for the mark's own of ``texts``."""
    return {"hovertext": list(texts), "hovertemplate": f"{line}<extra></extra>"}


def percents(values: Any) -> list[Any]:
    """Shares as text, whatever the shape."""
    return _worded(values, percent)


def decimals(values: Any, count: int) -> list[Any]:
    """Numbers with so many decimals as text, whatever the shape."""
    return _worded(values, lambda value: amount(value, "", count))


def tip_hover(name: str, tips: Any, count: int = 2, more: str = "") -> dict[str, Any]:
    """What arrows from the origin to each row of ``tips`` say: ``client 0: (0.12, −0.30)``, and ``more``."""
    before = f"{name}: " if name else ""
    return hover(f"{before}%{{hovertext}}{more}", tip_texts(tips, count))


def tip_texts(tips: Any, count: int = 2) -> list[str]:
    """The points of such arrows, an origin and a tip for each and a gap between two, in words."""
    texts: list[str] = []
    for x, y in np.atleast_2d(np.asarray(tips, dtype=float)):
        texts += ["(0, 0)", f"({amount(x, '', count)}, {amount(y, '', count)})", ""]
    return texts[:-1]


def _worded(values: Any, word: Callable[[float], str]) -> list[Any]:
    table = np.asarray(values, dtype=float)
    return [_worded(row, word) for row in table] if table.ndim > 1 else [word(float(v)) for v in table]
