"""The rules that make one module's factors of several clients', and what the result misses of the exact mean.

E stands for the experts of a module, 1 for all others; K for the clients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrot_core.adapters.gram import TOLERANCE, shortened
from fedrot_core.alignment import Alignment, align_to_reference, generalised_procrustes
from fedrot_core.factors import Factors, compressed, concatenated, ideal_product, leading
from fedrot_core.metrics.sizes import norm, product


@dataclass(frozen=True)
class Way:
    """How clients are combined.

    Attributes:
        method: a key of :data:`RULES`.
        reference: the client to which "fedrot" aligns the others.
        side: the factor that it matches, "A" or "B".
        group: "SO" allows it rotations only, "O" reflections too.
        strength: λ in [0, 1], how far it turns clients.
        rank: the rank of "svd"; the largest of a client if it is None.
    """

    method: str = "gpa"
    reference: int = 0
    side: str = "A"
    group: str = "SO"
    strength: float = 1.0
    rank: int | None = None

    @property
    def turns(self) -> bool:
        """Whether clients are turned, which takes equal ranks."""
        return self.method in ("fedrot", "gpa")


def turns(clients: Factors, weights: Tensor, way: Way) -> Alignment:
    """The rotation of each client, onto the reference or by generalised Procrustes.

    Args:
        clients: (E, K, r, i) and (E, K, o, r), of equal ranks.
        weights: (K,).
        way: how clients are turned.
    """
    short = shortened(clients)
    if way.method == "gpa":
        return generalised_procrustes(short, weights, tolerance=TOLERANCE)
    one = Factors(short.A[:, way.reference], short.B[:, way.reference])
    return align_to_reference(short, one, way.side, way.group, way.strength)


Rule = Callable[[Factors, Tensor, Sequence[int], Way], tuple[Factors, tuple[str, ...]]]
"""From clients (E, K, r, i) and (E, K, o, r), weights (K,), the ranks of the clients, beyond which their factors are
zero, and the way, to factors (E, r, i) and (E, o, r), and the flags of :class:`fedrot_core.alignment.Alignment`."""


def _naive(clients: Factors, weights: Tensor, ranks: Sequence[int], way: Way) -> tuple[Factors, tuple[str, ...]]:
    """The mean of A and the mean of B."""
    return clients.mean(weights), ()


def _turned(clients: Factors, weights: Tensor, ranks: Sequence[int], way: Way) -> tuple[Factors, tuple[str, ...]]:
    """The means of the turned factors."""
    found = turns(clients, weights, way)
    return clients.turned(found.R).mean(weights), found.flags()


def _stack(clients: Factors, weights: Tensor, ranks: Sequence[int], way: Way) -> tuple[Factors, tuple[str, ...]]:
    """All clients' factors side by side, whose product is the exact mean. Clients of weight 0 take no rank."""
    shares = zip(ranks, weights.tolist(), strict=True)
    parts = [Factors(clients.A[:, k, :r], clients.B[:, k, :, :r] * w) for k, (r, w) in enumerate(shares) if w > 0]
    return concatenated(*parts), ()


def _svd(clients: Factors, weights: Tensor, ranks: Sequence[int], way: Way) -> tuple[Factors, tuple[str, ...]]:
    """The best approximation of the exact mean at this rank, by QR of the stacked factors.

    The product itself is formed only where the stacked factors are larger than it.
    """
    stack, _ = _stack(clients, weights, ranks, way)
    U, S, Vh = leading(stack, min(way.rank or max(ranks), stack.rank))
    root = S.sqrt()
    return Factors(root.unsqueeze(-1) * Vh, U * root.unsqueeze(-2)), ()


RULES: Mapping[str, Rule] = {"naive": _naive, "fedrot": _turned, "gpa": _turned, "svd": _svd, "stack": _stack}
"""Methods of merging, by their names in :data:`fedrot_core.adapters.verdict.NAMES` but for "fedrot", which has a side
there."""


def combined(
    clients: Factors, weights: Tensor, ranks: Sequence[int], way: Way
) -> tuple[Factors, Tensor, Tensor, tuple[str, ...]]:
    """Combine one module of all clients.

    Args:
        clients: (E, K, r, i) and (E, K, o, r), float64, zero beyond each client's rank.
        weights: (K,); they sum to 1.
        ranks: the rank of each client.
        way: how clients are combined.

    Returns:
        The factors (E, r', i) and (E, o, r') in single precision, as they are written; the norm of what they miss of
        the exact mean ``Σ w_k B_k A_k``, and that of the mean, over all experts; and flags.
    """
    found, flags = RULES[way.method](clients, weights, ranks, way)
    single = Factors(found.A.to(torch.float32), found.B.to(torch.float32))
    short, one = compressed(clients, Factors(single.A.double(), single.B.double()))
    ideal = ideal_product(short, weights)
    return single, norm(ideal - product(one)).norm(), norm(ideal).norm(), flags
