"""One contract for every registered method: a new file in ``methods/`` is tested by being there."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from fedrot_core.config import FederationConfig
from fedrot_core.factors import Factors, ideal_product
from fedrot_core.federation import Federation
from fedrot_core.figures.kit import theme
from fedrot_core.methods import METHODS, RoundContext, ServerState
from tests.core import dense
from tests.core.rounds import Played, play, some
from tests.core.samples import Sample, orthogonal, product, sample, spun, unpadded

EVERY = pytest.mark.parametrize("name", METHODS)
MIXED = pytest.mark.parametrize("name", [n for n in METHODS if METHODS[n].mixed_ranks])
ROUNDS = pytest.mark.parametrize("t", [0, 1, 2])
Widths = list[tuple[int, int]]
SHAPES: list[tuple[Widths, int, int]] = [
    ([(12, 9)], 4, 3),
    ([(20, 5), (6, 11)], 3, 2),
    ([(7, 8)], 1, 1),
    ([(9, 4)], 3, 6),
    ([(20, 5), (6, 11)], 3, 8),
]


def gap(x: torch.Tensor, y: torch.Tensor) -> float:
    return float(torch.linalg.matrix_norm(x - y).max() / torch.linalg.matrix_norm(y).max())


def ideal_of(done: Played) -> torch.Tensor:
    return ideal_product(done.sent, done.context.weights)


def tensors(state: ServerState) -> list[torch.Tensor]:
    found = [state.factors.A, state.factors.B, state.base, state.private, *state.memory.values()]
    return [x for x in found if x is not None]


@EVERY
@ROUNDS
def test_shapes_are_kept_and_inputs_left_alone(name: str, t: int) -> None:
    for widths, K, r in SHAPES:
        shapes_are_kept_and_inputs_left_alone(name, t, widths, K, r)


def shapes_are_kept_and_inputs_left_alone(name: str, t: int, widths: Widths, K: int, r: int) -> None:
    s = sample(1, widths, K, r)
    inputs = (s.sent.A, s.sent.B, s.received.A, s.received.B, s.weights)
    before = [x.clone() for x in inputs]
    done = play(name, s, t, total=K + 2)
    assert all(torch.equal(x, y) for x, y in zip(before, inputs, strict=True))
    state, L = done.after, len(widths)
    o, i = s.received.B.shape[1], s.received.A.shape[2]
    assert done.upload.factors.A.shape == s.sent.A.shape
    assert done.upload.factors.B.shape == s.sent.B.shape
    assert state.factors.A.shape == s.received.A.shape
    assert state.factors.B.shape == s.received.B.shape
    assert state.base is None or state.base.shape == (L, o, i)
    assert state.private is None or state.private.shape == (L, K + 2, o, r)
    assert all(x.dtype == torch.float64 for x in tensors(state))
    start, models = METHODS[name].start(state, done.context), METHODS[name].models(state)
    assert start.A.shape == s.sent.A.shape
    assert start.B.shape == s.sent.B.shape
    M = models.A.shape[1]
    assert models.A.shape == (L, M, r, i)
    assert models.B.shape == (L, M, o, r)
    assert (1 if state.private is None else K + 2) == M
    alignment = done.upload.alignment or done.outcome.alignment
    if alignment is not None:
        R = alignment.R
        assert R.shape == (L, K, r, r)
        assert alignment.conditioning.shape == alignment.soft_margin.shape == (L, K)
        torch.testing.assert_close(R.mT @ R, torch.eye(r, dtype=torch.float64).expand_as(R), rtol=0, atol=1e-9)


def padding(state: ServerState, widths: Widths) -> float:
    """The largest number beyond the layers' true widths."""
    found = 0.0
    for n, (d_in, d_out) in enumerate(widths):
        outside = [state.factors.A[n, :, d_in:], state.factors.B[n, d_out:]]
        if state.base is not None:
            outside += [state.base[n, :, d_in:], state.base[n, d_out:]]
        if state.private is not None:
            outside.append(state.private[n, :, d_out:])
        found = max([found, *(float(x.abs().max()) for x in outside if x.numel())])
    return found


