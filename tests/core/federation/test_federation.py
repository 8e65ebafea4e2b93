"""A whole run: repeatable, fair between arms, robust to broken clients, and honest when it stops."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import fedrot_core.federation.batch as batch_module
from fedrot_core.alignment import align_to_reference
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, unpack
from fedrot_core.errors import Cancelled, ConfigError, Exhausted
from fedrot_core.factors import UPLOAD_STEP, Factors
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS, Method, Outcome, RoundContext, ServerState, Upload
from fedrot_core.records import ArmStopped, CentralisedRecord, RoundRecord
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.workloads import RowGroup
from fedrot_core.workloads.digits import Digits
from fedrot_core.workloads.mlp import MlpProgram
from fedrot_core.workloads.teacher import Teacher

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
        turned = {"fedit": False, "fedrot": e.round_index > 0, "gpa": True}
        assert e.applied == turned.get(e.arm, e.applied)
        assert e.lost.tolist() == []
        assert float(e.weights.sum()) == pytest.approx(1.0)
        for name, value in e.stored().items():
            if isinstance(value, np.ndarray):
                assert np.isfinite(value).all(), name


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("frames", ["trained", "independent", "svd", "turned"])
def test_an_arm_alone_equals_the_same_arm_in_company(task: str, frames: str) -> None:
    company = run(task=task, frames=frames, arms=("fedit", "gpa", "fedrot"))
    for name in ("fedit", "fedrot"):
        alone = run(task=task, frames=frames, arms=(name,))
        for a, b in zip(alone.arm(name), company.arm(name), strict=True):
            assert a.loss == pytest.approx(b.loss, rel=1e-9)
            assert float(a.errors.own[-1]) == pytest.approx(float(b.errors.own[-1]), abs=1e-9)
        assert [c.loss for c in alone.centralised] == pytest.approx([c.loss for c in company.centralised], rel=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_updates_do_not_depend_on_frames_in_round_zero(task: str) -> None:
    """The ideal, its floor and every B_k A_k are the same, however factors reach the server."""
    records = {kind: run(task=task, frames=kind, rounds=1).arm("fedit")[0] for kind in ("trained", "svd", "turned")}
    base = records["trained"]
    for record in records.values():
        np.testing.assert_allclose(record.errors.ideal_norm, base.errors.ideal_norm, rtol=2 * UPLOAD_STEP)
        np.testing.assert_allclose(record.errors.ladder[-1], base.errors.ladder[-1], atol=2 * UPLOAD_STEP)
        np.testing.assert_allclose(
            record.errors.ladder[RUNGS.index("gpa")], base.errors.ladder[RUNGS.index("gpa")], atol=0.05
        )
        assert record.pairs.principal_B == pytest.approx(base.pairs.principal_B, abs=0.1)
    assert records["svd"].errors.ladder[0, -1] > base.errors.ladder[0, -1] + 0.2


def test_every_arm_sees_the_same_factors_in_round_zero() -> None:
    first = [r for r in run(arms=("fedit", "fedrot", "gpa")).records if r.round_index == 0]
    for record in first[1:]:
        np.testing.assert_allclose(record.errors.ladder, first[0].errors.ladder, atol=1e-5)


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

    monkeypatch.setattr(batch_module, "unpack", broken)


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
        for name, value in record.stored().items():
            if isinstance(value, np.ndarray):
                assert np.isfinite(value).all(), name
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
        assert float(record.errors.own.max()) < 1e-6
        assert record.pairs.principal_A.shape == (3, 1, 1)


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


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried ..."),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "python"],
)
def test_memory_that_runs_out_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(Engine, "train", fails)
    with pytest.raises(Exhausted, match="must fit into the memory of its device; on CPU it did not"):
        run()


def test_any_other_error_of_torch_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(Engine, "train", fails)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        run()


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
        assert record.checks.product < 1e-6
        assert record.checks.orthogonal < 1e-9
        assert record.checks.identity < 1e-6
        assert record.checks.floor > -1e-6
        for name, value in record.stored().items():
            if isinstance(value, np.ndarray):
                assert np.isfinite(value).all(), name


@pytest.mark.parametrize(("share", "expected"), [(0.2, 2), (0.25, 2), (0.55, 6), (0.65, 6), (1.0, 10)])
def test_partial_participation_samples_the_same_clients_in_every_arm(share: float, expected: int) -> None:
    """``round(p K)`` clients, new ones each round, and weights among themselves."""
    trace = run(task="teacher", clients=10, part=share, rounds=6, arms=("fedit", "fedsa", "ffa", "flora", "gpa"))
    assert trace.config.participants == round(share * 10) == expected
    sets = []
    for t in range(6):
        together = [r for r in trace.records if r.round_index == t]
        assert len(together) == 5
        for r in together:
            assert len(set(r.clients.tolist())) == len(r.clients) == expected
            assert r.clients.tolist() == sorted(r.clients.tolist()) == together[0].clients.tolist()
            assert float(r.weights.sum()) == pytest.approx(1.0)
            assert r.lost.tolist() == r.dropped.tolist() == []
        sets.append(tuple(together[0].clients.tolist()))
    assert (len(set(sets)) > 1) == (share < 1)
    assert run(task="teacher", clients=10, part=share, rounds=6, arms=("gpa",)).arm("gpa")[5].clients.tolist() == list(
        sets[5]
    )


def test_every_client_has_its_turn() -> None:
    seen = Federation(config(clients=10, part=0.3))
    rounds = [set(seen.sample(t).clients.tolist()) for t in range(60)]
    counts = [sum(k in chosen for chosen in rounds) for k in range(10)]
    assert min(counts) > 5
    assert max(counts) < 35


def test_participation_that_leaves_no_client_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Participation must leave at least one client .*; got 0\.1\. \S") as caught:
        config(clients=4, part=0.1)
    assert caught.value.key == "part"
    assert config(clients=4, part=0.2).participants == 1
    assert len(run(clients=4, part=0.2, task="teacher").records) == 6


def test_lost_clients_are_recorded_and_never_all_lost() -> None:
    trace = run(task="teacher", clients=3, drop=0.9, rounds=30, steps=1, arms=("fedit", "fedrot"))
    federation = Federation(config(task="teacher", clients=3, drop=0.9))
    for a, b in zip(trace.arm("fedit"), trace.arm("fedrot"), strict=True):
        assert sorted([*a.clients.tolist(), *a.lost.tolist()]) == [0, 1, 2]
        assert len(a.clients) >= 1
        assert len(a.weights) == len(a.clients)
        assert a.clients.tolist() == b.clients.tolist()
        assert a.lost.tolist() == b.lost.tolist()
        assert a.dropped.tolist() == []
        now = federation.sample(a.round_index)
        assert now.clients[now.arrive].tolist() == a.clients.tolist()
    lost = [len(r.lost) for r in trace.arm("fedit")]
    assert max(lost) == 2
    assert 30 < sum(lost) <= 60
    survivors = {r.clients[0] for r in trace.arm("fedit") if len(r.clients) == 1}
    assert survivors == {0, 1, 2}  # the one that is spared is drawn, not always the first
    assert all(len(r.lost) == 0 for r in run(task="teacher", clients=3, drop=0.0).records)


def test_a_lost_client_is_lost_whatever_it_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sampled, arrived and broken clients part the sample; a broken client that is lost anyway counts as lost."""
    values: dict[str, object] = {"task": "teacher", "clients": 6, "drop": 0.5, "rounds": 8, "arms": ("fedit",)}
    plain = run(**values)
    breaking(monkeypatch, 0, [1], float("nan"))
    trace = run(**values)
    seen = set()
    for a, b in zip(plain.records, trace.records, strict=False):
        assert b.lost.tolist() == a.lost.tolist()
        assert sorted([*b.clients.tolist(), *b.lost.tolist(), *b.dropped.tolist()]) == list(range(6))
        assert b.dropped.tolist() == ([] if 1 in a.lost else [1])
        seen.add(1 in a.lost)
    assert seen == {True, False}


