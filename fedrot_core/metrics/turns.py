"""How the clients are turned, how far they are from the reference, and how much of each direction an average keeps."""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.alignment import Alignment, conditioning, procrustes, rotation_angles
from fedrot_core.factors import UPLOAD_STEP, Factors, weighted
from fedrot_core.metrics.sizes import distance, relative
from fedrot_core.records import Turns

SHARED = 10 * UPLOAD_STEP
"""Clients whose factors differ by less than this hold the same update, since uploads are rounded about as coarsely."""


def _spread(clients: Factors, R: Tensor, weights: Tensor) -> Tensor:
    """(L,) how far clients differ after the best rotation; 0 means one shared update."""
    X = clients.turned(R).stacked()
    mean = weighted(X, weights).unsqueeze(-3)
    return relative(X - mean, mean).amax(-1)


def _reference_fit(clients: Factors, reference: Factors) -> tuple[Tensor, Tensor, Tensor]:
    """Procrustes against the broadcast on both sides: (2, L, K) residuals before and after, and conditioning."""
    before, after, condition = [], [], []
    A, A_ref = clients.A, reference.A.unsqueeze(-3)
    Bt, Bt_ref = clients.B.mT, reference.B.unsqueeze(-3).mT
    for X, X_ref in ((A, A_ref), (Bt, Bt_ref)):
        R, S = procrustes(X @ X_ref.mT)
        before.append(distance(X, X_ref))
        after.append(distance(R.mT @ X, X_ref))
        condition.append(conditioning(S))
    return torch.stack(before), torch.stack(after), torch.stack(condition)


def turns(
    clients: Factors, reference: Factors, best: Alignment, turn: Alignment, weights: Tensor, S: int
) -> Turns[Tensor]:
    """Everything about the rotations ``turn`` of the clients; ``best`` are those of generalised Procrustes."""
    before, after, condition = _reference_fit(clients, reference)
    return Turns(
        rotation=turn.R[:, :S],
        angles=rotation_angles(turn.R),
        reflected=torch.linalg.det(turn.R) < 0,
        retention=torch.linalg.svdvals(weighted(best.R, weights)).square(),
        shared=_spread(clients, best.R, weights) < SHARED,
        drift=relative(clients.stacked() - reference.stacked().unsqueeze(-3), reference.stacked().unsqueeze(-3)),
        residual_before=before,
        residual_after=after,
        conditioning=condition,
    )
