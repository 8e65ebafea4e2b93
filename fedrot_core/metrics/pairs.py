"""Angles between two clients."""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.alignment import RANK_TOLERANCE
from fedrot_core.factors import Factors
from fedrot_core.records import Pairs


def pairs(clients: Factors, R: Tensor) -> Pairs[Tensor]:
    """Client x client angles in degrees, each (L, S, S)."""

    def largest_principal(rows: Tensor) -> Tensor:
        U, s, _ = torch.linalg.svd(rows.mT, full_matrices=False)
        spanned = s > RANK_TOLERANCE * s.amax((-2, -1), keepdim=True)  # (L, S, min(m, r)): directions above rounding
        Q = U * spanned.unsqueeze(-2)  # (L, S, m, min(m, r)) orthonormal bases, zero columns beyond the rank
        S = Q.shape[-3]
        i, j = torch.triu_indices(S, S, 1)
        count = torch.minimum(spanned[:, i].sum(-1), spanned[:, j].sum(-1))  # how many angles a pair has
        cosines = torch.linalg.svdvals(Q[:, i].mT @ Q[:, j])  # largest first
        cosines = cosines.gather(-1, (count - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1).clamp(0, 1)
        cosines = torch.where(count > 0, cosines, torch.ones_like(cosines))
        angles = torch.zeros(*Q.shape[:-3], S, S, dtype=rows.dtype)
        angles[:, i, j] = angles[:, j, i] = torch.rad2deg(torch.acos(cosines))
        return angles

    def between(f: Factors) -> Tensor:
        X = f.stacked().flatten(-2)  # (L, S, r (i + o))
        X = X / X.norm(dim=-1, keepdim=True).clamp_min(torch.finfo(X.dtype).tiny)
        return torch.rad2deg(torch.acos((X @ X.mT).clamp(-1, 1))) * (1 - torch.eye(X.shape[-2], dtype=X.dtype))

    return Pairs(
        principal_A=largest_principal(clients.A),
        principal_B=largest_principal(clients.B.mT),
        factors_before=between(clients),
        factors_after=between(clients.turned(R)),
    )
