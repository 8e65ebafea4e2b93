"""Where frames come from: SVD signs, planted turns, shared and own starts."""

from __future__ import annotations

from functools import cache
from itertools import product
from math import cos, radians

import numpy as np
import torch

from fedrot_core.alignment import planted_rotations
from fedrot_core.config import FederationConfig
from fedrot_core.factors import Factors, concatenated, product_norm, weighted
from fedrot_core.federation import Federation
from fedrot_core.learn.quiz.algebra import shares
from fedrot_core.learn.quiz.base import Drawn, Number, register
from fedrot_core.learn.quiz.draws import normal, one_of, pick, pick_number
from fedrot_core.rng import stream
from fedrot_core.study.summary import EXACT_BELOW
from fedrot_core.wording import percent

PERCENT_GAP = 0.03


@register(
    "sign_flips",
    lesson="sources",
    text="{K} [[client|clients]] of equal weight learned the same [[update]] of [[r|rank]] 1. Each re-factorised it by "
    "[[svd]], and {m} came back with the signs of both factors flipped. What share does the [[naive]] keep?",
    explain="The signs average to ({p} − {m}) / {K} = {mean} in [[A]], and again in [[B]]; the product keeps the "
    "square, {share}. Yet every client's own update is untouched.",
)
def sign_flips(rng: np.random.Generator) -> Drawn:
    K = int(rng.integers(3, 21))
    m = int(rng.integers(1, K))
    sign = torch.tensor([-1.0] * m + [1.0] * (K - m), dtype=torch.float64)[:, None, None]
    one = Factors(normal(rng, 1, 4), normal(rng, 3, 1))
    mean = Factors(sign * one.A, one.B * sign).mean(shares(*[1] * K))
    right = float(product_norm(mean) / product_norm(one))
    flipped = m / K
    wrong = [abs(1 - 2 * flipped), 1 - flipped, (1 - flipped) ** 2, 1.0, 1 - right, flipped**2]
    facts = {"K": str(K), "m": str(m), "p": str(K - m), "mean": f"{1 - 2 * flipped:.2f}".replace("-", "−"),
             "share": percent(right)}  # fmt: skip
    return Drawn(pick_number(rng, right, wrong, percent, PERCENT_GAP, high=1.0), facts)


@cache
def sign_frames(r: int) -> tuple[int, int]:
    """How many sign choices of r directions keep an update, and how many of these are rotations."""
    signs = torch.tensor(list(product([1.0, -1.0], repeat=r)), dtype=torch.float64).diag_embed()  # (2^r, r, r)
    rng = stream(0, "quiz", "signs", r)
    one = Factors(normal(rng, r, 9), normal(rng, 9, r))
    turned = one.turned(signs)
    gap = product_norm(concatenated(turned, Factors(-one.A.expand_as(turned.A), one.B.expand_as(turned.B))))
    same = gap < 1e-6 * product_norm(one)
    return int(same.sum()), int((same & (torch.linalg.det(signs) > 0)).sum())


SIGN_QUESTIONS = {
    "all": "In how many [[frame|frames]] can the same update come back?",
    "rotations": "Counting the unflipped one, how many of the possible [[frame|frames]] differ from it by a "
    "[[rotation]], [[det]] +1?",
    "reflections": "How many of the possible [[frame|frames]] differ from the unflipped one by a [[reflection]], "
    "[[det]] −1?",
}


@register(
    "svd_signs",
    lesson="sources",
    text="A client re-factorises an update of [[r|rank]] {r} whose singular values all differ. The [[svd]] leaves the "
    "sign of each direction open. {asked}",
    explain="Each of {r} directions has 2 signs: {all} frames, all with the same product. Those with an even number of "
    "flips have [[det]] +1: {rotations}. SO(r) reaches only these.",
)
def svd_signs(rng: np.random.Generator) -> Drawn:
    r, asked = int(rng.integers(2, 9)), one_of(rng, tuple(SIGN_QUESTIONS))
    every, rotations = sign_frames(r)
    right = {"all": every, "rotations": rotations, "reflections": every - rotations}[asked]
    facts = {"r": str(r), "asked": SIGN_QUESTIONS[asked], "all": str(every), "rotations": str(rotations)}
    return Drawn(Number(right, "frames", tolerance=0, low=0, high=1000), facts)


