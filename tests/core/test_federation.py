"""A whole run: repeatable, fair between arms, robust to broken clients, and honest when it stops."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

import fedrot_core.federation as federation_module
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, unpack
from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.factors import Factors
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.trace import ArmStopped, CentralisedRecord, RoundRecord, Trace
from fedrot_core.vocabulary import RUNGS

SMALL = {"clients": 4, "rounds": 3, "steps": 4, "batch": 8, "rank": 3, "device": "cpu"}
TASKS = ["digits", "teacher"]


def config(**values: object) -> FederationConfig:
    return FederationConfig().with_values({**SMALL, **values})


def run(**values: object) -> Trace:
    return Federation(config(**values)).run()


@pytest.mark.parametrize("task", TASKS)
def test_same_config_same_checksum_other_seed_other_checksum(task: str) -> None:
    assert run(task=task).checksum == run(task=task).checksum
    assert run(task=task, seed=1).checksum != run(task=task).checksum


def test_one_seed_moves_the_numbers_themselves() -> None:
    one, two = run(), run(seed=1)
    assert one.records[-1].loss != two.records[-1].loss
    assert one.task.sample_counts != two.task.sample_counts


@pytest.mark.parametrize("task", TASKS)
def test_events_come_round_by_round_and_arm_by_arm(task: str) -> None:
    names = tuple(METHODS)
    events = list(Federation(config(task=task, arms=names)).rounds())
    shape = [(e.arm, e.round_index) if isinstance(e, RoundRecord) else ("all", e.round_index) for e in events]
    assert shape == [(name, t) for t in range(3) for name in (*names, "all")]
    for e in events:
        assert not isinstance(e, ArmStopped)
        if isinstance(e, CentralisedRecord):
            continue
        assert e.clients.tolist() == [0, 1, 2, 3]
        assert e.dropped.tolist() == []
        assert e.applied == (e.arm == "gpa" or (e.arm.startswith("fedrot") and e.round_index > 0))
        assert float(e.weights.sum()) == pytest.approx(1.0)
        for field in dataclasses.fields(e):
            value = getattr(e, field.name)
            if isinstance(value, np.ndarray):
                assert np.isfinite(value).all(), field.name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("frames", ["trained", "independent", "svd", "turned"])
def test_an_arm_alone_equals_the_same_arm_in_company(task: str, frames: str) -> None:
    company = run(task=task, frames=frames, arms=("fedit", "gpa", "fedrot"))
    for name in ("fedit", "fedrot"):
        alone = run(task=task, frames=frames, arms=(name,))
        for a, b in zip(alone.arm(name), company.arm(name), strict=True):
            assert a.loss == pytest.approx(b.loss, abs=1e-6)
            assert float(a.error[-1]) == pytest.approx(float(b.error[-1]), abs=1e-4)
        assert [c.loss for c in alone.centralised] == pytest.approx([c.loss for c in company.centralised], abs=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_updates_do_not_depend_on_frames_in_round_zero(task: str) -> None:
    """The ideal, its floor and every B_k A_k are the same, however factors reach the server."""
    records = {kind: run(task=task, frames=kind, rounds=1).arm("fedit")[0] for kind in ("trained", "svd", "turned")}
    base = records["trained"]
    for record in records.values():
        np.testing.assert_allclose(record.ideal_norm, base.ideal_norm, rtol=1e-9)
        np.testing.assert_allclose(record.ladder[-1], base.ladder[-1], atol=1e-7)
        np.testing.assert_allclose(record.ladder[RUNGS.index("gpa")], base.ladder[RUNGS.index("gpa")], atol=0.05)
        assert record.principal_B == pytest.approx(base.principal_B, abs=0.1)
    assert records["svd"].ladder[0, -1] > base.ladder[0, -1] + 0.2


def test_every_arm_sees_the_same_factors_in_round_zero() -> None:
    first = [r for r in run(arms=("fedit", "fedrot", "gpa")).records if r.round_index == 0]
    for record in first[1:]:
        np.testing.assert_allclose(record.ladder, first[0].ladder, atol=1e-5)


def test_weights_follow_samples_or_are_equal() -> None:
    by_samples, equal = Federation(config()), Federation(config(weights="uniform"))
    counts = np.array(by_samples.task.sample_counts)
    assert len(set(counts.tolist())) > 1
    np.testing.assert_allclose(by_samples.run().records[0].weights, counts / counts.sum())
    np.testing.assert_allclose(equal.run().records[0].weights, np.full(4, 0.25))


def test_new_trace_describes_the_start() -> None:
    federation = Federation(config())
    trace = federation.new_trace()
    assert trace.records == []
    assert trace.rounds_done == 0
    assert sum(trace.task.sample_counts) == 1347
    assert len(trace.task.class_counts) == 4
    assert 0.3 < trace.task.start_score < 0.6  # five of ten classes are known
    assert [card.name for card in trace.arms] == ["fedit", "fedrot"]
    assert trace.device == "cpu"


@pytest.mark.parametrize(("key", "value"), [("arms", ("fedit", "nope")), ("task", "nope")])
def test_unknown_names_are_refused_with_their_key(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=r"must be one of .*; got 'nope'") as caught:
        Federation(config(**{key: value}))
    assert caught.value.key == key


def test_undealable_data_is_refused() -> None:
    with pytest.raises(ConfigError, match="take fewer clients") as caught:
        Federation(config(clients=200, min=20))
    assert caught.value.key == "min"


def breaking(
    monkeypatch: pytest.MonkeyPatch, when: int, rows: list[int], bad: float, side: str = "A", until: int = 99
) -> None:
    """In rounds ``when`` to ``until``, the trained factors of these engine rows hold ``bad``."""
    seen = {"rounds": 0}

    def broken(engine: Engine, like: Factors) -> Factors:
        trained = unpack(engine, like)
        for row in rows:
            if when <= seen["rounds"] <= until and row < trained.A.shape[1]:
                getattr(trained, side)[-1, row, 0, 0] = bad
        seen["rounds"] += 1
        return trained

    monkeypatch.setattr(federation_module, "unpack", broken)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("frames", ["trained", "svd", "turned"])
@pytest.mark.parametrize("side", ["A", "B"])
def test_a_broken_client_is_dropped_and_recorded(
    monkeypatch: pytest.MonkeyPatch, bad: float, frames: str, side: str
) -> None:
    healthy = run(frames=frames)
    breaking(monkeypatch, 1, [2], bad, side)  # client 2 of the first arm, from round 1 on
    trace = run(frames=frames)
    assert trace.stopped == []
    for record in trace.arm("fedit"):
        expected = [0, 1, 2, 3] if record.round_index == 0 else [0, 1, 3]
        assert record.clients.tolist() == expected
        assert record.dropped.tolist() == ([] if record.round_index == 0 else [2])
        assert len(record.weights) == len(expected)
        assert float(record.weights.sum()) == pytest.approx(1.0)
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if isinstance(value, np.ndarray):
                assert np.isfinite(value).all(), field.name
    counts = np.array(trace.task.sample_counts)[[0, 1, 3]]
    np.testing.assert_allclose(trace.arm("fedit")[1].weights, counts / counts.sum())
    for mine, theirs in zip(trace.arm("fedrot"), healthy.arm("fedrot"), strict=True):  # the other arm sees nothing
        assert mine.loss == theirs.loss
        assert mine.dropped.tolist() == []


@pytest.mark.parametrize("rank", [1, 3])
def test_a_single_kept_client_is_the_global_model(monkeypatch: pytest.MonkeyPatch, rank: int) -> None:
    breaking(monkeypatch, 0, [0, 1, 3], float("nan"))
    trace = run(rank=rank, arms=("gpa",))
    assert trace.stopped == []
    for record in trace.records:
        assert record.clients.tolist() == [2]
        assert record.weights.tolist() == [1.0]
        assert float(record.error.max()) < 1e-6
        assert record.principal_A.shape == (3, 1, 1)


def test_an_arm_without_any_healthy_client_stops_and_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = run(arms=("fedrot",))
    breaking(monkeypatch, 1, [0, 1, 2, 3], float("nan"), until=1)
    trace = run()
    assert [r.round_index for r in trace.arm("fedit")] == [0]
    (stopped,) = trace.stopped
    assert (stopped.arm, stopped.round_index) == ("fedit", 1)
    assert "FedIT" in stopped.message
    assert "round 1" in stopped.message
    assert "Lower the learning rate (0.01)" in stopped.message
    assert [r.round_index for r in trace.arm("fedrot")] == [0, 1, 2]
    for a, b in zip(alone.arm("fedrot"), trace.arm("fedrot"), strict=True):
        assert a.loss == pytest.approx(b.loss, abs=1e-6)
    assert trace.rounds_done == 3


@pytest.mark.parametrize("task", TASKS)
def test_when_all_arms_stop_the_run_ends_cleanly(task: str) -> None:
    """Plain gradient descent at a learning rate far too high."""
    trace = run(task=task, opt="sgd", lr=1.0, steps=200, lora_alpha=64.0, rounds=5)
    assert {s.arm for s in trace.stopped} == {"fedit", "fedrot"}
    for stopped in trace.stopped:
        assert METHODS[stopped.arm].card.label in stopped.message
        assert f"round {stopped.round_index}" in stopped.message
        assert "Lower the learning rate (1) or take fewer local steps." in stopped.message
        kept = trace.arm(stopped.arm)
        assert [r.round_index for r in kept] == list(range(stopped.round_index))
        assert all(np.isfinite([r.loss, r.score]).all() for r in kept)
    assert trace.rounds_done == max(s.round_index for s in trace.stopped) + 1
    assert trace.checksum


def test_finite_but_huge_factors_stop_the_arm(monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, 1, [0], 1e30, "B", until=1)
    trace = run(frames="trained")
    assert [(s.arm, s.round_index) for s in trace.stopped] == [("fedit", 1)]
    assert "grew beyond 1e+06" in trace.stopped[0].message
    assert len(trace.arm("fedrot")) == 3


@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_cancel_raises_promptly(after: int) -> None:
    """Four local steps a round: asked before each, so the run ends at the first yes and asks no more."""
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    seen: list[object] = []

    def collect(events: Iterator[object]) -> None:
        for event in events:
            seen.append(event)

    with pytest.raises(Cancelled):
        collect(Federation(config()).rounds(should_stop))
    assert asked == after + 1
    assert len(seen) == after // 4 * 3  # complete rounds: two arms and the centralised run


def test_run_passes_the_stop_on() -> None:
    with pytest.raises(Cancelled):
        Federation(config()).run(lambda: True)


@pytest.mark.parametrize(
    "values",
    [
        {"rank": 32, "clients": 2},  # the last layer is 10 wide
        {"rank": 16, "clients": 2, "width": 128},
        {"rank": 1, "clients": 2, "frames": "turned"},
        {"clients": 30, "min": 1},  # more than are shown
        {"rank": 32, "task": "teacher", "frames": "independent"},
        {"lr": 0.0001, "steps": 1, "opt": "sgd"},
    ],
)
def test_extreme_but_valid_runs_give_finite_records(values: dict[str, object]) -> None:
    trace = run(**{"rounds": 2, "arms": tuple(METHODS), **values})
    assert trace.stopped == []
    for record in trace.records:
        assert record.check_product < 1e-6
        assert record.check_orthogonal < 1e-9
        assert record.check_identity < 1e-6
        assert record.check_floor > -1e-6
        for field in dataclasses.fields(record):
            value = getattr(record, field.name)
            if isinstance(value, np.ndarray):
                assert np.isfinite(value).all(), field.name


@pytest.fixture(scope="module")
def headline() -> Callable[[str], Trace]:
    made: dict[str, Trace] = {}

    def get(frames: str) -> Trace:
        if frames not in made:
            base = FederationConfig() if frames == "svd" else FederationConfig().with_values({"frames": frames})
            made[frames] = Federation(base.with_values({"device": "cpu"})).run()
        return made[frames]

    return get


def test_headline_naive_average_learns_nothing_where_alignment_learns(headline: Callable[[str], Trace]) -> None:
    """The app's first picture, on real digits with the default config."""
    trace = headline("svd")
    assert FederationConfig().frames.kind == "svd"
    naive, aligned = trace.arm("fedit")[-1].score, trace.arm("fedrot")[-1].score
    assert abs(naive - trace.task.start_score) < 0.05
    assert aligned > 0.85
    assert trace.arm("fedit")[-1].error[-1] > 2 * trace.arm("fedrot")[-1].error[-1]


def test_headline_as_trained_both_learn_alike(headline: Callable[[str], Trace]) -> None:
    """Without the turned frames there is little to repair: the app says so as plainly."""
    trace = headline("trained")
    naive, aligned = trace.arm("fedit")[-1].score, trace.arm("fedrot")[-1].score
    assert min(naive, aligned) > 0.85
    assert abs(naive - aligned) < 0.05


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
def test_cuda_run_agrees_with_cpu_run() -> None:
    cpu, cuda = run(rounds=2), run(rounds=2, device="cuda")
    assert cuda.device == "cuda"
    for a, b in zip(cpu.records, cuda.records, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=0.02)
    assert cuda.checksum == run(rounds=2, device="cuda").checksum
