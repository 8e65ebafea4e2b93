"""Numbers as text, the same on pages, in figures, files and the command line. Free of every library."""

from __future__ import annotations

import math

ROUNDING = 1e-12
"""A relative error at or below this is rounding of an exact zero."""

MOST_TIMES = 1000.0
"""Factors beyond this, or below its inverse, are not told apart."""


def percent(share: float, decimals: int | None = None) -> str:
    """A share as text: ``8.3 %``, ``92 %``, ``0.02 %``; ``–`` for no number.

    Args:
        decimals: always so many, for numbers that stand in one column.
    """
    value = 100 * float(share)
    if not math.isfinite(value):
        return "–"
    if decimals is not None:
        return f"{value:.{decimals}f}\u00a0%"
    if abs(value) <= 100 * ROUNDING:
        return "0\u00a0%"
    if 99.5 <= value < 99.95:
        return f"{value:.1f}\u00a0%"
    if abs(value) >= 9.95:
        return f"{value:.0f}\u00a0%"
    return f"{float(f'{value:.{2 if abs(value) >= 0.1 else 1}g}'):g}\u00a0%"


def counted(count: int, noun: str) -> str:
    """A number of things as text, kept on one line: ``1 round``, ``8 rounds``."""
    return f"{count}\u00a0{noun}" if count == 1 else f"{count}\u00a0{noun}s"


def degrees(angle: float) -> str:
    """Degrees as text, whole: ``64°``."""
    return f"{float(angle):.0f}°"


def size(count: float) -> str:
    """Bytes as text: ``840 B``, ``10.6 kB``, ``1.2 MB``; ``–`` for no number."""
    if not math.isfinite(count):
        return "–"
    for unit, scale in (("B", 1.0), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if abs(count) < 999.5 * scale or unit == "GB":
            return f"{count / scale:.3g}\u00a0{unit}"
    raise AssertionError("unreachable")


def signed(points: float, decimals: int | None = None) -> str:
    """Points with their sign: ``+42``, ``+2.2``, ``−0.4``, ``0``.

    Args:
        decimals: always so many, for numbers that stand in one column.
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
