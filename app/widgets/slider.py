"""A slider of a setting that tells a move at once: Streamlit's own waits a fifth of a second before it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import streamlit as st

from app.session.parts import mine
from app.widgets.page import component


@dataclass
class Heard:
    """Slider -> the number of the last of its moves that the page took in."""

    last: dict[str, int] = field(default_factory=dict)


def slider(
    key: str,
    label: str,
    help: str,
    value: float,
    moved: Callable[[float], object],
    *,
    span: tuple[float, float, float] | None = None,
    stops: Sequence[float] = (),
    decimals: int | None = None,
    unit: str = "",
) -> None:
    """Draw a slider that shows ``value``.

    Args:
        moved: called with the value that a person chose, which may be any number, as whatever comes from a browser.
        span: least and greatest value, and the step; or else
        stops: the values that may be chosen, in order.
        decimals: of numbers as they are shown; None for as many as each needs.
        unit: after the number, in the plural.
    """
    heard = mine(Heard).last

    def take() -> None:
        move = st.session_state[key].get("moved")
        if not isinstance(move, dict):
            return
        chosen, number = move.get("value"), move.get("number")
        if isinstance(number, int) and isinstance(chosen, (int, float)) and not isinstance(chosen, bool):
            heard[key] = number
            moved(chosen)

    if span is not None and not _reached(value, span):
        low, high, step = span
        stops = sorted({*(round(low + n * step, 9) for n in range(round((high - low) / step) + 1)), value})
        decimals = None
    data = {
        "key": key, "label": label, "help": help, "value": value, "decimals": decimals, "unit": unit,
        "heard": heard.get(key),
    }  # fmt: skip
    if stops:
        data["stops"] = list(stops)
    elif span is not None:
        data["low"], data["high"], data["step"] = span
    component("slider")(key=key, data=data, on_moved_change=take)


def _reached(value: float, span: tuple[float, float, float]) -> bool:
    """Whether steps from the least value lead to ``value``."""
    low, _, step = span
    steps = (value - low) / step
    return abs(steps - round(steps)) < 1e-6
