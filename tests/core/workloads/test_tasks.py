"""Workloads: what they say of themselves, their batches, and their scores against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fedrot_core.compute import CPU, torch_threads
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.factors import Factors
from fedrot_core.workloads import POOLED, WORKLOADS, RowGroup, Task, build_task
from fedrot_core.workloads.digits import Digits, _data, pretrained
from fedrot_core.workloads.mlp import MlpProgram
from fedrot_core.workloads.teacher import Teacher


def build(**values: object) -> Task:
    return build_task(FederationConfig().with_values({"clients": 5, "rank": 3, **values}), CPU)


def adapters(task: Task, groups: int, r: int, seed: int = 0) -> Factors:
    g = torch.Generator().manual_seed(seed)
    i, o = max(s.d_in for s in task.layers), max(s.d_out for s in task.layers)
    shape = (len(task.layers), groups)
    return Factors(
        0.2 * torch.randn(*shape, r, i, generator=g, dtype=torch.float64),
        0.2 * torch.randn(*shape, o, r, generator=g, dtype=torch.float64),
    )


@pytest.mark.parametrize("name", WORKLOADS)
def test_workload_contract(name: str) -> None:
    task = build(task=name)
    assert task.layers
    assert len({s.name for s in task.layers}) == len(task.layers)
    assert len(task.sample_counts) == 5
    assert min(task.sample_counts) > 0
    for text in (task.score_name, task.loss_name, task.summary):
        assert text.strip()
    f = adapters(task, 3, 3)
    loss, score = task.evaluate(f)
    assert loss.shape == score.shape == (3,)
    assert bool(torch.isfinite(loss).all())
    one_loss, one_score = task.evaluate(Factors(f.A[:, 1:2], f.B[:, 1:2]))
    assert float(one_loss) == pytest.approx(float(loss[1]), rel=1e-5)
    assert float(one_score) == pytest.approx(float(score[1]), abs=1e-6)
    Q, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    turned_loss, _ = task.evaluate(f.turned(Q))
    torch.testing.assert_close(turned_loss, loss, rtol=1e-4, atol=1e-5)


def test_unknown_workload_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"must be one of digits, .*teacher.*; got 'nope'") as caught:
        build(task="nope")
    assert caught.value.key == "task"


def test_digits_split_and_base_do_not_depend_on_the_seed() -> None:
    one, two = build(seed=1), build(seed=2)
    assert isinstance(one, Digits)
    assert isinstance(two, Digits)
    assert torch.equal(one.train_x, two.train_x)
    assert all(torch.equal(a, b) for a, b in zip(one.base.weights, two.base.weights, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one.parts, two.parts, strict=True))
    assert one.class_counts is not None
    assert one.class_counts.sum() == len(one.train_y) == 1347
    assert one.class_counts.sum(1).tolist() == one.sample_counts.tolist()
    assert len(one.test_y) == 450
    assert 0 <= float(one.train_x.min()) < float(one.train_x.max()) <= 1


def test_pretrained_network_knows_its_classes_only() -> None:
    _, _, x, y = _data()
    for known in (2, 5):
        base = pretrained(known, 64)
        zero = [Factors(W.new_zeros(1, 1, W.shape[1]), W.new_zeros(1, W.shape[0], 1)) for W in base.weights]
        right = base.logits(x, zero, 1.0)[0].argmax(-1) == y
        assert float(right[y < known].double().mean()) > 0.95
        assert not bool(right[y >= known].any())


def test_digits_evaluation_agrees_with_a_dense_network() -> None:
    task = build(width=96)
    assert isinstance(task, Digits)
    f = adapters(task, 2, 3)
    loss, score = task.evaluate(f)
    for g in range(2):
        h = task.test_x.double()
        for n, (W, b, s) in enumerate(zip(task.base.weights, task.base.biases, task.layers, strict=True)):
            delta = f.B[n, g, : s.d_out] @ f.A[n, g, :, : s.d_in]
            h = h @ (W.double() + task.config.lora.scaling * delta).mT + b.double()
            h = h.relu() if n < 2 else h
        assert float(loss[g]) == pytest.approx(float(F.cross_entropy(h, task.test_y)), rel=1e-12)
        assert float(score[g]) == float((h.argmax(-1) == task.test_y).double().mean())


def test_batches_are_each_clients_own_and_equal_in_every_arm() -> None:
    task = build(steps=7, batch=16)
    assert isinstance(task, Digits)
    groups = [RowGroup((0, 1, 4)), RowGroup((0,)), RowGroup((POOLED,))]
    rows = [k for group in groups for k in group.clients]
    program = task.program(len(rows))
    assert isinstance(program, MlpProgram)
    program.start_round([task.batch(3, groups)])
    batches = program.batches.view(7, len(rows), 16).clone()
    for n, k in enumerate(rows):
        allowed = set(range(1347)) if k == POOLED else set(task.parts[k].tolist())
        assert set(batches[:, n].flatten().tolist()) <= allowed
    assert torch.equal(batches[:, 0], batches[:, 3])
    assert not torch.equal(batches[0], batches[1])
    program.start_round([task.batch(4, groups)])
    assert not torch.equal(batches, program.batches.view_as(batches))
    smaller = task.program(1)
    smaller.start_round([task.batch(3, [RowGroup((4,))])])
    assert torch.equal(smaller.batches.view(7, 16), batches[:, 2])


def test_iid_split_respects_the_fewest_samples() -> None:
    with pytest.raises(ConfigError, match="at most 6"):
        build(clients=200, split="iid", min=8)
    assert min(build(clients=200, split="iid", min=6).sample_counts) == 6


@pytest.mark.parametrize("heterogeneity", [0.0, 0.4, 1.0])
def test_teacher_evaluation_agrees_with_the_mean_over_clients(heterogeneity: float) -> None:
    task = build(task="teacher", het=heterogeneity)
    assert isinstance(task, Teacher)
    T = task.teachers.B @ task.teachers.A
    f = adapters(task, 2, 3)
    loss, score = task.evaluate(f)
    for g in range(2):
        W = task.config.lora.scaling * f.B[0, g] @ f.A[0, g]
        expected = float((W - T).square().sum() / T.square().sum())
        assert float(loss[g]) == pytest.approx(expected, rel=1e-9)
        assert float(score[g]) == pytest.approx((1 - expected) / (1 - task.optimal_loss), rel=1e-9)
    same = float((T - T[:1]).abs().max())
    assert (same < 1e-12) == (heterogeneity == 0.0)


@pytest.mark.parametrize("rank", [1, 3, 8, 32])
def test_teacher_score_one_is_the_best_rank_r_answer(rank: int) -> None:
    task = build(task="teacher", rank=rank)
    assert isinstance(task, Teacher)
    T = (task.teachers.B @ task.teachers.A).mean(0)
    U, S, Vh = torch.linalg.svd(T, full_matrices=False)
    s = task.config.lora.scaling

    def score_of(scale: float) -> tuple[float, float]:
        f = Factors(Vh[None, None, :rank], (scale * U * S)[None, None, :, :rank] / s)
        loss, score = task.evaluate(f)
        return float(loss), float(score)

    loss, score = score_of(1.0)
    assert score == pytest.approx(1.0, abs=1e-9)
    assert loss == pytest.approx(task.optimal_loss, abs=1e-9)
    assert score_of(0.0) == pytest.approx((1.0, 0.0), abs=1e-9)
    for scale in (0.9, 1.1):
        assert score_of(scale)[1] < 1


def test_the_frozen_network_does_not_depend_on_who_asks_first() -> None:
    """It is kept for the whole process; sums split among threads would change its last bits."""
    found = []
    for threads in (1, 2):
        with torch_threads(threads):
            found.append(pretrained.__wrapped__(5, 32))
    for first, second in zip(found[0].weights, found[1].weights, strict=True):
        assert torch.equal(first, second)
