"""Theorems on orthogonal alignment, and dense oracles for each function."""

from __future__ import annotations

import itertools
from math import atan2, cos, degrees, radians, sin

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.alignment import (
    Alignment,
    align_to_reference,
    conditioning,
    generalised_procrustes,
    planted_rotations,
    procrustes,
    random_rotations,
    rotation_angles,
    side_of_round,
    soft_rotation,
)
from fedrot_core.factors import Factors, ideal_product
from tests.core import dense
from tests.core.samples import orthogonal, product, sample


def turn(theta: float) -> torch.Tensor:
    """The plane rotation by ``theta`` degrees."""
    c, s = cos(radians(theta)), sin(radians(theta))
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def shared_update(
    seed: int, K: int, r: int, R: torch.Tensor, d_in: int = 11, d_out: int = 9
) -> tuple[Factors, Factors]:
    """K clients that hold one update in frames ``R`` (K, r, r), and that update."""
    rng = np.random.default_rng(seed)
    A, B = torch.from_numpy(rng.standard_normal((r, d_in))), torch.from_numpy(rng.standard_normal((d_out, r)))
    base = Factors(A, B)
    return Factors(A.expand(K, -1, -1), B.expand(K, -1, -1)).turned(R), base


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sampled_from(["A", "B"]), st.booleans())
def test_planted_rotation_is_recovered(seed: int, r: int, side: str, reflect: bool) -> None:
    """Procrustes on either side finds the planted frame: R undoes it."""
    rng = np.random.default_rng(seed)
    planted = random_rotations(rng, 4, r)
    if reflect:
        planted[..., 0] *= -1
    clients, base = shared_update(seed, 4, r, planted)
    found = align_to_reference(clients, base, side, "O", 1.0)
    torch.testing.assert_close(found.R, planted.mT, rtol=0, atol=1e-8)
    back = clients.turned(found.R)
    torch.testing.assert_close(back.A, base.A.expand_as(back.A), rtol=0, atol=1e-8)
    torch.testing.assert_close(back.B, base.B.expand_as(back.B), rtol=0, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(2, 6))
def test_planted_rotation_is_recovered_by_generalised_procrustes_up_to_a_common_frame(
    seed: int, r: int, K: int
) -> None:
    planted = random_rotations(np.random.default_rng(seed), K, r)
    clients, base = shared_update(seed, K, r, planted)
    w = torch.full((K,), 1 / K, dtype=torch.float64)
    found = generalised_procrustes(clients, w)
    common = planted @ found.R  # (K, r, r), the same for all
    torch.testing.assert_close(common, common[:1].expand_as(common), rtol=0, atol=1e-8)
    torch.testing.assert_close(product(clients.turned(found.R).mean(w)), product(base), rtol=0, atol=1e-8)


@pytest.mark.parametrize("theta", [0.0, 10.0, 60.0, 90.0, 135.0, 180.0])
def test_two_clients_keep_cos_squared_of_half_the_angle(theta: float) -> None:
    R = torch.stack([turn(0), turn(theta)])
    clients, base = shared_update(1, 2, 2, R)
    w = torch.tensor([0.5, 0.5], dtype=torch.float64)
    kept = product(clients.mean(w))
    torch.testing.assert_close(kept, cos(radians(theta / 2)) ** 2 * product(base), rtol=0, atol=1e-12)


@pytest.mark.parametrize("r", [2, 4, 6])
def test_opposite_clients_cancel(r: int) -> None:
    """Two clients 180° apart hold the same update, and their factor average is nothing."""
    eye = torch.eye(r, dtype=torch.float64)
    clients, base = shared_update(2, 2, r, torch.stack([eye, -eye]))
    w = torch.tensor([0.5, 0.5], dtype=torch.float64)
    assert torch.linalg.matrix_norm(product(clients.mean(w))) < 1e-12
    torch.testing.assert_close(ideal_product(clients, w), product(base), rtol=0, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6))
def test_average_of_a_shared_update_is_b_m_mt_a(seed: int, r: int, K: int) -> None:
    R = random_rotations(np.random.default_rng(seed), K, r)
    clients, base = shared_update(seed, K, r, R)
    w = torch.from_numpy(np.random.default_rng(seed).dirichlet(np.ones(K)))
    M = (w[:, None, None] * R).sum(0)
    torch.testing.assert_close(product(clients.mean(w)), base.B @ M @ M.mT @ base.A, rtol=0, atol=1e-11)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.sampled_from(["O", "SO"]))
