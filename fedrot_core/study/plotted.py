"""What the figures of a study are drawn from: cells of a map, lines, ratios. Free of torch and Plotly."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fedrot_core.trace import ArmCard


@dataclass(frozen=True)
class Axis:
    """One axis of a map: title, the letter and unit of short texts ("r 4", "θ 30°"), values in order."""

    title: str
    letter: str
    values: tuple[float, ...]
    unit: str = ""

    def text(self, value: float) -> str:
        """The value with letter and unit."""
        return f"{self.letter} {value:g}{self.unit}"


@dataclass(frozen=True)
class Cell:
    """One setting of a map.

    Attributes:
        x, y: its values on the axes.
        key: names the setting to whoever handles a click.
        naive_error, aligned_error: relative aggregation error of each arm in its own last round; NaN where unknown.
        ratio: log10 of naive over aligned error: above 0 alignment helps; NaN where there is none.
        gain: score of the aligned arm minus that of the naive one, in points; NaN where there is none.
        done: whether the run has ended.
        note: why a run that ended has no numbers, or empty.
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
    """One line: how it is drawn, its values (NaN where there are none yet), and their range over seeds if known."""

    card: ArmCard
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @property
    def known(self) -> list[float]:
        """All finite numbers of the line."""
        return [v for v in (*self.values, *self.low, *self.high) if math.isfinite(v)]


@dataclass(frozen=True)
class Ratios:
    """Naive over aligned error in some cases: what they are, whose colour, and the numbers by name."""

    card: ArmCard
    values: Mapping[str, float]


@dataclass(frozen=True)
class Table:
    """One of the paper's tables beside our runs of it.

    Attributes:
        name: of the table; what: the setting that changes, as the title of an axis; where: its values in words.
        x: its values; theirs, ours: lines over them.
    """

    name: str
    what: str
    where: str
    x: Sequence[float]
    theirs: Sequence[Line]
    ours: Sequence[Line]


def gaps(lines: Sequence[Line], one: str, other: str) -> list[float]:
    """``one`` minus ``other`` in points, where both are known."""
    by_name = {line.card.name: line.values for line in lines}
    pairs = zip(by_name.get(one, ()), by_name.get(other, ()), strict=False)
    return [100 * (a - b) for a, b in pairs if math.isfinite(a) and math.isfinite(b)]
