"""Hand-derived gradients against autograd, optimisers against torch.optim, rows against each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fedrot_core.compute import CPU, DTYPES, Compute, pick_compute
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, FlatFactors, Program, pack, unpack
from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.factors import Factors, LayerSpec
from fedrot_core.workloads import POOLED, RowGroup, build_task
from fedrot_core.workloads.base import RoundProgram
from fedrot_core.workloads.digits import Digits
from fedrot_core.workloads.mlp import MlpProgram
from fedrot_core.workloads.teacher import Teacher

STEPS = 6


def digits(**values: object) -> Digits:
    config = FederationConfig().with_values({"clients": 4, "steps": STEPS, "batch": 8, "rank": 3, **values})
    task = build_task(config, CPU)
    assert isinstance(task, Digits)
    return task


def teacher(**values: object) -> Teacher:
    task = build_task(FederationConfig().with_values({"task": "teacher", "clients": 4, "rank": 3, **values}), CPU)
    assert isinstance(task, Teacher)
    return task


def random_start(task: Digits | Teacher, rows: int, rank: int, seed: int = 0, size: float = 0.1) -> Factors:
    rng = np.random.default_rng(seed)
    i, o = max(s.d_in for s in task.layers), max(s.d_out for s in task.layers)
    A, B = np.zeros((len(task.layers), rows, rank, i)), np.zeros((len(task.layers), rows, o, rank))
    for n, s in enumerate(task.layers):
        A[n, ..., : s.d_in] = size * rng.standard_normal((rows, rank, s.d_in))
        B[n, :, : s.d_out] = size * rng.standard_normal((rows, s.d_out, rank))
    return Factors(torch.from_numpy(A), torch.from_numpy(B))


def engine_for(task: Digits | Teacher, rows: int, optimizer: str = "sgd", lr: float = 0.02) -> Engine:
    return Engine(task.layers, rows, task.config.lora.rank, optimizer, lr, CPU)


def row_loss(task: Digits | Teacher, factors: Sequence[Factors], k: int, batch: torch.Tensor | None) -> torch.Tensor:
    """The loss of one row in plain float64 torch, from the definition."""
    s = task.config.lora.scaling
    if isinstance(task, Teacher):
        T = task.teachers.B[k] @ task.teachers.A[k] if k != POOLED else task.mean_teacher
        return 0.5 * (s * factors[0].B @ factors[0].A - T).square().sum()
    assert batch is not None
    h = task.train_x[batch].double()
    for n, (W, b, f) in enumerate(zip(task.base.weights, task.base.biases, factors, strict=True)):
        h = h @ (W.double() + s * f.B @ f.A).mT + b.double()
        if n < len(task.base.weights) - 1:
            h = h.relu()
    return F.cross_entropy(h, task.train_y[batch])


def leaves_of(task: Digits | Teacher, start: Factors, row: int) -> list[Factors]:
    return [
        Factors(
            start.A[n, row, :, : s.d_in].clone().requires_grad_(), start.B[n, row, : s.d_out].clone().requires_grad_()
        )
        for n, s in enumerate(task.layers)
    ]


def batch_of(program: Program, step: int, row: int) -> torch.Tensor | None:
    if not isinstance(program, MlpProgram):
        return None
    rows, b = program.shape
    return program.batches[step].view(rows, b)[row]


TASKS: dict[str, Callable[[], Digits | Teacher]] = {"digits": digits, "teacher": teacher}
ROWS = (0, 1, 2, 3, 1, POOLED)


@pytest.mark.parametrize("name", TASKS)
def test_gradients_agree_with_autograd(name: str) -> None:
    task = TASKS[name]()
    program: RoundProgram = task.program(len(ROWS))
    program.start_round([task.batch(2, [RowGroup(ROWS)])])
    start = random_start(task, len(ROWS), 3)
    engine = engine_for(task, len(ROWS))
    pack(engine, start)
    program.gradients(engine.params.layers, engine.grads.layers, 1)
    for row, k in enumerate(ROWS):
        factors = leaves_of(task, start, row)
        row_loss(task, factors, k, batch_of(program, 1, row)).backward()  # type: ignore[no-untyped-call]
        for f, g in zip(factors, engine.grads.layers, strict=True):
            for expected, found in ((f.A.grad, g.A[row]), (f.B.grad, g.B[row])):
                assert expected is not None
                assert float(expected.abs().max()) > 1e-6
                np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13 * float(expected.abs().max()))


def base_for(task: Digits | Teacher, seed: int) -> torch.Tensor:
    """Something merged into the frozen weights, (L, o, i), empty beyond each layer's width."""
    rng = np.random.default_rng(seed)
    base = np.zeros((len(task.layers), max(s.d_out for s in task.layers), max(s.d_in for s in task.layers)))
    for n, s in enumerate(task.layers):
        base[n, : s.d_out, : s.d_in] = 0.05 * rng.standard_normal((s.d_out, s.d_in))
    return torch.from_numpy(base)


