"""Every recorded metric against a dense oracle written with loops, and the promises that badges make."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fedrot_core.alignment import Alignment, align_to_reference, generalised_procrustes, random_rotations
from fedrot_core.canonical import weights
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors
from fedrot_core.methods import METHODS
from fedrot_core.methods.base import round_update
from fedrot_core.metrics import FEATURES, PATH_STEPS, SHOWN_CLIENTS, measure
from fedrot_core.records import stored_fields
from fedrot_core.vocabulary import METRICS, RUNGS
from tests.core import dense
from tests.core.rounds import play
from tests.core.samples import Sample, orthogonal, product, sample, spun

Array = NDArray[np.float64]
SCALING = 2.5


@dataclass(frozen=True)
class Case:
    """One input of ``measure`` and what it gave."""

    s: Sample
    align: AlignmentConfig
    round_index: int
    result: Factors
    applied: Alignment | None
    out: dict[str, torch.Tensor]
    flags: tuple[str, ...]

    @property
    def layers(self) -> range:
        return range(len(self.s.widths))

    @property
    def K(self) -> int:
        return int(self.s.sent.A.shape[1])

    @property
    def w(self) -> Array:
        return self.s.weights.numpy()

    def best(self, layer: int) -> Array:
        return dense.generalised_procrustes(*self.s.clients(layer), self.w)

    def turn(self, layer: int) -> Array:
        return self.best(layer) if self.applied is None else self.applied.R[layer].numpy()

    def ideal(self, layer: int) -> Array:
        return dense.ideal(*self.s.clients(layer), self.w)


def case(s: Sample, method: str, align: AlignmentConfig, round_index: int) -> Case:
    done = play(method, s, round_index, align=align)
    result = round_update(done.before, done.after)
    applied = done.upload.alignment or done.outcome.alignment
    found = measure(done.sent, s.received, result, applied, s.weights, align, round_index, SCALING)
    return Case(replace(s, sent=done.sent), align, round_index, result, applied, found.stored(), found.flags)


SO, O_HARD = AlignmentConfig(), AlignmentConfig(group="O", strength=1.0, side="B")
CASES = {
    "gram path (K r far below the widths)": lambda: case(sample(1, [(70, 64)], 3, 2), "fedit", SO, 0),
    "direct path (K r above the widths)": lambda: case(sample(2, [(9, 8)], 5, 3), "fedrot", SO, 1),
    "one path a side": lambda: case(sample(3, [(70, 6)], 3, 3), "fedrot", SO, 2),
    "rank 1": lambda: case(sample(4, [(20, 15)], 4, 1), "fedrot", O_HARD, 1),
    "zero-padded layers": lambda: case(sample(5, [(16, 12), (7, 5), (30, 4)], 4, 2), "fedrot", SO, 3),
    "zero-padded, gram path": lambda: case(sample(6, [(64, 9), (20, 80)], 3, 2), "gpa", SO, 0),
    "one client": lambda: case(sample(7, [(12, 10)], 1, 2), "fedrot", SO, 1),
    "more clients than shown": lambda: case(sample(8, [(10, 9)], SHOWN_CLIENTS + 5, 2), "fedit", SO, 1),
    "hard O, side B": lambda: case(sample(9, [(13, 11), (8, 14)], 5, 3), "fedrot", O_HARD, 3),
    "reference with B = 0": lambda: case(sample(10, [(13, 11)], 4, 2, zero_reference_B=True), "fedit", SO, 0),
}


@pytest.fixture(scope="module", params=CASES)
def made(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]()


def close(found: torch.Tensor, expected: object, atol: float = 1e-9) -> None:
    np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=1e-7, atol=atol)


def with_pool(by_layer: list[float]) -> Array:
    return np.array([*by_layer, float(np.sqrt(sum(v**2 for v in by_layer)))])


def test_every_array_of_a_record_is_checked_here(made: Case) -> None:
    elsewhere = {"arm", "round_index", "loss", "score", "clients", "dropped", "lost", "flags", "applied"}
    elsewhere |= {"bytes_up", "bytes_down", "client_seconds", "server_seconds"}
    assert set(made.out) | elsewhere | {"weights"} == set(stored_fields())


def test_ladder_and_errors(made: Case) -> None:
    rungs: dict[str, list[float]] = {name: [] for name in RUNGS}
    norms, own = [], []
    for layer in made.layers:
        A, B = made.s.clients(layer)
        ideal = made.ideal(layer)

        def error(R: Array, A: Array = A, B: Array = B, ideal: Array = ideal) -> float:
            return dense.frobenius(ideal - dense.naive(*dense.turned(A, B, R), made.w))

        by_side = {
            side: error(
                dense.reference_rotations(A, B, *made.s.reference(layer), side, made.align.group, made.align.strength)
            )
            for side in "AB"
        }
        naive = dense.frobenius(ideal - dense.naive(A, B, made.w))
        rungs["naive"].append(naive)
        rungs["align_A"].append(by_side["A"])
        rungs["align_B"].append(by_side["B"])
        if made.round_index == 0:
            rungs["alternate"].append(naive)
        elif made.align.side == "alternate":
            rungs["alternate"].append(by_side["A" if made.round_index % 2 else "B"])
        else:
            rungs["alternate"].append(by_side[made.align.side])
        rungs["gpa"].append(error(made.best(layer)))
        U, S, Vh = np.linalg.svd(ideal)
        r = A.shape[1]
        rungs["floor"].append(dense.frobenius(ideal - (U[:, :r] * S[:r]) @ Vh[:r]))
        d_in, d_out = made.s.widths[layer]
        own.append(dense.frobenius(ideal - product(made.result)[layer, :d_out, :d_in].numpy()))
        norms.append(dense.frobenius(ideal))
    whole = with_pool(norms)
    undetermined = {"align_B"} if made.round_index == 0 and not made.s.received.B.any() else set()
    for n, name in enumerate(RUNGS):
        if name not in undetermined:
            close(made.out["ladder"][n], with_pool(rungs[name]) / whole, 1e-6 if name == "gpa" else 5e-8)
    close(made.out["error"], with_pool(own) / whole, 5e-8)  # the Gram path resolves 1e-8 of the whole
    close(made.out["error_abs"] / SCALING / whole[-1], with_pool(own) / whole[-1], 5e-8)
    close(made.out["ideal_norm"], whole * SCALING)


def test_reference_fit(made: Case) -> None:
    for layer in made.layers:
        A, B = made.s.clients(layer)
        A_ref, B_ref = made.s.reference(layer)
        for side, (X, X_ref) in enumerate((([*A], A_ref), ([b.T for b in B], B_ref.T))):
            for k in range(made.K):
                M = X[k] @ X_ref.T
                S = np.linalg.svd(M)[1]
                size = dense.frobenius(X[k]) + dense.frobenius(X_ref)
                close(made.out["residual_before"][side, layer, k], dense.frobenius(X[k] - X_ref) / size)
                best = dense.best_orthogonal(M)
                close(made.out["residual_after"][side, layer, k], dense.frobenius(best.T @ X[k] - X_ref) / size)
                close(made.out["conditioning"][side, layer, k], S[-1] / S[0] if S[0] > 0 else 0.0)


def test_pairwise_angles(made: Case) -> None:
    S = min(made.K, SHOWN_CLIENTS)
    for layer in made.layers:
        A, B = made.s.clients(layer)
        A2, B2 = dense.turned(A, B, made.turn(layer))
        X, X2 = dense.stacked(A, B), dense.stacked(A2, B2)
        expected = {name: np.zeros((S, S)) for name in
                    ("principal_A", "principal_B", "factor_angle_before", "factor_angle_after")}  # fmt: skip
        for i in range(S):
            for j in range(S):
                if i != j:
                    expected["principal_A"][i, j] = dense.largest_principal_angle(A[i], A[j])
                    expected["principal_B"][i, j] = dense.largest_principal_angle(B[i].T, B[j].T)
                    expected["factor_angle_before"][i, j] = dense.angle_between(X[i], X[j])
                    expected["factor_angle_after"][i, j] = dense.angle_between(X2[i], X2[j])
        for name, angles in expected.items():
            assert made.out[name].shape[1:] == (S, S)
            close(made.out[name][layer], angles, 2e-5)


def test_turns_and_retention(made: Case) -> None:
    S = min(made.K, SHOWN_CLIENTS)
    for layer in made.layers:
        R, best = made.turn(layer), made.best(layer)
        close(made.out["turn"][layer], R[:S], 1e-6)
        for k in range(made.K):
            close(made.out["turn_angles"][layer, k].abs().sort().values, dense.eigen_angles(R[k]), 1e-4)
            assert bool(made.out["reflected"][layer, k]) == (np.linalg.det(R[k]) < 0)
        M = sum(made.w[k] * best[k] for k in range(made.K))
        close(made.out["retention"][layer], np.linalg.svd(M)[1] ** 2, 1e-6)


def test_drift_weights_and_shared_update(made: Case) -> None:
    for layer in made.layers:
        X = dense.stacked(*made.s.clients(layer))
        A_ref, B_ref = made.s.reference(layer)
        X_ref = np.hstack([A_ref, B_ref.T])
        for k in range(made.K):
            close(made.out["drift"][layer, k], dense.frobenius(X[k] - X_ref) / dense.frobenius(X_ref))
        assert bool(made.out["shared_update"][layer]) == (made.K == 1)


def test_latent_arrows(made: Case) -> None:
    S = min(made.K, SHOWN_CLIENTS)
    strengths = np.linspace(0, 1, PATH_STEPS)
    assert made.out["latent_path"].shape[0] == made.out["latent_mean"].shape[0] == PATH_STEPS
    for layer in made.layers:
        A, B = made.s.clients(layer)
        R = made.turn(layer)
        aligned = dense.turned(A, B, R)[0]
        power = dense.mean(A**2 + aligned**2, made.w)  # as sent and as turned, counted alike
        C = min(FEATURES, made.s.sent.A.shape[-1])
        lengths = power.sum(0)
        features = made.out["features"][layer].numpy()
        assert len(features) == len(set(features)) == C
        kept = min(C, A.shape[2])  # a narrow layer's further features are padding
        assert list(features[:kept]) == list(np.argsort(-lengths)[:kept])
        padded = np.zeros((made.K, A.shape[1], made.s.sent.A.shape[-1]))
        padded[..., : A.shape[2]] = A
        picked = padded[:, :, features]
        for p, strength in enumerate(strengths):
            path = []
            for k in range(made.K):
                if np.linalg.svd((1 - strength) * np.eye(len(R[k])) + strength * R[k])[1][-1] < 1e-3:
                    soft = np.full_like(R[k], np.nan)  # undetermined
                else:
                    soft = R[k] if strength == 1 else dense.softened(R[k], strength)
                path.append(soft.T @ picked[k])
            determined = ~np.isnan(np.stack(path)).any((1, 2))
            close(made.out["latent_path"][p, layer][determined[:S]], np.stack(path)[:S][determined[:S]], 1e-5)
            if determined.all():
                close(made.out["latent_mean"][p, layer], dense.mean(np.stack(path), made.w), 1e-5)
        for c in range(kept):
            sent = picked[..., c]
            turned = np.stack([R[k].T @ sent[k] for k in range(made.K)])
            both = np.concatenate([sent, turned]) * np.sqrt(np.concatenate([made.w, made.w]))[:, None]
            values = np.linalg.eigvalsh(both.T @ both)[::-1]
            assert float(made.out["latent_share"][layer, c]) == pytest.approx(values[:2].sum() / values.sum())
            plane, up = np.asarray(made.out["latent_plane"][layer, c]), dense.mean(turned, made.w)
            if len(values) > 1 and values[1] > 1e-9 * values[0]:
                np.testing.assert_allclose(plane.T @ plane, np.eye(2), atol=1e-9)
            assert np.square(both @ plane).sum() == pytest.approx(values[:2].sum())
            assert (up @ plane)[0] == pytest.approx(0, abs=1e-9 * np.sqrt(values[0]))
            assert (up @ plane)[1] >= 0
            assert (sent[0] @ plane)[0] >= -1e-12


def test_ambient_plane(made: Case) -> None:
    S = min(made.K, SHOWN_CLIENTS)
    for layer in made.layers:
        A, B = made.s.clients(layer)
        after = dense.turned(A, B, made.turn(layer))[0][:S]
        before = A[:S]
        rows = np.concatenate([before.reshape(-1, A.shape[2]), after.reshape(-1, A.shape[2])])
        values, vectors = np.linalg.eigh(rows.T @ rows)
        power = np.zeros(2)
        for n in range(2):
            power[n] = values[-1 - n] / values.sum()
            axis = vectors[:, -1 - n]
            axis = axis * np.sign(axis @ weights(len(axis)).numpy())
            if values[-1 - n] > 1e-9 * values.sum():
                close(made.out["ambient_before"][layer, ..., n], before @ axis, 1e-5)
                close(made.out["ambient_after"][layer, ..., n], after @ axis, 1e-5)
        close(made.out["ambient_share"][layer], power, 1e-6)


def test_proof_strip_is_at_rounding_level(made: Case) -> None:
    for name in ("check_orthogonal", "check_product", "check_identity"):
        assert 0 <= float(made.out[name]) < 1e-9
    ladder = made.out["ladder"]
    assert float(made.out["check_floor"]) == pytest.approx(float((ladder[:-1] - ladder[-1:]).min()), abs=1e-12)
    assert float(made.out["check_floor"]) > -1e-9


def test_flags_are_those_of_the_applied_alignment(made: Case) -> None:
    assert made.flags == (made.applied.flags() if made.applied else ())


def test_proof_strip_fails_for_a_turn_that_is_no_rotation() -> None:
    s = sample(1, [(9, 8)], 3, 2)
    ones = torch.ones(1, 3, dtype=torch.float64)
    stretched = Alignment(1.1 * torch.eye(2, dtype=torch.float64).expand(1, 3, 2, 2), ones, ones)
    out = measure(s.sent, s.received, s.sent.mean(s.weights), stretched, s.weights, SO, 1, 1.0).stored()
    assert float(out["check_orthogonal"]) == pytest.approx(0.21)
    assert float(out["check_product"]) == pytest.approx(0.21)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("K", "r"), [(2, 1), (4, 2), (3, 3)])
def test_no_rank_r_result_is_below_the_floor(seed: int, K: int, r: int) -> None:
    """Not one rung, not one method of rank r, not the best of many random rank-r guesses near the ideal."""
    s = sample(seed, [(8, 7)], K, r, noise=1.0)
    for method in METHODS:
        made = case(s, method, SO, 1)
        floor = float(made.out["ladder"][-1, 0])
        assert float(made.out["ladder"][:-1].min()) >= floor - 1e-12
        if made.result.rank == r:  # those that merge into the base have more to spend
            assert float(made.out["error"][0]) >= floor - 1e-12
        else:
            assert method in {"flora", "fedex"}
            assert float(made.out["error"][0]) < 1e-9
    A, B = s.clients(0)
    ideal = dense.ideal(A, B, s.weights.numpy())
    U, S, Vh = np.linalg.svd(ideal)
    rng = np.random.default_rng(seed)
    for scale in (0.0, 1e-3, 0.1, 1.0):
        guess = (U[:, :r] * S[:r] + scale * rng.standard_normal((7, r))) @ (
            Vh[:r] + scale * rng.standard_normal((r, 8))
        )
        reached = dense.frobenius(ideal - guess) / dense.frobenius(ideal)
        assert reached >= floor - 1e-12
        if scale == 0.0:
            assert reached == pytest.approx(floor, abs=1e-10)


@pytest.mark.parametrize("seed", range(3))
def test_principal_angles_do_not_change_under_rotation(seed: int) -> None:
    s = sample(seed, [(14, 12), (9, 10)], 4, 3, noise=1.0)
    turns = random_rotations(np.random.default_rng(seed), 8, 3).view(2, 4, 3, 3)
    one, two = (
        measure(f, s.received, f.mean(s.weights), None, s.weights, SO, 1, 1.0).stored()
        for f in (s.sent, s.sent.turned(turns))
    )
    for side in ("principal_A", "principal_B"):
        assert float(one[side].max()) > 10
        torch.testing.assert_close(one[side], two[side], rtol=0, atol=1e-5)
    assert float((one["factor_angle_before"] - two["factor_angle_before"]).abs().max()) > 5


@pytest.mark.parametrize(("width", "K", "r"), [(10, 2, 32), (10, 2, 16), (10, 5, 12)])
def test_subspaces_that_fill_a_narrow_layer_meet_at_angle_zero(width: int, K: int, r: int) -> None:
    """Rank above the layer's width, zero-padded beside a wide layer: every client spans all of it."""
    s = sample(11, [(128, 128), (128, width)], K, r, noise=1.0)
    out = case(s, "fedit", SO, 0).out
    assert float(out["principal_B"][1].max()) < 1e-4
    assert float(out["principal_B"][0].max()) > 10
    for name, values in out.items():
        assert bool(torch.isfinite(values).all()), name


