"""Factorisations in one form: what LAPACK leaves open is settled by the matrix alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from fedrot_core import canonical
from fedrot_core.alignment import procrustes, random_rotations, rotation_angles
from fedrot_core.factors import BROADCAST_STEP, UPLOAD_STEP, Factors, leading, on_grid, refactorised


def matrix(seed: int, *shape: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def nearly(seed: int, M: Tensor) -> Tensor:
    """``M`` as another processor might have computed it: rounding decides anew what is open."""
    return M + 1e-15 * M.abs().max() * matrix(seed, *M.shape)


@pytest.mark.parametrize(("m", "n"), [(7, 5), (5, 7), (4, 4)])
def test_singular_vectors_are_those_of_lapack_but_for_signs(m: int, n: int) -> None:
    M = matrix(0, 3, m, n)
    U, S, Vh = canonical.svd(M)
    torch.testing.assert_close(U @ torch.diag_embed(S) @ Vh, M, rtol=0, atol=1e-12)
    torch.testing.assert_close(S, torch.linalg.svdvals(M), rtol=1e-12, atol=0)
    torch.testing.assert_close(Vh @ Vh.mT, torch.eye(min(m, n), dtype=M.dtype).expand(3, -1, -1), rtol=0, atol=1e-12)
    assert bool((canonical.signs(Vh) == 1).all())


@pytest.mark.parametrize("seed", range(5))
def test_signs_do_not_hang_on_rounding_where_entries_are_as_large(seed: int) -> None:
    plane = torch.tensor([[1.0, -1.0], [1.0, 1.0]], dtype=torch.float64) @ torch.diag(torch.tensor([3.0, 1.0])).double()
    plane = plane @ torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)  # vectors (1, ±1) / √2
    for found, other in zip(canonical.svd(plane), canonical.svd(nearly(seed, plane)), strict=True):
        torch.testing.assert_close(found, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_beyond_the_rank_leading_goes_on_with_fixed_orthonormal_rows(seed: int) -> None:
    """Rank 2 of 4: the rest spans what it spans, whatever rounding does, and stays out of the padding."""
    f = Factors(matrix(1, 2, 6), matrix(2, 5, 2))
    f.A[:, 5] = 0  # padding
    stack = Factors(torch.cat([f.A, f.A]), torch.cat([f.B, -0.5 * f.B], dim=-1))
    U, S, Vh = leading(stack, 4)
    assert S[2:].tolist() == [0, 0]
    assert not U[:, 2:].any()
    assert not Vh[:, 5].any()
    torch.testing.assert_close(Vh @ Vh.mT, torch.eye(4, dtype=Vh.dtype), rtol=0, atol=1e-12)
    again = leading(Factors(nearly(seed, stack.A) * (stack.A != 0), nearly(seed + 9, stack.B)), 4)
    for one, other in zip((U, S, Vh), again, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11)


def test_rows_that_a_layer_does_not_have_stay_zero() -> None:
    _, S, Vh = leading(Factors(matrix(1, 2, 3), matrix(2, 5, 2)), 5)
    assert (Vh.norm(dim=-1) > 0.5).tolist() == [True, True, True, False, False]
    assert S[2:].tolist() == [0, 0, 0]


def test_re_factorising_keeps_the_product_and_forgets_the_frame() -> None:
    f, R = Factors(matrix(1, 4, 9), matrix(2, 7, 4)), random_rotations(np.random.default_rng(0), 1, 4)[0]
    one, other = refactorised(f), refactorised(f.turned(R))
    torch.testing.assert_close(one.B @ one.A, f.B @ f.A, rtol=0, atol=1e-12)
    torch.testing.assert_close(one.A, other.A, rtol=0, atol=1e-12)
    torch.testing.assert_close(one.B, other.B, rtol=0, atol=1e-12)
    short = Factors(torch.cat([f.A[:2], f.A[:2]]), f.B)
    assert not refactorised(short).A[2:].any()


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("group", ["O", "SO"])
@pytest.mark.parametrize("seed", range(3))
def test_procrustes_turns_what_is_undetermined_as_little_as_it_can(rank: int, group: str, seed: int) -> None:
    """Of all best rotations, none is nearer to the identity; and rounding cannot choose another."""
    r = 4
    M = matrix(seed, r, rank) @ matrix(seed + 20, rank, r)
    R, _ = procrustes(M, group)
    torch.testing.assert_close(R.mT @ R, torch.eye(r, dtype=R.dtype), rtol=0, atol=1e-12)
    if group == "SO":
        assert float(torch.linalg.det(R)) == pytest.approx(1)
    if rank == 0:
        torch.testing.assert_close(R, torch.eye(r, dtype=R.dtype), rtol=0, atol=1e-12)
        return
    noisy = M + 1e-16 * M.abs().max() * matrix(seed + 40, r, r)
    torch.testing.assert_close(procrustes(noisy, group)[0], R, rtol=0, atol=1e-9)
    U, _, Vh = torch.linalg.svd(M)
    best = float((R * M).sum())
    rng = np.random.default_rng(seed)
    for Q in random_rotations(rng, 200, r - rank):
        inner = torch.eye(r, dtype=M.dtype)
        inner[rank:, rank:] = Q
        other = U @ inner @ Vh
        if group == "O" or float(torch.linalg.det(other)) > 0:
            assert float((other * M).sum()) == pytest.approx(best)
            assert float(other.trace()) <= float(R.trace()) + 1e-5


def test_a_half_turn_reads_180_degrees_whatever_its_sign() -> None:
    for noise in (-1e-12, 0.0, 1e-12):
        angle = torch.tensor(np.pi + noise, dtype=torch.float64)
        c, s = angle.cos(), angle.sin()
        turn = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
        assert rotation_angles(turn).tolist() == pytest.approx([180, 180], abs=1e-6)


@pytest.mark.parametrize("step", [UPLOAD_STEP, BROADCAST_STEP])
def test_what_travels_lies_on_a_grid_that_small_differences_do_not_reach(step: float) -> None:
    x = matrix(0, 6, 5, 7) * torch.tensor([1e-8, 1e-3, 1, 2, 1e3, 0]).view(6, 1, 1)
    snapped = on_grid(x, step)
    size = x.abs().amax((-1, -2), keepdim=True)
    assert bool(((snapped - x).abs() <= step * size).all())
    assert not snapped[5].any()
    torch.testing.assert_close(on_grid(snapped, step), snapped, rtol=0, atol=0)
    torch.testing.assert_close(on_grid(-x, step), -snapped, rtol=0, atol=0)
    torch.testing.assert_close(on_grid(snapped + 1e-15 * size, step), snapped, rtol=0, atol=0)
    odd = torch.tensor([[1.0, float("nan")], [float("inf"), 2.0]], dtype=torch.float64)
    torch.testing.assert_close(on_grid(odd, step), odd, rtol=0, atol=step, equal_nan=True)  # they stay in their entries


def test_no_average_of_uploads_lies_on_the_edge_between_two_steps_of_a_broadcast() -> None:
    """Of ten clients with equal weights, one entry in ten lies on an edge of the uploads' own grid."""
    uploads = on_grid(matrix(1, 40, 50) + 0.001 * matrix(0, 10, 40, 50), UPLOAD_STEP)
    mean = uploads.mean(0)
    scale = 2.0 ** np.ceil(np.log2(float(mean.abs().max())))
    for step, share in ((UPLOAD_STEP, 0.05), (BROADCAST_STEP, 0.0)):
        place = mean / (step * scale)
        edge = ((place - place.floor() - 0.5).abs() < 1e-6).double().mean()
        assert (float(edge) > share) if share else (float(edge) == 0)