@register(
    "turned_halves",
    lesson="sources",
    text="{p} [[client|clients]] turn the [[frame]] of one shared [[update]] by +{half}°, {q} by −{half}°, in {planes} "
    "of the latent space ([[r]] = {r}). Weights are equal. What share of the {which} direction does the [[naive]] "
    "keep?",
    explain="What is kept of a direction is a squared singular value of [[M]]: {low} of the worst kept, {high} of the "
    "best. {odd}",
)
def turned_halves(rng: np.random.Generator) -> Drawn:
    K, r, theta = one_of(rng, (2, 3, 4, 5, 6, 7, 8, 9, 10)), int(rng.integers(2, 8)), int(rng.integers(3, 18)) * 10
    weights = shares(*[1] * K)
    share = torch.linalg.svdvals(weighted(planted_rotations(rng, K, r, theta), weights)).square()
    high, low = float(share[0]), float(share[-1])
    which = one_of(rng, ("worst kept", "worst kept", "best kept"))
    right, other = (low, high) if which == "worst kept" else (high, low)
    cosine = cos(radians(theta / 2))
    wrong = [other, cosine**2, cosine, cos(radians(theta)), 1 - right, 0.0, 1.0, cosine**4]
    if r % 2:
        odd = "With an odd rank one direction lies in no plane and is kept whole."
    else:
        odd = "All directions lie in turned planes, so all are kept alike."
    facts = {
        "p": str((K + 1) // 2), "q": str(K // 2), "half": f"{theta / 2:g}", "r": str(r),
        "planes": f"{r // 2} planes" if r > 3 else "one plane", "which": which, "odd": odd,
        "low": percent(low), "high": percent(high),
    }  # fmt: skip
    return Drawn(pick_number(rng, right, wrong, percent, PERCENT_GAP, high=1.0), facts)


STILL_COMMON = "exact: all clients still hold the same A"
BOTH_DIFFER = "not exact: both A and B differ between clients"
NEVER = ("exact: each client's own product is", "not exact: B differs between clients, and that is enough")
STEPS = (1, 1, 2, 3, 5, 10)
STARTS = {"trained": "from one common A", "independent": "each from a random A of its own"}
OPTIMISERS = {"sgd": "[[sgd]]", "adam": "[[adam]]"}


@cache
def first_round(start: str, optimizer: str, steps: int, clients: int) -> float:
    """Relative error of the naive average in a real first round of the teacher task."""
    values = {"task": "teacher", "rounds": 1, "arms": ("fedit",), "device": "cpu", "frames": start, "opt": optimizer,
              "steps": steps, "clients": clients}  # fmt: skip
    record = Federation(FederationConfig().with_values(values)).run().records[0]
    return float(record.errors.own[-1])


@register(
    "first_step",
    lesson="sources",
    text="{K} [[client|clients]] with data of their own start {start}, all with B = 0, and take {steps} "
    "with {optimiser}. Is the [[naive]] of the first [[round]] exact?",
    explain="The gradient of [[A]] is Bᵀ times something: zero in the very first step, but not after it. The lab's "
    "teacher task gives an [[error]] of {error} here. It vanishes only while one factor is common.",
)
def first_step(rng: np.random.Generator) -> Drawn:
    start, optimizer = one_of(rng, ("trained", "trained", "independent")), one_of(rng, ("sgd", "adam"))
    steps, K = one_of(rng, STEPS), one_of(rng, (2, 3, 5, 8))
    error = first_round(start, optimizer, steps, K)
    right = STILL_COMMON if error < EXACT_BELOW else BOTH_DIFFER
    facts = {
        "K": str(K), "start": STARTS[start], "steps": f"{steps} local step{'s' if steps > 1 else ''}",
        "optimiser": OPTIMISERS[optimizer], "error": percent(error),
    }  # fmt: skip
    return Drawn(pick(rng, right, [STILL_COMMON, BOTH_DIFFER, *NEVER]), facts)
