"""What the figures of a study are drawn from: cells of a map, lines, ratios. Imports neither torch nor Plotly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedrot_core.trace import ArmCard


@dataclass(frozen=True)
class Axis:
    """One axis of a map.

    Attributes:
        title: title of the axis.
        letter, unit: what stands before and after a value in short texts such as "r 4" or "θ 30°".
        values: the values, in order.
    """

    title: str
    letter: str
    values: tuple[float, ...]
    unit: str = ""

    def text(self, value: float) -> str:
        """The value with the axis's letter and unit."""
        return f"{self.letter} {value:g}{self.unit}"


@dataclass(frozen=True)
class Cell:
    """One setting of a map.

    Attributes:
        x, y: the setting's values on the two axes.
        key: identifies the setting when its cell is clicked.
        naive_error, aligned_error: relative aggregation error of each arm in its own last round; NaN if unknown.
        ratio: log10 of the naive error over the aligned error, above 0 where alignment helps; NaN if unknown.
        gain: score of the aligned arm minus the score of the naive arm, in points; NaN if unknown.
        done: whether the run has ended.
        note: why a run that has ended has no numbers; empty if it has them.
    """

    x: float
    y: float
    key: str
    naive_error: float = math.nan
    aligned_error: float = math.nan
    ratio: float = math.nan
    gain: float = math.nan
    done: bool = False
    note: str = ""

    @property
    def known(self) -> bool:
        """Whether both arms reached the last round."""
        return math.isfinite(self.ratio) and math.isfinite(self.gain)


@dataclass(frozen=True)
class Line:
    """One line of a figure.

    Attributes:
        card: how the line is drawn.
        values: its values; NaN where there is none yet.
        low, high: the range of each value over seeds; empty if unknown.
    """

    card: ArmCard
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def known(self) -> list[float]:
        """All finite numbers of the line, ranges included."""
        return [v for v in (*self.values, *self.low, *self.high) if math.isfinite(v)]


@dataclass(frozen=True)
class Ratios:
    """Ratios of naive to aligned error, by the name of each case; ``card`` says whose they are and how to draw them."""

    card: ArmCard
    values: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """One of the paper's tables, with our runs of the same settings beside it.

    Attributes:
        name: name of the table.
        what: the setting that varies, as the title of an axis.
        where: the values of that setting, in words.
        x: the values of that setting.
        theirs, ours: the paper's lines over ``x``, and ours.
    """

    name: str
    what: str
    where: str
    x: Sequence[float]
    theirs: Sequence[Line]
    ours: Sequence[Line]


def gaps(lines: Sequence[Line], one: str, other: str) -> list[float]:
    """The line of method ``one`` minus the line of method ``other``, in points, where both values are known."""
    by_name = {line.card.name: line.values for line in lines}
    pairs = zip(by_name.get(one, ()), by_name.get(other, ()), strict=False)
    return [100 * (a - b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