@EVERY
@ROUNDS
def test_padding_stays_empty(name: str, t: int) -> None:
    """Also where a decomposition has freedom: rank deficient input, and ranks above a layer's width."""
    widths = [(20, 5), (6, 11)]
    for case, r in itertools.product(("full", "rank one", "zeros", "zero B"), (2, 8)):
        assert padding(play(name, degenerate(sample(9, widths, 3, r), case), t).after, widths) == 0, (case, r)


def degenerate(s: Sample, case: str) -> Sample:
    A, B, received = s.sent.A.clone(), s.sent.B.clone(), s.received
    if case == "zeros":
        A, B = torch.zeros_like(A), torch.zeros_like(B)
    elif case == "zero B":
        B = torch.zeros_like(B)
    elif case == "zero reference":
        received = Factors(torch.zeros_like(received.A), torch.zeros_like(received.B))
    elif case == "all zeros":
        A, B = torch.zeros_like(A), torch.zeros_like(B)
        received = Factors(torch.zeros_like(received.A), torch.zeros_like(received.B))
    elif case == "rank one":
        A, B = A[:, :, :1].expand_as(A), B[..., :1].expand_as(B)
    elif case == "one dead client":
        A[:, 1], B[:, 1] = 0, 0
    return replace(s, sent=Factors(A, B), received=received)


@EVERY
@ROUNDS
def test_degenerate_input_gives_finite_output(name: str, t: int) -> None:
    cases = ("zeros", "zero B", "zero reference", "all zeros", "rank one", "one dead client")
    for case, size, widths in itertools.product(cases, (1.0, 1e3, 1e-12), ([(12, 9)], [(20, 5), (6, 11)])):
        s = degenerate(sample(2, widths, 4, 3), case)
        scaled = replace(s, sent=Factors(s.sent.A * size, s.sent.B * size))
        for x in tensors(play(name, scaled, t).after):
            assert bool(torch.isfinite(x).all()), (case, size, widths)


@EVERY
@ROUNDS
def test_identical_clients_give_no_error(name: str, t: int) -> None:
    s = sample(3, [(12, 9), (8, 10)], 4, 3)
    same = replace(s, sent=Factors(s.sent.A[:, :1].expand_as(s.sent.A), s.sent.B[:, :1].expand_as(s.sent.B)))
    done = play(name, same, t)
    if METHODS[name].keeps_equal:
        torch.testing.assert_close(done.update, product(done.sent)[:, 0], rtol=0, atol=1e-9)
    elif t:  # the exception is a real one
        assert gap(done.update, product(done.sent)[:, 0]) > 1e-3


@EVERY
@ROUNDS
def test_one_client_alone_gives_its_own_product(name: str, t: int) -> None:
    done = play(name, sample(4, [(12, 9)], 1, 3), t)
    own = product(done.sent)[:, 0]
    if METHODS[name].keeps_one:
        torch.testing.assert_close(done.update, own, rtol=0, atol=1e-9)
    else:
        assert gap(done.update, own) > 1e-3


@EVERY
@ROUNDS
def test_a_client_of_no_weight_does_not_count(name: str, t: int) -> None:
    s = sample(5, [(12, 9)], 3, 3)
    w = torch.tensor([0.6, 0.4, 0.0], dtype=torch.float64)
    with_it = play(name, replace(s, weights=w), t).update
    without = play(name, some(s, [0, 1], w[:2]), t, total=3).update
    torch.testing.assert_close(with_it, without, rtol=0, atol=1e-7)


@EVERY
@ROUNDS
def test_order_of_clients_does_not_matter(name: str, t: int) -> None:
    s = sample(6, [(12, 9)], 4, 3)
    expected = play(name, s, t)
    for order in ([3, 2, 1, 0], [1, 0, 3, 2], [2, 0, 3, 1]):
        found = play(name, some(s, order), t, clients=order, total=4)
        torch.testing.assert_close(found.update, expected.update, rtol=0, atol=1e-7)
        if expected.after.private is not None:
            assert found.after.private is not None
            torch.testing.assert_close(found.after.private, expected.after.private, rtol=0, atol=0)


@EVERY
def test_weights_count(name: str) -> None:
    s = sample(7, [(12, 9)], 3, 2, noise=1.0)
    even = torch.full((3,), 1 / 3, dtype=torch.float64)
    tilted = torch.tensor([0.8, 0.1, 0.1], dtype=torch.float64)
    assert gap(*(play(name, replace(s, weights=w), 1).update for w in (even, tilted))) > 0.05


