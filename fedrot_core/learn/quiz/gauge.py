"""What a turn of one client's frame changes, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, concatenated, product_norm
from fedrot_core.learn.quiz.algebra import SHARED, shares, turns
from fedrot_core.learn.quiz.base import MOST_OPTIONS, Drawn, Number, register
from fedrot_core.learn.quiz.draws import latex, normal, one_of, pick, some_of
from fedrot_core.metrics import measure
from fedrot_core.rng import stream
from fedrot_core.vocabulary import METRICS
from fedrot_core.wording import percent

ROUNDING = 1e-9

CLIENTS = 4

ASKED = tuple(key for key, info in METRICS.items() if info.arrays and info.rung in ("", "floor"))
"""Metrics of a round that are asked about: of the ladder, only the last rung."""


def _measured(clients: Factors, reference: Factors, weights: Tensor) -> dict[str, Tensor]:
    """All metrics of one layer and a naive average."""
    one_layer = Factors(clients.A[None], clients.B[None])
    found = measure(one_layer, reference, one_layer.mean(weights), None, weights, AlignmentConfig(), 1, 1.0)
    return {key: found.metric(key) for key in ASKED}


@cache
def changed(client: int, degrees: int) -> frozenset[str]:
    """Names of the metrics that change when this client (from 0) of four turns its frame, r = 2.

    Clients are near each other, so that no alignment mirrors: angles of a mirror image in a plane never change.
    """
    rng = stream(0, "quiz", "gauge")
    reference = Factors(normal(rng, 1, 2, 6), normal(rng, 1, 5, 2))
    clients = Factors(reference.A + 0.3 * normal(rng, CLIENTS, 2, 6), reference.B + 0.3 * normal(rng, CLIENTS, 5, 2))
    weights = shares(4, 3, 2, 1)
    angles = [0.0] * CLIENTS
    angles[client] = degrees
    before = _measured(clients, reference, weights)
    after = _measured(clients.turned(turns(angles)), reference, weights)

    def same(name: str) -> bool:
        return torch.allclose(before[name], after[name], rtol=ROUNDING, atol=1e-6)

    return frozenset(name for name in ASKED if not same(name))


@register(
    "gauge_metric",
    lesson="limits",
    text="Client {k} of {K} turns its [[frame]] by {theta}° and sends (B R, Rᵀ A); the others send what they had. The "
    "[[server]] takes the [[naive]]. Which of these numbers {does}?",
    explain="Measured on random clients, the turn changes {count} of {all} metrics. Products [[BA]], [[span|spans]], "
    "and how well the best turn fits stay as they are: they are [[invariant]]. Right here: {right}.",
)
def gauge_metric(rng: np.random.Generator) -> Drawn:
    k, theta = int(rng.integers(CLIENTS)), int(rng.integers(1, 12)) * 15
    moving = sorted(changed(k, theta))
    staying = sorted(set(ASKED) - set(moving))
    asks_change = bool(rng.integers(2))
    pool, others = (moving, staying) if asks_change else (staying, moving)
    right = one_of(rng, pool)
    wrong = some_of(rng, others, MOST_OPTIONS - 1)
    facts = {
        "k": str(k + 1), "K": str(CLIENTS), "theta": str(theta), "does": "changes" if asks_change else "stays the same",
        "count": str(len(moving)), "all": str(len(ASKED)), "right": METRICS[right].label,
    }  # fmt: skip
    return Drawn(pick(rng, explained(right), [explained(name) for name in wrong]), facts)


def explained(metric: str) -> str:
    """A metric's label and, after a colon, what it means."""
    info = METRICS[metric]
    return f"{info.label}: {info.meaning[0].lower()}{info.meaning[1:].removesuffix('.')}"


FORMULAS: dict[str, Callable[[Tensor], tuple[Tensor, Tensor]]] = {
    "(B G, G⁻¹ A)": lambda G: (G, torch.linalg.inv(G)),
    "(B G⁻¹, G A)": lambda G: (torch.linalg.inv(G), G),
    "(B G, Gᵀ A)": lambda G: (G, G.mT),
    "(B Gᵀ, G A)": lambda G: (G.mT, G),
    "(B G, G A)": lambda G: (G, G),
    "(B Gᵀ, Gᵀ A)": lambda G: (G.mT, G.mT),
    "(B G⁻¹, Gᵀ A)": lambda G: (torch.linalg.inv(G), G.mT),
    "(B G⁻¹, G⁻¹ A)": lambda G: (torch.linalg.inv(G), torch.linalg.inv(G)),
}
"""Ways to write factors with a matrix G."""


