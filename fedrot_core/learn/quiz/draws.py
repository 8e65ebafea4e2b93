"""Drawing and showing numbers, shared by templates: choices, distractors, matrices as LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from fedrot_core.learn.quiz.base import MOST_OPTIONS, Pick

T = TypeVar("T")

ROUNDING = 1e-9
"""Ties are decided alike on every machine."""


def one_of(rng: np.random.Generator, items: Sequence[T]) -> T:
    """One of ``items``, all equally likely."""
    return items[int(rng.integers(len(items)))]


def some_of(rng: np.random.Generator, items: Sequence[T], count: int) -> list[T]:
    """``count`` of ``items`` in random order, none twice."""
    return [items[int(i)] for i in rng.permutation(len(items))[:count]]


def pick(rng: np.random.Generator, right: str, wrong: Sequence[str]) -> Pick:
    """A choice in random order. Wrong options that read like the right one or like each other are left out."""
    others = [text for text in dict.fromkeys(wrong) if text != right]
    options = some_of(rng, [right, *some_of(rng, others, MOST_OPTIONS - 1)], MOST_OPTIONS)
    return Pick(tuple(options), options.index(right))


def pick_number(
    rng: np.random.Generator,
    right: float,
    wrong: Sequence[float],
    show: Callable[[float], str],
    gap: float = 0.0,
    ratio: float = 0.0,
    low: float = 0.0,
    high: float = float("inf"),
) -> Pick:
    """A choice among numbers.

    Args:
        right, wrong: values; of the wrong ones, those that typical mistakes give.
        show: value -> text.
        gap, ratio: wrong values nearer than this to the right one or to each other are left out, absolutely or as a
            share of the larger: nobody should have to tell 41 % from 42 %. So are those outside ``low .. high``.
    """
    kept: list[float] = []
    for value in wrong:
        apart = all(
            abs(value - other) >= max(gap, ratio * max(abs(value), abs(other))) - ROUNDING for other in (right, *kept)
        )
        if low <= value <= high and apart:
            kept.append(value)
    return pick(rng, show(right), [show(value) for value in kept])


def integers(rng: np.random.Generator, low: int, high: int, *shape: int) -> Tensor:
    """Whole numbers from ``low`` to ``high``, both included, as float64."""
    return torch.from_numpy(rng.integers(low, high + 1, size=shape).astype(np.float64))


def normal(rng: np.random.Generator, *shape: int) -> Tensor:
    """Standard normal numbers."""
    return torch.from_numpy(rng.standard_normal(shape))


def signed(value: float, decimals: int = 0) -> str:
    """A number with a true minus sign, and no minus before zero."""
    text = f"{value:.{decimals}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def latex(name: str, matrix: Tensor) -> str:
    r"""``name = \begin{pmatrix} ... \end{pmatrix}`` of whole numbers."""
    rows = r" \\ ".join(" & ".join(f"{value:.0f}" for value in row) for row in matrix.tolist())
    return rf"{name} = \begin{{pmatrix}} {rows} \end{{pmatrix}}"
