"""Tries a target with hypothesis, which makes the inputs and finds the smallest one that breaks a promise."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.fuzz.targets import Target


@dataclass
class Tally:
    """How many inputs were tried, and what became of them."""

    taken: int = 0
    refused: int = 0

    @property
    def inputs(self) -> int:
        """How many were tried."""
        return self.taken + self.refused


def shares(targets: Sequence[Target], inputs: int) -> dict[Target, int]:
    """How many of ``inputs`` each target gets, by weight; at least that many in all."""
    whole = sum(target.weight for target in targets)
    return {target: math.ceil(inputs * target.weight / whole) for target in targets}


def tried(target: Target, count: int, tally: Tally, **how: int) -> None:
    """Try ``count`` inputs: the same ones each time, or those of a ``seed``.

    Raises:
        Exception: of the smallest input that breaks the promise.
    """

    def once(value: Any) -> None:
        taken = target.tried(value)
        tally.taken += taken
        tally.refused += not taken

    run = given(target.inputs)(once)
    fixed = "seed" not in how
    run = run if fixed else seed(how["seed"])(run)
    checked = settings(
        max_examples=count, deadline=None, database=None, derandomize=fixed, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )(run)  # fmt: skip
    logging.disable(logging.CRITICAL)  # damage is told in the log too, thousands of times
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            checked()
    finally:
        logging.disable(logging.NOTSET)
