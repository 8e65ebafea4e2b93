"""Small real traces, run once: figures are tested on what the engine records, not on made-up arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace

SMALL = {"rounds": 3, "steps": 4, "clients": 4, "batch": 8, "device": "cpu"}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "four arms": {"arms": ("fedit", "fedrot", "fedrot_code", "gpa"), "frames": "turned", "theta": 90.0},
    "rank 1": {"rank": 1},
    "rank 2": {"rank": 2},
    "teacher": {"task": "teacher"},
    "many": {"clients": 60, "rounds": 1, "steps": 1, "min": 4},
}


@pytest.fixture(scope="package")
def traces() -> dict[str, Trace]:
    """One finished run for each variant; tests must not change them."""
    return {name: Federation(FederationConfig().with_values(SMALL | extra)).run() for name, extra in VARIANTS.items()}


@pytest.fixture
def plain(traces: dict[str, Trace]) -> Trace:
    return traces["plain"]


@pytest.fixture
def edited() -> Callable[..., Trace]:
    """A copy of a trace with fields of every record of one arm replaced."""

    def edit(trace: Trace, arm: str, change: Callable[[RoundRecord], dict[str, Any]]) -> Trace:
        records = [RoundRecord.of_stored(r.stored() | change(r)) if r.arm == arm else r for r in trace.records]
        return dataclasses.replace(trace, records=records)

    return edit


def shown_percent(share: float) -> str:
    """The number that a title must hold for a share of 10 % or more; written apart from the code under test."""
    assert 0.0995 <= share < 0.995
    return f"{np.round(100 * share):.0f}\u00a0%"
