"""Small federations in a plane or in a few numbers, and what the core says of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fedrot_core.factors import Factors, ideal_product, product_norm, weighted

SHARED = Factors(
    torch.tensor([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]], dtype=torch.float64),
    torch.tensor([[2.0, 1.0], [0.0, 1.0], [1.0, 0.0]], dtype=torch.float64),
)
"""An update of rank 2 that all clients learned."""


def shares(*weights: float) -> Tensor:
    """Weights as a tensor, scaled so that they sum to one."""
    w = torch.tensor(weights, dtype=torch.float64)
    return w / w.sum()


def turns(degrees: Sequence[float]) -> Tensor:
    """Rotations of a plane by these angles, (len, 2, 2)."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    c, s = angle.cos(), angle.sin()
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


def copies(one: Factors, R: Tensor) -> Factors:
    """The same update in frames R (..., K, r, r): ``(B R_k, R_kᵀ A)``."""
    return one.turned(R)


def kept(degrees: Sequence[float], weights: Tensor) -> float:
    """Share of one shared update that the naive average keeps when clients are turned by these angles in a plane."""
    mean = copies(SHARED, turns(degrees)).mean(weights)
    return float(product_norm(mean) / product_norm(SHARED))


def shrinkage(degrees: Sequence[float], weights: Tensor) -> float:
    """Largest singular value of ``M = Σ w R``."""
    return float(torch.linalg.svdvals(weighted(turns(degrees), weights))[0])


def naive_gap(clients: Factors, weights: Tensor) -> float:
    """``‖Σ w B A - B̄ Ā‖``: how far the naive average is from the ideal."""
    mean = clients.mean(weights)
    return float(torch.linalg.matrix_norm(ideal_product(clients, weights) - mean.B @ mean.A))


def naive_error(clients: Factors, weights: Tensor) -> float:
    """The same, over the ideal's norm."""
    return naive_gap(clients, weights) / float(torch.linalg.matrix_norm(ideal_product(clients, weights)))