def test_a_client_without_an_update_has_no_angle_and_breaks_nothing() -> None:
    s = sample(12, [(70, 60)], 3, 2)
    s.sent.B[:, 1] = 0
    out = case(s, "fedit", SO, 0).out
    assert out["principal_B"][0, 1].tolist() == [0.0, 0.0, 0.0]
    assert float(out["principal_B"][0, 0, 2]) > 1


def spread_of(out: dict[str, torch.Tensor], metric: str) -> torch.Tensor:
    """The numbers a metric's badge is about."""
    fields = {
        "error": ["error", "error_abs"],
        "naive_error": [],
        "best_error": [],
        "floor": [],
        "ideal_norm": ["ideal_norm"],
        "turn_angles": ["turn_angles"],
        "principal_angles": ["principal_A", "principal_B"],
        "factor_angles": ["factor_angle_before"],
        "residual_before": ["residual_before"],
        "residual_after": ["residual_after"],
        "retention": ["retention"],
        "drift": ["drift"],
        "conditioning": ["conditioning"],
    }
    values = [out[name].flatten() for name in fields[metric]]
    rungs = {"naive_error": "naive", "best_error": "gpa", "floor": "floor"}
    if metric in rungs:
        values.append(out["ladder"][RUNGS.index(rungs[metric])].flatten())
    return torch.cat(values)


