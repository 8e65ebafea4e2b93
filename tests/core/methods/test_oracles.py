"""Each method's rule against plain NumPy: loops over layers and clients, dense products, no torch code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors
from fedrot_core.methods import fedsrd, lora_fair
from tests.core import dense
from tests.core.rounds import Played, play
from tests.core.samples import Sample, sample, unpadded

Array = NDArray[np.float64]
Widths = list[tuple[int, int]]
SHAPES: list[tuple[Widths, int, int]] = [([(12, 9), (7, 10)], 5, 3), ([(30, 20)], 3, 1), ([(8, 7)], 6, 4)]
EACH_SHAPE = pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
ROUNDS = pytest.mark.parametrize("t", [0, 1, 2])


def each_layer(s: Sample, done: Played) -> Iterator[tuple[Array, Array, Array, Array, Array, Array, Array]]:
    """Of each layer at true width: clients' A and B, the broadcast's, the next global ones, the dense update."""
    for n, (d_in, d_out) in enumerate(s.widths):
        A, B = unpadded(done.sent, n, (d_in, d_out))
        new = unpadded(done.after.factors, n, (d_in, d_out))
        old = unpadded(done.before.factors, n, (d_in, d_out))
        yield A, B, *old, *new, done.update[n, :d_out, :d_in].numpy()


def best_of_rank(W: Array, r: int) -> Array:
    U, S, Vh = np.linalg.svd(W)
    total = np.zeros_like(W)
    for j in range(min(r, len(S))):
        total += S[j] * np.outer(U[:, j], Vh[j])
    return total


def assert_average_of_turned(name: str, s: Sample, t: int, align: AlignmentConfig, rotations: list[Array]) -> None:
    """The method's factors are the plain weighted means of the clients' factors, each turned by its rotation."""
    check_average(s, play(name, s, t, align=align), rotations)


def check_average(s: Sample, done: Played, rotations: list[Array]) -> None:
    w = s.weights.numpy()
    for R, (A, B, _, _, new_A, new_B, update) in zip(rotations, each_layer(s, done), strict=True):
        A, B = dense.turned(A, B, R)
        np.testing.assert_allclose(new_A, dense.mean(A, w), atol=1e-6)
        np.testing.assert_allclose(new_B, dense.mean(B, w), atol=1e-6)
        np.testing.assert_allclose(update, dense.naive(A, B, w), atol=1e-6)


def still(s: Sample) -> list[Array]:
    K, r = s.sent.A.shape[1:3]
    return [np.stack([np.eye(r)] * K) for _ in s.widths]


def towards(s: Sample, side: str, group: str, strength: float, reference: Factors | None = None) -> list[Array]:
    target = reference or s.received
    return [
        dense.reference_rotations(*s.clients(n), *unpadded(target, n, width), side, group, strength)
        for n, width in enumerate(s.widths)
    ]


@EACH_SHAPE
@ROUNDS
@pytest.mark.parametrize("name", ["fedit", "hetlora"])
def test_fedit_and_hetlora_average_factors(name: str, widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(1, widths, K, r)
    assert_average_of_turned(name, s, t, AlignmentConfig(), still(s))
    done = play(name, s, t)
    assert (done.upload.alignment or done.outcome.alignment) is None


def test_hetlora_fills_smaller_ranks_with_zeros() -> None:
    s, ranks = sample(2, [(12, 9), (7, 10)], 3, 4), [4, 2, 1]
    padded = [np.zeros((3, 4, 12)), np.zeros((3, 9, 4)), np.zeros((3, 4, 7)), np.zeros((3, 10, 4))]
    for n in range(2):
        A, B = s.clients(n)
        for k, q in enumerate(ranks):
            padded[2 * n][k, :q] = A[k, :q]
            padded[2 * n + 1][k, :, :q] = B[k, :, :q]
    for k, q in enumerate(ranks):
        s.sent.A[:, k, q:] = 0
        s.sent.B[:, k, :, q:] = 0
    done, w = play("hetlora", s, 0, ranks=ranks), s.weights.numpy()
    for n, (_, _, _, _, new_A, new_B, _) in enumerate(each_layer(s, done)):
        np.testing.assert_allclose(new_A, dense.mean(padded[2 * n], w), atol=1e-12)
        np.testing.assert_allclose(new_B, dense.mean(padded[2 * n + 1], w), atol=1e-12)


@EACH_SHAPE
@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("group", ["SO", "O"])
@pytest.mark.parametrize("strength", [0.0, 0.4, 0.8, 1.0])
def test_fedrot_turns_onto_the_broadcast(
    widths: Widths, K: int, r: int, side: str, group: str, strength: float
) -> None:
    s = sample(2, widths, K, r)
    align = AlignmentConfig(group=group, strength=strength, side=side)
    assert_average_of_turned("fedrot", s, 3, align, towards(s, side, group, strength))


@pytest.mark.parametrize(("t", "side"), [(0, None), (1, "A"), (2, "B"), (3, "A"), (4, "B")])
@pytest.mark.parametrize("name", ["fedrot", "fedrot_code"])
def test_fedrot_alternates_and_leaves_round_zero_alone(name: str, t: int, side: str | None) -> None:
    s = sample(3, [(12, 9)], 4, 3)
    align = AlignmentConfig()
    group, strength = ("O", 1.0) if name == "fedrot_code" else (align.group, align.strength)
    rotations = still(s) if side is None else towards(s, side, group, strength)
    assert_average_of_turned(name, s, t, align, rotations)
    assert (play(name, s, t).upload.alignment is None) == (t == 0)


@pytest.mark.parametrize("name", ["fedrot", "fedrot_code"])
@pytest.mark.parametrize(("t", "side"), [(1, "A"), (2, "B")])
def test_fedrot_aligns_to_an_older_broadcast_where_references_are_stale(name: str, t: int, side: str) -> None:
    s, older = sample(4, [(12, 9)], 4, 3), sample(44, [(12, 9)], 4, 3).received
    group, strength = ("O", 1.0) if name == "fedrot_code" else ("SO", 0.8)
    check_average(s, play(name, s, t, reference=older), towards(s, side, group, strength, older))
    fresh, stale = towards(s, side, group, strength), towards(s, side, group, strength, older)
    assert np.abs(fresh[0] - stale[0]).max() > 0.1


def test_authors_code_ignores_the_runs_settings() -> None:
    s = sample(4, [(12, 9)], 4, 3)
    align = AlignmentConfig(group="SO", strength=0.2, side="B")
    assert_average_of_turned("fedrot_code", s, 1, align, towards(s, "A", "O", 1.0))


@EACH_SHAPE
@ROUNDS
def test_random_rotation_averages_what_its_own_rotations_turned(widths: Widths, K: int, r: int, t: int) -> None:
    """Round 0 is left alone as for FedRot; later every client and layer has a rotation of its own."""
    s = sample(5, widths, K, r)
    done = play("fedrot_random", s, t, clients=list(range(1, K + 1)))
    if t == 0:
        assert done.upload.alignment is None
        check_average(s, done, still(s))
        return
    assert done.upload.alignment is not None
    rotations = list(done.upload.alignment.R.numpy())
    check_average(s, done, rotations)
    flat = np.concatenate(rotations)
    for Q in flat:
        np.testing.assert_allclose(Q.T @ Q, np.eye(r), atol=1e-12)
        assert np.linalg.det(Q) == pytest.approx(1.0)
    if r > 1:
        apart = [np.abs(P - Q).max() for i, P in enumerate(flat) for Q in flat[:i]]
        assert min(apart) > 1e-3
    other = play("fedrot_random", s, t, clients=list(range(1, K + 1)), seed=1).upload.alignment
    assert other is not None
    assert (r == 1) == bool(torch.equal(other.R, done.upload.alignment.R))


@EACH_SHAPE
@pytest.mark.parametrize(("side", "t"), [("A", 1), ("B", 1), ("alternate", 0), ("alternate", 1), ("alternate", 2)])
def test_scalar_rescaling(widths: Widths, K: int, r: int, side: str, t: int) -> None:
    s = sample(6, widths, K, r)
    w = s.weights.numpy()
    s.sent.A[:, 1] = 0  # c is undefined on A
    s.sent.B[:, 1] = 0
    done = play("fedrot_scalar", s, t, align=AlignmentConfig(side=side))
    turn = None if t == 0 else {"A": "A", "B": "B", "alternate": "A" if t % 2 else "B"}[side]
    for A, B, ref_A, ref_B, new_A, new_B, _ in each_layer(s, done):
        for k in range(K):
            c = 1.0
            if turn == "A" and A[k].any():
                c = np.sum(A[k] * ref_A) / np.sum(A[k] ** 2)
            elif turn == "B" and B[k].any():
                c = 1 / (np.sum(B[k] * ref_B) / np.sum(B[k] ** 2))
            A[k], B[k] = A[k] * c, B[k] / c
        np.testing.assert_allclose(new_A, dense.mean(A, w), rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(new_B, dense.mean(B, w), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("side", "t"), [("A", 1), ("B", 2)])
@pytest.mark.parametrize("size", [0.0, 1e-9])
def test_scalar_rescaling_leaves_a_client_alone_where_its_scalar_vanishes(side: str, t: int, size: float) -> None:
    """A client at right angles to the reference would be multiplied by 0 and its other factor divided by 0."""
    s = sample(7, [(12, 9)], 3, 2)
    Q, ref = (s.sent.A, s.received.A) if side == "A" else (s.sent.B, s.received.B)
    Q[0, 1] -= ref[0] * (Q[0, 1] * ref[0]).sum() / ref[0].square().sum()
    Q[0, 1] += size * ref[0]
    done = play("fedrot_scalar", s, t)
    assert torch.equal(done.upload.factors.A[0, 1], s.sent.A[0, 1])
    assert torch.equal(done.upload.factors.B[0, 1], s.sent.B[0, 1])
    assert not torch.equal(done.upload.factors.A[0, 0], s.sent.A[0, 0])


@EACH_SHAPE
@pytest.mark.parametrize("t", [0, 1])
def test_gpa_averages_what_generalised_procrustes_aligned(widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(5, widths, K, r)
    rotations = [dense.generalised_procrustes(*s.clients(n), s.weights.numpy()) for n in range(len(widths))]
    assert_average_of_turned("gpa", s, t, AlignmentConfig(), rotations)


@EACH_SHAPE
@pytest.mark.parametrize(
    ("name", "t", "trains"), [("ffa", 0, "B"), ("ffa", 1, "B"), ("rolora", 0, "B"), ("rolora", 1, "A")]
)
def test_one_factor_methods(widths: Widths, K: int, r: int, name: str, t: int, trains: str) -> None:
    s = sample(8, widths, K, r)
    done, w = play(name, s, t), s.weights.numpy()
    for n, (_, _, old_A, old_B, new_A, new_B, update) in enumerate(each_layer(s, done)):
        A, B = s.clients(n)
        ideal = np.zeros_like(update)
        for k in range(K):
            ideal += w[k] * (B[k] @ old_A if trains == "B" else old_B @ A[k])
        np.testing.assert_allclose(update, ideal, atol=1e-12)
        np.testing.assert_array_equal(*((new_A, old_A) if trains == "B" else (new_B, old_B)))
        np.testing.assert_allclose(*((new_B, dense.mean(B, w)) if trains == "B" else (new_A, dense.mean(A, w))))


@EACH_SHAPE
@pytest.mark.parametrize("t", [0, 1])
def test_fedsvd_refactors_the_exact_product(widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(9, widths, K, r)
    done, w = play("fedsvd", s, t), s.weights.numpy()
    for n, (_, _, old_A, _, new_A, new_B, update) in enumerate(each_layer(s, done)):
        expected = dense.mean(s.clients(n)[1], w) @ old_A
        np.testing.assert_allclose(update, expected, atol=1e-9)
        np.testing.assert_allclose(new_A @ new_A.T, np.eye(r), atol=1e-9)
        np.testing.assert_allclose(new_B.T @ new_B, np.diag(np.linalg.svd(expected)[1][:r] ** 2), atol=1e-8)


@EACH_SHAPE
@ROUNDS
def test_flexlora_and_flora_na_keep_the_best_of_rank_r(widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(10, widths, K, r, noise=1.0)
    w = s.weights.numpy()
    for name in ("flexlora", "flora_na"):
        for A, B, _, _, new_A, new_B, update in each_layer(s, play(name, s, t)):
            ideal = dense.ideal(A, B, w)
            np.testing.assert_allclose(update, best_of_rank(ideal, r), atol=1e-8)
            S = np.diag(np.linalg.svd(ideal)[1][:r])
            if name == "flexlora":
                np.testing.assert_allclose(new_A @ new_A.T, np.eye(r), atol=1e-9)
                np.testing.assert_allclose(new_B.T @ new_B, S**2, atol=1e-8)
            else:
                np.testing.assert_allclose(new_A @ new_A.T, S, atol=1e-8)
                np.testing.assert_allclose(new_B.T @ new_B, S, atol=1e-8)


@pytest.mark.parametrize("ranks", [[4, 2, 1], [1, 1, 1]])
def test_flexlora_gives_each_client_its_leading_directions(ranks: list[int]) -> None:
    s = sample(11, [(12, 9)], 3, 4, noise=1.0)
    for k, q in enumerate(ranks):
        s.sent.A[:, k, q:] = 0
        s.sent.B[:, k, :, q:] = 0
    for A, B, _, _, new_A, new_B, _ in each_layer(s, play("flexlora", s, 0, ranks=ranks)):
        ideal = dense.ideal(A, B, s.weights.numpy())
        for q in ranks:
            np.testing.assert_allclose(new_B[:, :q] @ new_A[:q], best_of_rank(ideal, q), atol=1e-9)


@EACH_SHAPE
@ROUNDS
def test_flora_merges_the_ideal_and_starts_afresh(widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(12, widths, K, r)
    done, w = play("flora", s, t), s.weights.numpy()
    for n, (A, B, _, _, new_A, new_B, update) in enumerate(each_layer(s, done)):
        assert done.after.base is not None
        base = unpadded(Factors(done.after.base, done.after.base), n, widths[n])[1][:, : widths[n][0]]
        np.testing.assert_allclose(base, dense.ideal(A, B, w), atol=1e-10)
        np.testing.assert_allclose(update, base, atol=1e-10)
        assert not new_B.any()
        np.testing.assert_array_equal(new_A, done.context.fresh_A()[n, :, : widths[n][0]])


@EACH_SHAPE
@ROUNDS
def test_fedex_merges_what_the_average_missed(widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(13, widths, K, r)
    done, w = play("fedex", s, t), s.weights.numpy()
    for n, (A, B, _, _, new_A, new_B, update) in enumerate(each_layer(s, done)):
        assert done.after.base is not None
        missed = done.after.base[n, : widths[n][1], : widths[n][0]].numpy()
        expected = np.zeros_like(missed)
        for k in range(K):
            expected += w[k] * (B[k] - dense.mean(B, w)) @ (A[k] - dense.mean(A, w))
        np.testing.assert_allclose(missed, expected, atol=1e-9)
        assert np.linalg.matrix_rank(missed, tol=1e-9) <= (K - 1) * r  # what its bytes are counted by
        np.testing.assert_allclose(new_A, dense.mean(A, w), atol=1e-12)
        np.testing.assert_allclose(new_B, dense.mean(B, w), atol=1e-12)
        np.testing.assert_allclose(update, dense.ideal(A, B, w), atol=1e-9)


@EACH_SHAPE
@ROUNDS
def test_fedsa_averages_A_and_keeps_every_B(widths: Widths, K: int, r: int, t: int) -> None:
    s = sample(14, widths, K, r)
    done, w = play("fedsa", s, t), s.weights.numpy()
    assert done.after.private is not None
    for n, (A, B, _, _, new_A, _, update) in enumerate(each_layer(s, done)):
        mean_A = dense.mean(A, w)
        np.testing.assert_allclose(new_A, mean_A, atol=1e-12)
        personal = np.zeros_like(update)
        for k in range(K):
            np.testing.assert_array_equal(done.after.private[n, k, : widths[n][1]], B[k])
            personal += w[k] * B[k] @ mean_A
        np.testing.assert_allclose(update, personal, atol=1e-10)


def discrepancy(delta: Array, mean_A: Array, mean_B: Array, ideal: Array) -> float:
    """LoRA-FAIR's objective: ``1 - cos(ideal, (B̄ + ΔB) Ā) + λ ‖ΔB‖² / ‖B̄‖²``."""
    W = (mean_B + delta) @ mean_A
    cosine = np.sum(W * ideal) / (dense.frobenius(W) * dense.frobenius(ideal))
    return float(1 - cosine + lora_fair.PENALTY * np.sum(delta**2) / np.sum(mean_B**2))


