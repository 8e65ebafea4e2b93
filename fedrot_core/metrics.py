"""The metrics that are measured in every round, for all layers at once.

Letters: L layers, K clients, r rank, and S = min(K, SHOWN_CLIENTS) clients in pairwise and drawn quantities. Everything
is computed in float64, in coordinates of the span of the factors (:func:`fedrot_core.factors.compressed`), so that no
``d_out x d_in`` product is formed if the factors are thinner.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrot_core.alignment import (
    RANK_TOLERANCE,
    Alignment,
    align_to_reference,
    conditioning,
    generalised_procrustes,
    procrustes,
    rotation_angles,
    side_of_round,
    soft_rotation,
)
from fedrot_core.canonical import svd
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import UPLOAD_STEP, Factors, compressed, ideal_product, weighted
from fedrot_core.records import Arrows, Checks, Errors, Pairs, Turns, by_stored_name
from fedrot_core.vocabulary import METRICS, RUNGS

SHOWN_CLIENTS = 24
"""Pairwise and drawn quantities cover at most this many clients of a round, the first ones."""

FEATURES = 6
"""How many columns of A are kept for the latent arrows, namely the longest ones in an arm's first round."""

SHARED = 10 * UPLOAD_STEP
"""Clients whose factors differ by less than this hold the same update, since uploads are rounded about as coarsely."""

CLEAR_DIRECTION = 1e-9
"""A mean that is shorter than this share of the arrows points nowhere."""

PATH_STEPS = 9
"""How many positions along the soft path from λ = 0 to 1 are kept for the latent arrows."""


@dataclass(frozen=True)
class Measured:
    """Every metric of one arm and round, grouped by what it is about, and the flags of numerical trouble."""

    errors: Errors[Tensor]
    turns: Turns[Tensor]
    pairs: Pairs[Tensor]
    arrows: Arrows[Tensor]
    checks: Checks[Tensor]
    flags: tuple[str, ...]

    def metric(self, key: str) -> Tensor:
        """The metric of this key in :data:`fedrot_core.vocabulary.METRICS`, with the axes that are listed there."""
        info, arrays = METRICS[key], self.stored()
        if info.rung:
            return self.errors.ladder[RUNGS.index(info.rung)]
        if key == "turn_angles":  # ±180° are one turn
            return self.turns.angles.abs().sort(dim=-1, descending=True).values
        found = [arrays[name] for name in info.arrays]
        return found[0] if len(found) == 1 else torch.stack(found)

    def stored(self) -> dict[str, Tensor]:
        """Every number, by its name in files."""
        return {
            name: value
            for group in (self.errors, self.turns, self.pairs, self.arrows, self.checks)
            for name, value in by_stored_name(group).items()
        }


def measure(
    sent: Factors,
    received: Factors,
    result: Factors,
    applied: Alignment | None,
    weights: Tensor,
    align: AlignmentConfig,
    round_index: int,
    scaling: float,
    columns: Tensor | None = None,
) -> Measured:
    """Measure all metrics of one arm and round.

    Args:
        sent: (L, K, r, i) and (L, K, o, r), the clients' factors, in the frames in which the server gets them.
        received: (L, r, i) and (L, o, r), the broadcast that serves as the reference.
        result: (L, p, i) and (L, o, p), the method's update, of some inner dimension p.
        applied: the rotations that the method applied; None if it applied none.
        weights: (K,), weights of the clients, which sum to one.
        align: settings of the rungs of the error ladder that align to the reference.
        round_index: index of the round, from 0.
        scaling: factor in front of ``B A``, for absolute errors.
        columns: (L, C), the columns that the latent arrows showed in earlier rounds; None in the first.
    """
    clients, reference, outcome = compressed(sent, received, result)
    best = generalised_procrustes(clients, weights)
    turn = applied or best
    S = min(SHOWN_CLIENTS, sent.A.shape[-3])
    shown = torch.arange(S)
    errors, naive_gap = _errors(clients, reference, outcome, best, weights, align, round_index, scaling)
    before, after, condition = _reference_fit(clients, reference)
    turns = Turns(
        rotation=turn.R[:, :S],
        angles=rotation_angles(turn.R),
        reflected=torch.linalg.det(turn.R) < 0,
        retention=torch.linalg.svdvals(weighted(best.R, weights)).square(),
        shared=_spread(clients, best.R, weights) < SHARED,
        drift=_relative(clients.stacked() - reference.stacked().unsqueeze(-3), reference.stacked().unsqueeze(-3)),
        residual_before=before,
        residual_after=after,
        conditioning=condition,
    )
    return Measured(
        errors,
        turns,
        _pairs(clients.select(shown), turn.R[:, :S]),
        _drawn(sent, turn.R, weights, S, columns),
        _checks(clients, turn.R, weights, naive_gap, errors.ladder),
        applied.flags() if applied is not None else (),
    )


