"""What the latent arrows and the ambient plane show."""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.alignment import soft_rotation
from fedrot_core.canonical import svd
from fedrot_core.factors import Factors, weighted
from fedrot_core.records import Arrows

FEATURES = 6
"""How many columns of A are kept for the latent arrows, namely the longest ones in an arm's first round."""


CLEAR_DIRECTION = 1e-9
"""A mean that is shorter than this share of the arrows points nowhere."""


PATH_STEPS = 9
"""How many positions along the soft path from λ = 0 to 1 are kept for the latent arrows."""


def longest_columns(A: Tensor, weights: Tensor) -> Tensor:
    """Choose the columns of A that the latent arrows show: the longest ones. A turn does not change their lengths.

    Args:
        A: (L, K, r, i).
        weights: (K,), weights of the clients.

    Returns:
        (L, C), indices of columns.
    """
    power = weighted(A.square(), weights).sum(-2)  # (L, i)
    return power.topk(min(FEATURES, power.shape[-1]), dim=-1).indices


def arrow_plane(sent: Tensor, turned: Tensor, up: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Find the plane that holds most of two sets of arrows, so that a turn hardly changes the lengths drawn in it.

    In the plane ``up`` points up, and the first client's arrow as sent lies on the right. With a single latent axis,
    every arrow is vertical.

    Args:
        sent, turned: (..., K, r), the two sets of arrows.
        up: (..., r), a direction, such as the turned mean.
        weights: (K,), weights of the clients.

    Returns:
        (..., r, 2), orthonormal columns that point right and up, and (...), the share of the power that they hold.
    """
    both = torch.cat([sent, turned], dim=-2) * weights.sqrt().repeat(2).unsqueeze(-1)  # (..., 2 K, r)
    _, s, Vh = svd(both)
    basis = Vh[..., :2, :].mT
    if basis.shape[-1] == 1:
        basis = torch.cat([torch.zeros_like(basis), basis], dim=-1)
    tilt = (up.unsqueeze(-2) @ basis).squeeze(-2)  # (..., 2)
    size = tilt.norm(dim=-1, keepdim=True)
    nowhere = size <= CLEAR_DIRECTION * s[..., :1]
    tilt = torch.where(nowhere, tilt.new_tensor([0.0, 1.0]), tilt / size.clamp_min(torch.finfo(size.dtype).tiny))
    x, y = tilt.unbind(-1)
    basis = basis @ torch.stack([torch.stack([y, x], dim=-1), torch.stack([-x, y], dim=-1)], dim=-2)
    left = (sent[..., :1, :] @ basis[..., :1]).squeeze((-1, -2)) < 0
    plane = basis * torch.stack([1 - 2 * left.to(x), torch.ones_like(x)], dim=-1).unsqueeze(-2)
    power = s.square()
    return plane, power[..., :2].sum(-1) / power.sum(-1).clamp_min(torch.finfo(power.dtype).tiny)


def _columns(x: Tensor, features: Tensor) -> Tensor:
    """(L, ..., r, i) and (L, C) -> (L, ..., r, C)."""
    index = features.view(features.shape[0], *[1] * (x.ndim - 2), features.shape[1])
    return x.gather(-1, index.expand(*x.shape[:-1], -1))


def arrows(sent: Factors, R: Tensor, weights: Tensor, S: int, columns: Tensor | None) -> Arrows[Tensor]:
    """Coordinates for the latent arrows and the ambient plane."""
    aligned = R.mT @ sent.A  # (L, K, r, i)
    columns = longest_columns(sent.A, weights) if columns is None else columns
    picked = _columns(sent.A, columns)  # (L, K, r, C)
    strengths = torch.linspace(0, 1, PATH_STEPS).tolist()
    path = torch.stack([soft_rotation(R, s)[0].mT @ picked for s in strengths])  # (P, L, K, r, C)

    mean = weighted(path, weights)
    first, last = (x.permute(0, 3, 1, 2) for x in (path[0], path[-1]))  # (L, C, K, r)
    latent, share = arrow_plane(first, last, mean[-1].mT, weights)

    before, after = sent.A[:, :S], aligned[:, :S]
    rows = torch.cat([before, after], dim=1).flatten(1, 2)  # (L, 2 S r, i)
    _, s, Vh = svd(rows)
    plane = Vh[:, :2]  # (L, 2, i)
    power = s.square()
    return Arrows(
        features=columns,
        plane=latent,
        share=share,
        path=path[:, :, :S],
        mean=mean,
        ambient_before=before @ plane.unsqueeze(1).mT,
        ambient_after=after @ plane.unsqueeze(1).mT,
        ambient_share=power[:, :2] / power.sum(-1, keepdim=True).clamp_min(torch.finfo(power.dtype).tiny),
    )
