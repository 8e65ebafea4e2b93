"""The comparison of a rerun with recorded numbers, and when two numbers count as the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fedrot_core.methods import METHODS

SAME = 1e-7
"""Gap up to which two numbers of a float64 run count as the same, up to rounding. The largest gap measured, over every
method and preset, three instruction sets, one thread and two (``tests/benchmarks/machines.py``), is below 1e-9."""

SMALLEST_ERROR = 1e-6
"""Errors below this are rounding of exact methods. Their gap is taken relative to this value."""

FLOAT32_FIRST, FLOAT32_FIRST_SCORE, FLOAT32_LATER_SCORE, FLOAT32_LATER_LOSS = 1e-4, 0.01, 0.2, 0.5
"""How far numbers may differ in float32: the loss (relative) and the error (absolute) of round 0, the score of round 0,
any later score, and any later loss. Later errors and the rest have no useful bound. The largest difference seen between
processors was 21 % of a loss, after 15 rounds."""

FLOAT32_TOLERANCE = (
    f"round 0 to {FLOAT32_FIRST:g} in loss and error and to {FLOAT32_FIRST_SCORE:g} in score, "
    f"later scores to {FLOAT32_LATER_SCORE:g} and losses to {FLOAT32_LATER_LOSS:g}"
)

METRIC_NAMES = {
    "score": "score",
    "loss": "loss",
    "error": "error",
    "rest": "sum of the other numbers",
    "rounds": "rounds before it stopped",
}


@dataclass(frozen=True)
class Difference:
    """One number that differs.

    Attributes:
        round_index: index of the round; -1 is before any training.
        arm: name of the arm, which may be the centralised run.
        metric: key of :data:`METRIC_NAMES`.
        recorded, found: the recorded number and that of the rerun.
        gap: how far the two are apart, see :func:`gap`.
    """

    round_index: int
    arm: str
    metric: str
    recorded: float | int
    found: float | int
    gap: float

    @property
    def where(self) -> str:
        """The round, arm and metric in words."""
        when = f"round {self.round_index}" if self.round_index >= 0 else "before training"
        who = METHODS[self.arm].card.label if self.arm in METHODS else self.arm
        return f"{when}, {who}, {METRIC_NAMES[self.metric]}"

    def __str__(self) -> str:
        return f"{self.where}: {self.recorded} there, {self.found} here"


@dataclass(frozen=True)
class Verdict:
    """The result of comparing a rerun with recorded numbers.

    Attributes:
        outcome: "reproduced" if every number is equal; "same" if all are equal to within :data:`SAME`, as between two
            processors; "agrees" if all are as equal as can be expected, see ``steady`` and ``float32``; "differs" if
            some number is not.
        recorded, found: checksums of the recorded run and of the rerun.
        largest: the number with the largest gap, among those that were compared; None if all are equal.
        difference: the first number that differs by more than is allowed.
        obstacles: what is different from when the numbers were recorded.
        steady: number of rounds that can be compared; None if all can.
        float32: whether one of the two was trained in float32, so that only :data:`FLOAT32_TOLERANCE` can be expected.
    """

    outcome: Literal["reproduced", "same", "agrees", "differs"]
    recorded: str
    found: str
    largest: Difference | None = None
    difference: Difference | None = None
    obstacles: tuple[str, ...] = ()
    steady: int | None = None
    float32: bool = False

    @property
    def may_be_rounding(self) -> bool:
        """Whether the difference may be rounding, which a twin run can tell."""
        return self.outcome == "differs" and not self.float32 and self.recorded != self.found and self.steady is None

    def __str__(self) -> str:
        why = f" Not as it was there: {'; '.join(self.obstacles)}." if self.obstacles else ""
        apart = f"largest difference {self.largest.gap:.1g}, {self.largest.where}" if self.largest else "no difference"
        if self.outcome == "reproduced":
            return f"Reproduced: every number is equal (checksum {self.found})."
        if self.outcome == "same":
            return f"The same numbers, up to rounding ({apart}), as another processor or library gives them.{why}"
        if self.outcome == "agrees" and self.float32:
            return f"Agrees as far as float32 can tell ({FLOAT32_TOLERANCE}; {apart}).{why}"
        if self.outcome == "agrees":
            return f"{self._as_far_as_steady(apart)}{why}"
        first = "" if self.difference is None else f" First difference: {self.difference}."
        if self.recorded == self.found:
            return f"Differs.{first} The checksum agrees, so what was recorded was changed by hand.{why}"
        twin = " Rounding is not why: a run changed in its 14th digit only ends with the same numbers."
        return f"Differs.{first}{twin if self.steady and not self.float32 else ''}{why}"

    def _as_far_as_steady(self, apart: str) -> str:
        cannot = "these settings amplify rounding until it shows, so another processor ends elsewhere"
        if not self.steady:
            return f"Cannot be compared: {cannot}. A change in the 14th digit shows in the first round already."
        last = self.steady - 1
        return f"The same numbers up to round {last} ({apart}). Later rounds cannot be compared: {cannot}."


def gap(metric: str, a: float, b: float) -> float:
    """How far two numbers are apart, relative to the first, or absolutely for scores up to 1. Infinite if one is."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return 0.0
    if not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    scale = {"loss": abs(a), "error": max(abs(a), SMALLEST_ERROR)}.get(metric, max(abs(a), 1.0))
    return abs(a - b) / scale if scale else math.inf


def float32_allows(d: Difference) -> bool:
    """Whether rounding errors in float32 may explain a difference."""
    if d.metric in ("rest", "rounds"):
        return True
    if d.round_index > 0:
        most = {"score": FLOAT32_LATER_SCORE, "loss": FLOAT32_LATER_LOSS}
        return d.gap <= most.get(d.metric, math.inf)
    if d.metric == "error":
        return abs(d.recorded - d.found) <= FLOAT32_FIRST
    return d.gap <= (FLOAT32_FIRST if d.metric == "loss" else FLOAT32_FIRST_SCORE)


def judged(
    recorded: str,
    found: str,
    gaps: Sequence[Difference],
    obstacles: tuple[str, ...],
    steady: int | None,
    float32: bool,
    complete: bool = True,
) -> Verdict:
    """Make the verdict on recorded numbers.

    Args:
        recorded, found: checksums of the recorded run and of the rerun.
        gaps: all numbers that are not equal, in order.
        obstacles, steady, float32: as in :class:`Verdict`.
        complete: whether as many numbers were recorded as there should be.
    """
    seen = [d for d in gaps if steady is None or d.round_index < steady]
    largest = max(seen, key=lambda d: d.gap, default=None)
    known = Verdict("same", recorded, found, largest, None, obstacles, steady, float32)
    if recorded == found:  # equal traces cannot have other numbers, nor another engine, device or precision
        if not gaps and complete and not any(o.startswith("it was made") for o in obstacles):
            return replace(known, outcome="reproduced", obstacles=())
        return replace(known, outcome="differs", difference=next(iter(gaps), None), steady=None)
    beyond = next((d for d in seen if not (float32_allows(d) if float32 else d.gap <= SAME)), None)
    if beyond is not None or not complete:
        return replace(known, outcome="differs", difference=beyond)
    return replace(known, outcome="agrees") if float32 or len(seen) < len(gaps) else known


def made_elsewhere(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Why equal bits cannot be expected, in words.

    Args:
        pairs: engine, device type and precision, each as (recorded, here).
    """
    how = ("by engine", "on device type", "in")
    return tuple(f"it was made {h} {a}, this is {b}" for h, (a, b) in zip(how, pairs, strict=True) if a != b)
