"""What travels, and which servers get the ideal out of it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, LayerSpec
from fedrot_core.learn.mistakes.evidence import Bench
from fedrot_core.learn.quiz.base import MOST_OPTIONS, Drawn, register
from fedrot_core.learn.quiz.draws import one_of, pick, pick_number, some_of
from fedrot_core.methods import METHODS, RoundContext, ServerState
from fedrot_core.methods.base import INDEX_BYTES, NUMBER_BYTES
from fedrot_core.rng import stream
from fedrot_core.study.summary import EXACT_BELOW
from fedrot_core.wording import percent, size

SENDERS = ("fedit", "fedrot", "ffa", "rolora", "fedsa", "flora", "fedex", "fedsvd")
"""Methods whose uploads have a size that can be reckoned."""

WEIGHTS = (
    (0.4, 0.25, 0.2, 0.1, 0.05), (0.3, 0.25, 0.2, 0.15, 0.1), (0.5, 0.2, 0.1, 0.1, 0.1), (0.25, 0.25, 0.2, 0.2, 0.1),
    (0.35, 0.35, 0.1, 0.1, 0.1), (0.6, 0.1, 0.1, 0.1, 0.1), (0.1, 0.1, 0.2, 0.2, 0.4), (0.05, 0.05, 0.2, 0.3, 0.4),
    (0.15, 0.35, 0.15, 0.2, 0.15), (0.2, 0.3, 0.1, 0.1, 0.3),
)  # fmt: skip
"""Weights of the test bench's five clients."""


def bytes_sent(method: str, layers: int, d_in: int, d_out: int, r: int, t: int) -> float:
    """What one client uploads in round ``t``, in bytes, as the method itself says."""
    spec = tuple(LayerSpec(f"layer {n}", d_in, d_out) for n in range(layers))
    zero = torch.zeros((), dtype=torch.float64)
    one = Factors(zero.expand(layers, 1, r, d_in), zero.expand(layers, 1, d_out, r))
    state = ServerState(Factors(one.A[:, 0], one.B[:, 0]))
    context = RoundContext(
        round_index=t, align=AlignmentConfig(), weights=torch.ones(1, dtype=torch.float64), clients=torch.tensor([0]),
        total_clients=1, layers=spec, reference=state.factors, rng=lambda name: stream(0, "quiz", name),
        ranks=torch.tensor([r]), fresh_A=lambda: state.factors.A,
    )  # fmt: skip
    upload = METHODS[method].prepare(one, state, context)
    numbers = context.numbers(METHODS[method].sent(t)) if upload.numbers is None else upload.numbers
    return numbers * NUMBER_BYTES + upload.indices * INDEX_BYTES


@register(
    "bytes_up",
    lesson="slow_motion",
    text="{label} adapts {layers} layers of {d_in} inputs and {d_out} outputs with [[r|rank]] {r}, in 32-bit numbers. "
    "How much does one [[client]] send in [[round]] {t} (rounds count from 0)?",
    explain="{label} sends {sends}. Per layer [[A]] holds {nA} numbers and [[B]] {nB}; times {layers} layers and "
    "{per} bytes, that makes {bytes}.",
)
def bytes_up(rng: np.random.Generator) -> Drawn:
    name = one_of(rng, SENDERS)
    layers, r, t = int(rng.integers(2, 33)), one_of(rng, (2, 4, 8, 16)), int(rng.integers(0, 6))
    d_in, d_out = some_of(rng, (128, 256, 384, 512, 768, 1024), 2)
    right = bytes_sent(name, layers, d_in, d_out, r, t)
    both, full = NUMBER_BYTES * layers * r * (d_in + d_out), NUMBER_BYTES * layers * d_in * d_out
    one = NUMBER_BYTES * layers * r
    wrong = [both, one * d_in, one * d_out, right / layers, right / NUMBER_BYTES, full, 2 * right]
    facts = {
        "label": METHODS[name].card.label, "layers": str(layers), "d_in": str(d_in), "d_out": str(d_out), "r": str(r),
        "t": str(t), "sends": METHODS[name].sends, "nA": str(r * d_in), "nB": str(r * d_out),
        "per": str(NUMBER_BYTES), "bytes": size(right),
    }  # fmt: skip
    return Drawn(pick_number(rng, right, wrong, size, ratio=0.1), facts)


@cache
def bench_error(method: str, weights: tuple[float, ...]) -> float:
    """The method's relative error on five random clients of rank 3."""
    return float(Bench(METHODS[method], weights=weights).result()[1].max())


@register(
    "exact_method",
    lesson="slow_motion",
    text="Five [[client|clients]] of [[r|rank]] 3 with weights {weights} train as their method prescribes and end at "
    "random [[factors]]. Under which method does the [[server]] {does} the [[ideal]], the Σ w B A of what they "
    "trained?",
    explain="Measured [[error|errors]]: {errors}. Exact are servers that average one factor while all clients share "
    "the other, that stack all factors, or that hand out what the average missed.",
)
def exact_method(rng: np.random.Generator) -> Drawn:
    weights = one_of(rng, WEIGHTS)
    errors = {n: bench_error(n, weights) for n in METHODS if "ablation" not in METHODS[n].paper}
    exact = [n for n in errors if errors[n] < EXACT_BELOW]
    inexact = [n for n in errors if errors[n] >= EXACT_BELOW]
    asks_exact = bool(rng.integers(2))
    pool, others = (exact, inexact) if asks_exact else (inexact, exact)
    right, wrong = one_of(rng, pool), some_of(rng, others, MOST_OPTIONS - 1)
    labels = {n: METHODS[n].card.label for n in errors}
    facts = {
        "weights": ", ".join(f"{w:g}" for w in weights), "does": "get exactly" if asks_exact else "miss",
        "errors": ", ".join(f"{labels[n]} {percent(errors[n])}" for n in [right, *wrong]),
    }  # fmt: skip
    return Drawn(pick(rng, labels[right], [labels[n] for n in wrong]), facts)
