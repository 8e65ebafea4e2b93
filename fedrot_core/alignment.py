"""Orthogonal alignment of clients' factors: Procrustes in O(r) and SO(r), soft strength, generalised Procrustes.

A client with factors ``(B, A)`` is aligned by a matrix R and then has the factors ``(B R, Rᵀ A)``. All functions are
batched over any leading axes and expect float64. Sources: FedRot-LoRA, arXiv:2602.23638; for generalised Procrustes,
Gower (1975).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedrot_core.canonical import NULL, orthogonal_completion
from fedrot_core.factors import Factors

RANK_TOLERANCE = 1e-6
"""A cross matrix whose ``σ_min / σ_max`` is at or below this does not fully determine the rotation."""

SINGULAR_TOLERANCE = 0.05
"""A soft rotation is arbitrary if ``σ_min`` of its interpolation is at or below this."""


ANGLE_TOLERANCE = 1e-6
"""An eigen-angle within this many degrees of -180 counts as +180, since both are the same turn."""


@dataclass(frozen=True)
class Alignment:
    """The rotation of each client, and how well it is determined.

    Attributes:
        R: (..., K, r, r), orthogonal matrices.
        conditioning: (..., K), ``σ_min / σ_max`` of the cross matrix; 0 if the matrix is zero.
        soft_margin: (..., K), smallest singular value of ``(1-λ) I + λ R``; 1 if λ is 0 or 1.
        settled: False if an iteration was cut off before it converged.
    """

    R: Tensor
    conditioning: Tensor
    soft_margin: Tensor
    settled: bool = True

    def flags(self) -> tuple[str, ...]:
        """Names of numerical troubles; empty if there are none."""
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

    For side A, ``M = A_k A_refᵀ`` and R minimises ``‖Rᵀ A_k - A_ref‖``; for side B, ``M = B_kᵀ B_ref``. If M is rank
    deficient, many R are equally good, and the one that turns the null space least is returned.

    Args:
        M: (..., r, r), the cross matrices.
        group: "O", or "SO" to flip the column of the smallest singular value if ``det R = -1``.

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
    """The soft version of a rotation: the polar factor of ``(1-λ) I + λ R``.

    In a plane, a turn by θ becomes a turn by ``atan2(λ sin θ, 1 - λ + λ cos θ)``. At θ = 180° and λ = ½ the matrix is
    singular and the result is arbitrary, which shows in the margin.

    Args:
        R: (..., r, r), orthogonal matrices.
        strength: λ in [0, 1].

    Returns:
        The soft rotations (..., r, r), and the margin (...,), the smallest singular value of ``(1-λ) I + λ R``.
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
        clients: (..., K, r, i) and (..., K, o, r).
        reference: (..., r, i) and (..., o, r), the broadcast that the clients received.
        side: the factor that is matched, "A" or "B".
        group: "SO" allows rotations only, "O" reflections too.
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
    """``σ_min / σ_max`` of (..., r) singular values; 0 if all of them are zero."""
    largest = S[..., 0]
    return torch.where(largest > 0, S[..., -1] / largest.clamp_min(torch.finfo(S.dtype).tiny), largest)


def side_of_round(side: str, round_index: int) -> str | None:
    """The factor that is matched in this round: under "alternate" A in odd rounds and B in even ones.

    It is None in round 0, where the broadcast has B = 0.
    """
    if round_index == 0:
        return None
    if side != "alternate":
        return side
    return "A" if round_index % 2 else "B"


def generalised_procrustes(
    clients: Factors, weights: Tensor, group: str = "O", max_passes: int = 1000, tolerance: float = 1e-8
) -> Alignment:
    """Align every client's stack ``X_k = [A_k, B_kᵀ]`` to the weighted mean of all, until the mean stops growing.

    This needs no reference, so it also works if the broadcast has ``B = 0``, and for merging adapters once. It starts
    in the frame of the client with the largest weight among those of the highest rank: a client of lower rank would
    leave part of the others' turns undetermined, and what fills the gap would depend on their frames.

    A plain pass aligns all clients to the mean, which cannot shorten it, so ``Σ w_k ‖Rᵀ X_k - mean‖²`` does not rise.
    Here they are aligned to the mean carried on in the direction in which it moved (Nesterov 1983). Where that shortens
    it, the pass is replaced by a plain one and momentum starts anew (O'Donoghue and Candès 2015). It takes a fifth of
    the passes. Layers are independent of one another: each one stops by itself.

    Args:
        clients: (..., K, r, i) and (..., K, o, r).
        weights: (K,), weights of the clients.
        group: "O" allows reflections, "SO" rotations only.
        max_passes: most passes; if they do not suffice, the result is not ``settled``.
        tolerance: a layer is done once ``‖mean‖²`` gains less than this share of itself. With the default, every
            relative error that was measured is within 2e-5 of that at the end of the iteration: less than is shown.
    """
    X = clients.stacked()  # (..., K, r, i + o)
    rank = torch.linalg.matrix_rank(X, rtol=NULL)  # (..., K)
    first = (weights * (rank == rank.amax(-1, keepdim=True))).argmax(-1)
    anchor = X.take_along_dim(first[..., None, None, None], -3).squeeze(-3)  # (..., r, i + o)
    R, _ = procrustes(X @ anchor.unsqueeze(-3).mT, group)
    cross, settled = _grown(
        X.reshape(-1, *X.shape[-3:]), R.reshape(-1, *R.shape[-3:]), weights, group, max_passes, tolerance
    )
    R, S = procrustes(cross.reshape(R.shape), group)
    return Alignment(R, conditioning(S), torch.ones_like(S[..., 0]), settled)


