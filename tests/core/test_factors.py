"""Low-rank algebra against dense products."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.factors import (
    Factors,
    compressed,
    concatenated,
    ideal_product,
    leading,
    product_norm,
    refactorised,
    weighted,
)
from tests.core import dense
from tests.core.samples import orthogonal, product, sample

SHAPES = [
    (((60, 50),), 3, 2),  # K r far below both widths: the Gram path
    (((6, 5),), 4, 3),  # K r above both widths: the factors themselves
    (((60, 5),), 3, 2),  # one of each
    (((9, 8),), 1, 1),
    (((40, 12), (7, 50), (40, 50)), 3, 2),  # zero-padded
]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 9), st.integers(1, 9))
def test_gauge_preserves_product(seed: int, r: int, d_in: int, d_out: int) -> None:
    rng = np.random.default_rng(seed)
    f = Factors(torch.from_numpy(rng.standard_normal((r, d_in))), torch.from_numpy(rng.standard_normal((d_out, r))))
    turned = f.turned(torch.from_numpy(orthogonal(rng, r)))
    torch.testing.assert_close(product(turned), product(f), rtol=0, atol=1e-12)


def test_turning_moves_the_factors_themselves() -> None:
    s = sample(0, [(6, 5)], 2, 3)
    R = torch.from_numpy(orthogonal(np.random.default_rng(1), 3))
    turned = s.sent.turned(R)
    assert (turned.A - s.sent.A).abs().max() > 0.1
    assert (turned.B - s.sent.B).abs().max() > 0.1


@pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
def test_ideal_and_means_agree_with_loops_over_clients(widths: tuple[tuple[int, int], ...], K: int, r: int) -> None:
    s = sample(1, widths, K, r)
    w = s.weights.numpy()
    ideal, average = ideal_product(s.sent, s.weights), s.sent.mean(s.weights)
    for layer, (d_in, d_out) in enumerate(widths):
        A, B = s.clients(layer)
        np.testing.assert_allclose(ideal[layer, :d_out, :d_in], dense.ideal(A, B, w), atol=1e-12)
        np.testing.assert_allclose(average.A[layer, :, :d_in], dense.mean(A, w), atol=1e-12)
        np.testing.assert_allclose(average.B[layer, :d_out], dense.mean(B, w), atol=1e-12)


@pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
def test_error_identity(widths: tuple[tuple[int, int], ...], K: int, r: int) -> None:
    """``Σ w B A - B̄ Ā = Σ w (B - B̄)(A - Ā)``."""
    s = sample(2, widths, K, r)
    gap = ideal_product(s.sent, s.weights) - product(s.sent.mean(s.weights))
    for layer, (d_in, d_out) in enumerate(widths):
        A, B = s.clients(layer)
        w = s.weights.numpy()
        A_bar, B_bar = dense.mean(A, w), dense.mean(B, w)
        right = sum(w[k] * (B[k] - B_bar) @ (A[k] - A_bar) for k in range(K))
        np.testing.assert_allclose(gap[layer, :d_out, :d_in], right, atol=1e-12)


def test_sharing_one_factor_leaves_no_error() -> None:
    s = sample(3, [(8, 7)], 4, 2)
    for shared in (
        Factors(s.sent.A[:, :1].expand_as(s.sent.A), s.sent.B),
        Factors(s.sent.A, s.sent.B[:, :1].expand_as(s.sent.B)),
    ):
        ideal = ideal_product(shared, s.weights)
        torch.testing.assert_close(product(shared.mean(s.weights)), ideal, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
def test_compressed_keeps_all_inner_products(widths: tuple[tuple[int, int], ...], K: int, r: int) -> None:
    s = sample(4, widths, K, r)
    clients, single = compressed(s.sent, s.received)
    assert clients.A.shape[:3] == s.sent.A.shape[:3]
    assert clients.B.shape[1] == K
    assert clients.B.shape[3] == r

    def gram(f: Factors, g: Factors) -> tuple[torch.Tensor, torch.Tensor]:
        rows = torch.cat([f.A.flatten(1, 2), g.A], dim=1)
        columns = torch.cat([f.B.mT.flatten(1, 2), g.B.mT], dim=1)
        return rows @ rows.mT, columns @ columns.mT

    for short, full in zip(gram(clients, single), gram(s.sent, s.received), strict=True):
        torch.testing.assert_close(short, full, rtol=0, atol=1e-11)


def test_compression_shortens_wide_factors_and_never_lengthens() -> None:
    s = sample(5, [(300, 200)], 3, 2)
    (clients,) = compressed(s.sent)
    assert clients.A.shape == (1, 3, 2, 6)
    assert clients.B.shape == (1, 3, 6, 2)
    for widths, K, r in SHAPES:
        s = sample(5, widths, K, r)
        (clients,) = compressed(s.sent)
        assert clients.A.shape[-1] <= s.sent.A.shape[-1]
        assert clients.B.shape[-2] <= s.sent.B.shape[-2]


def test_compression_keeps_singular_values_of_the_ideal() -> None:
    s = sample(6, [(80, 70)], 4, 2)
    (clients,) = compressed(s.sent)
    A, B = s.clients(0)
    expected = np.linalg.svd(dense.ideal(A, B, s.weights.numpy()))[1][:8]
    found = torch.linalg.svdvals(ideal_product(clients, s.weights))[0, :8]
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize(("d_in", "d_out", "r"), [(20, 15, 3), (5, 4, 4), (6, 3, 5), (1, 1, 1), (3, 9, 6)])
def test_refactorised_is_balanced_and_keeps_the_product(d_in: int, d_out: int, r: int) -> None:
    s = sample(7, [(d_in, d_out)], 2, r)
    f = refactorised(s.sent)
    assert f.A.shape == s.sent.A.shape
    assert f.B.shape == s.sent.B.shape
    torch.testing.assert_close(product(f), product(s.sent), rtol=0, atol=1e-10)
    singular = torch.zeros(1, 2, r, dtype=torch.float64)
    values = torch.linalg.svdvals(product(s.sent))[..., :r]
    singular[..., : values.shape[-1]] = values
    torch.testing.assert_close(f.A @ f.A.mT, torch.diag_embed(singular), rtol=0, atol=1e-10)
    torch.testing.assert_close(f.B.mT @ f.B, torch.diag_embed(singular), rtol=0, atol=1e-10)


def test_refactorised_zero_stays_zero_and_finite() -> None:
    zero = Factors(torch.zeros(1, 2, 3, 8, dtype=torch.float64), torch.zeros(1, 2, 7, 3, dtype=torch.float64))
    f = refactorised(zero)
    assert bool((product(f) == 0).all())
    assert bool(f.finite().all())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("side", ["A", "B"])
def test_finite_names_the_client_that_broke(bad: float, side: str) -> None:
    s = sample(8, [(6, 5), (4, 3)], 3, 2)
    assert bool(s.sent.finite().all())
    getattr(s.sent, side)[1, 2, 0, 1] = bad
    assert s.sent.finite().tolist() == [[True, True, True], [True, True, False]]


def test_select_and_weighted_by_hand() -> None:
    f = Factors(torch.arange(6.0).view(1, 3, 1, 2), torch.arange(3.0).view(1, 3, 1, 1))
    picked = f.select(torch.tensor([2, 0]))
    assert picked.A.tolist() == [[[[4.0, 5.0]], [[0.0, 1.0]]]]
    assert picked.B.flatten().tolist() == [2.0, 0.0]
    assert weighted(f.A, torch.tensor([0.5, 0.0, 0.25])).tolist() == [[[1.0, 1.75]]]
    assert f.stacked().shape == (1, 3, 1, 3)


@pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
def test_concatenated_factors_multiply_to_the_sum(widths: tuple[tuple[int, int], ...], K: int, r: int) -> None:
    s = sample(30, widths, K, r)
    f = concatenated(s.received, Factors(s.sent.A[:, 0], s.sent.B[:, 0]), s.received)
    assert f.rank == 3 * r
    torch.testing.assert_close(product(f), 2 * product(s.received) + product(s.sent)[:, 0], rtol=0, atol=1e-10)
    for n, (A, B) in enumerate(s.clients(n) for n in range(len(widths))):
        for k in range(K):
            assert float(product_norm(s.sent)[n, k]) == pytest.approx(dense.frobenius(B[k] @ A[k]))


@pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
@pytest.mark.parametrize("keep", [1, 2, 7, 12])
def test_leading_triplets_are_those_of_the_dense_product(
    widths: tuple[tuple[int, int], ...], K: int, r: int, keep: int
) -> None:
    """Singular values, the best product of rank ``keep``, orthonormal vectors; zeros where there are no more."""
    s = sample(31, widths, K, r)
    one = Factors(s.sent.A[:, 0], s.sent.B[:, 0])
    for f in (one, concatenated(one, s.received)):
        U, S, Vh = leading(f, keep)
        assert U.shape[-1] == S.shape[-1] == Vh.shape[-2] == keep
        for n, (d_in, d_out) in enumerate(widths):
            u, sigma, vh = np.linalg.svd((f.B[n] @ f.A[n]).numpy()[:d_out, :d_in])
            there = min(keep, len(sigma))
            np.testing.assert_allclose(S[n, :there], sigma[:there], atol=1e-9)
            assert not bool((S[n, there:] > 1e-9).any())
            best = (u[:, :there] * sigma[:there]) @ vh[:there]
            found = ((U[n] * S[n]) @ Vh[n]).numpy()
            np.testing.assert_allclose(found[:d_out, :d_in], best, atol=1e-9)
            assert not found[d_out:].any()
            assert not U[n, d_out:].any()
            assert not Vh[n, :, d_in:].any()
            full = min(there, f.rank)
            np.testing.assert_allclose(Vh[n, :full] @ Vh[n, :full].T, np.eye(full), atol=1e-9)
            np.testing.assert_allclose(U[n, :, :full].T @ U[n, :, :full], np.eye(full), atol=1e-9)
