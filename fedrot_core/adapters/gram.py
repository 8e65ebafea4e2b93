"""Clients' factors in coordinates of their joint span, from two Gram matrices a layer.

:func:`fedrot_core.factors.compressed` takes the coordinates by QR and keeps all digits; this takes them from
``A_s A_sᵀ`` and ``B_sᵀ B_s`` over the stacked factors, several times faster, and keeps relative errors down to 1e-8,
which is far below what files in single precision hold.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.factors import Factors

TOLERANCE = 1e-6
"""Of generalised Procrustes here. Relative errors are within 3e-4 of those of its default, in half of the time."""


def shortened(clients: Factors) -> Factors:
    """The same factors with i and o replaced by at most K r, without changing any inner product between them.

    Args:
        clients: (..., K, r, i) and (..., K, o, r), float64.
    """
    return Factors(_coordinates(clients.A), _coordinates(clients.B.mT).mT)


def _coordinates(rows: Tensor) -> Tensor:
    """(..., K, r, d) -> (..., K, r, min(d, K r)) with the same Gram matrix."""
    K, r, d = rows.shape[-3:]
    if d <= K * r:
        return rows
    flat = rows.flatten(-3, -2)
    values, vectors = torch.linalg.eigh(flat @ flat.mT)
    root: Tensor = vectors * values.clamp_min(0).sqrt().unsqueeze(-2)
    return root.reshape(*rows.shape[:-1], K * r)


def inner_products(clients: Factors) -> Tensor:
    """``⟨B_j A_j, B_k A_k⟩`` between all clients, (..., K, K), without a product ``B A``."""
    A, Bt = clients.A.flatten(-3, -2), clients.B.mT.flatten(-3, -2)  # (K r, i), (K r, o)
    K, r = clients.A.shape[-3], clients.rank
    both: Tensor = (A @ A.mT) * (Bt @ Bt.mT)  # (K r, K r): blocks of A_j A_kᵀ times B_jᵀ B_k, entry by entry
    return both.reshape(*both.shape[:-2], K, r, K, r).sum((-1, -3))