@pytest.mark.parametrize("metric", [name for name in METRICS if name != "score"])  # a task's, not of the factors
def test_badges_hold_when_one_client_is_spun(metric: str) -> None:
    """Invariant metrics stay, dependent ones change, when one client's frame is turned at random."""
    s = sample(13, [(14, 12), (9, 10)], 4, 3, noise=0.5)
    other = Sample(spun(s.sent, 2, orthogonal(np.random.default_rng(5), 3)), s.received, s.weights, s.widths)
    method = "fedrot" if metric == "turn_angles" else "fedit"
    one, two = (spread_of(case(x, method, SO, 1).out, metric) for x in (s, other))
    change = float((one - two).abs().max())
    if METRICS[metric].gauge == "invariant":
        assert change < 1e-5
    else:
        assert change > 1e-2


def test_best_rotation_rung_is_invariant_too() -> None:
    s = sample(14, [(14, 12)], 4, 3, noise=0.5)
    other = spun(s.sent, 1, orthogonal(np.random.default_rng(6), 3))
    one, two = (
        measure(f, s.received, f.mean(s.weights), None, s.weights, SO, 1, 1.0).errors.ladder[RUNGS.index("gpa")]
        for f in (s.sent, other)
    )
    torch.testing.assert_close(one, two, rtol=0, atol=1e-6)