def miss(formula: str, G: Tensor) -> float:
    """How far this way of writing is from the same update, over its norm, on an example."""
    left, right = FORMULAS[formula](G)
    other = Factors(right @ SHARED.A, SHARED.B @ left)
    difference = product_norm(concatenated(SHARED, Factors(-other.A, other.B)))
    return float(difference / product_norm(SHARED))


def _general(rng: np.random.Generator) -> Tensor:
    """An invertible whole-number matrix that is no turn, nor its own inverse, nor symmetric."""
    k, m = (int(n) for n in rng.integers(1, 5, size=2))
    rows = one_of(rng, ([[1, k], [0, 1]], [[1, 0], [k, 1]], [[m + 1, k], [0, 1]], [[1, k], [0, m + 1]]))
    return torch.tensor(rows, dtype=torch.float64)


@register(
    "same_update",
    lesson="one_update",
    text="{what} Which pair of [[factors]] is the same [[update]] as (B, A), whatever B and A are?",
    explain="What stands between B and A must cancel. On an example, {right} differs from B A by 0, and {other} by "
    "{miss} of its norm. {note}",
)
def same_update(rng: np.random.Generator) -> Drawn:
    if rng.integers(2):
        theta = int(rng.integers(2, 34)) * 5
        G, given = turns([theta])[0], tuple[str, ...]()
        what = f"There are two latent axes, [[r]] = 2, and G turns their plane by {theta}°."
        note = "For a turn, G⁻¹ = Gᵀ; the same G twice turns further."
    else:
        G = _general(rng)
        given = (latex("G", G),)
        what = "There are two latent axes, [[r]] = 2, and the matrix G changes them."
        note = "This G is no rotation, so G⁻¹ is not Gᵀ."
    misses = {f: miss(f, G) for f in FORMULAS}
    right = one_of(rng, [f for f in FORMULAS if misses[f] < 1e-6])
    wrong = some_of(rng, [f for f in FORMULAS if misses[f] >= 1e-6], MOST_OPTIONS - 1)
    facts = {"what": what, "right": right, "note": note, "other": wrong[0], "miss": percent(misses[wrong[0]])}
    return Drawn(pick(rng, right, wrong), facts, given)


@cache
def principal_after(between: int, theta: int) -> float:
    """Largest principal angle of two planes ``between`` degrees apart, after the second client turned by theta."""
    tilt = np.radians(between)
    planes = torch.tensor(
        [[[1, 0, 0], [0, 1, 0]], [[1, 0, 0], [0, np.cos(tilt), np.sin(tilt)]]], dtype=torch.float64
    )  # (2, r, 3)
    clients = Factors(planes, SHARED.B.expand(2, -1, -1)).turned(turns([0, theta]))
    values = _measured(clients, Factors(planes[:1], SHARED.B[None]), shares(1, 1))
    return float(values["principal_angles"][0, 0, 0, 1])


@register(
    "principal_turn",
    lesson="limits",
    text="Two [[client|clients]] of [[r|rank]] 2 read from two planes whose largest [[principal]] is {phi}°. Then the "
    "second client turns its [[frame]] by {theta}°. What is the largest principal angle now?",
    explain="Still {after}°: a turn mixes the rows of [[A]] among themselves and leaves their span alone. Principal "
    "angles show that clients read different inputs, which no turn repairs.",
)
def principal_turn(rng: np.random.Generator) -> Drawn:
    phi, theta = int(rng.integers(2, 17)) * 5, int(rng.integers(2, 18)) * 5
    after = principal_after(phi, theta)
    facts = {"phi": str(phi), "theta": str(theta), "after": f"{after:.0f}"}
    return Drawn(Number(after, "°", tolerance=1, low=0, high=90), facts)
