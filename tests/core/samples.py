"""Random factors for tests, padded and unpadded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fedrot_core.factors import Factors

Array = NDArray[np.float64]
Width = tuple[int, int]  # d_in, d_out


@dataclass(frozen=True)
class Sample:
    """One round's inputs: padded tensors for the code, per-layer arrays of true width for the oracles.

    Attributes:
        sent: (L, K, r, i), (L, K, o, r); received: (L, r, i), (L, o, r); weights: (K,).
        widths: d_in and d_out of each layer.
    """

    sent: Factors
    received: Factors
    weights: torch.Tensor
    widths: tuple[Width, ...]

    def clients(self, layer: int) -> tuple[Array, Array]:
        """A (K, r, d_in), B (K, d_out, r) without padding."""
        return unpadded(self.sent, layer, self.widths[layer])

    def reference(self, layer: int) -> tuple[Array, Array]:
        """A (r, d_in), B (d_out, r) without padding."""
        return unpadded(self.received, layer, self.widths[layer])


def unpadded(f: Factors, layer: int, width: Width) -> tuple[Array, Array]:
    """One layer's factors as NumPy arrays of their true width."""
    return f.A[layer, ..., : width[0]].numpy().copy(), f.B[layer, ..., : width[1], :].numpy().copy()


def orthogonal(rng: np.random.Generator, r: int) -> Array:
    """A Haar-random orthogonal matrix, reflections included."""
    Q, upper = np.linalg.qr(rng.standard_normal((r, r)))
    return Q * np.sign(np.diag(upper))


def sample(
    seed: int, widths: Sequence[Width], K: int, r: int, noise: float = 0.3, zero_reference_B: bool = False
) -> Sample:
    """Clients near one shared update, each in a frame of its own; weights and the reference are random."""
    rng = np.random.default_rng(seed)
    L, i, o = len(widths), max(w[0] for w in widths), max(w[1] for w in widths)
    A, B = np.zeros((L, K, r, i)), np.zeros((L, K, o, r))
    A_ref, B_ref = np.zeros((L, r, i)), np.zeros((L, o, r))
    for layer, (d_in, d_out) in enumerate(widths):
        A_ref[layer, :, :d_in] = rng.standard_normal((r, d_in))
        B_ref[layer, :d_out] = rng.standard_normal((d_out, r)) * (0.0 if zero_reference_B else 1.0)
        shared_B = rng.standard_normal((d_out, r))
        for k in range(K):
            Q = orthogonal(rng, r)
            A[layer, k, :, :d_in] = Q.T @ (A_ref[layer, :, :d_in] + noise * rng.standard_normal((r, d_in)))
            B[layer, k, :d_out] = (shared_B + noise * rng.standard_normal((d_out, r))) @ Q
    weights = rng.uniform(0.5, 2.0, K)
    return Sample(
        Factors(torch.from_numpy(A), torch.from_numpy(B)),
        Factors(torch.from_numpy(A_ref), torch.from_numpy(B_ref)),
        torch.from_numpy(weights / weights.sum()),
        tuple(widths),
    )


def product(f: Factors) -> torch.Tensor:
    """The dense ``B A``, (..., o, i)."""
    return f.B @ f.A


def spun(f: Factors, k: int, Q: Array) -> Factors:
    """The same clients with client ``k`` in the frame ``Q``, in every layer."""
    turns = torch.eye(f.rank, dtype=torch.float64).repeat(f.A.shape[1], 1, 1)
    turns[k] = torch.from_numpy(Q)
    return f.turned(turns)