def test_methods_get_weights_that_sum_to_one() -> None:
    """Scaling all counts changes nothing, in any arm (a power of two, so to the last bit)."""
    values = {"clients": 4, "rounds": 2, "steps": 2, "batch": 8, "rank": 3, "device": "cpu", "arms": tuple(METHODS)}
    config = FederationConfig().with_values(values)
    one, four = Federation(config), Federation(config)
    four.weights = four.weights * 4
    trace = one.run()
    assert {r.arm for r in trace.records} == set(METHODS)
    assert all(float(r.weights.sum()) == pytest.approx(1.0, abs=1e-12) for r in trace.records)
    assert four.run().checksum == trace.checksum


def layer_of(s: Sample, n: int) -> Sample:
    one = slice(n, n + 1)
    return Sample(
        Factors(s.sent.A[one], s.sent.B[one]),
        Factors(s.received.A[one], s.received.B[one]),
        s.weights,
        s.widths[one],
    )


@EVERY
@ROUNDS
def test_layers_are_independent(name: str, t: int) -> None:
    s, other = (sample(seed, [(12, 9), (12, 9)], 4, 2) for seed in (8, 18))
    both = play(name, s, t).update
    torch.testing.assert_close(play(name, layer_of(s, 0), t).update[0], both[0], rtol=0, atol=1e-6)
    second = gap(play(name, layer_of(s, 1), t).update, both[1:])
    if METHODS[name].draws_by_layer:
        assert second < 1e-5
    elif t:  # the exception is a real one
        assert second > 1e-3
    for changed in range(2):
        sent, received = (Factors(f.A.clone(), f.B.clone()) for f in (s.sent, s.received))
        for mine, theirs in ((sent, other.sent), (received, other.received)):
            mine.A[changed], mine.B[changed] = theirs.A[changed], theirs.B[changed]
        found = play(name, replace(s, sent=sent, received=received), t).update
        torch.testing.assert_close(found[1 - changed], both[1 - changed], rtol=0, atol=1e-6)
        assert gap(found[changed : changed + 1], both[changed : changed + 1]) > 0.1


@EVERY
def test_claim_of_exactness_is_true_both_ways(name: str) -> None:
    """A method that says it is exact always gives Σ w B A; one that does not, misses it on some input."""
    worst = 0.0
    for seed, t in itertools.product(range(3), range(3)):
        done = play(name, sample(seed, [(12, 9)], 4, 3, noise=1.0), t)
        worst = max(worst, gap(done.update, ideal_of(done)))
    assert worst < 1e-9 if METHODS[name].exact else worst > 1e-3


@EVERY
def test_claim_of_gauge_invariance_is_true_both_ways(name: str) -> None:
    """Turning one client's frame changes nothing, or, where that is not claimed, something in some round.

    Where a factor is frozen the turned client cannot pass it on: the server reads its trained factor in a wrong frame.
    """
    worst = 0.0
    for seed, t in itertools.product(range(3), range(3)):
        s = sample(seed, [(12, 9)], 4, 3, noise=0.3)
        other = replace(s, sent=spun(s.sent, seed, orthogonal(np.random.default_rng(seed + 50), 3)))
        worst = max(worst, gap(*(play(name, x, t).update for x in (s, other))))
    assert worst < 1e-5 if METHODS[name].gauge_invariant else worst > 1e-3


def truncated(s: Sample, ranks: list[int]) -> Sample:
    held = (torch.arange(s.sent.rank) < torch.tensor(ranks)[:, None]).double()
    return replace(s, sent=Factors(s.sent.A * held[None, ..., None], s.sent.B * held[None, :, None]))


