"""The turn that Procrustes finds, when it mirrors, and when nothing determines it."""

from __future__ import annotations

import numpy as np
import torch

from fedrot_core.alignment import RANK_TOLERANCE, align_to_reference, conditioning, procrustes, rotation_angles
from fedrot_core.factors import Factors
from fedrot_core.learn.quiz.base import Drawn, Number, register
from fedrot_core.learn.quiz.draws import integers, latex, normal, one_of, pick, signed

SAME = "det = +1: O(2) and SO(2) give the same turn"
MIRRORS = "det = −1: O(2) mirrors, SO(2) gives another turn"
OPEN = "undetermined: S is singular, several U Vᵀ fit equally well"
CONFUSED = "det = −1, yet O(2) and SO(2) give the same turn"


@register(
    "nearest_det",
    lesson="procrustes",
    text="A client's cross matrix with the [[reference]] is [[S]] as below. [[procrustes|Procrustes]] takes [[UV]]. "
    "What holds for its [[det|determinant]]?",
    explain="det S = {det}, and the singular values of S are {s1} and {s2}. {because}",
)
def nearest_det(rng: np.random.Generator) -> Drawn:
    singular = rng.random() < 0.2
    while True:
        S = integers(rng, -4, 4, 2, 2)
        if singular:
            S = torch.outer(integers(rng, 1, 3, 2), S[0])
        free, values = procrustes(S, "O")
        if float(values[0]) > 0 and (singular or float(values[0] - values[1]) > 0.1):
            break  # equal singular values would leave the turn open where U Vᵀ mirrors
    fixed, _ = procrustes(S, "SO")
    if float(conditioning(values)) <= RANK_TOLERANCE:
        right, because = OPEN, "S has lost a direction, so nothing says how to turn that one."
    elif torch.allclose(free, fixed):
        right, because = SAME, "det U Vᵀ has the sign of det S: already a [[rotation]], and SO(2) changes nothing."
    else:
        right, because = MIRRORS, "det U Vᵀ has the sign of det S: a [[reflection]]. SO(2) flips the weaker direction."
    facts = {
        "det": signed(float(torch.linalg.det(S))), "because": because,
        "s1": f"{float(values[0]):.2f}", "s2": f"{abs(float(values[1])):.2f}",
    }  # fmt: skip
    return Drawn(pick(rng, right, [SAME, MIRRORS, OPEN, CONFUSED]), facts, (latex("S", S),))


@register(
    "found_angle",
    lesson="procrustes",
    text="A client's [[A]] and the [[reference|reference's]] are given below, [[r]] = 2. By how many degrees, "
    "whichever way, does [[procrustes|Procrustes]] in SO(2) turn the client?",
    explain="[[S]] = A A_refᵀ has trace {trace} and skew part {skew} (s₂₁ − s₁₂). The [[rotation]] closest to it turns "
    "by |atan2({skew}, {trace})| = {angle}°.",
)
def found_angle(rng: np.random.Generator) -> Drawn:
    while True:
        A, A_ref = integers(rng, -3, 3, 2, 2), integers(rng, -3, 3, 2, 2)
        S = A @ A_ref.mT
        trace, skew = float(S[0, 0] + S[1, 1]), float(S[1, 0] - S[0, 1])
        if trace**2 + skew**2 >= 4:  # otherwise hardly any turn is better than another
            break
    nothing = torch.zeros_like(A)
    found = align_to_reference(Factors(A[None], nothing[None]), Factors(A_ref, nothing), "A", "SO", 1.0)
    angle = float(rotation_angles(found.R[0]).abs().max())
    facts = {"trace": signed(trace), "skew": signed(skew), "angle": f"{angle:.0f}"}
    answer = Number(angle, "°", tolerance=2, low=0, high=180)
    return Drawn(answer, facts, (latex("A", A), latex(r"A_{\mathrm{ref}}", A_ref)))


SIDES = {
    (True, False): "matching A only", (False, True): "matching B only", (True, True): "matching either one",
    (False, False): "neither",
}  # fmt: skip


def _thin(rng: np.random.Generator, r: int, independent: int) -> torch.Tensor:
    """(r, 8) rows of which only this many are independent."""
    return normal(rng, r, independent) @ normal(rng, independent, 8)


@register(
    "determined",
    lesson="procrustes",
    text="[[r|Rank]] {r}. In the [[broadcast]], A has {rows} and B has {columns}{zero}. "
    "Clients' own factors have full rank. Which matching determines the orthogonal turn completely?",
    explain="[[procrustes|Procrustes]] needs a cross matrix of rank {r}; its smallest singular value over its largest "
    "is {cA} for A and {cB} for B. Where that is 0, the turn is arbitrary in some direction.",
)
def determined(rng: np.random.Generator) -> Drawn:
    r = int(rng.integers(2, 7))
    a = one_of(rng, (r, r, int(rng.integers(1, r))))
    b = one_of(rng, (0, r, r, int(rng.integers(1, r))))
    while True:
        clients = Factors(normal(rng, 1, r, 8), normal(rng, 1, 8, r))
        reference = Factors(_thin(rng, r, a), _thin(rng, r, b).mT)
        by_side = [float(align_to_reference(clients, reference, side, "O", 1.0).conditioning[0]) for side in "AB"]
        if all(not RANK_TOLERANCE**2 < c < RANK_TOLERANCE**0.5 for c in by_side):
            break  # a matrix that is nearly singular by chance would be no clear case
    works = by_side[0] > RANK_TOLERANCE, by_side[1] > RANK_TOLERANCE
    facts = {
        "r": str(r), "zero": " (round 0: B = 0)" if b == 0 else "",
        "rows": f"{a} independent row{'s' * (a != 1)}", "columns": f"{b} independent column{'s' * (b != 1)}",
        **{f"c{side}": f"{c:.2g}" if ok else "0" for side, c, ok in zip("AB", by_side, works, strict=True)},
    }  # fmt: skip
    return Drawn(pick(rng, SIDES[works], list(SIDES.values())), facts)