def loss_on(
    task: Digits | Teacher, factors: Sequence[Factors], k: int, batch: torch.Tensor | None, base: torch.Tensor | None
) -> torch.Tensor:
    """:func:`row_loss` with ``base`` merged in: as further columns of B that do not train."""
    if base is None:
        return row_loss(task, factors, k, batch)
    wider = []
    for n, (f, s) in enumerate(zip(factors, task.layers, strict=True)):
        eye = torch.eye(s.d_out, dtype=torch.float64)
        wider.append(Factors(torch.cat([f.A, base[n, : s.d_out, : s.d_in]]), torch.cat([f.B, eye], dim=1)))
    return row_loss(task, wider, k, batch)


@pytest.mark.parametrize(
    "layout",
    [
        [((0, 1), 1), ((1, 2, 3), 2), ((POOLED,), None)],
        [((0, 1), None), ((1, 2), 1), ((3,), None), ((POOLED,), 2)],
        [((0,), None), ((1,), None), ((2, 3), 1)],
        [((0, 1, 2), 3)],
        [((0, 2), 1), ((3, 1), None), ((POOLED,), None)],
    ],
)
@pytest.mark.parametrize("name", TASKS)
def test_gradients_of_groups_on_their_own_bases(name: str, layout: list[tuple[tuple[int, ...], int | None]]) -> None:
    """Each group of rows stands on its own merged base; twice, since a program forgets its earlier rounds."""
    task = TASKS[name]()
    groups = [RowGroup(clients, None if seed is None else base_for(task, seed)) for clients, seed in layout]
    rows = [(k, group.base) for group in groups for k in group.clients]
    program: RoundProgram = task.program(len(rows))
    start = random_start(task, len(rows), 3)
    engine = engine_for(task, len(rows))
    pack(engine, start)
    for t, order in enumerate((groups, groups[::-1])):
        rows = [(k, group.base) for group in order for k in group.clients]
        program.start_round([task.batch(t, order)])
        program.gradients(engine.params.layers, engine.grads.layers, 1)
        for row, (k, base) in enumerate(rows):
            factors = leaves_of(task, start, row)
            loss_on(task, factors, k, batch_of(program, 1, row), base).backward()  # type: ignore[no-untyped-call]
            for f, g in zip(factors, engine.grads.layers, strict=True):
                for expected, found in ((f.A.grad, g.A[row]), (f.B.grad, g.B[row])):
                    assert expected is not None
                    assert float(expected.abs().max()) > 1e-6
                    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-13 * float(expected.abs().max()))


