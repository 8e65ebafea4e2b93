"""One round in slow motion: which factor is matched, what is frozen, how updates are scaled, what errors weigh."""

from __future__ import annotations

import numpy as np
import torch

from fedrot_core.alignment import random_rotations, side_of_round
from fedrot_core.config import LoraConfig
from fedrot_core.factors import Factors
from fedrot_core.learn.quiz.algebra import naive_error, naive_gap, shares
from fedrot_core.learn.quiz.base import MOST_OPTIONS, Drawn, Number, register
from fedrot_core.learn.quiz.draws import integers, latex, normal, one_of, pick, pick_number, some_of
from fedrot_core.wording import percent

ROUNDING = 1e-9

RULES = {
    "alternate": "FedRot-LoRA alternates the matched factor, as in the paper.",
    "A": "FedRot-LoRA is set to match A only.",
    "B": "FedRot-LoRA is set to match B only.",
}


@register(
    "round_side",
    lesson="slow_motion",
    text="{rule} Rounds count from 0. Which factor do clients match to the [[reference]] in [[round]] {t}?",
    explain="{because}",
)
def round_side(rng: np.random.Generator) -> Drawn:
    rule = one_of(rng, ("alternate", "alternate", "A", "B"))
    t = one_of(rng, (0, int(rng.integers(1, 5)), int(rng.integers(1, 30))))
    side = side_of_round(rule, t)
    if side is None:
        because = "In round 0 the [[broadcast]] holds B = 0 and a random A: no client is aligned to it yet."
    elif rule == "alternate":
        because = f"Alternating matches A in odd rounds and B in even ones; {t} is {'odd' if t % 2 else 'even'}."
    else:
        because = f"From round 1 on, the rule decides: {side}. The other factor is turned along."
    texts = {None: "neither: clients send their factors as they are", "A": "A", "B": "B", "AB": "both at once"}
    return Drawn(pick(rng, texts[side], list(texts.values())), {"rule": RULES[rule], "t": str(t),
                                                                "because": because})  # fmt: skip


def _spread(rng: np.random.Generator, K: int, r: int) -> dict[str, tuple[str, Factors]]:
    """What clients may upload -> factors of K clients, 6 wide."""
    A, B = normal(rng, K, r, 6), normal(rng, K, 5, r)
    common_A, common_B = A[:1].expand(K, -1, -1), B[:1].expand(K, -1, -1)
    same = Factors(common_A, common_B)
    sign = torch.ones(K, 1, 1, dtype=torch.float64)
    sign[0] = -1
    double = torch.ones(K, 1, 1, dtype=torch.float64)
    double[0] = 2
    return {
        "common_A": ("one common A, each client its own B", Factors(common_A, B)),
        "common_B": ("one common B, each client its own A", Factors(A, common_B)),
        "equal": ("the same A and the same B from everyone", same),
        "own": ("each client its own A and its own B", Factors(A, B)),
        "turned": ("the same update, each client in a frame of its own", same.turned(random_rotations(rng, K, r))),
        "signs": ("the same A and B, but client 1 flips the signs of both", Factors(sign * common_A, sign * common_B)),
        "double": ("the same A and B, but client 1 doubles A and halves B", Factors(double * common_A,
                                                                                 common_B / double)),
    }  # fmt: skip


@register(
    "shared_factor",
    lesson="slow_motion",
    text="{K} [[client|clients]] of [[r|rank]] {r} and unequal weights upload their [[factors]]. In which case is the "
    "[[naive]] equal to the [[ideal]]?",
    explain="[[ideal|Ideal]] minus naive is Σ w (B − B̄)(A − Ā), which vanishes where one factor is common. "
    "[[error|Errors]] measured on random factors: {errors}.",
)
def shared_factor(rng: np.random.Generator) -> Drawn:
    K, r = int(rng.integers(3, 11)), int(rng.integers(2, 9))
    weights = torch.from_numpy(rng.uniform(0.5, 2.0, K))
    weights = weights / weights.sum()
    cases = _spread(rng, K, r)
    errors = {name: naive_error(clients, weights) for name, (_, clients) in cases.items()}
    right = one_of(rng, [name for name in cases if errors[name] < ROUNDING])
    wrong = some_of(rng, [name for name in cases if errors[name] >= ROUNDING], MOST_OPTIONS - 1)
    told = "; ".join(f"{cases[name][0]}: {percent(errors[name])}" for name in (right, wrong[0]))
    answer = pick(rng, cases[right][0], [cases[name][0] for name in wrong])
    return Drawn(answer, {"K": str(K), "r": str(r), "errors": told})


