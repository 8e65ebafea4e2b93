"""No choice of frames changes any client's update."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fedrot_core.config import FederationConfig, leaves
from fedrot_core.factors import Factors
from fedrot_core.federation.frames import as_sent, initial_A
from tests.core.samples import product, sample

KINDS = next(tuple(leaf.option.choices) for leaf in leaves() if leaf.option.key == "frames")


def config(kind: str, seed: int = 0, r: int = 3) -> FederationConfig:
    return FederationConfig().with_values({"frames": kind, "seed": seed, "rank": r})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("r", "K"), [(1, 2), (3, 4), (6, 3)])
def test_frames_never_change_an_update(kind: str, r: int, K: int) -> None:
    s = sample(1, [(16, 9), (5, 12)], K, r)
    sent = as_sent(s.sent, config(kind, r=r), 2)
    torch.testing.assert_close(product(sent), product(s.sent), rtol=0, atol=1e-10)
    assert sent.A.shape == s.sent.A.shape
    assert sent.B.shape == s.sent.B.shape
    for layer, (d_in, d_out) in enumerate(s.widths):  # padding stays empty
        assert float(sent.A[layer, ..., d_in:].abs().sum()) == pytest.approx(0, abs=1e-12)
        assert float(sent.B[layer, :, d_out:].abs().sum()) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_zero_updates_stay_finite(kind: str) -> None:
    zero = Factors(torch.zeros(1, 2, 3, 8, dtype=torch.float64), torch.zeros(1, 2, 6, 3, dtype=torch.float64))
    sent = as_sent(zero, config(kind), 0)
    assert bool(sent.finite().all())


@pytest.mark.parametrize(
    ("kind", "moves"), [("trained", False), ("independent", False), ("svd", True), ("turned", True)]
)
def test_only_svd_and_turned_move_the_factors(kind: str, moves: bool) -> None:
    s = sample(2, [(10, 9)], 3, 3)
    sent = as_sent(s.sent, config(kind), 1)
    assert bool((sent.A - s.sent.A).abs().max() > 0.1) == moves


@pytest.mark.parametrize("kind", ["svd", "turned"])
def test_frames_are_drawn_from_seed_and_round(kind: str) -> None:
    s = sample(3, [(10, 9)], 8, 4)
    first = as_sent(s.sent, config(kind), 1).A
    assert torch.equal(first, as_sent(s.sent, config(kind), 1).A)
    assert not torch.equal(first, as_sent(s.sent, config(kind, seed=1), 1).A)
    assert not torch.equal(first, as_sent(s.sent, config(kind), 2).A)


def test_svd_frames_hide_the_frame_they_came_from() -> None:
    """Two clients with one update in different frames send the same directions, up to signs."""
    s = sample(4, [(10, 9)], 2, 3)
    Q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    twins = Factors(s.sent.A[:, :1].repeat(1, 2, 1, 1), s.sent.B[:, :1].repeat(1, 2, 1, 1))
    twins = twins.turned(torch.stack([torch.eye(3, dtype=torch.float64), torch.from_numpy(Q)]))
    sent = as_sent(twins, config("svd"), 0)
    torch.testing.assert_close(sent.A[:, 0].abs(), sent.A[:, 1].abs(), rtol=0, atol=1e-9)


def test_turned_by_zero_is_as_trained_and_two_clients_turned_by_180_cancel() -> None:
    s = sample(5, [(10, 9)], 2, 4)
    still = as_sent(s.sent, config("turned", r=4).with_values({"theta": 0}), 0)
    torch.testing.assert_close(still.A, s.sent.A, rtol=0, atol=1e-12)
    twins = Factors(s.sent.A[:, :1].expand(-1, 2, -1, -1), s.sent.B[:, :1].expand(-1, 2, -1, -1))
    over = as_sent(twins, config("turned", r=4).with_values({"theta": 180}), 0)
    torch.testing.assert_close(over.A[:, 0], -over.A[:, 1], rtol=0, atol=1e-12)


def test_initial_a_is_shared_except_under_independent_frames() -> None:
    widths = (20, 6)
    shared, own = (initial_A(config(kind), widths, 4) for kind in ("svd", "independent"))
    assert shared.shape == own.shape == (2, 4, 3, 20)
    assert torch.equal(shared, shared[:, :1].expand_as(shared))
    assert torch.equal(shared[:, 0], own[:, 0])
    assert float((own[:, 0] - own[:, 1]).abs().max()) > 0.01
    for A in (shared, own):
        assert float(A[1, ..., 6:].abs().max()) == 0.0
        for layer, d in enumerate(widths):
            assert 0.5 / d**0.5 < float(A[layer].abs().max()) <= 1 / d**0.5