def test_retention_is_sigma_squared_for_a_shared_update() -> None:
    """Clients that hold one update: B̄ Ā = B M Mᵀ A, so the naive average keeps σ(M)² of each direction."""
    K, r = 4, 3
    rng = np.random.default_rng(15)
    planted = random_rotations(rng, K, r)
    Qa, Qb = np.linalg.qr(rng.standard_normal((12, r)))[0], np.linalg.qr(rng.standard_normal((10, r)))[0]
    base = Factors(torch.from_numpy(Qa.T.copy())[None, None], torch.from_numpy(Qb)[None, None])
    clients = Factors(base.A.expand(1, K, -1, -1), base.B.expand(1, K, -1, -1)).turned(planted)
    w = torch.from_numpy(rng.dirichlet(np.ones(K)))
    received = Factors(base.A[:, 0], base.B[:, 0])
    out = measure(clients, received, clients.mean(w), None, w, SO, 1, 1.0).stored()
    assert out["shared_update"].tolist() == [True]
    M = np.einsum("k,kij->ij", w.numpy(), planted.numpy())
    close(out["retention"][0], np.linalg.svd(M)[1] ** 2)
    # B and A have orthonormal columns and rows, so the kept product's singular values are the retention itself.
    close(out["retention"][0], np.linalg.svd(product(clients.mean(w))[0].numpy())[1][:r])
    assert float(out["retention"].max()) < 0.99
    assert float(out["ladder"][RUNGS.index("gpa"), 0]) < 1e-9


