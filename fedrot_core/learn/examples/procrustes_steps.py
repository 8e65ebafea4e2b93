"""Procrustes taken apart on one client of the small federation: its numbers, its geometry, its soft form."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch

from fedrot_core.alignment import align_to_reference, procrustes, soft_rotation
from fedrot_core.canonical import svd
from fedrot_core.factors import Factors, ideal_product
from fedrot_core.learn.examples.small_federation import CLIENTS, WEIGHTS, plane_turn, relative_error, second_round
from fedrot_core.records import Array

HAND_ANGLES = tuple(range(-180, 181, 5))
STRENGTHS = tuple(n / 20 for n in range(21))
"""λ: ½ and every slider position are among them."""

CLIFF_ANGLES = (90, 150, 170, 180)

ARBITRARY = 1e-9
"""A soft interpolation with σ_min at or below this is zero in some direction but for rounding."""


@dataclass(frozen=True)
class Fit:
    """Everything Procrustes does to one client, matched by A against the reference.

    Attributes:
        A, A_ref: (r, i) as sent, and the reference.
        S: (r, r) cross matrix A A_refᵀ; U, sigma, Vt: its SVD, (r, r), (r,), (r, r).
        UV: (r, r) U Vᵀ, the best orthogonal matrix; det: its determinant, +1 or -1.
        rotation: (r, r) the best one with determinant +1; equal to UV where det is +1.
        turned, rotated: (r, i) A after either, ``UVᵀ A`` and ``rotationᵀ A``.
        misfit, misfit_turned, misfit_rotated: distance to the reference over its norm: as sent, after either.
        overlap, overlap_best: ``tr S``, and the largest that any turn reaches, ``σ_1 + σ_2``.
        angle: by how many degrees the rotation turns the client's arrows, in (-180, 180].
    """

    A: Array
    A_ref: Array
    S: Array
    U: Array
    sigma: Array
    Vt: Array
    UV: Array
    det: int
    rotation: Array
    turned: Array
    rotated: Array
    misfit: float
    misfit_turned: float
    misfit_rotated: float
    overlap: float
    overlap_best: float
    angle: float


@dataclass(frozen=True)
class ByHand:
    """A search by hand.

    Attributes:
        angles, misfits: (n,) over the whole circle.
        columns: (i, 2) the client's columns of A after the hand's turn; reference: (i, 2).
        misfit: at the hand's angle.
    """

    angles: Array
    misfits: Array
    columns: Array
    reference: Array
    misfit: float


@dataclass(frozen=True)
class Soft:
    """Soft strength on a turn by θ.

    Attributes:
        strengths: (n,) λ; polar: (n,) the angle turned in degrees, NaN where it is arbitrary.
        errors: (n,) aggregation error of the small federation, two of its clients turned by θ and all aligned with λ.
        best: index of the smallest error.
        at: index of the chosen λ; angle, margin: there; margin is σ_min of ``(1-λ) I + λ R``.
    """

    strengths: Array
    polar: Array
    errors: Array
    best: int
    at: int
    angle: float
    margin: float


@dataclass(frozen=True)
class Cliff:
    """Soft turns for several θ: angles (m,), strengths (n,), polar and margins (m, n); NaN where arbitrary."""

    angles: Array
    strengths: Array
    polar: Array
    margins: Array


@dataclass(frozen=True)
class Outcome:
    """All clients turned onto the reference: misfits (K,) before and after, and the average's relative error."""

    misfits: Array
    misfits_after: Array
    error: float
    error_after: float
    floor: float


@functools.cache
def fit(client: int) -> Fit:
    """Every step for one client, by the lab's own Procrustes."""
    example = second_round()
    A, A_ref = example.sent.A[client], example.reference.A
    S = A @ A_ref.mT  # (r, i) @ (i, r)
    U, sigma, Vt = svd(S)
    UV, _ = procrustes(S, "O")
    rotation, _ = procrustes(S, "SO")
    turned, rotated = UV.mT @ A, rotation.mT @ A

    def misfit(X: torch.Tensor) -> float:
        return float((X - A_ref).norm() / A_ref.norm())

    return Fit(
        A=A.numpy(), A_ref=A_ref.numpy(), S=S.numpy(), U=U.numpy(), sigma=sigma.numpy(), Vt=Vt.numpy(), UV=UV.numpy(),
        det=round(float(torch.linalg.det(UV))), rotation=rotation.numpy(),
        turned=turned.numpy(), rotated=rotated.numpy(),
        misfit=misfit(A), misfit_turned=misfit(turned), misfit_rotated=misfit(rotated),
        overlap=float(S.trace()), overlap_best=float(sigma.sum()),
        angle=plane_angle(rotation.mT),
    )  # fmt: skip


