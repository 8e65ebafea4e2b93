"""Slow, obvious oracles in plain NumPy: one layer, loops over clients, dense products.

Letters: K clients, r rank; ``A`` (K, r, d_in) and ``B`` (K, d_out, r) of true width. Nothing here imports the package.
"""

from __future__ import annotations

from math import atan2

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def frobenius(x: Array) -> float:
    return float(np.sqrt(sum(abs(v) ** 2 for v in x.flat)))


def ideal(A: Array, B: Array, w: Array) -> Array:
    """``Σ w_k B_k A_k``."""
    total = np.zeros((B.shape[1], A.shape[2]))
    for k in range(len(w)):
        total += w[k] * (B[k] @ A[k])
    return total


def mean(x: Array, w: Array) -> Array:
    total = np.zeros(x.shape[1:])
    for k in range(len(w)):
        total += w[k] * x[k]
    return total


def naive(A: Array, B: Array, w: Array) -> Array:
    """``B̄ Ā``."""
    return mean(B, w) @ mean(A, w)


def best_orthogonal(M: Array, group: str = "O") -> Array:
    """Maximises ``tr(Rᵀ M)`` over O(r) or SO(r)."""
    U, _, Vh = np.linalg.svd(M)
    D = np.eye(len(M))
    if group == "SO" and np.linalg.det(U @ Vh) < 0:
        D[-1, -1] = -1
    return np.asarray(U @ D @ Vh)


def softened(R: Array, strength: float) -> Array:
    """Polar factor of ``(1-λ) I + λ R`` as ``X (XᵀX)^(-1/2)``, by an eigendecomposition."""
    X = (1 - strength) * np.eye(len(R)) + strength * R
    values, V = np.linalg.eigh(X.T @ X)
    return np.asarray(X @ V @ np.diag(values**-0.5) @ V.T)


def reference_rotations(
    A: Array, B: Array, A_ref: Array, B_ref: Array, side: str, group: str, strength: float
) -> Array:
    out = []
    for k in range(len(A)):
        M = A[k] @ A_ref.T if side == "A" else B[k].T @ B_ref
        R = best_orthogonal(M, group)
        out.append(R if strength == 1 else softened(R, strength))
    return np.stack(out)


def turned(A: Array, B: Array, R: Array) -> tuple[Array, Array]:
    return np.stack([R[k].T @ A[k] for k in range(len(A))]), np.stack([B[k] @ R[k] for k in range(len(A))])


def stacked(A: Array, B: Array) -> Array:
    return np.stack([np.hstack([A[k], B[k].T]) for k in range(len(A))])


def generalised_procrustes(A: Array, B: Array, w: Array, passes: int = 100) -> Array:
    """Gower's alternation from the heaviest client's frame."""
    X = stacked(A, B)
    target = X[int(np.argmax(w))]
    R = np.stack([best_orthogonal(x @ target.T) for x in X])
    for _ in range(passes):
        target = mean(np.stack([R[k].T @ X[k] for k in range(len(X))]), w)
        R = np.stack([best_orthogonal(x @ target.T) for x in X])
    return R


def spread(A: Array, B: Array, R: Array, w: Array) -> float:
    """``Σ w_k ‖R_kᵀ X_k - mean‖²``, what generalised Procrustes lowers."""
    X = stacked(*turned(A, B, R))
    centre = mean(X, w)
    return float(sum(w[k] * frobenius(X[k] - centre) ** 2 for k in range(len(w))))


def largest_principal_angle(rows: Array, others: Array) -> float:
    """Degrees between two row spaces, from the projectors of their numerical ranks."""

    def basis(x: Array) -> Array:
        _, s, Vh = np.linalg.svd(x)
        return Vh[: int((s > 1e-6 * max(s[0], 1e-300)).sum())]

    P, Q = basis(rows), basis(others)
    if not len(P) or not len(Q):
        return 0.0
    cosine = np.linalg.svd(P @ Q.T)[1].min()
    return float(np.degrees(np.arccos(min(1.0, cosine))))


def angle_between(x: Array, y: Array) -> float:
    cosine = float((x * y).sum()) / (frobenius(x) * frobenius(y))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def eigen_angles(R: Array) -> Array:
    """Sorted sizes of the eigen-angles in degrees."""
    return np.sort([abs(np.degrees(atan2(v.imag, v.real))) for v in np.linalg.eigvals(R)])