def test_numbers_of_extreme_size_stay_finite() -> None:
    """A client that is still finite in float32, however large or small, breaks no decomposition."""
    for size in (1e-18, 1e15, 1e18):
        s = sample(16, [(70, 9)], 3, 2)
        s.sent.A[:, 1] *= size
        s.sent.B[:, 1] *= size
        out = case(s, "gpa", SO, 1).out
        for name, values in out.items():
            assert bool(torch.isfinite(values).all()), (size, name)


@pytest.mark.parametrize("widths", [[(13, 11)], [(64, 64)]], ids=["direct path", "gram path"])
def test_undetermined_references_are_reported_by_conditioning(widths: list[tuple[int, int]]) -> None:
    """Where the broadcast has B = 0, side B is undetermined: conditioning 0, and no turn made of rounding noise."""
    out = case(sample(10, widths, 4, 2, zero_reference_B=True), "fedit", SO, 0).out
    torch.testing.assert_close(out["ladder"][RUNGS.index("align_B")], out["ladder"][0], rtol=0, atol=1e-9)
    assert out["conditioning"][1].tolist() == [[0.0] * 4]
    assert float(out["conditioning"][0].min()) > 1e-6


def test_compression_changes_no_alignment() -> None:
    """The Gram path and the full factors give the same rotations."""
    s = sample(17, [(70, 64)], 3, 2)
    found = case(s, "gpa", SO, 0)
    torch.testing.assert_close(found.out["turn"], generalised_procrustes(s.sent, s.weights).R, rtol=0, atol=1e-6)
    by_A = align_to_reference(s.sent, s.received, "A", "SO", 0.8)
    own = case(s, "fedrot", SO, 1)
    torch.testing.assert_close(own.out["turn"], by_A.R, rtol=0, atol=1e-9)
    close(own.out["error"], own.out["ladder"][RUNGS.index("align_A")])
