"""Summaries of many runs, and statistics over their seeds. Does not import torch, so that figures may use it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrot_core.config import FederationConfig

EXACT_BELOW = 1e-9
"""A method is exact if its median relative error is below this: rounding in float64 stays far below, and every
approximation is above."""

TIE = 0.01
"""Median scores that differ by at most this share, one point, are a tie."""

SAME_ERROR = 0.02
"""Aggregation errors within this share of each other count as equal."""

SIGNIFICANT = 0.05
"""Two arms differ if the p-value of a sign test over paired seeds is at most this."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ArmSummary:
    """What a sweep keeps of one arm. Arrays have one entry per round; an arm that stopped early has fewer of them.

    Attributes:
        scores, losses: (R,), score and loss after each round.
        errors: (R,), relative aggregation error of the arm's own method, all layers pooled.
        naive_errors: (R,), the same error for the naive average of the same factors.
        bytes_up, bytes_down: (R,), bytes that one client sends and receives.
        seconds: measured time for preparing one client's upload and for the server's rule, summed over rounds.
        stopped: why the arm ended early; empty if it did not.
    """

    scores: Array
    losses: Array
    errors: Array
    naive_errors: Array
    bytes_up: Array
    bytes_down: Array
    seconds: float
    stopped: str


@dataclass(frozen=True)
class RunSummary:
    """What a sweep keeps of one run.

    Attributes:
        config: the run's config.
        arms: summaries of its arms, by method name.
        start_score: score before any training.
        centralised: (R,), score of the centralised run after each round.
        error: why the run was not possible, in which case it has no arms; otherwise empty.
        score_name: what the task calls its score.
    """

    config: FederationConfig
    arms: dict[str, ArmSummary]
    start_score: float
    centralised: Array
    error: str = ""
    score_name: str = "score"


@dataclass(frozen=True)
class Quartiles:
    """Lower quartile, median and upper quartile over seeds: numbers, or arrays with one entry per round."""

    low: Any
    median: Any
    high: Any


@dataclass(frozen=True)
class ArmStatistics:
    """Statistics of one arm over n seeds. Values of the last round are NaN if no seed reached it.

    Attributes:
        name: name of the method.
        scores, errors: (R,), quartiles of the score and of the relative error after each round, over the seeds that
            reached it.
        finals: (n,), score after the last round; NaN where the arm stopped early.
        score: quartiles of ``finals``.
        error: quartiles of the last round's relative error.
        exact: whether the median relative error over rounds and seeds is below :data:`EXACT_BELOW`.
        bytes_up, bytes_down: bytes per client and round, mean over rounds, median over seeds.
        work: seconds per round for preparing one client's upload and for the server's rule, median over seeds.
        stopped: why the arm ended early, one entry for each seed in which it did.
    """

    name: str
    scores: Quartiles
    errors: Quartiles
    finals: Array
    score: Quartiles
    error: Quartiles
    exact: bool
    bytes_up: float
    bytes_down: float
    work: float
    stopped: tuple[str, ...]

    @property
    def traffic(self) -> float:
        """Bytes up and down, per client and round."""
        return self.bytes_up + self.bytes_down


def quartiles(values: Array) -> Quartiles:
    """Quartiles over axis 0, ignoring values that are not finite; NaN where none is left."""
    shape = values.shape[1:]
    columns = values.reshape(len(values), -1).T if len(values) else np.zeros((int(np.prod(shape)), 0))
    ranks = np.full((len(columns), 3), np.nan)
    for i, column in enumerate(columns):
        kept = column[np.isfinite(column)]
        if len(kept):
            ranks[i] = np.quantile(kept, [0.25, 0.5, 0.75])
    low, median, high = (ranks[:, i].reshape(shape) for i in range(3))
    return Quartiles(low, median, high)


def statistics(runs: Sequence[RunSummary], name: str) -> ArmStatistics:
    """Statistics of the arm ``name`` over ``runs``, which differ in their seeds only."""
    arms = [run.arms[name] for run in runs if name in run.arms]
    rounds = runs[0].config.train.rounds if runs else 0
    scores, errors = (np.full((len(arms), rounds), np.nan) for _ in range(2))
    for i, arm in enumerate(arms):
        scores[i, : len(arm.scores)] = arm.scores
        errors[i, : len(arm.errors)] = arm.errors
    finals = scores[:, -1] if rounds else np.zeros(0)
    seen = errors[np.isfinite(errors)]
    alive = [arm for arm in arms if len(arm.scores)]

    def median(values: list[float]) -> float:
        return float(np.median(values)) if values else float("nan")

    return ArmStatistics(
        name=name,
        scores=quartiles(scores),
        errors=quartiles(errors),
        finals=finals,
        score=quartiles(finals),
        error=quartiles(errors[:, -1] if rounds else np.zeros(0)),
        exact=bool(len(seen)) and float(np.median(seen)) < EXACT_BELOW,
        bytes_up=median([float(arm.bytes_up.mean()) for arm in alive]),
        bytes_down=median([float(arm.bytes_down.mean()) for arm in alive]),
        work=median([arm.seconds / len(arm.scores) for arm in alive]),
        stopped=tuple(arm.stopped for arm in arms if arm.stopped),
    )


@dataclass(frozen=True)
class Choice:
    """Which method to choose, and how sure that is.

    Attributes:
        best: the arm with the highest median final score, among arms that stopped early on no seed.
        chosen: the arm with the least traffic whose median is within the margin of the best; if several have equal
            traffic, the one that scores higher.
        tied: arms that a :func:`sign_test` over the seeds does not tell apart from ``chosen``, each with the number of
            seeds in which it scored at least as high.
    """

    best: ArmStatistics
    chosen: ArmStatistics
    tied: tuple[tuple[ArmStatistics, int], ...]


def sign_test(gains: Array) -> float:
    """Two-sided p-value of the sign test: how often chance splits the signs at least as unevenly.

    Args:
        gains: (n,), paired differences. Zeros count for neither side.

    Returns:
        The p-value; 1 if all differences are zero. With five seeds it cannot be below 1/16.
    """
    up, down = int((gains > 0).sum()), int((gains < 0).sum())
    n = up + down
    tail: float = sum(math.comb(n, k) for k in range(min(up, down) + 1)) / 2.0**n
    return min(1.0, 2 * tail)


def choose(arms: Sequence[ArmStatistics], margin: float = TIE) -> Choice | None:
    """Choose the cheapest arm among those that score within ``margin`` of the best.

    Args:
        arms: statistics over the same seeds, so that differences between arms are paired.
        margin: how far below the best median score an arm may stay, as a share.

    Returns:
        The choice; None if no arm ran to its last round on every seed.
    """
    able = [arm for arm in arms if not arm.stopped and np.isfinite(arm.score.median)]
    if not able:
        return None
    best = max(able, key=lambda arm: (float(arm.score.median), -arm.traffic))
    near = [arm for arm in able if arm.score.median >= best.score.median - margin - 1e-12]
    chosen = min(near, key=lambda arm: (round(arm.traffic), -float(arm.score.median)))
    tied = []
    for arm in able:
        gain = arm.finals - chosen.finals
        if arm is not chosen and sign_test(gain) > SIGNIFICANT:
            tied.append((arm, int((gain >= 0).sum())))
    return Choice(best, chosen, tuple(sorted(tied, key=lambda pair: -float(pair[0].score.median))))