def _grown(X: Tensor, R: Tensor, weights: Tensor, group: str, max_passes: int, tolerance: float) -> tuple[Tensor, bool]:
    """Cross matrices ``X_k meanᵀ`` (L, K, r, r) of the longest mean that is reached from ``R``; whether all settled.

    Args:
        X: (L, K, r, n), clients' stacks; R: (L, K, r, r), the turns to begin with.
    """
    L, K, r, _ = X.shape
    w = weights[:, None, None]
    rows = X.flatten(-3, -2)  # (L, K r, n)
    gram = rows @ rows.mT if K * r <= rows.shape[-1] else None

    def crosses(R: Tensor, among: Tensor) -> Tensor:
        turns = (w * R).flatten(-3, -2)  # (l, K r, r): meanᵀ is rowsᵀ @ turns
        found = gram[among] @ turns if gram is not None else rows[among] @ (rows[among].mT @ turns)
        return found.reshape(R.shape)

    def power(R: Tensor, cross: Tensor) -> Tensor:
        return (w * R * cross).sum((-1, -2, -3))  # ‖mean‖²

    final = torch.empty_like(R)
    open_layers = torch.arange(L, device=X.device)
    cross = before = crosses(R, open_layers)
    reached, momentum = power(R, cross), torch.ones(L, dtype=X.dtype, device=X.device)
    for _ in range(max_passes):
        grown = (1 + (1 + 4 * momentum**2).sqrt()) / 2
        R = _polar(cross + ((momentum - 1) / grown)[:, None, None, None] * (cross - before), group)
        found = crosses(R, open_layers)
        now = power(R, found)
        short = now < reached
        if bool(short.any()):
            R = _polar(cross[short], group)
            found[short] = crosses(R, open_layers[short])
            now[short], grown[short] = power(R, found[short]), 1.0
        done = now - reached <= tolerance * now
        final[open_layers[done]] = found[done]
        keep = ~done
        open_layers, cross, before = open_layers[keep], found[keep], cross[keep]
        reached, momentum = now[keep], grown[keep]
        if not len(open_layers):
            break
    final[open_layers] = cross
    return final, not len(open_layers)


WELL_SHAPED = 1e-4
"""Above this ratio of singular values, the square of a matrix tells its polar factor to twelve digits."""


def _polar(M: Tensor, group: str) -> Tensor:
    """What :func:`procrustes` returns first, in half the time where the squares of singular values suffice."""
    if group == "SO":
        return procrustes(M, group)[0]
    squares, V = torch.linalg.eigh(M.mT @ M)
    S = squares.clamp_min(0).sqrt()
    flat = S[..., 0] <= WELL_SHAPED * S[..., -1]
    R: Tensor = (M @ V / S.clamp_min(torch.finfo(S.dtype).tiny).unsqueeze(-2)) @ V.mT
    if bool(flat.any()):
        R[flat] = procrustes(M[flat])[0]
    return R


def random_rotations(rng: np.random.Generator, count: int, r: int) -> Tensor:
    """Draw ``count`` Haar-distributed rotations with determinant +1, (count, r, r)."""
    Q, upper = np.linalg.qr(rng.standard_normal((count, r, r)))
    Q = Q * np.sign(np.diagonal(upper, axis1=-2, axis2=-1))[:, None, :]
    Q[..., 0] *= np.sign(np.linalg.det(Q))[:, None]
    return torch.from_numpy(Q)


def planted_rotations(rng: np.random.Generator, count: int, r: int, degrees: float) -> Tensor:
    """Draw rotations that turn two halves of ``count`` clients ``degrees`` apart, (count, r, r).

    A random half is turned by ``+degrees / 2`` and the rest by ``-degrees / 2``, all in the same ``r // 2`` random
    orthogonal planes. Two clients are then 0 or ``degrees`` apart, and an average of two equal halves keeps
    ``cos²(degrees / 2)``. If r is odd, one axis stays fixed; with r = 1 nothing turns.
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
    """Sorted eigen-angles of orthogonal matrices in degrees, (..., r) in (-180, 180]; an eigenvalue of -1 gives 180."""
    angles = torch.rad2deg(torch.linalg.eigvals(R).angle())
    return torch.where(angles < ANGLE_TOLERANCE - 180, 180.0, angles).sort(dim=-1).values