@MIXED
@ROUNDS
def test_mixed_ranks_are_combined(name: str, t: int) -> None:
    """The update never errs more than the method's kind allows, and its numbers fall with the ranks."""
    s, ranks = sample(20, [(12, 9), (7, 10)], 3, 4, noise=1.0), [4, 2, 1]
    done = play(name, truncated(s, ranks), t, ranks=ranks)
    ideal = torch.stack(  # from the factors at their own rank, without the zeros
        [
            sum(
                float(s.weights[k]) * s.sent.B[n, k, :, :q] @ s.sent.A[n, k, :q]  # type: ignore[misc]
                for k, q in enumerate(ranks)
            )
            for n in range(2)
        ]
    )
    if METHODS[name].exact:
        torch.testing.assert_close(done.update, ideal, rtol=0, atol=1e-9)
    elif METHODS[name].gauge_invariant:  # best of rank r
        tail = torch.linalg.svdvals(ideal)[:, 4:].norm(dim=-1)
        torch.testing.assert_close(torch.linalg.matrix_norm(done.update - ideal), tail, rtol=1e-9, atol=1e-9)
    else:
        assert 0.05 < gap(done.update, ideal) < 1.5
    alone = play(
        name, truncated(some(s, [2], torch.ones(1, dtype=torch.float64)), [1]), t, ranks=[1]
    )  # a lone client of rank 1 fits into any rank
    torch.testing.assert_close(alone.update, product(alone.sent)[:, 0], rtol=0, atol=1e-9)
    assert int(torch.linalg.matrix_rank(alone.update[0], rtol=1e-9)) == 1


def test_private_factors_of_absent_clients_survive() -> None:
    """FedSA: a client that sits out keeps its B and starts from it; one never seen starts from B = 0."""
    s, later = sample(21, [(12, 9), (7, 10)], 3, 2), sample(22, [(12, 9), (7, 10)], 2, 2)
    method = METHODS["fedsa"]
    first = play("fedsa", s, 0, clients=[0, 2, 3], total=5)
    second = play("fedsa", later, 1, clients=[1, 2], total=5, before=first.after)
    private = second.after.private
    assert private is not None
    assert torch.equal(private[:, 0], s.sent.B[:, 0])
    assert torch.equal(private[:, 3], s.sent.B[:, 2])
    assert torch.equal(private[:, 1], later.sent.B[:, 0])
    assert torch.equal(private[:, 2], later.sent.B[:, 1])
    assert not private[:, 4].any()
    start = method.start(second.after, replace(second.context, clients=torch.tensor([3, 4, 1])))
    assert torch.equal(start.B, private[:, [3, 4, 1]])
    for k in range(3):
        assert torch.equal(start.A[:, k], second.after.factors.A)
    models = method.models(second.after)
    assert torch.equal(models.B, private)
    assert models.A.shape[1] == 5
    assert first.after.private is not None
    assert not first.after.private[:, 1].any()  # the earlier state was not written into


@pytest.mark.parametrize("name", ["flora", "fedex"])
def test_the_merged_base_accumulates_over_rounds(name: str) -> None:
    """``W0 + s (base + B A)`` after two rounds, against the same sum by hand."""
    widths, scaling = [(12, 9), (7, 10)], 2.0
    one, two = (sample(seed, widths, 3, 2, noise=1.0) for seed in (23, 24))
    first = play(name, one, 0)
    second = play(name, two, 1, before=first.after)
    for n, width in enumerate(widths):
        W0 = np.random.default_rng(n).standard_normal((width[1], width[0]))
        (A1, B1), (A2, B2), w = one.clients(n), two.clients(n), (one.weights.numpy(), two.weights.numpy())
        ideal1, ideal2 = dense.ideal(A1, B1, w[0]), dense.ideal(A2, B2, w[1])
        naive1 = dense.naive(A1, B1, w[0])
        # FLoRA's second adapter came on top of all of the first; FedEx's replaced the first average.
        expected = W0 + scaling * (ideal1 + ideal2 if name == "flora" else ideal1 - naive1 + ideal2)
        state = second.after
        assert state.base is not None
        A, B = unpadded(state.factors, n, width)
        base = state.base[n, : width[1], : width[0]].numpy()
        np.testing.assert_allclose(W0 + scaling * (base + B @ A), expected, atol=1e-9)
        np.testing.assert_allclose(second.update[n, : width[1], : width[0]], ideal2, atol=1e-9)
        if name == "flora":
            assert not B.any()
            np.testing.assert_array_equal(A, second.context.fresh_A()[n, :, : width[0]])


def numbers_of_A(widths: Widths, r: int) -> int:
    return sum(r * d_in for d_in, _ in widths)


def numbers_of_B(widths: Widths, r: int) -> int:
    return sum(d_out * r for _, d_out in widths)


def both(widths: Widths, r: int) -> int:
    return numbers_of_A(widths, r) + numbers_of_B(widths, r)


