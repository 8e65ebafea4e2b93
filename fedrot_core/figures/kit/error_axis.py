"""The axis of relative errors: decades in percent, and below them a row for exact zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.wording import ROUNDING, percent

ZERO_AT = "zero_at"
"""Key of a figure's ``layout.meta``: the y at which exact zeros are drawn."""


@dataclass(frozen=True)
class ErrorAxis:
    """A log axis in percent; below its lowest decade a row for exact zeros, which have no logarithm.

    Attributes:
        layout: Plotly's; edge: the value at which exact zeros are drawn.
    """

    layout: dict[str, Any]
    edge: float

    def put(self, figure: go.Figure, title: str) -> None:
        """Give ``figure`` this axis, and tell its table of numbers where zeros are drawn."""
        figure.update_layout(
            yaxis={**self.layout, "title": {"text": title}}, meta={**(figure.layout.meta or {}), ZERO_AT: self.edge}
        )

    def share(self, value: float) -> float:
        """Height of ``value`` as a share of the plot."""
        low, high = map(float, self.layout["range"])
        return (math.log10(max(value, self.edge)) - low) / (high - low)


def error_axis(values: Sequence[Any], exact: bool) -> ErrorAxis:
    """The axis that holds ``values`` and, if some methods are exact, zero."""
    finite = [float(v) for v in np.concatenate([np.ravel(v) for v in values])] if len(values) else []
    bottom, top = decades([v for v in finite if math.isfinite(v)])
    span = top - bottom
    exponents = list(range(bottom, top + 1, max(1, math.ceil(span / 6))))
    ticks, texts = [10.0**n for n in exponents], [percent(10.0**n) for n in exponents]
    zero = bottom - 0.16 * span if exact else float(bottom)
    if exact:
        ticks, texts = [10.0**zero, *ticks], ["0", *texts]
    low = zero - 0.05 * span if exact else bottom
    shown = [low, top + 0.04 * span]
    layout = {"type": "log", "range": shown, "fixedrange": True, "tickvals": ticks, "ticktext": texts}
    return ErrorAxis(layout, 10.0**zero)


def decades(values: list[float]) -> tuple[int, int]:
    """Whole decades (exponents) that hold every value above :data:`ROUNDING`; at least two."""
    logs = [math.log10(v) for v in values if v > ROUNDING]
    high = max(0, math.ceil(max(logs, default=0.0)))
    low = math.floor(min(logs, default=-2.0))
    return min(low, high - 2), high
