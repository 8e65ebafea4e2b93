"""Statements that hold in every round, as numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.factors import Factors, ideal_product
from fedrot_core.metrics.sizes import relative
from fedrot_core.records import Checks


def checks(clients: Factors, R: Tensor, weights: Tensor, naive_gap: Tensor, ladder: Tensor) -> Checks[Tensor]:
    """The four statements of the proof strip, as numbers that should be at rounding level (or not negative)."""
    eye = torch.eye(R.shape[-1], dtype=R.dtype)
    turned, product = clients.turned(R), clients.B @ clients.A
    mean = clients.mean(weights)
    identity = ideal_product(
        Factors(clients.A - mean.A.unsqueeze(-3), clients.B - mean.B.unsqueeze(-3)), weights
    )  # Σ w (B_k - B̄)(A_k - Ā)
    return Checks(
        orthogonal=(R.mT @ R - eye).abs().amax(),
        product=relative(turned.B @ turned.A - product, product).amax(),
        floor=(ladder[:-1] - ladder[-1]).amin(),
        identity=relative(naive_gap - identity, ideal_product(clients, weights)).amax(),
    )
