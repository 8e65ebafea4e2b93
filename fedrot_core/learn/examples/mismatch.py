"""Two clients that differ in frame (a turn inside the span) and in span (a tilt out of it).

Letters: r = 2, d = 2 r input and output features. Client 0's rows of A are the first r axes. Client 1's span leans out
of them by the tilt, in both directions alike, and its frame is turned inside that span. Alignment is FedRot's with
full strength: client 1 is turned onto client 0 by matching A.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrot_core.alignment import Alignment, align_to_reference, rotation_angles
from fedrot_core.factors import Factors, ideal_product

RANK = 2
STRENGTHS = ((1.0, 0.5), (0.5, 1.0))
"""How much each client learned of each direction: client 0 more of the first, client 1 more of the second."""

HALVES = torch.tensor([0.5, 0.5], dtype=torch.float64)
"""Both clients count alike."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mismatch:
    """What the two clients' angles and errors are, as sent and after client 1 was aligned to client 0.

    Attributes:
        rows_sent, rows_aligned: (r, r) client 1's rows of A, in the axes of its own span that client 0's rows meet.
        rotation_sent, rotation_aligned: largest angle, in degrees, of the turn that would bring it onto client 0.
        principal_sent, principal_aligned: largest angle, in degrees, between the spans of the two A's.
        directions: (2 r,) singular values of the ideal over its norm.
        naive, aligned, floor: relative errors of the naive average, of the aligned one, and the rank-r floor.
    """

    rows_sent: Array
    rows_aligned: Array
    rotation_sent: float
    rotation_aligned: float
    principal_sent: float
    principal_aligned: float
    directions: Array
    naive: float
    aligned: float
    floor: float


@dataclass(frozen=True)
class SharedB:
    """Two clients with one B: how far apart their factors are and how wrong the average is, before and after.

    Attributes:
        A_sent, A_aligned, B_sent, B_aligned: ``‖X_0 - X_1‖ / (‖X_0‖ + ‖X_1‖)``, 0 for equal factors, at most 1.
        naive, aligned: relative errors.
    """

    A_sent: float
    A_aligned: float
    B_sent: float
    B_aligned: float
    naive: float
    aligned: float


def clients(turn: float, tilt: float) -> Factors:
    """Both clients as sent, (2, r, d) and (2, d, r); client 1 turned and tilted by these degrees."""
    axes = torch.eye(2 * RANK, dtype=torch.float64)
    span, beyond = axes[:RANK], axes[RANK:]  # (r, d) each
    cosine, sine = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    leaning = cosine * span + sine * beyond
    R = plane_turn(turn)
    strength = torch.tensor(STRENGTHS, dtype=torch.float64)  # (2, r)
    A = torch.stack([span, R.mT @ leaning])
    B = torch.stack([span.mT * strength[0], (leaning.mT * strength[1]) @ R])
    return Factors(A, B)


def mismatch(turn: float, tilt: float) -> Mismatch:
    """Angles and errors of :func:`clients`. A tilt of 90° leaves the turn undetermined, so stay below."""
    sent = clients(turn, tilt)
    found = aligned_to_first(sent)
    turned = sent.turned(found.R)
    ideal = ideal_product(sent, HALVES)
    directions = torch.linalg.svdvals(ideal) / torch.linalg.matrix_norm(ideal)
    axes = turned.A[1]  # (r, d) orthonormal: client 1's span, met by client 0's rows as closely as can be
    return Mismatch(
        rows_sent=(sent.A[1] @ axes.mT).numpy(),
        rows_aligned=(turned.A[1] @ axes.mT).numpy(),
        rotation_sent=rotation(sent),
        rotation_aligned=rotation(turned),
        principal_sent=principal_angle(sent.A[0], sent.A[1]),
        principal_aligned=principal_angle(turned.A[0], turned.A[1]),
        directions=directions.numpy(),
        naive=relative_error(sent, ideal),
        aligned=relative_error(turned, ideal),
        floor=float(directions[RANK:].norm()),
    )


def shared_b(turn: float, tilt: float) -> SharedB:
    """Client 1 has client 0's B, and an A that is turned and tilted: here the turn is part of what it learned."""
    both = clients(turn, tilt)
    sent = Factors(both.A, both.B[:1].expand(2, -1, -1))
    turned = sent.turned(aligned_to_first(sent).R)
    ideal = ideal_product(sent, HALVES)
    return SharedB(
        A_sent=distance(sent.A),
        A_aligned=distance(turned.A),
        B_sent=distance(sent.B),
        B_aligned=distance(turned.B),
        naive=relative_error(sent, ideal),
        aligned=relative_error(turned, ideal),
    )


def plane_turn(degrees: float) -> Tensor:
    """(2, 2) rotation."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[cosine, -sine], [sine, cosine]], dtype=torch.float64)


def aligned_to_first(sent: Factors) -> Alignment:
    """The rotations that turn each client's A onto client 0's."""
    return align_to_reference(sent, Factors(sent.A[0], sent.B[0]), "A", "SO", 1.0)


def rotation(f: Factors) -> float:
    """Largest angle of client 1's rotation onto client 0, in degrees."""
    return float(rotation_angles(aligned_to_first(f).R[1]).abs().max())


def principal_angle(X: Tensor, Y: Tensor) -> float:
    """Largest principal angle, in degrees, between the row spaces of X and Y, each (r, d) of full rank.

    By its sine, the norm of what of Y's span lies outside X's: a cosine would lose small angles to rounding.
    """
    P, Q = torch.linalg.qr(X.mT).Q, torch.linalg.qr(Y.mT).Q  # (d, r)
    outside = Q - P @ (P.mT @ Q)
    return math.degrees(math.asin(min(1.0, float(torch.linalg.matrix_norm(outside, 2)))))


def relative_error(f: Factors, ideal: Tensor) -> float:
    """``‖B̄ Ā - ideal‖ / ‖ideal‖`` of the factor average of these clients."""
    mean = f.mean(HALVES)
    return float(torch.linalg.matrix_norm(mean.B @ mean.A - ideal) / torch.linalg.matrix_norm(ideal))


def distance(X: Tensor) -> float:
    """``‖X_0 - X_1‖ / (‖X_0‖ + ‖X_1‖)``."""
    return float((X[0] - X[1]).norm() / (X[0].norm() + X[1].norm()))
