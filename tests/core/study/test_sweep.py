"""Many runs: a batch gives what each run gives alone, a sweep gives all, and both end when asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from typing import Any, cast

import joblib
import numpy as np
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.federation import Federation, Recorder, lockstep
from fedrot_core.methods import METHODS
from fedrot_core.records import RoundRecord
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import ROWS_AT_ONCE, batches, summarise, sweep
from fedrot_core.vocabulary import RUNGS

SMALL = {"clients": 4, "rounds": 3, "steps": 4, "batch": 8, "rank": 3, "device": "cpu"}


def config(**values: object) -> FederationConfig:
    return FederationConfig().with_values({**SMALL, **values})


def merging(task: str, **values: object) -> list[FederationConfig]:
    """Different seeds, different methods, some of which merge into the base, freeze a factor or keep private ones."""
    arms = (("fedit", "fedrot"), ("flora", "ffa", "fedex"), ("fedsa", "rolora"), ("flora",))
    return [config(task=task, arms=names, seed=seed, **values) for seed, names in enumerate(arms)]


@pytest.mark.parametrize("task", ["digits", "teacher"])
@pytest.mark.parametrize("values", [{}, {"part": 0.75, "drop": 0.4}], ids=["all", "some clients"])
def test_runs_in_lockstep_equal_the_same_runs_alone(task: str, values: dict[str, object]) -> None:
    configs = merging(task, **values)
    together: list[list[RoundRecord]] = [[] for _ in configs]
    for n, event in lockstep([Federation(c) for c in configs], Recorder().record):
        if isinstance(event, RoundRecord):
            together[n].append(event)
    for c, found in zip(configs, together, strict=True):
        alone = Federation(c).run().records
        assert [(r.arm, r.round_index) for r in found] == [(r.arm, r.round_index) for r in alone]
        for a, b in zip(found, alone, strict=True):
            np.testing.assert_array_equal(a.clients, b.clients)
            assert a.loss == pytest.approx(b.loss, rel=1e-3)
            np.testing.assert_allclose(a.errors.own, b.errors.own, rtol=1e-2, atol=1e-9)


def test_only_seed_and_methods_may_differ_in_lockstep() -> None:
    with pytest.raises(ConfigError, match="differ in seed and methods only"):
        list(lockstep([Federation(config()), Federation(config(rank=2))], Recorder().record))


def test_a_diverged_arm_leaves_the_batch_and_the_others_go_on() -> None:
    wild = dict(opt="sgd", lr=1.0, steps=40, task="teacher", frames="trained")
    configs = [config(arms=("fedit",), seed=0, **wild), config(arms=("ffa", "fedit"), seed=1, **wild)]
    for c, found in zip(configs, summarise(configs), strict=True):
        (alone,) = summarise([c])
        for name, arm in found.arms.items():
            assert (arm.stopped, len(arm.scores)) == (alone.arms[name].stopped, len(alone.arms[name].scores))
    assert any(arm.stopped for found in summarise(configs) for arm in found.arms.values())


def test_a_summary_holds_the_numbers_of_the_full_run() -> None:
    c = config(arms=tuple(METHODS), rounds=2)
    (summary,) = summarise([c])
    trace = Federation(c).run()
    assert summary.start_score == trace.task.start_score
    np.testing.assert_array_equal(summary.centralised, [r.score for r in trace.centralised])
    for name in c.methods:
        records, arm = trace.arm(name), summary.arms[name]
        np.testing.assert_array_equal(arm.scores, [r.score for r in records])
        np.testing.assert_array_equal(arm.losses, [r.loss for r in records])
        np.testing.assert_allclose(arm.errors, [r.errors.own[-1] for r in records], rtol=1e-9, atol=1e-13)
        naive = [r.errors.ladder[RUNGS.index("naive"), -1] for r in records]
        np.testing.assert_allclose(arm.naive_errors, naive, rtol=1e-9, atol=1e-13)
        np.testing.assert_array_equal(arm.bytes_up, [r.bytes_up for r in records])


def test_an_impossible_run_says_why_and_leaves_the_others_alone() -> None:
    bad, good = (config(arms=(name,), server="adam") for name in ("flora", "fedit"))
    first, second = summarise([bad, good])
    assert "FedAdam works with" in first.error
    assert not first.arms
    assert not second.error
    assert second.arms


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_batches_hold_every_run_once_under_the_same_conditions_each(jobs: int) -> None:
    configs = [config(seed=seed, rank=rank) for seed in range(9) for rank in (2, 3)] + [config(seed=1, alpha=0.1)]
    found = batches(configs, jobs)
    assert sorted(c.hash for batch in found for c in batch) == sorted(c.hash for c in configs)
    for batch in found:
        assert all(c.conditions == batch[0].conditions for c in batch)
        rows = (len(batch[0].methods) * batch[0].participants + 1) * len(batch)
        assert rows <= ROWS_AT_ONCE["cpu"] or len(batch) == 1


def test_seeds_of_one_setting_keep_every_core_busy() -> None:
    sizes = [len(batch) for batch in batches([config(seed=seed) for seed in range(20)], 2)]
    assert len(sizes) % 2 == 0
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_a_sweep_gives_every_summary_once_on_any_backend(backend: str) -> None:
    configs = [config(seed=seed) for seed in range(5)]
    with joblib.parallel_config(backend):
        found = {s.config.hash: s for s in sweep(configs, jobs=2)}
    assert set(found) == {c.hash for c in configs}
    (alone,) = summarise(configs[:1])
    np.testing.assert_allclose(found[configs[0].hash].arms["fedrot"].losses, alone.arms["fedrot"].losses, rtol=1e-3)


@pytest.mark.parametrize("jobs", [1, 2])
def test_cancel_ends_runs_under_way(jobs: int) -> None:
    """These runs would take minutes: only a stop in mid-run lets this return."""
    asked = threading.Event()
    threading.Timer(0.5, asked.set).start()
    configs = [config(seed=seed, rounds=100, steps=100, clients=50, min=1) for seed in range(8)]
    with pytest.raises(Cancelled):
        list(sweep(configs, asked.is_set, jobs))
    deadline = time.monotonic() + 5
    while any(t.name == "sweep-cancel" for t in threading.enumerate()):
        assert time.monotonic() < deadline


@pytest.mark.filterwarnings("ignore:.*tasks which were still being processed")
def test_a_caller_who_stops_listening_ends_the_runs_under_way() -> None:
    """The first run is short, the others would take minutes; two threads work on them."""
    working: list[int] = []

    def counted(*args: Any) -> list[RunSummary]:
        working.append(1)
        try:
            return summarise(*args)
        finally:
            working.pop()

    long = (config(rounds=100, steps=100, clients=50, min=1, alpha=a) for a in (0.5, 1.0))
    runs = sweep([config(), *long], jobs=2, run=counted)
    assert isinstance(next(runs), RunSummary)
    assert working
    cast(Generator[RunSummary], runs).close()
    deadline = time.monotonic() + 10
    while working:
        assert time.monotonic() < deadline, "runs go on that nobody listens to"
        time.sleep(0.05)


def test_a_sweep_tells_of_every_round_also_of_arms_that_stop_or_cannot_run() -> None:
    whole = FederationConfig().with_values({"rounds": 3, "steps": 2, "clients": 3, "arms": ("fedit", "fedrot")})
    impossible = whole.with_values({"clients": 200, "min": 32})
    stops = whole.with_values({"opt": "sgd", "lr": 1.0, "steps": 40, "task": "teacher", "frames": "trained"})
    told: list[int] = []
    found = {run.config: run for run in sweep([whole, impossible, stops], on_rounds=told.append)}
    assert found[impossible].error
    assert any(arm.stopped for arm in found[stops].arms.values())
    assert sum(told) == 3 * 3 * 2
    assert len(told) > 3
