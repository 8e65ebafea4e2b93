"""One contract for every registered method: a new file in ``methods/`` is tested by being there."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, ideal_product
from fedrot_core.figures import theme
from fedrot_core.methods import METHODS, Aggregate, RoundContext
from tests.core.samples import orthogonal, product, sample, spun

EVERY = pytest.mark.parametrize("name", METHODS)
ROUNDS = pytest.mark.parametrize("t", [0, 1, 2])
ALIGN = AlignmentConfig()
SHAPES = [([(12, 9)], 4, 3), ([(20, 5), (6, 11)], 3, 2), ([(7, 8)], 1, 1), ([(9, 4)], 3, 6)]


def run(
    name: str, sent: Factors, received: Factors, w: torch.Tensor, t: int, align: AlignmentConfig = ALIGN
) -> Aggregate:
    return METHODS[name].aggregate(sent, received, RoundContext(t, align, w))


def gap(x: torch.Tensor, y: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(x - y).max() / torch.linalg.matrix_norm(y).max())


@EVERY
@ROUNDS
@pytest.mark.parametrize(("widths", "K", "r"), SHAPES)
def test_shapes_are_kept_and_inputs_left_alone(
    name: str, t: int, widths: list[tuple[int, int]], K: int, r: int
) -> None:
    s = sample(1, widths, K, r)
    before = [x.clone() for x in (s.sent.A, s.sent.B, s.received.A, s.received.B, s.weights)]
    done = run(name, s.sent, s.received, s.weights, t)
    assert done.factors.A.shape == s.received.A.shape
    assert done.factors.B.shape == s.received.B.shape
    assert done.factors.A.dtype == torch.float64
    after = (s.sent.A, s.sent.B, s.received.A, s.received.B, s.weights)
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True))
    if done.alignment is not None:
        R = done.alignment.R
        assert R.shape == (len(widths), K, r, r)
        assert done.alignment.conditioning.shape == done.alignment.soft_margin.shape == (len(widths), K)
        torch.testing.assert_close(R.mT @ R, torch.eye(r, dtype=torch.float64).expand_as(R), rtol=0, atol=1e-9)
    for layer, (d_in, d_out) in enumerate(widths):  # padding stays empty
        assert not done.factors.A[layer, :, d_in:].any()
        assert not done.factors.B[layer, d_out:].any()


@EVERY
@ROUNDS
@pytest.mark.parametrize("case", ["zeros", "zero B", "zero reference", "rank one", "one dead client"])
def test_degenerate_input_gives_finite_output(name: str, t: int, case: str) -> None:
    s = sample(2, [(12, 9)], 4, 3)
    A, B, received = s.sent.A, s.sent.B, s.received
    if case == "zeros":
        A, B = torch.zeros_like(A), torch.zeros_like(B)
    elif case == "zero B":
        B = torch.zeros_like(B)
    elif case == "zero reference":
        received = Factors(torch.zeros_like(received.A), torch.zeros_like(received.B))
    elif case == "rank one":
        A, B = A[:, :, :1].expand_as(A), B[..., :1].expand_as(B)
    else:
        A, B = A.clone(), B.clone()
        A[:, 1], B[:, 1] = 0, 0
    done = run(name, Factors(A, B), received, s.weights, t)
    assert bool(torch.isfinite(done.factors.A).all())
    assert bool(torch.isfinite(done.factors.B).all())


@EVERY
@ROUNDS
def test_identical_clients_give_no_error(name: str, t: int) -> None:
    s = sample(3, [(12, 9), (8, 10)], 4, 3)
    same = Factors(s.sent.A[:, :1].expand_as(s.sent.A), s.sent.B[:, :1].expand_as(s.sent.B))
    found = product(run(name, same, s.received, s.weights, t).factors)
    torch.testing.assert_close(found, product(s.sent)[:, 0], rtol=0, atol=1e-9)


@EVERY
@ROUNDS
def test_one_client_alone_gives_its_own_product(name: str, t: int) -> None:
    s = sample(4, [(12, 9)], 1, 3)
    found = product(run(name, s.sent, s.received, s.weights, t).factors)
    torch.testing.assert_close(found, product(s.sent)[:, 0], rtol=0, atol=1e-9)


@EVERY
@ROUNDS
def test_a_client_of_no_weight_does_not_count(name: str, t: int) -> None:
    s = sample(5, [(12, 9)], 3, 3)
    w = torch.tensor([0.6, 0.4, 0.0], dtype=torch.float64)
    with_it = product(run(name, s.sent, s.received, w, t).factors)
    without = product(run(name, s.sent.select(torch.tensor([0, 1])), s.received, w[:2], t).factors)
    torch.testing.assert_close(with_it, without, rtol=0, atol=1e-7)


@EVERY
@ROUNDS
def test_order_of_clients_does_not_matter(name: str, t: int) -> None:
    s = sample(6, [(12, 9)], 4, 3)
    expected = product(run(name, s.sent, s.received, s.weights, t).factors)
    for order in ([3, 2, 1, 0], [1, 0, 3, 2]):
        p = torch.tensor(order)
        found = product(run(name, s.sent.select(p), s.received, s.weights[p], t).factors)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-7)


@EVERY
def test_weights_count(name: str) -> None:
    s = sample(7, [(12, 9)], 3, 2, noise=1.0)
    even = torch.full((3,), 1 / 3, dtype=torch.float64)
    tilted = torch.tensor([0.8, 0.1, 0.1], dtype=torch.float64)
    found = [product(run(name, s.sent, s.received, w, 1).factors) for w in (even, tilted)]
    assert gap(*found) > 0.05


@EVERY
def test_layers_are_independent(name: str) -> None:
    s = sample(8, [(12, 9), (12, 9)], 4, 2)
    both = product(run(name, s.sent, s.received, s.weights, 1).factors)
    for layer in range(2):
        one = slice(layer, layer + 1)
        alone = run(
            name,
            Factors(s.sent.A[one], s.sent.B[one]),
            Factors(s.received.A[one], s.received.B[one]),
            s.weights,
            1,
        )
        torch.testing.assert_close(product(alone.factors)[0], both[layer], rtol=0, atol=1e-6)


@EVERY
def test_claim_of_exactness_is_true_both_ways(name: str) -> None:
    """A method that says it is exact always gives Σ w B A; one that does not, misses it on some input."""
    worst = 0.0
    for seed, t in itertools.product(range(3), range(3)):
        s = sample(seed, [(12, 9)], 4, 3, noise=1.0)
        found = product(run(name, s.sent, s.received, s.weights, t).factors)
        worst = max(worst, gap(found, ideal_product(s.sent, s.weights)))
    assert worst < 1e-9 if METHODS[name].exact else worst > 1e-3


@EVERY
def test_claim_of_gauge_invariance_is_true_both_ways(name: str) -> None:
    """Turning one client's frame changes nothing, or, where that is not claimed, something in some round."""
    worst = 0.0
    for seed, t in itertools.product(range(3), range(3)):
        s = sample(seed, [(12, 9)], 4, 3, noise=0.3)
        other = spun(s.sent, seed, orthogonal(np.random.default_rng(seed + 50), 3))
        one, two = (product(run(name, f, s.received, s.weights, t).factors) for f in (s.sent, other))
        worst = max(worst, gap(one, two))
    assert worst < 1e-5 if METHODS[name].gauge_invariant else worst > 1e-3


def test_names_labels_and_styles_are_unique() -> None:
    cards = [m.card for m in METHODS.values()]
    assert [c.name for c in cards] == list(METHODS)
    assert len({c.label for c in cards}) == len(cards)
    assert len({(c.hue, c.dash, c.symbol) for c in cards}) == len(cards)


@EVERY
def test_card_is_complete(name: str) -> None:
    method = METHODS[name]
    assert all(method.card.hue in hues for hues in theme.HUES.values())
    assert method.card.label.strip()
    assert method.paper.strip()
    assert method.card.dash in {"solid", "dot", "dash", "longdash", "dashdot", "longdashdot"}
    assert method.card.symbol
    assert (type(method).__doc__ or "").strip()