@register(
    "scaling",
    lesson="slow_motion",
    text="An adapter has lora_alpha = {alpha} and [[r|rank]] {r}, and its factors multiply to ‖B A‖ = {norm}. How "
    "large is the [[update]] that acts on the model?",
    explain="The update is (lora_alpha / r) B A, so {alpha} / {r} = {scaling} times {norm}: {size}. Forgetting this "
    "factor when merging is a mistake found in public code.",
)
def scaling(rng: np.random.Generator) -> Drawn:
    while True:
        alpha, r = one_of(rng, (4, 8, 12, 16, 24, 32, 48, 64)), one_of(rng, (2, 4, 8, 16, 32))
        s = LoraConfig(rank=r, lora_alpha=alpha).scaling
        if s != 1:
            break
    norm = int(rng.integers(2, 50)) / 10
    right = s * norm
    wrong = [norm, norm / s, alpha * norm, norm / r, alpha * norm / r**0.5, r * norm]
    facts = {"alpha": str(alpha), "r": str(r), "norm": f"{norm:g}", "scaling": f"{s:g}", "size": f"{right:.3g}"}
    return Drawn(pick_number(rng, right, wrong, lambda v: f"{v:.3g}", ratio=0.1), facts)


@register(
    "tiny_error",
    lesson="slow_motion",
    text="Two [[client|clients]] of [[r|rank]] 1 send the [[factors]] below; their weights are {w1} and {w2}. How far "
    "is the [[naive]] from the [[ideal]], in the Frobenius norm?",
    explain="For two clients, Σ w (B − B̄)(A − Ā) = w₁ w₂ (B₁ − B₂)(A₁ − A₂), with norm {w1} · {w2} · {dB} · {dA} = "
    "{gap}. Both averages, computed directly, give the same number.",
)
def tiny_error(rng: np.random.Generator) -> Drawn:
    tenths = one_of(rng, (5, 5, 2, 3, 4, 6, 7, 8))
    w = shares(tenths, 10 - tenths)
    while True:
        clients = Factors(integers(rng, -3, 3, 2, 1, 2), integers(rng, -3, 3, 2, 2, 1))
        gap = naive_gap(clients, w)
        if gap > 0.3:
            break
    dA, dB = (float((x[0] - x[1]).norm()) for x in (clients.A, clients.B))
    given = tuple(latex(f"{name}_{k + 1}", x[k]) for k in range(2) for name, x in (("B", clients.B), ("A", clients.A)))
    facts = {"w1": f"{float(w[0]):.1f}", "w2": f"{float(w[1]):.1f}", "dA": f"{dA:.2f}", "dB": f"{dB:.2f}",
             "gap": f"{gap:.2f}"}  # fmt: skip
    return Drawn(Number(gap, "", tolerance=max(0.05, 0.03 * gap), low=0, high=30, decimals=2), facts, given)


@register(
    "error_weights",
    lesson="slow_motion",
    text="Two [[client|clients]] of equal weight send factors whose [[naive]] is {half} away from the [[ideal]] "
    "(Frobenius norm). The factors stay, but client 1 now has weight {w}. How far away is it now?",
    explain="For two clients the distance is w₁ w₂ ‖(B₁ − B₂)(A₁ − A₂)‖. The product of the weights falls from 0.25 to "
    "{product}, and the distance from {half} to {gap}. With a single client there is none.",
)
def error_weights(rng: np.random.Generator) -> Drawn:
    w = one_of(rng, (0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.99))
    half = int(rng.integers(10, 200)) / 50
    clients = Factors(normal(rng, 2, 2, 4), normal(rng, 2, 3, 2))
    ratio = naive_gap(clients, shares(w, 1 - w)) / naive_gap(clients, shares(1, 1))
    right = half * ratio
    wrong = [half, half * w, half * (1 - w), half * 2 * (1 - w), half * 2 * w, half * w / (1 - w)]
    facts = {"half": f"{half:.2f}", "w": f"{w:g}", "product": f"{ratio / 4:.3g}", "gap": f"{right:.2f}"}
    return Drawn(pick_number(rng, right, wrong, lambda v: f"{v:.2f}", gap=0.02, ratio=0.05), facts)