def relative_errors(sent: Factors, received: Factors, result: Factors, weights: Tensor) -> tuple[float, float]:
    """The relative errors that a sweep keeps of a round, with all layers pooled; much faster than :func:`measure`.

    Args:
        sent, received, result, weights: as for :func:`measure`.

    Returns:
        The error of the arm's own method, and the error of the naive average of the same factors.
    """
    clients, _, outcome = compressed(sent, received, result)
    ideal = ideal_product(clients, weights)
    parts = torch.stack([ideal - _product(outcome), ideal - _product(clients.mean(weights)), ideal])
    own, naive, whole = parts.flatten(1).norm(dim=-1)
    return float(_over(own, whole)), float(_over(naive, whole))


def _turned_mean(clients: Factors, reference: Factors, side: str, weights: Tensor, align: AlignmentConfig) -> Factors:
    """The average of clients aligned to the reference on one side."""
    R = align_to_reference(clients, reference, side, align.group, align.strength).R
    return clients.turned(R).mean(weights)


def _product(f: Factors) -> Tensor:
    return f.B @ f.A


def _over(size: Tensor, base: Tensor) -> Tensor:
    return size / base.clamp_min(torch.finfo(size.dtype).tiny)


def _norm(x: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.matrix_norm(x)
    return norm


def _relative(difference: Tensor, whole: Tensor) -> Tensor:
    """``‖difference‖ / ‖whole‖``, 0 where both vanish."""
    size, base = _norm(difference), _norm(whole)
    return torch.where(size > 0, _over(size, base), size)


def _distance(X: Tensor, Y: Tensor) -> Tensor:
    """``‖X - Y‖ / (‖X‖ + ‖Y‖)``: 0 for equal, at most 1, also where one of them vanishes."""
    size, base = _norm(X - Y), _norm(X) + _norm(Y)
    return torch.where(size > 0, _over(size, base), size)


def _errors(
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
        return _norm(ideal - _product(f))

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
    absolute = _with_total(torch.stack([*rungs, own, _norm(ideal)]))  # (8, L + 1)
    relative = _over(absolute[:-1], absolute[-1])
    errors = Errors(relative[:-1], relative[-1], absolute[-2] * scaling, absolute[-1] * scaling)
    return errors, ideal - _product(clients.mean(weights))


def _with_total(by_layer: Tensor) -> Tensor:
    """(n, L) -> (n, L + 1): root of the summed squares appended."""
    return torch.cat([by_layer, by_layer.square().sum(-1, keepdim=True).sqrt()], dim=-1)


def _reference_fit(clients: Factors, reference: Factors) -> tuple[Tensor, Tensor, Tensor]:
    """Procrustes against the broadcast on both sides: (2, L, K) residuals before and after, and conditioning."""
    before, after, condition = [], [], []
    A, A_ref = clients.A, reference.A.unsqueeze(-3)
    Bt, Bt_ref = clients.B.mT, reference.B.unsqueeze(-3).mT
    for X, X_ref in ((A, A_ref), (Bt, Bt_ref)):
        R, S = procrustes(X @ X_ref.mT)
        before.append(_distance(X, X_ref))
        after.append(_distance(R.mT @ X, X_ref))
        condition.append(conditioning(S))
    return torch.stack(before), torch.stack(after), torch.stack(condition)


def _pairs(clients: Factors, R: Tensor) -> Pairs[Tensor]:
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


def _drawn(sent: Factors, R: Tensor, weights: Tensor, S: int, columns: Tensor | None) -> Arrows[Tensor]:
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


def _spread(clients: Factors, R: Tensor, weights: Tensor) -> Tensor:
    """(L,) how far clients differ after the best rotation; 0 means one shared update."""
    X = clients.turned(R).stacked()
    mean = weighted(X, weights).unsqueeze(-3)
    return _relative(X - mean, mean).amax(-1)


def _checks(clients: Factors, R: Tensor, weights: Tensor, naive_gap: Tensor, ladder: Tensor) -> Checks[Tensor]:
    """The four statements of the proof strip, as numbers that should be at rounding level (or not negative)."""
    eye = torch.eye(R.shape[-1], dtype=R.dtype)
    turned, product = clients.turned(R), clients.B @ clients.A
    mean = clients.mean(weights)
    identity = ideal_product(
        Factors(clients.A - mean.A.unsqueeze(-3), clients.B - mean.B.unsqueeze(-3)), weights
    )  # Σ w (B_k - B̄)(A_k - Ā)
    return Checks(
        orthogonal=(R.mT @ R - eye).abs().amax(),
        product=_relative(turned.B @ turned.A - product, product).amax(),
        floor=(ladder[:-1] - ladder[-1]).amin(),
        identity=_relative(naive_gap - identity, ideal_product(clients, weights)).amax(),
    )