def slope(delta: Array, mean_A: Array, mean_B: Array, ideal: Array, h: float = 1e-6) -> Array:
    """Its gradient by central differences, in units in which ``‖B̄‖`` is one."""
    size = dense.frobenius(mean_B)
    out = np.zeros_like(delta)
    for place in np.ndindex(*delta.shape):
        step = np.zeros_like(delta)
        step[place] = h * size
        up, down = (discrepancy(delta + sign * step, mean_A, mean_B, ideal) for sign in (1, -1))
        out[place] = (up - down) / (2 * h)
    return out


@EACH_SHAPE
@pytest.mark.parametrize("steps", [1, 3])
def test_lora_fair_descends_the_cosine_objective(
    widths: Widths, K: int, r: int, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lora_fair, "STEPS", steps)
    s = sample(15, widths, K, r)
    w = s.weights.numpy()
    for A, B, _, _, new_A, new_B, _ in each_layer(s, play("lora_fair", s, 1)):
        mean_A, mean_B, ideal = dense.mean(A, w), dense.mean(B, w), dense.ideal(A, B, w)
        delta = np.zeros_like(mean_B)
        for _ in range(steps):
            length = dense.frobenius((mean_B + delta) @ mean_A) / dense.frobenius(mean_B)
            steepest = np.linalg.svd(mean_A)[1][0] ** 2
            rate = 1 / (steepest / length**2 + 2 * lora_fair.PENALTY)
            delta -= rate * dense.frobenius(mean_B) * slope(delta, mean_A, mean_B, ideal)
        np.testing.assert_allclose(new_A, mean_A, atol=1e-12)
        assert dense.frobenius(delta) > 1e-4 * dense.frobenius(mean_B)
        np.testing.assert_allclose(new_B - mean_B, delta, atol=1e-6 * dense.frobenius(mean_B))