@EVERY
@ROUNDS
def test_claims_of_what_is_sent_and_received_are_true_both_ways(name: str, t: int) -> None:
    """A factor that is not sent is where it started, or stays with its client; one that is not received rests."""
    method, widths = METHODS[name], [(20, 5), (6, 11)]
    done = play(name, sample(25, widths, 3, 2), t)
    start, private = method.start(done.before, done.context), done.after.private
    for factor in ("A", "B"):
        uploaded, known = (getattr(f, factor) for f in (done.upload.factors, start))
        after, before = (getattr(state.factors, factor) for state in (done.after, done.before))
        own = factor == "B" and private is not None
        if factor not in method.sent(t):
            assert torch.equal(uploaded, private[:, done.context.clients] if own and private is not None else known)
        elif done.upload.numbers is None:
            assert not torch.equal(uploaded, known)
        if factor not in method.received(t):
            assert own or torch.equal(after, before)
        elif done.outcome.numbers is None:
            assert not torch.equal(after, before)
    for numbers in (done.upload.numbers, done.outcome.numbers):
        assert numbers is None or (np.isfinite(numbers) and numbers >= 0)


LAYERS: list[Widths] = [[(20, 5), (6, 11)], [(40, 30), (8, 50), (3, 3)]]
CLIENTS_AND_RANKS = ((3, 2), (1, 2), (5, 1))


@pytest.mark.parametrize(("widths", "size"), list(itertools.product(LAYERS, CLIENTS_AND_RANKS)))
@ROUNDS
def test_stacking_sends_everyone_all_factors_and_fedex_the_residual(
    t: int, widths: Widths, size: tuple[int, int]
) -> None:
    K, r = size
    s = sample(25, widths, K, r)
    flora, fedex = play("flora", s, t), play("fedex", s, t)
    assert flora.upload.numbers is fedex.upload.numbers is None
    assert flora.outcome.numbers == K * both(widths, r)
    extra = sum(min(d_in * d_out, (K - 1) * r * (d_in + d_out)) for d_in, d_out in widths)
    assert fedex.outcome.numbers == both(widths, r) + extra
    assert flora.outcome.indices == fedex.outcome.indices == 0


@ROUNDS
def test_fedsrd_counts_what_is_not_zero(t: int) -> None:
    widths, K, r = [(20, 5), (6, 11)], 3, 2
    done = play("fedsrd", sample(26, widths, K, r), t)
    up = 0
    for k in range(K):
        up += int((done.upload.factors.A[:, k] != done.before.factors.A).sum())
        up += int((done.upload.factors.B[:, k] != done.before.factors.B).sum())
    assert done.upload.numbers == done.upload.indices == up / K
    assert 0 < up / K <= 0.15 * both(widths, r) + 2 * len(widths)  # each matrix rounds up
    old, new = done.before.factors, done.after.factors
    down = int((new.A != old.A).sum() + (new.B != old.B).sum())
    assert done.outcome.numbers == done.outcome.indices == down
    assert 0 < down < (numbers_of_B(widths, r) if t % 2 else numbers_of_A(widths, r))


def test_a_round_counts_numbers_of_true_widths() -> None:
    s = sample(27, [(20, 5), (6, 11)], 2, 3)
    context: RoundContext = play("fedit", s, 0).context
    assert [context.numbers(w) for w in ("A", "B", "AB")] == [3 * 26, 3 * 16, 3 * 42]


def test_names_labels_and_styles_are_unique() -> None:
    cards = [m.card for m in METHODS.values()]
    assert [c.name for c in cards] == list(METHODS)
    assert len({c.label for c in cards}) == len(cards)
    assert len({(c.hue, c.dash, c.symbol) for c in cards}) == len(cards)


@EVERY
def test_card_is_complete(name: str) -> None:
    method = METHODS[name]
    assert set(theme.HUES) == {"light", "dark"}
    assert all(method.card.hue in hues for hues in theme.HUES.values())
    assert method.card.label.strip()
    assert method.paper.strip()
    assert method.sends.strip()
    assert method.idea.endswith(".")
    assert len(method.idea) <= 120
    assert method.card.dash in {"solid", "dot", "dash", "longdash", "dashdot", "longdashdot"}
    assert method.card.symbol
    assert (type(method).__doc__ or "").strip()
