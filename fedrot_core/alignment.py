"""Orthogonal alignment of client factors: Procrustes, O(r) and SO(r), soft strength, generalised Procrustes.

A client with factors ``(B, A)`` sends ``(B R, Rᵀ A)``. All functions are batched over any leading axes and expect
float64. Source: FedRot-LoRA, arXiv:2602.23638; generalised Procrustes: Gower 1975.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedrot_core.canonical import NULL, orthogonal_completion
from fedrot_core.factors import Factors, weighted

RANK_TOLERANCE = 1e-6
"""A cross matrix with ``σ_min / σ_max`` at or below this leaves its rotation partly undetermined."""

SINGULAR_TOLERANCE = 0.05
"""A soft interpolation with ``σ_min`` at or below this makes its result arbitrary."""


ANGLE_TOLERANCE = 1e-6
"""An eigen-angle within this many degrees of -180 counts as +180, which is the same turn."""


@dataclass(frozen=True)
class Alignment:
    """Rotations found for each client, and how well they are determined.

    Attributes:
        R: (..., K, r, r) orthogonal.
        conditioning: (..., K) ``σ_min / σ_max`` of the cross matrix, 0 where it is zero.
        soft_margin: (..., K) smallest singular value of ``(1-λ) I + λ R``; 1 when λ is 0 or 1.
        settled: False where an iteration was cut off before it converged.
    """

    R: Tensor
    conditioning: Tensor
    soft_margin: Tensor
    settled: bool = True

    def flags(self) -> tuple[str, ...]:
        """Names of numerical troubles, empty when all is well."""
        found = []
        if bool((self.conditioning <= RANK_TOLERANCE).any()):
            found.append("reference_rank_deficient")
        if bool((self.soft_margin <= SINGULAR_TOLERANCE).any()):
            found.append("soft_rotation_singular")
        if not self.settled:
            found.append("alignment_not_settled")
        return tuple(found)


def procrustes(M: Tensor, group: str = "O") -> tuple[Tensor, Tensor]:
    """The orthogonal R that maximises ``tr(Rᵀ M)`` for each cross matrix M.

    For side A, ``M = A_k A_refᵀ`` and R minimises ``‖Rᵀ A_k - A_ref‖``; for side B, ``M = B_kᵀ B_ref``. Where M is rank
    deficient, many R do; this is then the one that turns the null space least.

    Args:
        M: (..., r, r) cross matrices.
        group: "O", or "SO" to flip the column of the smallest singular value where ``det R = -1``.

    Returns:
        R (..., r, r), and the singular values of M (..., r), largest first.
    """
    U, S, Vh = torch.linalg.svd(M)
    open_end = S[..., -1] <= NULL * S[..., 0]
    if bool(open_end.any()):
        fixed = orthogonal_completion(U[open_end], S[open_end], Vh[open_end])
        U[open_end], _, Vh[open_end] = torch.linalg.svd(fixed)
    if group == "SO":
        det = torch.linalg.det(U @ Vh).sign()
        U = torch.cat([U[..., :-1], U[..., -1:] * det[..., None, None]], dim=-1)
    return U @ Vh, S


def soft_rotation(R: Tensor, strength: float) -> tuple[Tensor, Tensor]:
    """Polar factor of ``(1-λ) I + λ R`` and that matrix's smallest singular value.

    In a plane a turn by θ becomes one by ``atan2(λ sin θ, 1 - λ + λ cos θ)``. At θ = 180°, λ = ½ the matrix is singular
    and the result arbitrary; the returned margin (...,) says so.
    """
    if strength == 1.0:
        return R, torch.ones(R.shape[:-2], dtype=R.dtype, device=R.device)
    eye = torch.eye(R.shape[-1], dtype=R.dtype, device=R.device)
    if strength == 0.0:
        return eye.expand_as(R), torch.ones(R.shape[:-2], dtype=R.dtype, device=R.device)
    soft, S = procrustes((1 - strength) * eye + strength * R)
    return soft, S[..., -1]


def align_to_reference(clients: Factors, reference: Factors, side: str, group: str, strength: float) -> Alignment:
    """Turn each client onto the reference by matching one factor.

    Args:
        clients: (..., K, r, i), (..., K, o, r).
        reference: (..., r, i), (..., o, r); the broadcast that the clients received.
        side: "A" or "B", the factor that is matched.
        group: "O" or "SO".
        strength: λ in [0, 1].
    """
    if side == "A":
        M = clients.A @ reference.A.unsqueeze(-3).mT  # (K, r, i) @ (i, r) -> (K, r, r)
    else:
        M = clients.B.mT @ reference.B.unsqueeze(-3)  # (K, r, o) @ (o, r) -> (K, r, r)
    R, S = procrustes(M, group)
    soft, margin = soft_rotation(R, strength)
    return Alignment(soft, conditioning(S), margin)


def conditioning(S: Tensor) -> Tensor:
    """``σ_min / σ_max`` of (..., r) singular values, 0 where all vanish."""
    largest = S[..., 0]
    return torch.where(largest > 0, S[..., -1] / largest.clamp_min(torch.finfo(S.dtype).tiny), largest)


def side_of_round(side: str, round_index: int) -> str | None:
    """Factor matched in this round: odd rounds A, even rounds B under "alternate"; None in round 0 (there B = 0)."""
    if round_index == 0:
        return None
    if side != "alternate":
        return side
    return "A" if round_index % 2 else "B"


def generalised_procrustes(
    clients: Factors, weights: Tensor, group: str = "O", max_passes: int = 100, tolerance: float = 1e-6
) -> Alignment:
    """Align every client's stacked ``[A_k, B_kᵀ]`` to the running weighted mean until the mean stops growing.

    Needs no reference, so it also works where the broadcast has ``B = 0`` and for one-shot merging. It starts in the
    frame of the heaviest client. Each pass cannot shorten the mean, so ``Σ w_k ‖Rᵀ X_k - mean‖²`` never rises; it ends
    when ``‖mean‖²`` gains less than ``tolerance`` of itself in every layer. Where ``max_passes`` comes first, the
    result says so.
    """
    X = clients.stacked()  # (..., K, r, i + o)
    anchor = X.select(-3, int(weights.argmax()))
    R, S = procrustes(X @ anchor.unsqueeze(-3).mT, group)
    mean = weighted(R.mT @ X, weights)  # (..., r, i + o)
    power, settled = mean.square().sum((-1, -2)), False
    for _ in range(max_passes):
        R, S = procrustes(X @ mean.unsqueeze(-3).mT, group)
        mean = weighted(R.mT @ X, weights)
        before, power = power, mean.square().sum((-1, -2))
        settled = bool((power - before <= tolerance * power).all())
        if settled:
            break
    return Alignment(R, conditioning(S), torch.ones_like(S[..., 0]), settled)


def random_rotations(rng: np.random.Generator, count: int, r: int) -> Tensor:
    """(count, r, r) Haar-distributed rotations (det +1)."""
    Q, upper = np.linalg.qr(rng.standard_normal((count, r, r)))
    Q = Q * np.sign(np.diagonal(upper, axis1=-2, axis2=-1))[:, None, :]
    Q[..., 0] *= np.sign(np.linalg.det(Q))[:, None]
    return torch.from_numpy(Q)


def planted_rotations(rng: np.random.Generator, count: int, r: int, degrees: float) -> Tensor:
    """(count, r, r) rotations of two halves of the clients that stand ``degrees`` apart.

    A random half turns by ``+degrees / 2`` and the rest by ``-degrees / 2``, all in the same ``r // 2`` random
    orthogonal planes. Two clients are then 0 or ``degrees`` apart, and the average of two equal halves keeps
    ``cos²(degrees / 2)``. Odd r keeps one axis; in particular r = 1 cannot turn.
    """
    Q = random_rotations(rng, 1, r)
    half = np.radians(degrees / 2) * rng.permutation(np.where(np.arange(count) % 2 == 0, 1.0, -1.0))
    cosine, sine = torch.from_numpy(np.cos(half)), torch.from_numpy(np.sin(half))
    turn = torch.eye(r, dtype=torch.float64).repeat(count, 1, 1)
    for j in range(0, r - 1, 2):
        turn[:, j, j] = turn[:, j + 1, j + 1] = cosine
        turn[:, j + 1, j], turn[:, j, j + 1] = sine, -sine
    return Q @ turn @ Q.mT


def rotation_angles(R: Tensor) -> Tensor:
    """Eigen-angles of orthogonal matrices in degrees, (..., r) in (-180, 180], sorted; 180 also stands for -1."""
    angles = torch.rad2deg(torch.linalg.eigvals(R).angle())
    return torch.where(angles < ANGLE_TOLERANCE - 180, 180.0, angles).sort(dim=-1).values