@pytest.mark.parametrize("name", TASKS)
def test_evaluation_counts_the_merged_base(name: str) -> None:
    task = TASKS[name]()
    base, f = base_for(task, 5), random_start(task, 2, 3)
    loss, score = task.evaluate(f, base)
    plain, _ = task.evaluate(f)
    assert float((loss - plain).abs().min()) > 1e-3
    if isinstance(task, Teacher):
        eye = torch.eye(task.layers[0].d_out, dtype=torch.float64).expand(1, 2, -1, -1)
        merged = Factors(torch.cat([f.A, base.unsqueeze(1).expand(-1, 2, -1, -1)], -2), torch.cat([f.B, eye], -1))
        same, same_score = task.evaluate(merged)
        torch.testing.assert_close(loss, same, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(score, same_score, rtol=1e-9, atol=1e-9)
        return
    for g in range(2):
        h = task.test_x.double()
        for n, (W, b, s) in enumerate(zip(task.base.weights, task.base.biases, task.layers, strict=True)):
            delta = (base[n] + f.B[n, g] @ f.A[n, g])[: s.d_out, : s.d_in]
            h = h @ (W.double() + task.config.lora.scaling * delta).mT + b.double()
            h = h.relu() if n < 2 else h
        assert float(loss[g]) == pytest.approx(float(F.cross_entropy(h, task.test_y)), rel=1e-12)
        assert float(score[g]) == pytest.approx(float((h.argmax(-1) == task.test_y).double().mean()), abs=0.003)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_what_is_not_trainable_rests(optimizer: str) -> None:
    """A zero in the mask freezes a number to the last bit; the others go as if it were not there."""
    script = torch.randn(12, 3, 2, 5, generator=torch.Generator().manual_seed(3))
    moved = []
    for masked in (False, True):
        engine = Engine([LayerSpec("one", 5, 5)], 3, 2, optimizer, 0.03, CPU)
        engine.params.flat.fill_(1.0)
        if masked:
            engine.trainable = FlatFactors([LayerSpec("one", 5, 5)], 3, 2, CPU)
            engine.trainable.layers[0].A[1:, 0] = 1.0
        engine.train(Scripted(script), 12)
        moved.append(engine.params.layers[0].A.clone())
        assert bool((engine.params.layers[0].B == 1).all()) == masked
    free, held = moved
    assert torch.equal(held[1:, 0], free[1:, 0])
    assert bool((held[0] == 1).all())
    assert bool((held[:, 1] == 1).all())
    assert bool((free != 1).all())


@pytest.mark.parametrize("name", TASKS)
def test_gradient_is_orthogonal_to_the_gauge_orbit(name: str) -> None:
    """``Bᵀ g_B = g_A Aᵀ``, so ``<g_B, B X> - <g_A, X A> = 0`` for every generator X: descent does not turn frames."""
    task = TASKS[name]()
    program: RoundProgram = task.program(len(ROWS))
    program.start_round([task.batch(0, [RowGroup(ROWS)])])
    start = random_start(task, len(ROWS), 3)
    engine = engine_for(task, len(ROWS))
    pack(engine, start)
    program.gradients(engine.params.layers, engine.grads.layers, 0)
    for p, g in zip(engine.params.layers, engine.grads.layers, strict=True):
        left, right = p.B.mT @ g.B, g.A @ p.A.mT
        scale = float(left.abs().max())
        assert scale > 1e-5
        torch.testing.assert_close(left, right, rtol=0, atol=1e-13 * scale)
        X = torch.from_numpy(np.random.default_rng(0).standard_normal((20, 1, 3, 3)))
        along = (g.B * (p.B @ X)).sum((-1, -2)) - (g.A * (X @ p.A)).sum((-1, -2))
        lengths = g.B.norm(dim=(-1, -2)) * (p.B @ X).norm(dim=(-1, -2))
        assert float((along / lengths).abs().max()) < 1e-12


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", TASKS)
def test_training_agrees_with_torch_optim_on_plain_modules(name: str, optimizer: str) -> None:
    task = TASKS[name]()
    program: RoundProgram = task.program(len(ROWS))
    program.start_round([task.batch(1, [RowGroup(ROWS)])])
    start = random_start(task, len(ROWS), 3)
    lr = 0.02 if optimizer == "sgd" else 0.01
    engine = engine_for(task, len(ROWS), optimizer, lr)
    pack(engine, start)
    engine.train(program, STEPS)
    trained = unpack(engine, start)
    kind = torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam
    for row, k in enumerate(ROWS):
        factors = leaves_of(task, start, row)
        theirs = kind([x for f in factors for x in (f.A, f.B)], lr=lr)
        for step in range(STEPS):
            theirs.zero_grad()
            row_loss(task, factors, k, batch_of(program, step, row)).backward()  # type: ignore[no-untyped-call]
            theirs.step()
        for n, (f, s) in enumerate(zip(factors, task.layers, strict=True)):
            for expected, found, before in (
                (f.A.detach(), trained.A[n, row, :, : s.d_in], start.A[n, row, :, : s.d_in]),
                (f.B.detach(), trained.B[n, row, : s.d_out], start.B[n, row, : s.d_out]),
            ):
                moved = float((expected - before).norm())
                assert moved > 1e-4
                assert float((found - expected).abs().max()) < 1e-9 * moved


class Scripted:
    """Prescribed gradients, so that an optimiser is seen alone."""

    def __init__(self, gradients: torch.Tensor) -> None:
        self.script = gradients  # (steps, N, r, i)

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        grads[0].A.copy_(self.script[step])
        grads[0].B.copy_(self.script[step].mT)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_optimisers_agree_with_torch_optim_step_by_step(optimizer: str) -> None:
    script = torch.randn(12, 3, 2, 5, generator=torch.Generator().manual_seed(0)).double() * torch.logspace(-6, 2, 5)
    engine = Engine([LayerSpec("one", 5, 5)], 3, 2, optimizer, 0.03, CPU)
    for start_again in range(2):  # state starts afresh each round
        engine.params.flat.fill_(1.0)
        engine.train(Scripted(script), 12)
        ours = engine.params.layers[0].A.clone()
        theirs = torch.ones(3, 2, 5, dtype=torch.float64, requires_grad=True)
        stepper = (torch.optim.SGD if optimizer == "sgd" else torch.optim.Adam)([theirs], lr=0.03)
        for g in script:
            theirs.grad = g.clone()
            stepper.step()
        torch.testing.assert_close(ours, theirs.detach(), rtol=1e-12, atol=1e-12, msg=f"round {start_again}")


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("name", TASKS)
def test_rows_do_not_touch_each_other(name: str, optimizer: str) -> None:
    """A row trained alone ends where it ends in company; NaN or Inf in one row stays there."""
    task = TASKS[name]()
    rows = [0, 1, 2]
    start = random_start(task, 3, 3)

    def trained(rows: list[int], start: Factors) -> Factors:
        program: RoundProgram = task.program(len(rows))
        program.start_round([task.batch(0, [RowGroup(tuple(rows))])])
        engine = engine_for(task, len(rows), optimizer, 0.01)
        pack(engine, start)
        engine.train(program, STEPS)
        return unpack(engine, start)

    together = trained(rows, start)
    for k in rows:
        alone = trained([k], Factors(start.A[:, k : k + 1], start.B[:, k : k + 1]))
        torch.testing.assert_close(alone.A[:, 0], together.A[:, k], rtol=0, atol=1e-10)
        torch.testing.assert_close(alone.B[:, 0], together.B[:, k], rtol=0, atol=1e-10)
    for bad in (float("nan"), float("inf")):
        broken = Factors(start.A.clone(), start.B.clone())
        broken.A[:, 1, 0, 0] = bad
        found = trained(rows, broken)
        assert found.finite().all(0).tolist() == [True, False, True]
        for k in (0, 2):
            assert torch.equal(found.A[:, k], together.A[:, k])
            assert torch.equal(found.B[:, k], together.B[:, k])


def test_rows_are_different_from_each_other() -> None:
    task = digits()
    program: RoundProgram = task.program(2)
    program.start_round([task.batch(0, [RowGroup((0, 1))])])
    start = random_start(task, 2, 3)
    twins = Factors(start.A[:, :1].repeat(1, 2, 1, 1), start.B[:, :1].repeat(1, 2, 1, 1))
    engine = engine_for(task, 2)
    pack(engine, twins)
    engine.train(program, STEPS)
    after = unpack(engine, twins)
    assert float((after.A[:, 0] - after.A[:, 1]).abs().max()) > 1e-4


def test_pack_and_unpack_are_inverse_and_leave_padding_empty() -> None:
    task = digits(width=96)
    start = random_start(task, 3, 3)
    engine = engine_for(task, 3)
    pack(engine, start)
    back = unpack(engine, start)
    torch.testing.assert_close(back.A, start.A, rtol=0, atol=0)
    torch.testing.assert_close(back.B, start.B, rtol=0, atol=0)
    assert back.A.dtype == torch.float64
    dirty = Factors(torch.full_like(start.A, 7.0), torch.full_like(start.B, 7.0))
    pack(engine, dirty)
    back = unpack(engine, start)
    for n, s in enumerate(task.layers):
        assert bool((back.A[n, ..., : s.d_in] == 7).all())
        assert not back.A[n, ..., s.d_in :].any()
        assert not back.B[n, :, s.d_out :].any()


def test_cancel_is_asked_before_each_step_and_obeyed_at_once() -> None:
    steps_done: list[int] = []

    class Counting(Scripted):
        def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
            steps_done.append(step)
            super().gradients(params, grads, step)

    engine = Engine([LayerSpec("one", 5, 5)], 3, 2, "sgd", 0.1, CPU)
    with pytest.raises(Cancelled):
        engine.train(Counting(torch.ones(9, 3, 2, 5)), 9, lambda: len(steps_done) == 4)
    assert steps_done == [0, 1, 2, 3]


def test_auto_takes_a_device_with_float64_and_refusals_name_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_compute("auto", "auto") == pick_compute("cpu", "float64") == CPU
    assert pick_compute("cpu", "float32").dtype == torch.float32
    for name in ("cuda", "mps"):
        with pytest.raises(ConfigError, match=rf"this machine has \(cpu\); got '{name}'\. Choose auto\.") as caught:
            pick_compute(name)
        assert caught.value.key == "device"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_compute("auto", "auto") == CPU
    assert pick_compute("auto", "float32").device.type == "mps"
    assert pick_compute("mps", "auto").precision == "float32"
    with pytest.raises(ConfigError, match=r"be float32 on mps, which has no float64; got 'float64'\. Choose auto"):
        pick_compute("mps", "float64")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_compute("auto", "auto") == Compute(torch.device("cuda"), torch.float64)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-12), ("float32", 2e-4)])
def test_cuda_agrees_with_cpu(name: str, optimizer: str, precision: str, tolerance: float) -> None:
    found = []
    for device in ("cpu", "cuda"):
        compute = Compute(torch.device(device), DTYPES[precision])
        task = build_task(TASKS[name]().config, compute)
        assert isinstance(task, (Digits, Teacher))
        program: RoundProgram = task.program(len(ROWS))
        program.start_round([task.batch(0, [RowGroup(ROWS)])])
        start = random_start(task, len(ROWS), 3)
        engine = Engine(task.layers, len(ROWS), 3, optimizer, 0.01, compute)
        pack(engine, start)
        engine.train(program, STEPS)
        after = unpack(engine, start)
        loss, score = task.evaluate(after)
        found.append((after, loss, score))
    (cpu, loss, score), (cuda, loss2, score2) = found
    torch.testing.assert_close(cuda.A, cpu.A, rtol=0, atol=tolerance)
    torch.testing.assert_close(cuda.B, cpu.B, rtol=0, atol=tolerance)
    torch.testing.assert_close(loss2, loss, rtol=5 * tolerance, atol=tolerance)
    torch.testing.assert_close(score2, score, rtol=0, atol=50 * tolerance)
