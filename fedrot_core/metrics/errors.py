"""How far averages of the factors are from the ideal update: the error ladder, and the error of the method."""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.alignment import Alignment, align_to_reference, side_of_round
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, compressed, ideal_product
from fedrot_core.metrics.sizes import norm, over, product
from fedrot_core.records import Errors


def relative_errors(sent: Factors, received: Factors, result: Factors, weights: Tensor) -> tuple[float, float]:
    """The relative errors that a sweep keeps of a round, with all layers pooled; much faster than :func:`measure`.

    Args:
        sent, received, result, weights: as for :func:`measure`.

    Returns:
        The error of the arm's own method, and the error of the naive average of the same factors.
    """
    clients, _, outcome = compressed(sent, received, result)
    ideal = ideal_product(clients, weights)
    parts = torch.stack([ideal - product(outcome), ideal - product(clients.mean(weights)), ideal])
    own, naive, whole = parts.flatten(1).norm(dim=-1)
    return float(over(own, whole)), float(over(naive, whole))


def errors(
    clients: Factors,
    reference: Factors,
    outcome: Factors,
    best: Alignment,
    weights: Tensor,
    align: AlignmentConfig,
    round_index: int,
    scaling: float,
) -> tuple[Errors[Tensor], Tensor]:
    """All errors, and what the naive average misses of the ideal.

    The last entry of the layer axis pools all layers.
    """
    ideal = ideal_product(clients, weights)  # (L, m_B, m_A), in coordinates of the span

    def distance(f: Factors) -> Tensor:
        return norm(ideal - product(f))

    by_side = {side: distance(_turned_mean(clients, reference, side, weights, align)) for side in ("A", "B")}
    naive = distance(clients.mean(weights))
    side = side_of_round(align.side, round_index)
    tail = torch.linalg.svdvals(ideal)[..., clients.rank :].square().sum(-1).sqrt()
    rungs = [
        naive,
        by_side["A"],
        by_side["B"],
        naive if side is None else by_side[side],
        distance(clients.turned(best.R).mean(weights)),
        tail,
    ]
    own = distance(outcome)
    absolute = _with_total(torch.stack([*rungs, own, norm(ideal)]))  # (8, L + 1)
    relative = over(absolute[:-1], absolute[-1])
    errors = Errors(relative[:-1], relative[-1], absolute[-2] * scaling, absolute[-1] * scaling)
    return errors, ideal - product(clients.mean(weights))


def _turned_mean(clients: Factors, reference: Factors, side: str, weights: Tensor, align: AlignmentConfig) -> Factors:
    """The average of clients aligned to the reference on one side."""
    R = align_to_reference(clients, reference, side, align.group, align.strength).R
    return clients.turned(R).mean(weights)


def _with_total(by_layer: Tensor) -> Tensor:
    """(n, L) -> (n, L + 1): root of the summed squares appended."""
    return torch.cat([by_layer, by_layer.square().sum(-1, keepdim=True).sqrt()], dim=-1)
