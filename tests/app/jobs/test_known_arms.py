"""Results by arm: parts make the whole, only what is missing is asked for, and errors are known too."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from app.jobs import known_arms
from app.jobs.known_arms import KnownArms, split
from fedrot_core.config import FederationConfig
from fedrot_core.finished import merged
from fedrot_core.study.summary import ArmSummary, RunSummary
from fedrot_core.study.sweep import sweep

ARMS = ("fedit", "fedrot", "ffa")
CONFIG = FederationConfig().with_values({"arms": ARMS, "rounds": 2, "steps": 2, "clients": 3})


def of(*arms: str, seed: int = 0) -> FederationConfig:
    return CONFIG.with_values({"arms": arms, "seed": seed})


def made(config: FederationConfig, rounds: int = 2, error: str = "") -> RunSummary:
    """A made-up run whose numbers are all ``rounds``."""
    numbers = np.full(rounds, float(rounds))
    values: dict[str, Any] = {field.name: numbers for field in fields(ArmSummary)} | {"seconds": 1.0, "stopped": ""}
    arm = ArmSummary(**values)
    return RunSummary(config, {} if error else dict.fromkeys(config.methods, arm), 0.5, numbers, error)


def test_parts_run_apart_make_the_whole() -> None:
    whole, *parts = sorted(sweep([of(*ARMS), of("ffa", "fedit"), of("fedrot")], jobs=1),
                           key=lambda run: -len(run.config.methods))  # fmt: skip
    together = merged(of(*ARMS), parts)
    assert tuple(together.arms) == ARMS
    assert together.config == whole.config
    assert together.start_score == whole.start_score
    np.testing.assert_allclose(together.centralised, whole.centralised, atol=1e-6)
    for name in ARMS:
        for field in ("scores", "losses", "errors", "bytes_up", "bytes_down"):
            np.testing.assert_allclose(
                getattr(together.arms[name], field), getattr(whole.arms[name], field), atol=1e-6, err_msg=field
            )


def test_only_missing_arms_are_asked_for() -> None:
    store, own = KnownArms(), KnownArms()
    store.add([made(of("fedit", "ffa"))])
    known, missing = split(of(*ARMS), store, own)
    assert [list(part.arms) for part in known] == [["fedit"], ["ffa"]]
    assert missing == of("fedrot")
    assert split(of(*ARMS, seed=1), store) == ([], of(*ARMS, seed=1))
    own.add([made(of("fedrot"))])
    known, missing = split(of(*ARMS), store, own)
    assert missing is None
    assert tuple(merged(of(*ARMS), known).arms) == ARMS


def test_the_centralised_run_is_the_longest_one() -> None:
    """It ends with the last arm, so beside an arm that stops early it is cut short."""
    run = merged(of("fedit", "ffa"), [made(of("fedit"), 1), made(of("ffa"), 2)])
    assert len(run.centralised) == 2


def test_an_impossible_run_is_not_tried_again() -> None:
    store = KnownArms()
    store.add([made(of("ffa"), 0, "too few samples"), made(of("fedit"))])
    known, missing = split(of("fedit", "ffa"), store)
    assert missing is None
    run = merged(of("fedit", "ffa"), known)
    assert (run.error, list(run.arms), len(run.centralised)) == ("too few samples", ["fedit"], 2)


def test_the_oldest_arms_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_arms, "KEPT_ARMS", 2)
    store = KnownArms()
    store.add([made(of("fedit")), made(of("ffa"))])
    assert store.get(CONFIG, "fedit") is not None  # asked for, so newer now
    store.add([made(of("fedrot"))])
    assert store.get(CONFIG, "ffa") is None
    assert store.get(CONFIG, "fedit") is not None