def watching(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[RoundContext, ServerState, Factors, Outcome]]:
    """What one method is given and gives in each round, in order."""
    seen: list[tuple[RoundContext, ServerState, Factors, Outcome]] = []
    kind = type(METHODS[name])
    prepare, combine = kind.prepare, kind.combine
    sent: list[Factors] = []

    def prepared(self: Method, trained: Factors, state: ServerState, context: RoundContext) -> Upload:
        sent.append(trained)
        return prepare(self, trained, state, context)

    def combined(self: Method, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        outcome = combine(self, upload, state, context)
        seen.append((context, state, sent[-1], outcome))
        return outcome

    monkeypatch.setattr(kind, "prepare", prepared)
    monkeypatch.setattr(kind, "combine", combined)
    return seen


@pytest.mark.parametrize("age", [0, 1, 2])
def test_stale_references_are_older_broadcasts(monkeypatch: pytest.MonkeyPatch, age: int) -> None:
    seen = watching(monkeypatch, "fedrot")
    trace = run(task="teacher", rounds=5, stale=age, arms=("fedrot",))
    broadcasts = [state.factors for _, state, _, _ in seen]
    for t, (context, _, sent, _) in enumerate(seen):
        expected = broadcasts[max(0, t - age)]
        assert torch.equal(context.reference.A, expected.A)
        assert torch.equal(context.reference.B, expected.B)
        if t < 4:
            assert not torch.equal(broadcasts[t].A, broadcasts[t + 1].A)
        side = "A" if t % 2 else "B"
        if t:
            R = align_to_reference(sent, expected, side, "SO", 0.8).R.numpy()
            np.testing.assert_allclose(trace.records[t].turns.rotation, R, atol=1e-5)


MIXED = [name for name in METHODS if METHODS[name].mixed_ranks]


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("frames", ["trained", "independent", "svd"])
def test_clients_of_lower_rank_stay_within_it(monkeypatch: pytest.MonkeyPatch, name: str, frames: str) -> None:
    """Beyond a client's own rank every factor stays exactly zero, and bytes follow the ranks."""
    seen = watching(monkeypatch, name)
    trace = run(ranks="mixed", rank=4, clients=5, frames=frames, arms=(name,), steps=3)
    assert len(seen) == 3
    for context, _, sent, _ in seen:
        assert context.ranks.tolist() == [4, 2, 1, 4, 2]
        for k, q in enumerate((4, 2, 1, 4, 2)):
            assert not sent.A[:, k, q:].any()
            assert not sent.B[:, k, :, q:].any()
            assert bool(sent.A[:, k, :q].any(-1).all())
            assert bool(sent.B[:, k, :, :q].any(-2).all())
    full = 4 * sum(4 * (i + o) for i, o in ((64, 64), (64, 64), (64, 10)))  # bytes at rank 4
    for record in trace.records:
        assert record.bytes_up == pytest.approx(full * 13 / 20)
        assert record.bytes_down == pytest.approx(full * (13 / 4 if name == "flora" else 13 / 20))
        assert np.isfinite(record.errors.own).all()


@pytest.mark.parametrize("name", [name for name in METHODS if name not in MIXED])
def test_methods_that_cannot_mix_ranks_say_so(name: str) -> None:
    label = METHODS[name].card.label
    with pytest.raises(ConfigError) as caught:
        Federation(config(ranks="mixed", arms=("hetlora", name)))
    assert caught.value.key == "ranks"
    assert f"Ranks of the clients must be equal for {label}; got 'mixed'. Mixed ranks work with " in str(caught.value)
    assert all(METHODS[able].card.label in str(caught.value) for able in MIXED)


def test_mixed_ranks_cannot_be_turned() -> None:
    rule = r"Ranks of the clients must be equal where frames are turned; got 'mixed'\. Choose other frames\."
    with pytest.raises(ConfigError, match=rule) as caught:
        Federation(config(ranks="mixed", arms=("hetlora",), frames="turned"))
    assert caught.value.key == "ranks"


STEPPED = [name for name in METHODS if METHODS[name].server_optimizer]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in STEPPED])
def test_methods_without_a_common_frame_refuse_fedadam(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Federation(config(server="adam", arms=("fedit", name)))
    assert caught.value.key == "server"
    text = str(caught.value)
    assert f"Server optimiser must be FedAvg for {METHODS[name].card.label}; got 'adam'. FedAdam works with " in text
    assert all(METHODS[able].card.label in text for able in STEPPED)


@pytest.mark.parametrize("name", STEPPED)
def test_fedadam_steps_by_hand(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Two moments of the change, no bias correction, one step along them; a frozen factor rests."""
    seen = watching(monkeypatch, name)
    trace = run(task="teacher", server="adam", slr=0.1, rounds=4, arms=(name,))
    assert trace.stopped == []
    assert len(seen) == 4
    for side in ("A", "B"):
        x = getattr(seen[0][1].factors, side).numpy()
        m, v = np.zeros_like(x), np.zeros_like(x)
        for t, (_, state, _, outcome) in enumerate(seen):
            np.testing.assert_allclose(getattr(state.factors, side), x, atol=6 * UPLOAD_STEP)
            change = getattr(outcome.state.factors, side).numpy() - x
            if side in METHODS[name].trains(t):
                m = 0.9 * m + 0.1 * change
                v = 0.99 * v + 0.01 * change * change
                x = x + 0.1 * m / (np.sqrt(v) + 1e-3)
            else:
                assert torch.equal(getattr(outcome.state.factors, side), getattr(state.factors, side))


def test_fedadam_moves_the_run_and_its_learning_rate_counts() -> None:
    plain, slow, fast = run(), run(server="adam", slr=0.003), run(server="adam", slr=0.3)
    losses = [t.arm("fedit")[-1].loss for t in (plain, slow, fast)]
    assert len({round(loss, 6) for loss in losses}) == 3
    first = [t.arm("fedit")[0].errors.own.tolist() for t in (plain, slow, fast)]
    assert first[0] == first[1] == first[2]  # errors are of the rule, before the server's step


@pytest.mark.parametrize("opt", ["adam", "sgd"])
@pytest.mark.parametrize("server", ["avg", "adam"])
@pytest.mark.parametrize("frames", ["svd", "independent", "turned"])
def test_a_frozen_factor_never_moves(monkeypatch: pytest.MonkeyPatch, opt: str, server: str, frames: str) -> None:
    """FFA: every client's A, and the server's, is the initial draw to the last bit."""
    seen = watching(monkeypatch, "ffa")
    federation = Federation(config(opt=opt, server=server, frames=frames, arms=("fedit", "ffa")))
    federation.run()
    first = federation.start_A[:, 0]
    assert len(seen) == 3
    for _, state, sent, outcome in seen:
        assert torch.equal(state.factors.A, first)
        assert torch.equal(outcome.state.factors.A, first)
        for k in range(4):
            assert torch.equal(sent.A[:, k], first)
        assert not torch.equal(sent.B[:, 0], sent.B[:, 1])


def test_rolora_freezes_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watching(monkeypatch, "rolora")
    run(rounds=4, arms=("rolora",))
    for t, (_, state, sent, _) in enumerate(seen):
        for side in ("A", "B"):
            old, new = getattr(state.factors, side), getattr(sent, side)
            moved = [not torch.equal(new[:, k], old) for k in range(4)]
            assert moved == [side == ("A" if t % 2 else "B")] * 4


def merged_loss(task: Digits, state: ServerState) -> float:
    """The loss of a plain network into which everything is merged."""
    h, s = task.test_x.double(), task.config.lora.scaling
    for n, (W, b, spec) in enumerate(zip(task.base.weights, task.base.biases, task.layers, strict=True)):
        delta = (state.factors.B @ state.factors.A)[n, : spec.d_out, : spec.d_in]
        if state.base is not None:
            delta = delta + state.base[n, : spec.d_out, : spec.d_in]
        h = h @ (W.double() + s * delta).mT + b.double()
        h = h.relu() if n < len(task.layers) - 1 else h
    return float(F.cross_entropy(h, task.test_y))


@pytest.mark.parametrize("name", ["flora", "fedex", "fedit"])
def test_recorded_loss_is_that_of_the_merged_network(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    seen = watching(monkeypatch, name)
    federation = Federation(config(arms=(name,), steps=15))
    trace = federation.run()
    assert isinstance(federation.task, Digits)
    for record, (_, _, _, outcome) in zip(trace.records, seen, strict=True):
        assert record.loss == pytest.approx(merged_loss(federation.task, outcome.state), rel=1e-4)
    if name != "fedit":
        assert trace.records[-1].loss < 0.9 * trace.task.start_loss
        assert max(float(r.errors.own[-1]) for r in trace.records) < 1e-6


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["flora", "fedex"])
def test_arms_train_on_their_own_merged_base(monkeypatch: pytest.MonkeyPatch, name: str, task: str) -> None:
    """A client's SGD, repeated by autograd from the recorded start on ``W0 + s base``, beside an arm on W0."""
    seen = watching(monkeypatch, name)
    federation = Federation(
        config(task=task, arms=("fedit", name), opt="sgd", lr=0.05, rounds=2, frames="independent", steps=3)
    )
    federation.run()
    context, state, sent, _ = seen[1]
    assert state.base is not None
    assert float(state.base.abs().max()) > 1e-4
    built, s, k = federation.task, federation.config.lora.scaling, 2
    program = built.program(1)
    program.start_round([built.batch(1, [RowGroup((k,))])])
    leaves = [
        x[n].clone().requires_grad_() for n in range(len(built.layers)) for x in (state.factors.A, state.factors.B)
    ]
    for step in range(3):
        if isinstance(built, Digits):
            assert isinstance(program, MlpProgram)
            batch = program.batches[step]
            h = built.train_x[batch].double()
            for n, (W, b, spec) in enumerate(zip(built.base.weights, built.base.biases, built.layers, strict=True)):
                delta = (state.base[n] + leaves[2 * n + 1] @ leaves[2 * n])[: spec.d_out, : spec.d_in]
                h = h @ (W.double() + s * delta).mT + b.double()
                h = h.relu() if n < 2 else h
            loss = F.cross_entropy(h, built.train_y[batch])
        else:
            assert isinstance(built, Teacher)
            T = built.teachers.B[k] @ built.teachers.A[k]
            loss = 0.5 * (s * (state.base[0] + leaves[1] @ leaves[0]) - T).square().sum()
        grads = torch.autograd.grad(loss, leaves)
        leaves = [(x - 0.05 * g).detach().requires_grad_() for x, g in zip(leaves, grads, strict=True)]
    assert context.clients.tolist() == [0, 1, 2, 3]
    for n in range(len(built.layers)):
        for side, leaf in (("A", leaves[2 * n]), ("B", leaves[2 * n + 1])):
            before, found = getattr(state.factors, side)[n], getattr(sent, side)[n, k]
            expected = leaf.detach()
            moved = float((expected - before).norm())
            assert side == "A" or moved > 1e-4
            np.testing.assert_allclose(found, expected, atol=1e-3 * moved + 1e-6)


def test_private_factors_are_where_their_client_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """FedSA under sampling: who sits out keeps its B, and comes back to it."""
    seen = watching(monkeypatch, "fedsa")
    run(task="teacher", clients=6, part=0.5, rounds=6, arms=("fedsa",), frames="trained")
    own: dict[int, torch.Tensor] = {}
    returned = 0
    for context, state, sent, outcome in seen:
        start = METHODS["fedsa"].start(state, context)
        for n, k in enumerate(context.clients.tolist()):
            assert torch.equal(start.B[:, n], own[k]) if k in own else not start.B[:, n].any()
            returned += k in own
            own[k] = sent.B[:, n]
        assert outcome.state.private is not None
        for k in range(6):
            held = outcome.state.private[:, k]
            assert torch.equal(held, own[k]) if k in own else not held.any()
    assert returned > 3


def test_bytes_of_a_record_are_four_a_number() -> None:
    """Digits 64-64-64-10 at rank 3, four clients: A holds 3 (64 + 64 + 64), B holds 3 (64 + 64 + 10)."""
    a, b = 4 * 3 * 192, 4 * 3 * 138
    arms = ("fedit", "ffa", "fedsa", "rolora", "fedsvd", "flora", "fedex", "fedsrd")
    trace = run(arms=arms, rounds=2)
    expected = {
        "fedit": (a + b, a + b),
        "ffa": (b, b),
        "fedsa": (a, a),
        "fedsvd": (b, a + b),
        "flora": (a + b, 4 * (a + b)),
        "fedex": (a + b, a + b + 4 * sum(min(64 * o, 3 * 3 * (64 + o)) for o in (64, 64, 10))),
    }
    for name, (up, down) in expected.items():
        for record in trace.arm(name):
            assert (record.bytes_up, record.bytes_down) == (up, down), name
    assert [(r.bytes_up, r.bytes_down) for r in trace.arm("rolora")] == [(b, b), (a, a)]
    for record in trace.arm("fedsrd"):
        assert 0 < record.bytes_up < 0.16 * 2 * (a + b)
        assert record.bytes_up % 2 == 0  # each number travels with its place
    assert trace.arm("fedsrd")[0].bytes_down == 0  # round 0 is lost
    assert 0 < trace.arm("fedsrd")[1].bytes_down < 2 * b


def test_checksum_ignores_measured_seconds_but_covers_bytes() -> None:
    trace = run(task="teacher", rounds=1)

    def changed(**values: float) -> str:
        first = dataclasses.replace(trace.records[0], **values)  # type: ignore[arg-type]
        return dataclasses.replace(trace, records=[first, *trace.records[1:]]).checksum

    assert trace.records[0].client_seconds > 0
    assert trace.records[0].server_seconds > 0
    assert changed(client_seconds=123.0) == changed(server_seconds=123.0) == trace.checksum
    assert changed(bytes_up=123.0) != trace.checksum
    assert changed(bytes_down=123.0) != trace.checksum


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
    assert trace.arm("fedit")[-1].errors.own[-1] > 2 * trace.arm("fedrot")[-1].errors.own[-1]


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