def test_procrustes_agrees_with_the_oracle_and_beats_random_search(seed: int, r: int, group: str) -> None:
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((r, r))
    R, S = procrustes(torch.from_numpy(M), group)
    np.testing.assert_allclose(R, dense.best_orthogonal(M, group), atol=1e-7)
    np.testing.assert_allclose(S, np.linalg.svd(M)[1], atol=1e-12)
    best = float((R * torch.from_numpy(M)).sum())
    rivals = random_rotations(rng, 300, r).numpy()
    if group == "O":
        rivals = np.concatenate([rivals, rivals * np.r_[-1.0, np.ones(r - 1)]])
    assert (rivals * M).sum((-1, -2)).max() <= best + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6))
def test_so_has_determinant_one_and_is_optimal_in_so(seed: int) -> None:
    """In the plane SO(2) is one angle: a fine grid finds nothing better; a reflection would be better half the time."""
    M = torch.from_numpy(np.random.default_rng(seed).standard_normal((2, 2)))
    R, _ = procrustes(M, "SO")
    assert float(torch.linalg.det(R)) == pytest.approx(1.0, abs=1e-12)
    torch.testing.assert_close(R.mT @ R, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)
    best = float((R * M).sum())
    grid = [float((turn(theta) * M).sum()) for theta in np.linspace(-180, 180, 2001)]
    assert max(grid) <= best + 1e-12
    assert max(grid) == pytest.approx(best, rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("r", [1, 2, 3, 6])
def test_so_flips_where_o_would_reflect(r: int) -> None:
    rng = np.random.default_rng(r)
    Q = orthogonal(rng, r)
    if np.linalg.det(Q) > 0:
        Q[:, 0] *= -1
    M = torch.from_numpy(Q @ np.diag(np.arange(r, 0, -1.0)))
    free, fixed = procrustes(M, "O")[0], procrustes(M, "SO")[0]
    assert float(torch.linalg.det(free)) == pytest.approx(-1)
    assert float(torch.linalg.det(fixed)) == pytest.approx(1)
    # Only the direction of the smallest singular value, the last, is given up.
    torch.testing.assert_close(fixed[:, : r - 1], free[:, : r - 1], rtol=0, atol=1e-10)
    torch.testing.assert_close(fixed[:, -1], -free[:, -1], rtol=0, atol=1e-10)


@settings(max_examples=60, deadline=None)
@given(st.floats(-179, 179), st.floats(0.0, 1.0))
def test_soft_rotation_in_a_plane_follows_atan2(theta: float, strength: float) -> None:
    soft, margin = soft_rotation(turn(theta), strength)
    t = radians(theta)
    expected = degrees(atan2(strength * sin(t), 1 - strength + strength * cos(t)))
    if abs(abs(theta) - 180) > 5 or abs(strength - 0.5) > 0.05:
        torch.testing.assert_close(soft, turn(expected), rtol=0, atol=1e-9)
    if 0 < strength < 1:
        length = abs(complex(1 - strength + strength * cos(t), strength * sin(t)))
        assert float(margin) == pytest.approx(length, abs=1e-12)


def test_soft_rotation_is_the_identity_at_zero_and_the_turn_itself_at_one() -> None:
    R = random_rotations(np.random.default_rng(3), 5, 4)
    torch.testing.assert_close(soft_rotation(R, 0.0)[0], torch.eye(4, dtype=torch.float64).expand(5, 4, 4))
    torch.testing.assert_close(soft_rotation(R, 1.0)[0], R)
    for strength in (0.0, 1.0):
        assert soft_rotation(R, strength)[1].tolist() == [1.0] * 5


@pytest.mark.parametrize("r", [3, 4, 5])
def test_soft_rotation_agrees_with_the_inverse_root(r: int) -> None:
    R = random_rotations(np.random.default_rng(r), 6, r)
    for strength in (0.2, 0.8):
        soft, _ = soft_rotation(R, strength)
        for k in range(6):
            np.testing.assert_allclose(soft[k], dense.softened(R[k].numpy(), strength), atol=1e-9)


def test_soft_rotation_flags_the_cliff() -> None:
    """At θ = 180°, λ = ½ the interpolation is singular; away from there it is not flagged."""

    def flags(theta: float, strength: float) -> tuple[str, ...]:
        clients, base = shared_update(4, 3, 2, turn(theta).expand(3, 2, 2))
        return align_to_reference(clients, base, "A", "SO", strength).flags()

    assert flags(180.0, 0.5) == ("soft_rotation_singular",)
    assert flags(180.0, 0.49) == ("soft_rotation_singular",)
    assert flags(179.0, 0.5) == ("soft_rotation_singular",)
    assert flags(180.0, 0.8) == ()
    assert flags(180.0, 1.0) == ()
    assert flags(120.0, 0.5) == ()


def test_rank_deficient_reference_is_flagged() -> None:
    s = sample(5, [(9, 8)], 3, 3)
    full = align_to_reference(s.sent, s.received, "A", "SO", 1.0)
    assert full.flags() == ()
    assert float(full.conditioning.min()) > 1e-3
    flat = s.received.A.clone()
    flat[:, 2] = flat[:, 0] + flat[:, 1]
    for reference in (Factors(flat, s.received.B), Factors(torch.zeros_like(flat), s.received.B)):
        found = align_to_reference(s.sent, reference, "A", "SO", 1.0)
        assert found.flags() == ("reference_rank_deficient",)
        torch.testing.assert_close(
            found.R.mT @ found.R, torch.eye(3, dtype=torch.float64).expand_as(found.R), rtol=0, atol=1e-10
        )
        assert align_to_reference(s.sent, reference, "B", "SO", 1.0).flags() == ()


def test_conditioning_is_the_ratio_of_extreme_singular_values() -> None:
    S = torch.tensor([[4.0, 2.0, 1.0], [3.0, 3.0, 3.0], [5.0, 1.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    assert conditioning(S).tolist() == [0.25, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("group", ["O", "SO"])
@pytest.mark.parametrize("strength", [0.0, 0.3, 0.8, 1.0])
def test_alignment_to_a_reference_agrees_with_the_oracle(side: str, group: str, strength: float) -> None:
    s = sample(6, [(14, 10), (9, 12)], 5, 3)
    found = align_to_reference(s.sent, s.received, side, group, strength)
    for layer in range(2):
        R = dense.reference_rotations(*s.clients(layer), *s.reference(layer), side, group, strength)
        np.testing.assert_allclose(found.R[layer], R, atol=1e-8)
    if group == "SO":
        torch.testing.assert_close(torch.linalg.det(found.R), torch.ones(2, 5, dtype=torch.float64), rtol=0, atol=1e-10)


def test_matching_a_side_is_the_closest_that_an_orthogonal_turn_comes() -> None:
    s = sample(7, [(10, 9)], 3, 2)
    rng = np.random.default_rng(0)
    for side in ("A", "B"):
        R = align_to_reference(s.sent, s.received, side, "O", 1.0).R[0]

        def distance(R: torch.Tensor, side: str = side) -> torch.Tensor:
            f = s.sent.turned(R)
            gap = f.A[0] - s.received.A if side == "A" else f.B[0] - s.received.B
            lengths: torch.Tensor = torch.linalg.matrix_norm(gap)
            return lengths

        best = distance(R)
        for _ in range(200):
            Q = torch.from_numpy(np.stack([orthogonal(rng, 2) for _ in range(3)]))
            assert bool((distance(Q) >= best - 1e-10).all())


@pytest.mark.parametrize(
    ("side", "expected"),
    [("alternate", [None, "A", "B", "A", "B"]), ("A", [None, "A", "A", "A", "A"]), ("B", [None, "B", "B", "B", "B"])],
)
def test_side_of_round(side: str, expected: list[str | None]) -> None:
    assert [side_of_round(side, t) for t in range(5)] == expected


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(2, 6), st.floats(0, 3))
def test_generalised_procrustes_never_increases_its_objective(seed: int, r: int, K: int, noise: float) -> None:
    s = sample(seed, [(8, 7)], K, r, noise)
    A, B = s.clients(0)
    w = s.weights.numpy()
    start = dense.spread(A, B, np.broadcast_to(np.eye(r), (K, r, r)), w)
    values = [
        dense.spread(A, B, generalised_procrustes(s.sent, s.weights, "O", n).R[0].numpy(), w)
        for n in (0, 1, 2, 3, 5, 10, 30)
    ]
    for earlier, later in itertools.pairwise(values):
        assert later <= earlier + 1e-9 * max(1.0, start)


@pytest.mark.parametrize("seed", range(4))
def test_generalised_procrustes_agrees_with_the_oracle(seed: int) -> None:
    s = sample(seed, [(12, 9), (7, 10)], 5, 3)
    found = generalised_procrustes(s.sent, s.weights, tolerance=0.0)
    for layer in range(2):
        expected = dense.generalised_procrustes(*s.clients(layer), s.weights.numpy())
        np.testing.assert_allclose(found.R[layer], expected, atol=1e-6)


@pytest.mark.parametrize("noise", [0.1, 1.0, 3.0])
def test_generalised_procrustes_stops_when_nothing_visible_is_left_to_gain(noise: float) -> None:
    s = sample(3, [(12, 9)], 6, 3, noise=noise)
    A, B, w = *s.clients(0), s.weights.numpy()
    early = generalised_procrustes(s.sent, s.weights)
    late = generalised_procrustes(s.sent, s.weights, tolerance=0.0, max_passes=2000)
    reached, best = (dense.spread(A, B, found.R[0].numpy(), w) for found in (early, late))
    assert early.settled
    assert best <= reached * (1 + 1e-9)
    assert reached <= best * (1 + 1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_where_generalised_procrustes_stops_shows_in_no_error(seed: int) -> None:
    """A layer by itself, layers together and an iteration to the end: what is shown of errors is the same."""
    s = sample(seed, [(40, 30), (30, 40), (12, 9)], 10, 8, noise=2.0)
    ideal = ideal_product(s.sent, s.weights)

    def errors(R: torch.Tensor) -> torch.Tensor:
        gap = ideal - product(s.sent.turned(R).mean(s.weights))
        found: torch.Tensor = torch.linalg.matrix_norm(gap) / torch.linalg.matrix_norm(ideal)
        return found

    together = errors(generalised_procrustes(s.sent, s.weights).R)
    layers = [Factors(s.sent.A[n], s.sent.B[n]) for n in range(3)]
    alone = errors(torch.stack([generalised_procrustes(layer, s.weights).R for layer in layers]))
    end = errors(generalised_procrustes(s.sent, s.weights, max_passes=5000, tolerance=1e-14).R)
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-4)
    torch.testing.assert_close(end, together, rtol=0, atol=5e-4)


@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2), (0.2, 0.5, 0.3), (0.2, 0.3, 0.5)])
def test_no_frame_shows_in_generalised_procrustes_of_clients_of_different_ranks(weights: tuple[float, ...]) -> None:
    """Whichever client weighs most: it starts from one that determines every direction."""
    s = sample(4, [(12, 9)], 3, 4, noise=1.0)
    own = (torch.arange(4) < torch.tensor([4, 2, 1])[:, None]).double()  # (K, r)
    clients = Factors(s.sent.A * own[..., None], s.sent.B * own[:, None, :])
    w = torch.tensor(weights, dtype=torch.float64)
    turns = torch.eye(4, dtype=torch.float64).repeat(3, 1, 1)
    turns[0] = random_rotations(np.random.default_rng(0), 1, 4)[0]
    turns[1, :2, :2] = random_rotations(np.random.default_rng(1), 1, 2)[0]
    means = [product(f.turned(generalised_procrustes(f, w).R).mean(w)) for f in (clients, clients.turned(turns))]
    torch.testing.assert_close(means[1], means[0], rtol=0, atol=1e-10)


def test_generalised_procrustes_says_when_it_was_cut_off() -> None:
    s = sample(3, [(12, 9)], 6, 3, noise=3.0)
    assert generalised_procrustes(s.sent, s.weights, max_passes=1).flags() == ("alignment_not_settled",)


def test_generalised_procrustes_ends_where_no_client_can_improve() -> None:
    """At a fixed point every client's cross matrix with the mean is symmetric and positive."""
    s = sample(9, [(12, 9)], 6, 3, noise=0.5)
    found = generalised_procrustes(s.sent, s.weights, tolerance=-1.0, max_passes=1000)
    X = s.sent.turned(found.R).stacked()[0]
    cross = X @ (s.weights[:, None, None] * X).sum(0).mT
    torch.testing.assert_close(cross, cross.mT, rtol=0, atol=1e-8)
    assert float(torch.linalg.eigvalsh(cross).min()) > 0


def test_generalised_procrustes_keeps_to_rotations_when_asked() -> None:
    s = sample(10, [(8, 6)], 5, 3)
    found = generalised_procrustes(s.sent, s.weights, "SO")
    assert torch.linalg.det(found.R).tolist() == [pytest.approx([1.0] * 5)]
    assert (torch.linalg.det(generalised_procrustes(s.sent, s.weights, "O").R) < 0).any()


def test_generalised_procrustes_flags_a_rank_deficient_mean() -> None:
    zero = Factors(torch.zeros(1, 3, 2, 5, dtype=torch.float64), torch.zeros(1, 3, 4, 2, dtype=torch.float64))
    found = generalised_procrustes(zero, torch.full((3,), 1 / 3, dtype=torch.float64))
    assert found.flags() == ("reference_rank_deficient",)
    assert bool(torch.isfinite(found.R).all())


@pytest.mark.parametrize("r", [1, 2, 3, 5])
def test_random_rotations_are_rotations_spread_evenly(r: int) -> None:
    R = random_rotations(np.random.default_rng(0), 3000, r)
    eye = torch.eye(r, dtype=torch.float64).expand_as(R)
    torch.testing.assert_close(R.mT @ R, eye, rtol=0, atol=1e-12)
    assert float(torch.linalg.det(R).min()) > 0.999
    if r > 1:  # Haar: entries have mean 0 and variance 1/r
        assert float(R.mean(0).abs().max()) < 0.06
        assert float((R.square().mean(0) - 1 / r).abs().max()) < 0.05


@pytest.mark.parametrize("r", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("theta", [0.0, 35.0, 120.0, 180.0])
def test_planted_rotations_set_two_halves_theta_apart(r: int, theta: float) -> None:
    R = planted_rotations(np.random.default_rng(1), 6, r, theta).numpy()
    apart = sorted([theta] * (r // 2 * 2) + [0.0] * (r % 2))
    ahead = [k for k in range(6) if np.allclose(dense.eigen_angles(R[0].T @ R[k]), 0, atol=1e-5)]
    assert len(ahead) == (6 if theta == 0 or r == 1 else 3)
    for k in set(range(6)) - set(ahead):
        np.testing.assert_allclose(dense.eigen_angles(R[0].T @ R[k]), apart, atol=1e-5)
        assert np.linalg.det(R[k]) == pytest.approx(1.0)


@pytest.mark.parametrize("theta", [0.0, 35.0, 90.0, 180.0])
def test_two_halves_keep_cos_squared_of_half_the_angle(theta: float) -> None:
    M = planted_rotations(np.random.default_rng(2), 8, 4, theta).mean(0)
    expected = np.full(4, np.cos(np.radians(theta / 2)) ** 2)
    np.testing.assert_allclose(torch.linalg.svdvals(M).square().numpy(), expected, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_rotation_angles_are_the_eigen_angles_whatever_the_basis(seed: int, r: int) -> None:
    rng = np.random.default_rng(seed)
    R, Q = orthogonal(rng, r), orthogonal(rng, r)
    found = rotation_angles(torch.from_numpy(np.stack([R, Q.T @ R @ Q])))
    assert found.shape == (2, r)
    for row in found:
        assert row.tolist() == sorted(row.tolist())
        np.testing.assert_allclose(np.sort(row.abs()), dense.eigen_angles(R), atol=1e-5)


def test_rotation_angle_of_a_plane_turn() -> None:
    np.testing.assert_allclose(rotation_angles(turn(70.0)), [-70.0, 70.0], atol=1e-10)
    assert rotation_angles(torch.eye(3, dtype=torch.float64)).tolist() == [0.0, 0.0, 0.0]


def test_alignment_flags_are_independent() -> None:
    R = torch.eye(2, dtype=torch.float64).expand(1, 2, 2, 2)
    good, bad = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    assert Alignment(R, good, good).flags() == ()
    assert Alignment(R, bad, good).flags() == ("reference_rank_deficient",)
    assert Alignment(R, good, bad).flags() == ("soft_rotation_singular",)
    assert Alignment(R, bad, bad).flags() == ("reference_rank_deficient", "soft_rotation_singular")
