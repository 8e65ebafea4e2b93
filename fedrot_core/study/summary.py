"""What is kept of many runs, and what many seeds say together. Free of torch, so that figures may read it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fedrot_core.config import FederationConfig

EXACT_BELOW = 1e-9
"""A median relative error below this counts as exact: float64 rounding is far below it, every approximation above."""

TIE = 0.01
"""Median scores within this share, one point, of each other are a tie."""

SAME_ERROR = 0.02
"""Aggregation errors within this share of each other count as equal."""

SIGNIFICANT = 0.05
"""Two arms differ if a sign test over paired seeds gives at most this."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ArmSummary:
    """What a sweep keeps of one arm: one entry a round; an arm that stopped early has fewer.

    Attributes:
        scores, losses: (R,) after each round.
        errors: (R,) relative error of the arm's own rule, all layers pooled.
        naive_errors: (R,) likewise of the naive average of the same factors.
        bytes_up, bytes_down: (R,) per client.
        seconds: measured work of one client's preparation and of the server's rule, summed over rounds.
        stopped: why it ended early, or empty.
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
        arms: by method name.
        start_score, ceiling: score before training and of the centralised run after each round.
        error: why the run could not be done, or empty; then there are no arms.
        score_name: what the task calls its score.
    """

    config: FederationConfig
    arms: dict[str, ArmSummary]
    start_score: float
    ceiling: Array
    error: str = ""
    score_name: str = "score"


@dataclass(frozen=True)
class Quartiles:
    """Lower quartile, median and upper quartile over seeds; numbers, or one array entry a round."""

    low: Any
    median: Any
    high: Any


@dataclass(frozen=True)
class ArmStatistics:
    """One arm over all seeds. n seeds, of which m ran to the last round; NaN where m is 0.

    Attributes:
        name: method name.
        scores, errors: (R,) quartiles by round, over the seeds that reached it.
        finals: (n,) score after the last round, NaN where the arm stopped early; score: its quartiles.
        error: quartiles of the last round's relative error.
        exact: whether the median relative error over rounds and seeds is below :data:`EXACT_BELOW`.
        bytes_up, bytes_down: per client and round, mean over rounds, median over seeds.
        work: seconds of one client's preparation and of the server's rule, per round, median over seeds.
        stopped: why it ended early, one entry for each seed in which it did.
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
    """Over axis 0, leaving NaN out; NaN where nothing is left."""
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
    """What all ``runs`` (same config, different seeds) say of the arm ``name``."""
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
        best: highest median final score among arms that never stopped.
        chosen: the cheapest by traffic whose median is within ``margin`` of it; the better one where traffic is equal.
        tied: (arm, seeds in which it scored at least as high as ``chosen``) of arms that the seeds do not separate
            from ``chosen`` by :func:`sign_test`.
    """

    best: ArmStatistics
    chosen: ArmStatistics
    tied: tuple[tuple[ArmStatistics, int], ...]


def sign_test(gains: Array) -> float:
    """Two-sided p of the sign test on paired differences (n,): how often so uneven a split of signs comes by chance.

    Zeros count for neither side; 1 where all are zero. Five seeds cannot go below 1/16.
    """
    up, down = int((gains > 0).sum()), int((gains < 0).sum())
    n = up + down
    tail: float = sum(math.comb(n, k) for k in range(min(up, down) + 1)) / 2.0**n
    return min(1.0, 2 * tail)


def choose(arms: Sequence[ArmStatistics], margin: float = TIE) -> Choice | None:
    """The recommendation; None while no arm has run to its end. Arms share their seeds, so differences are paired."""
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