def by_hand(client: int, hand: float) -> ByHand:
    """The client's columns of A turned by ``hand`` degrees, and the misfit at every angle."""
    found = fit(client)
    A, A_ref = torch.from_numpy(found.A), torch.from_numpy(found.A_ref)
    now, turns = plane_turn(hand) @ A, torch.stack([plane_turn(a) for a in HAND_ANGLES])
    misfits = (turns @ A - A_ref).flatten(1).norm(dim=1) / A_ref.norm()
    return ByHand(
        np.array(HAND_ANGLES, dtype=float), misfits.numpy(), now.mT.numpy(), A_ref.mT.numpy(),
        float((now - A_ref).norm() / A_ref.norm()),
    )  # fmt: skip


def soft(degrees: float, strength: float) -> Soft:
    """What λ does to a turn by ``degrees``, and to the error of the small federation's average."""
    polar, errors = _soft_path(degrees)
    angle, margin = _polar(degrees, strength)
    return Soft(
        np.array(STRENGTHS), polar, errors, int(errors.argmin()), round(strength * (len(STRENGTHS) - 1)), angle, margin
    )


@functools.cache
def cliff() -> Cliff:
    """The soft turn of :data:`CLIFF_ANGLES` at every strength."""
    both = np.array([[_polar(a, s) for s in STRENGTHS] for a in CLIFF_ANGLES])  # (m, n, 2)
    return Cliff(np.array(CLIFF_ANGLES, dtype=float), np.array(STRENGTHS), both[..., 0], both[..., 1])


def outcome(group: str) -> Outcome:
    """Every client turned onto the reference by A in "O" or "SO", λ = 1, then averaged."""
    example = second_round()
    after = example.sent.turned(align_to_reference(example.sent, example.reference, "A", group, 1.0).R)
    ideal = ideal_product(example.sent, WEIGHTS)
    tail = torch.linalg.svdvals(ideal)[after.rank :]
    fits = [fit(k) for k in range(CLIENTS)]
    return Outcome(
        np.array([f.misfit for f in fits]),
        np.array([f.misfit_turned if group == "O" else f.misfit_rotated for f in fits]),
        float(relative_error(example.sent)), float(relative_error(after)), float(tail.norm() / ideal.norm()),
    )  # fmt: skip


def plane_angle(R: torch.Tensor) -> float:
    """The angle of a 2 × 2 rotation in degrees, in (-180, 180]."""
    return float(torch.rad2deg(torch.atan2(R[1, 0], R[0, 0])))


def _polar(degrees: float, strength: float) -> tuple[float, float]:
    """The soft turn of a turn by ``degrees``, in degrees and NaN where it is arbitrary, and its margin."""
    R, margin = soft_rotation(plane_turn(degrees), strength)
    return (abs(plane_angle(R)) if float(margin) > ARBITRARY else float("nan")), float(margin)


@functools.lru_cache(maxsize=64)
def _soft_path(degrees: float) -> tuple[Array, Array]:
    """At every strength, the angle turned, and the error of the small federation's average.

    Two of its four clients are turned by ``degrees``; then all are aligned by A in SO(2).
    """
    example, half = second_round(), CLIENTS // 2
    turns = torch.stack([plane_turn(0.0)] * half + [plane_turn(degrees)] * (CLIENTS - half))
    sent = example.trained.turned(turns)
    full = align_to_reference(sent, example.reference, "A", "SO", 1.0).R
    R = torch.stack([soft_rotation(full, s)[0] for s in STRENGTHS])  # (n, K, r, r)
    errors = relative_error(Factors(sent.A.expand(len(R), -1, -1, -1), sent.B.expand(len(R), -1, -1, -1)).turned(R))
    return np.array([_polar(degrees, s)[0] for s in STRENGTHS]), errors.numpy()
