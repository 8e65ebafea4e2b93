"""Numbers as text, the same on pages, in figures, in files and on the command line. Imports no other library."""

from __future__ import annotations

import math

ROUNDING = 1e-12
"""A relative error at or below this is an exact zero up to rounding."""

MOST_TIMES = 1000.0
"""Factors above this, or below its inverse, are not written out."""


def percent(share: float, decimals: int | None = None) -> str:
    """A share as text: ``8.3 %``, ``92 %``, ``0.02 %``; ``–`` if it is not finite.

    Args:
        decimals: fixed number of decimals, for numbers in one column; by default it depends on the size.
    """
    value = 100 * float(share)
    if not math.isfinite(value):
        return "–"
    if decimals is not None:
        text = f"{value:.{decimals}f}"
    elif abs(value) <= 100 * ROUNDING:
        text = "0"
    elif 99.5 <= value < 99.95:
        text = f"{value:.1f}"
    elif abs(value) >= 9.95:
        text = f"{value:.0f}"
    else:
        text = f"{float(f'{value:.{2 if abs(value) >= 0.1 else 1}g}'):g}"
    return f"{text}\u00a0%".replace("-", "−")


def counted(count: int, noun: str) -> str:
    """A number of things as text, kept on one line: ``1 round``, ``8 rounds``."""
    return f"{count}\u00a0{noun}" if count == 1 else f"{count}\u00a0{noun}s"


def suffix(unit: str) -> str:
    """A unit as it stands behind a number: ``°`` close to it, all others after a no-break space."""
    return unit if unit in ("", "°") else f"\u00a0{unit}"


def amount(value: float, unit: str, decimals: int = 0) -> str:
    """A number with its unit: ``51 %``, ``−3°``, ``1 round``, ``8 rounds``.

    Args:
        unit: a word stands in the plural.
    """
    text = f"{abs(value):.{decimals}f}"
    sign = "−" if value < 0 and float(text) else ""
    one = unit.removesuffix("s") if float(text) == 1 else unit
    return f"{sign}{text}{suffix(one)}"


def rough(value: float, unit: str) -> str:
    """The same with one decimal below ten, where there is one: ``5.3 %``, ``64 %``, ``0 %``."""
    return amount(value, unit, 0 if abs(value) >= 9.95 or abs(value - round(value)) < 0.05 else 1)


def gap_unit(unit: str) -> str:
    """In what two numbers of this unit differ: percentages differ by points, all others by their own unit."""
    return "points" if unit == "%" else unit


def degrees(angle: float) -> str:
    """An angle in whole degrees as text: ``64°``."""
    return f"{float(angle):.0f}°"


def size(count: float) -> str:
    """Bytes as text: ``840 B``, ``10.6 kB``, ``1.2 MB``; ``–`` if it is not finite."""
    if not math.isfinite(count):
        return "–"
    for unit, scale in (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if abs(count) < 999.5 * scale or unit == "GB":
            return f"{count / scale:.3g}\u00a0{unit}"
    raise AssertionError("unreachable")


def time_left(seconds: float | None) -> str:
    """How long something will still take as text, no finer than an estimate can be: ``about 4 s left``, ``about 20 s
    left``, ``about 2 min left``.

    Args:
        seconds: None if that cannot be told yet.
    """
    if seconds is None:
        return "estimating the time left"
    if seconds >= 57.5:
        return f"about {max(1, round(seconds / 60))}\u00a0min left"
    return f"about {max(1, round(seconds)) if seconds < 9.5 else 5 * round(seconds / 5)}\u00a0s left"


def signed(points: float, decimals: int | None = None) -> str:
    """Points as text, with their sign: ``+42``, ``+2.2``, ``−0.4``, ``0``.

    Args:
        decimals: fixed number of decimals, for numbers in one column; by default it depends on the size.
    """
    digits = decimals if decimals is not None else 0 if abs(points) >= 9.95 else 1
    amount = f"{abs(points):.{digits}f}"
    if float(amount) == 0:
        return "0" if decimals is None else amount
    return f"{'+' if points > 0 else '−'}{amount}"


def times(factor: float) -> str:
    """A factor as text: ``16×``, ``7.1×``, ``0.8×``, ``>1000×``."""
    if factor > MOST_TIMES or factor < 1 / MOST_TIMES:
        return ">1000×" if factor > 1 else "<0.001×"
    if factor >= 9.95:
        return f"{factor:.0f}×"
    if 0.945 <= factor < 1.055:
        return f"{factor:.2f}×"
    return f"{factor:.2g}×" if factor < 1 else f"{factor:.1f}×"