@pytest.mark.parametrize("noise", [0.1, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(6))
@EACH_SHAPE
def test_lora_fair_ends_near_a_minimum(widths: Widths, K: int, r: int, seed: int, noise: float) -> None:
    s = sample(seed, widths, K, r, noise=noise)
    w = s.weights.numpy()
    for A, B, _, _, _, new_B, _ in each_layer(s, play("lora_fair", s, 1)):
        mean_A, mean_B, ideal = dense.mean(A, w), dense.mean(B, w), dense.ideal(A, B, w)
        start = np.zeros_like(mean_B)
        args = mean_A, mean_B, ideal
        assert discrepancy(new_B - mean_B, *args) < discrepancy(start, *args)
        assert dense.frobenius(slope(new_B - mean_B, *args)) < 0.2 * dense.frobenius(slope(start, *args))


@EACH_SHAPE
@ROUNDS
def test_lora_fair_ridge_solves_its_ridge_problem(widths: Widths, K: int, r: int, t: int) -> None:
    """``min ‖(B̄ + ΔB) Ā - ideal‖² + λ ‖ΔB‖²``, row by row as least squares on the augmented system."""
    s = sample(16, widths, K, r)
    w = s.weights.numpy()
    for A, B, _, _, new_A, new_B, _ in each_layer(s, play("lora_fair_ridge", s, t)):
        mean_A, mean_B, ideal = dense.mean(A, w), dense.mean(B, w), dense.ideal(A, B, w)
        ridge = lora_fair.PENALTY * np.mean([row @ row for row in mean_A])
        tall = np.vstack([mean_A.T, np.sqrt(ridge) * np.eye(r)])
        delta = np.zeros_like(mean_B)
        for row, missing in enumerate(ideal - mean_B @ mean_A):
            delta[row] = np.linalg.lstsq(tall, np.concatenate([missing, np.zeros(r)]), rcond=None)[0]
        assert dense.frobenius(delta) > 1e-3
        np.testing.assert_allclose(new_A, mean_A, atol=1e-12)
        np.testing.assert_allclose(new_B, mean_B + delta, atol=1e-9)


def sparse(delta: Array, importance: Array) -> Array:
    """FedSRD's pruning of one matrix, entry by entry."""
    n, mean_square = delta.size, np.mean(delta**2)
    kurtosis = float(np.mean(delta**4) / mean_square**2)
    ratio = 0.85 + min(0.11, 0.1 * np.log(max(kurtosis, 1.0)))
    keep = int(np.ceil((1 - ratio) * n))
    ranked = sorted(np.ndindex(*delta.shape), key=lambda place: -importance[place])
    out = np.zeros_like(delta)
    for place in ranked[:keep]:
        out[place] = delta[place]
    return np.asarray(out * np.abs(delta).sum() / np.abs(out).sum())


def fedsrd_uploads(A: Array, B: Array, old_A: Array, old_B: Array) -> tuple[Array, Array]:
    up_A, up_B = np.zeros_like(A), np.zeros_like(B)
    for k in range(len(A)):
        dA, dB = A[k] - old_A, B[k] - old_B
        r = len(dA)
        weight_A = np.stack([np.abs(dA[j]) * np.linalg.norm(B[k][:, j]) for j in range(r)])
        weight_B = np.stack([np.abs(dB[:, j]) * np.linalg.norm(A[k][j]) for j in range(r)], axis=1)
        up_A[k], up_B[k] = old_A + sparse(dA, weight_A), old_B + sparse(dB, weight_B)
    return up_A, up_B


@EACH_SHAPE
def test_fedsrd_prunes_by_importance_and_keeps_the_mass(widths: Widths, K: int, r: int) -> None:
    s = sample(17, widths, K, r)
    s.sent.A[:, 0] = s.received.A + 0.01 * (s.sent.A[:, 0] - s.received.A)
    s.sent.A[:, 0, 0, 0] += 5.0  # a heavy tail bears more pruning
    done = play("fedsrd", s, 1)
    shares = []
    for n, (A, B, old_A, old_B, _, _, _) in enumerate(each_layer(s, done)):
        up = unpadded(done.upload.factors, n, widths[n])
        expected = fedsrd_uploads(A, B, old_A, old_B)
        for found, wanted, trained, old in zip(up, expected, (A, B), (old_A, old_B), strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-9)
            for k in range(K):
                assert np.abs(found[k] - old).sum() == pytest.approx(np.abs(trained[k] - old).sum())
                shares.append(np.mean(found[k] != old))
                n_kept = int((found[k] != old).sum())
                assert int(0.04 * old.size) <= n_kept <= int(0.15 * old.size) + 1
    assert r == 1 or min(shares) < max(shares)


@EACH_SHAPE
@pytest.mark.parametrize("t", [1, 2, 3])
@pytest.mark.parametrize("drop", [0.0, 0.5, 0.8])
def test_fedsrd_updates_one_factor_a_round(
    widths: Widths, K: int, r: int, t: int, drop: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fedsrd, "DROP", drop)
    s = sample(18, widths, K, r)
    done, w = play("fedsrd", s, t), s.weights.numpy()
    draws = done.context.rng("drop").random(done.before.factors.B.shape if t % 2 else done.before.factors.A.shape)
    for n, (A, B, old_A, old_B, new_A, new_B, update) in enumerate(each_layer(s, done)):
        W = best_of_rank(dense.ideal(*fedsrd_uploads(A, B, old_A, old_B), w), r)
        missing = W - old_B @ old_A
        step = missing @ np.linalg.pinv(old_A) if t % 2 else np.linalg.pinv(old_B) @ missing
        for place in np.ndindex(*step.shape):
            step[place] = step[place] / (1 - drop) if draws[n][place] >= drop else 0.0
        expected = (old_A, old_B + step) if t % 2 else (old_A + step, old_B)
        np.testing.assert_allclose(new_A, expected[0], atol=1e-8)
        np.testing.assert_allclose(new_B, expected[1], atol=1e-8)
        np.testing.assert_allclose(update, expected[1] @ expected[0], atol=1e-7)
        if drop == 0.0 and t % 2:  # nothing better can be had by this factor
            rest = W - update
            np.testing.assert_allclose(rest @ old_A.T, 0, atol=1e-7)


def test_fedsrd_loses_round_zero() -> None:
    """Round 0 is even and has B = 0 in the broadcast, so A's step is ``B⁺ Δ = 0``."""
    s = sample(19, [(12, 9), (7, 10)], 4, 3, zero_reference_B=True)
    done = play("fedsrd", s, 0)
    assert torch.equal(done.after.factors.A, s.received.A)
    assert not done.after.factors.B.any()
    assert not done.update.any()
    assert done.outcome.numbers == done.outcome.indices == 0
    second = play("fedsrd", s, 1, before=done.after)
    assert float(second.update.abs().max()) > 0.1
