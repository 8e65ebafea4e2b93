"""What the naive average keeps of one shared update, and what it makes of the smallest factors there are."""

from __future__ import annotations

from functools import cache
from math import cos, radians

import numpy as np
import torch
from numpy.typing import NDArray

from fedrot_core.factors import Factors, ideal_product, product_norm
from fedrot_core.learn.quiz.algebra import SHARED, copies, kept, shares, shrinkage, turns
from fedrot_core.learn.quiz.base import Drawn, Number, register
from fedrot_core.learn.quiz.draws import one_of, pick_number, signed
from fedrot_core.wording import percent

PERCENT_GAP = 0.03

UNEQUAL = ((6, 3, 1), (5, 3, 2), (5, 4, 1), (4, 4, 2), (7, 2, 1), (2, 3, 5), (1, 2, 7), (3, 6, 1), (2, 6, 2), (1, 8, 1))
"""Weights of three clients in tenths."""


@register(
    "kept_two",
    lesson="one_update",
    text="Two [[client|clients]] of equal weight learned the same [[update]]. Their [[frame|frames]] are turned "
    "{theta}° apart in a plane. What share of the update does the [[naive]] keep?",
    explain="The mean of two rotations {theta}° apart is a rotation shrunk to {m}, the cosine of half the angle. It "
    "acts on [[B]] and once more on [[A]], so {m}² = {share} is kept.",
)
def kept_two(rng: np.random.Generator) -> Drawn:
    theta = int(rng.integers(4, 35)) * 5
    right, m = kept([0, theta], shares(1, 1)), shrinkage([0, theta], shares(1, 1))
    wrong = [m, cos(radians(theta)), cos(radians(theta)) ** 2, 1 - right, 1 - theta / 180, m**4]
    answer = pick_number(rng, right, wrong, percent, PERCENT_GAP, high=1.0)
    return Drawn(answer, {"theta": str(theta), "m": f"{m:.3f}", "share": percent(right)})


@register(
    "kept_three",
    lesson="one_update",
    text="Three [[client|clients]] learned the same [[update]]. Their weights are {w1}, {w2} and {w3}; their "
    "[[frame|frames]] are turned by 0°, {b}° and {c}° in one plane. What share of the update does the [[naive]] keep?",
    explain="[[M]] = Σ w R is a rotation shrunk to {m}, so the product of both averages keeps {m}² = {share}. With "
    "equal weights it would be {equal}.",
)
def kept_three(rng: np.random.Generator) -> Drawn:
    tenths = one_of(rng, UNEQUAL)
    b = int(rng.integers(3, 13)) * 10
    c = b + int(rng.integers(2, 7)) * 10
    degrees, w, equal = [0, b, c], shares(*tenths), shares(1, 1, 1)
    right, m, forgot = kept(degrees, w), shrinkage(degrees, w), kept(degrees, equal)
    squares = float(w.square().sum())  # the cross terms forgotten
    wrong = [forgot, m, squares, shrinkage(degrees, equal), 1 - right, kept([0, c], shares(1, 1))]
    return Drawn(
        pick_number(rng, right, wrong, percent, PERCENT_GAP, high=1.0),
        {
            **{f"w{k + 1}": f"{t / 10:.1f}" for k, t in enumerate(tenths)},
            **{"b": str(b), "c": str(c), "m": f"{m:.3f}", "share": percent(right), "equal": percent(forgot)},
        },
    )


@cache
def _share_by_angle() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share kept by two equal clients at angles from 180° down to 0°, and these angles; the shares ascend."""
    angles = torch.linspace(180, 0, 1441, dtype=torch.float64)
    one = torch.zeros_like(angles)
    R = torch.stack([turns(one.tolist()), turns(angles.tolist())], dim=1)  # (N, 2, 2, 2)
    clients = copies(Factors(SHARED.A.expand(len(R), 2, -1, -1), SHARED.B.expand(len(R), 2, -1, -1)), R)
    share = product_norm(clients.mean(shares(1, 1))) / product_norm(SHARED)
    return share.numpy(), angles.numpy()


@register(
    "kept_angle",
    lesson="one_update",
    text="Two [[client|clients]] of equal weight learned the same [[update]], in [[frame|frames]] that are turned "
    "apart in a plane. At which angle between them does the [[naive]] {does}?",
    explain="Two equal clients keep cos²(θ/2). At {theta}° the mean rotation is shrunk to {m}, and {m}² = {share} is "
    "kept. Half is kept at 90°, nothing at 180°.",
)
def kept_angle(rng: np.random.Generator) -> Drawn:
    share = int(rng.integers(3, 98))
    does = one_of(rng, (f"keep {share}\u00a0% of it", f"lose {100 - share}\u00a0% of it"))
    theta = float(np.interp(share / 100, *_share_by_angle()))
    m = shrinkage([0, theta], shares(1, 1))
    answer = Number(theta, "°", tolerance=2, low=0, high=180)
    return Drawn(answer, {"does": does, "theta": f"{theta:.0f}", "m": f"{m:.3f}", "share": f"{share}\u00a0%"})


@register(
    "scalar_average",
    lesson="one_update",
    text="At [[r|rank]] 1 with one input and one output, [[B]] and [[A]] are plain numbers. Client 1 has {n1} samples, "
    "B = {b1}, A = {a1}. Client 2 has {n2} samples, B = {b2}, A = {a2}. A client weighs as much as its share of all "
    "samples. {asked}",
    explain="The weights are {w1} and {w2}. The [[naive]] multiplies two means, {mb} · {ma} = {naive}. The [[ideal]] "
    "averages products: {w1} · ({p1}) + {w2} · ({p2}) = {ideal}.",
)
def scalar_average(rng: np.random.Generator) -> Drawn:
    n1, n2 = (10 * int(n) for n in rng.choice([1, 2, 3, 4, 6, 8, 9], size=2, replace=False))
    numbers = [-4, -3, -2, -1, 1, 2, 3, 4]
    (b1, b2), (a1, a2) = (rng.choice(numbers, size=2, replace=False) for _ in range(2))
    clients = Factors(
        torch.tensor([[[a1]], [[a2]]], dtype=torch.float64), torch.tensor([[[b1]], [[b2]]], dtype=torch.float64)
    )
    w, equal = shares(n1, n2), shares(1, 1)
    mean, plain = clients.mean(w), clients.mean(equal)
    naive, ideal = float(mean.B @ mean.A), float(ideal_product(clients, w))
    unweighted, plain_ideal = float(plain.B @ plain.A), float(ideal_product(clients, equal))
    asks_naive = bool(rng.integers(2))
    right, other = (naive, ideal) if asks_naive else (ideal, naive)
    wrong = [other, unweighted, plain_ideal, float(clients.B.sum() * clients.A.sum()), -right, right + 1]
    facts = {
        "asked": "Which update does the [[naive]] give?"
        if asks_naive
        else "What is the [[ideal]], the weighted mean of the products [[BA]]?",
        **{"n1": str(n1), "n2": str(n2), "w1": f"{float(w[0]):.3g}", "w2": f"{float(w[1]):.3g}"},
        **{k: signed(float(v)) for k, v in {"b1": b1, "a1": a1, "b2": b2, "a2": a2}.items()},
        **{"p1": signed(float(b1 * a1)), "p2": signed(float(b2 * a2))},
        **{"mb": signed(float(mean.B), 2), "ma": signed(float(mean.A), 2)},
        **{"naive": signed(naive, 2), "ideal": signed(ideal, 2)},
    }
    answer = pick_number(rng, right, wrong, lambda v: signed(v, 2), 0.05, low=float("-inf"))
    return Drawn(answer, facts)
