"""What no alignment can do: the rank-r floor, and clients that have nothing in common."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

from fedrot_core.alignment import generalised_procrustes, planted_rotations, random_rotations
from fedrot_core.factors import Factors, concatenated, ideal_product, leading, product_norm
from fedrot_core.learn.quiz.algebra import naive_error, shares
from fedrot_core.learn.quiz.base import Drawn, Number, register
from fedrot_core.learn.quiz.draws import normal, one_of, pick, pick_number
from fedrot_core.rng import stream
from fedrot_core.wording import percent

PERCENT_GAP = 0.03


@register(
    "floor",
    lesson="limits",
    text="The [[ideal]] has singular values {values}. Clients and server use [[r|rank]] {r}. What is the [[floor]], "
    "relative to the ideal's norm?",
    explain="No adapter does better than to keep the {r} leading directions. What is left, over the whole: √({tail} / "
    "{whole}) = {right}. Squares of singular values add up, not the values themselves.",
)
def floor(rng: np.random.Generator) -> Drawn:
    n = int(rng.integers(3, 7))
    s = torch.from_numpy(np.sort(rng.choice(np.arange(1, 13), size=n, replace=False))[::-1].astype(np.float64))
    r = int(rng.integers(1, n))
    frames = random_rotations(rng, 2, n)
    ideal = Factors(s.unsqueeze(-1) * frames[0], frames[1])

    def missed(rank: int) -> float:
        U, values, Vh = leading(ideal, rank)
        return float(product_norm(concatenated(ideal, Factors(-Vh, U * values))) / product_norm(ideal))

    right, squares = missed(r), s.square()
    wrong = [float(s[r:].sum() / s.sum()), right**2, 1 - right, missed(r - 1) if r > 1 else 1.0,
             float(s[r] / s[0]), (1 - right**2) ** 0.5]  # fmt: skip
    facts = {
        "values": ", ".join(f"{v:.0f}" for v in s.tolist()), "r": str(r), "tail": f"{float(squares[r:].sum()):.0f}",
        "whole": f"{float(squares.sum()):.0f}", "right": percent(right),
    }  # fmt: skip
    return Drawn(pick_number(rng, right, wrong, percent, PERCENT_GAP, high=1.0), facts)


@register(
    "ideal_rank",
    lesson="limits",
    text="{K} [[client|clients]] send adapters of [[r|rank]] {r} for a layer of {d_in} inputs and {d_out} outputs; "
    "they have nothing in common. Which rank must one adapter have at least to hold the [[ideal]] exactly?",
    explain="Spans of unrelated clients add up: {K} · {r} = {sum} directions, if the layer has as many ({d_in} in, "
    "{d_out} out). The ideal's measured rank is {rank}; below it there is a [[floor]].",
)
def ideal_rank(rng: np.random.Generator) -> Drawn:
    K, r = int(rng.integers(2, 9)), int(rng.integers(1, 6))
    d_in, d_out = (int(d) for d in rng.integers(6, 33, size=2))
    clients = Factors(normal(rng, K, r, d_in), normal(rng, K, d_out, r))
    rank = int(torch.linalg.matrix_rank(ideal_product(clients, shares(*[1] * K)), rtol=1e-9))
    facts = {"K": str(K), "r": str(r), "d_in": str(d_in), "d_out": str(d_out), "sum": str(K * r), "rank": str(rank)}
    return Drawn(Number(rank, "", tolerance=0, low=1, high=64), facts)


@cache
def _errors(case: str, K: int, r: int, theta: int) -> tuple[float, float]:
    """Relative errors of the naive average and after the best turn found."""
    rng = stream(0, "quiz", "limits", case, K, r)
    w, width = shares(*[1] * K), K * r
    one = Factors(normal(rng, 1, r, width).expand(K, -1, -1), normal(rng, 1, width, r).expand(K, -1, -1))
    if case == "turned":
        clients = one.turned(planted_rotations(rng, K, r, theta))
    elif case == "apart":
        rows, columns = (Q.unflatten(0, (K, r)) for Q in random_rotations(rng, 2, width))
        clients = Factors(rows, columns.mT)
    elif case == "common":
        clients = Factors(one.A, normal(rng, K, width, r))
    else:
        clients = one
    R = generalised_procrustes(clients, w).R
    return naive_error(clients, w), naive_error(clients.turned(R), w)


CASES = {
    "turned": "the same update from all, but two halves with frames {theta}° apart",
    "apart": "updates in subspaces at right angles to each other",
    "common": "a different B from each client, and one common A",
    "equal": "the same factors from all clients",
}

LIMIT_QUESTIONS = {
    "helps": "Where does turning clients onto a common frame lower the [[error]] most?",
    "cannot": "Where is the [[naive]] wrong although no turn helps?",
}


@register(
    "alignment_helps",
    lesson="limits",
    text="{K} [[client|clients]] of [[r|rank]] {r} and equal weight. {asked}",
    explain="[[error|Errors]] before and after the best turn found: {errors}. Turns repair frames; they do not bring "
    "subspaces together.",
)
def alignment_helps(rng: np.random.Generator) -> Drawn:
    K, r, theta = int(rng.integers(2, 7)), int(rng.integers(2, 6)), one_of(rng, (60, 90, 120, 150, 180))
    asked = one_of(rng, tuple(LIMIT_QUESTIONS))
    errors = {case: _errors(case, K, r, theta if case == "turned" else 0) for case in CASES}
    gain = {case: before - after for case, (before, after) in errors.items()}
    if asked == "helps":
        right = max(gain, key=lambda case: gain[case])
    else:
        right = max((case for case in CASES if gain[case] < 1e-6), key=lambda case: errors[case][0])
    shown = {case: text.format(theta=theta) for case, text in CASES.items()}
    told = "; ".join(f"{shown[case]}: {percent(a)}, {percent(b)}" for case, (a, b) in errors.items() if a > 1e-9)
    facts = {"K": str(K), "r": str(r), "asked": LIMIT_QUESTIONS[asked], "errors": told}
    return Drawn(pick(rng, shown[right], list(shown.values())), facts)
