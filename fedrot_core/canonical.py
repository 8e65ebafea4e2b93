"""Canonical factorisations: what a factorisation leaves open is fixed, so that every machine gets the same factors.

A singular value decomposition does not determine the sign of each pair of singular vectors, nor the vectors of the null
space. LAPACK settles both by the order in which it adds numbers, which differs between processors. Everything in this
package that looks at singular vectors takes them from here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

NULL = 1e-12
"""A singular value at or below this share of the largest one is rounding, and counts as zero."""

TIE_BREAK = 1e-6
"""Size of a difference that breaks ties: far above rounding, and far too small to show."""

GOLDEN = (math.sqrt(5) - 1) / 2


def svd(M: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The thin singular value decomposition ``M = U diag(S) Vᵀ`` in canonical form.

    Each pair of vectors has the sign that :func:`signs` gives. Pairs whose singular value vanishes, see :data:`NULL`,
    are zero.

    Args:
        M: (..., m, n).

    Returns:
        U (..., m, k), S (..., k) largest first, and Vᵀ (..., k, n), with k = min(m, n).
    """
    U, S, Vh = torch.linalg.svd(M, full_matrices=False)
    seen = NULL * S[..., :1] < S
    turn = signs(Vh) * seen
    return U * turn.unsqueeze(-2), S * seen, Vh * turn.unsqueeze(-1)


def signs(rows: Tensor) -> Tensor:
    """Signs that make each row point to the same side as one fixed direction, from (..., k, n) to (..., k) of ±1.

    The direction is a generic one. The simpler rule "make the largest entry positive" would depend on rounding if two
    entries are equally large, as they are in every plane turned by 45°.
    """
    side = (rows * weights(rows.shape[-1]).to(rows)).sum(-1)
    return torch.where(side < 0, -1.0, 1.0).to(rows.dtype)


def weights(n: int) -> Tensor:
    """``n`` fixed numbers in [1, 2), no two of which are in a simple ratio."""
    return 1 + (torch.arange(1, n + 1, dtype=torch.float64) * GOLDEN) % 1


def completed(Vh: Tensor, support: Tensor) -> Tensor:
    """Replace zero rows by further orthonormal rows, which depend on the span of the given rows only.

    Args:
        Vh: (..., k, n), orthonormal rows followed by zero rows.
        support: (..., n) bool, the coordinates that the new rows may use. If there are too few, zero rows remain.
    """
    out = Vh.clone()
    k, n = Vh.shape[-2:]
    for rows, used in zip(out.view(-1, k, n), support.reshape(-1, n), strict=True):
        missing = torch.nonzero(~rows.any(-1)).flatten()
        given = k - len(missing)
        missing = missing[: max(0, int(used.sum()) - given)]
        if len(missing):
            fixed = torch.sin(torch.outer(weights(len(missing)), torch.arange(1.0, n + 1, dtype=torch.float64))) * used
            for _ in range(2):  # once more, for what rounding left of the given rows
                fixed = fixed - (fixed @ rows.mT) @ rows
            Q, upper = torch.linalg.qr(fixed.mT)
            rows[missing] = (Q * upper.diagonal().sign()).mT
    return out


def orthogonal_completion(U: Tensor, S: Tensor, Vh: Tensor) -> Tensor:
    """A matrix whose polar factor completes that of a rank-deficient ``U diag(S) Vᵀ`` with the smallest possible turn.

    ``U diag(S) Vᵀ`` does not determine the rotation of its null space. The result weighs the determined part by 2 and
    adds the identity between the null spaces. Its polar factor is therefore unique, and its smallest singular value
    belongs to the undetermined part. The entries of the identity differ by :data:`TIE_BREAK`, so that a reflection of a
    null space is unique too.

    Args:
        U, S, Vh: a singular value decomposition, (..., r, r), (..., r) and (..., r, r), largest singular value first.
    """
    r = S.shape[-1]
    seen = (NULL * S[..., :1] < S).to(U.dtype)
    eye = torch.eye(r, dtype=U.dtype, device=U.device)
    left = eye - (U * seen.unsqueeze(-2)) @ U.mT  # projections onto the null spaces
    right = eye - (Vh.mT * seen.unsqueeze(-2)) @ Vh
    near = eye * (1 - TIE_BREAK * torch.arange(r, dtype=U.dtype, device=U.device))
    return 2 * (U * seen.unsqueeze(-2)) @ Vh + left @ near @ right
