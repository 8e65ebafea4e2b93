"""LoRA factors of many clients at once, and low-rank algebra that avoids ``d_out x d_in`` products.

Letters: K clients, r rank, i = d_in, o = d_out, and ``...`` for any leading axes (layers, arms). Layers are stacked and
zero-padded to the widest one. Zero columns of A and zero rows of B change no inner product, so all layers share one
batched program.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fedrot_core import canonical

UPLOAD_STEP = 2.0**-20
"""Step of the grid on which clients send their factors, see :func:`on_grid`. Half precision is 1,000 times coarser."""

BROADCAST_STEP = canonical.GOLDEN * 2.0**-19
"""Step of the grid on which the server sends its broadcasts. It is in no simple ratio to the other step. On the
uploads' grid, one in ten entries of an average of ten uploads lies exactly between two steps, and rounding decides."""


@dataclass(frozen=True)
class LayerSpec:
    """Name and widths of one adapted linear layer."""

    name: str
    d_in: int
    d_out: int


@dataclass(frozen=True)
class Factors:
    """LoRA factors, whose product ``B A`` is the update. The client axis, if any, comes before the matrix axes.

    Attributes:
        A: (..., r, d_in), the down-projection.
        B: (..., d_out, r), the up-projection.
    """

    A: Tensor
    B: Tensor

    @property
    def rank(self) -> int:
        """The inner dimension r."""
        return int(self.A.shape[-2])

    def turned(self, R: Tensor) -> Factors:
        """``(B R, Rᵀ A)``: the same update in another frame, for orthogonal ``R`` of shape (..., r, r)."""
        return Factors(R.mT @ self.A, self.B @ R)  # (r, r) @ (r, i), (o, r) @ (r, r)

    def stacked(self) -> Tensor:
        """``[A, Bᵀ]``, of shape (..., r, d_in + d_out)."""
        return torch.cat([self.A, self.B.mT], dim=-1)

    def mean(self, weights: Tensor) -> Factors:
        """The weighted mean over clients, without the client axis; ``weights`` is (K,)."""
        return Factors(weighted(self.A, weights), weighted(self.B, weights))

    def on_grid(self, step: float) -> Factors:
        """Both factors rounded by :func:`on_grid`."""
        return Factors(on_grid(self.A, step), on_grid(self.B, step))

    def finite(self) -> Tensor:
        """(..., K) bool, whether the factors of each client hold no NaN or Inf."""
        return torch.isfinite(self.A).all(-1).all(-1) & torch.isfinite(self.B).all(-1).all(-1)

    def select(self, clients: Tensor) -> Factors:
        """The factors of the clients at these indices."""
        return Factors(self.A.index_select(-3, clients), self.B.index_select(-3, clients))


def on_grid(x: Tensor, step: float) -> Tensor:
    """Round each (..., p, q) matrix to multiples of ``step`` times the power of two above its largest entry.

    Clients and server send rounded numbers, and this is why different machines get the same results. After a round of
    training, the numbers of two machines differ by about 1e-15. On the grid they are equal again, except for a number
    that lies exactly between two steps. Without the grid the difference grows from round to round, up to tenfold if
    clients are misaligned.
    """
    _, exponent = torch.frexp(x.abs().amax((-1, -2), keepdim=True))
    scaled = torch.ldexp(torch.full_like(x[..., :1, :1], step), exponent)
    return (x / scaled).round() * scaled


def weighted(x: Tensor, weights: Tensor) -> Tensor:
    """``Σ_k w_k x_k`` over axis -3, from (..., K, p, q) and (K,) to (..., p, q)."""
    return (x * weights[:, None, None]).sum(-3)


def concatenated(*parts: Factors) -> Factors:
    """Factors whose product is the sum of the parts' products. Their inner dimensions add up."""
    return Factors(torch.cat([f.A for f in parts], dim=-2), torch.cat([f.B for f in parts], dim=-1))


def product_norm(f: Factors) -> Tensor:
    """``‖B A‖_F``, computed from two Gram matrices of the inner dimension instead of the product."""
    return ((f.B.mT @ f.B) * (f.A @ f.A.mT)).sum((-1, -2)).clamp_min(0).sqrt()  # tr(BᵀB A Aᵀ)


def leading(f: Factors, r: int) -> tuple[Tensor, Tensor, Tensor]:
    """The r leading singular triplets of ``B A`` in canonical form.

    Returns:
        U (..., o, r), S (..., r) and Vᵀ (..., r, i). Beyond the rank of the product, U and S are zero and Vᵀ continues
        with fixed orthonormal rows, or with zero rows if the layer has no room for more.
    """
    U, S, Vh = _singular(f)
    short = max(0, r - S.shape[-1])
    U, S, Vh = F.pad(U[..., :r], (0, short)), F.pad(S[..., :r], (0, short)), F.pad(Vh[..., :r, :], (0, 0, 0, short))
    if not bool(S.all()):
        Vh = canonical.completed(Vh, f.A.any(-2))
    return U, S, Vh


def _singular(f: Factors) -> tuple[Tensor, Tensor, Tensor]:
    """``B A = U diag(S) Vᵀ`` in canonical form, U (..., o, k), S (..., k), Vᵀ (..., k, i); zero beyond its rank.

    Where the inner dimension is below both widths, two thin QR decompositions replace the product.
    """
    if f.rank >= min(f.A.shape[-1], f.B.shape[-2]):
        return canonical.svd(f.B @ f.A)
    Qb, Rb = torch.linalg.qr(f.B)
    Qa, Ra = torch.linalg.qr(f.A.mT)
    U, S, Vh = canonical.svd(Rb @ Ra.mT)
    U, Vh = Qb @ U, Vh @ Qa.mT
    turn = canonical.signs(Vh)
    return U * turn.unsqueeze(-2), S, Vh * turn.unsqueeze(-1)


def compressed(clients: Factors, *singles: Factors) -> tuple[Factors, ...]:
    """The same factors in coordinates of their joint span, in which they are shorter.

    All inner products between rows of A (and between columns of B) stay the same, and therefore all norms, angles and
    singular values of products too. If the stacked factors are much wider than tall, the coordinates are a square root
    of their Gram matrix ``A_s A_sᵀ`` (``B_sᵀ B_s``); otherwise the factors are left as they are.

    Args:
        clients: (..., K, r, i) and (..., K, o, r), float64.
        singles: further factors without a client axis, (..., r, i) and (..., o, r).

    Returns:
        ``clients`` and ``singles``, in this order, with i and o replaced by the size of the span.
    """
    K, r = clients.A.shape[-3], clients.rank

    def shorten(stack: Tensor, others: list[Tensor]) -> list[Tensor]:
        rows = _gram_root(torch.cat([stack.flatten(-3, -2), *others], dim=-2))
        first, *rest = torch.split(rows, [K * r, *(o.shape[-2] for o in others)], dim=-2)
        return [first.reshape(*stack.shape[:-1], -1), *rest]

    A = shorten(clients.A, [f.A for f in singles])
    Bt = shorten(clients.B.mT, [f.B.mT for f in singles])
    return tuple(Factors(a, b.mT) for a, b in zip(A, Bt, strict=True))


def _gram_root(rows: Tensor) -> Tensor:
    """(..., n, d) -> (..., n, min(n, d)) with the same Gram matrix: its triangular root, taken by QR.

    An eigendecomposition of the Gram itself would lose half of the digits, and could not tell an exact method from
    one with an error of 1e-8.
    """
    n, d = rows.shape[-2:]
    if 2 * n > d:  # the root would cost more than the few columns it saves
        return rows
    root: Tensor = torch.linalg.qr(rows.mT, mode="r").R.mT
    return root


def ideal_product(clients: Factors, weights: Tensor) -> Tensor:
    """``Σ_k w_k B_k A_k`` as one product of stacked factors, (..., o, i). To be called with compressed factors only."""
    A = (clients.A * weights[:, None, None]).flatten(-3, -2)  # (K r, i)
    B = clients.B.movedim(-3, -2).flatten(-2)  # (o, K r)
    return B @ A


def refactorised(f: Factors) -> Factors:
    """The same product in the balanced form ``B = U √S, A = √S Vᵀ`` of a canonical SVD, with zeros beyond its rank."""
    U, S, Vh = _singular(f)
    root = S.sqrt()
    A, B = root.unsqueeze(-1) * Vh, U * root.unsqueeze(-2)
    short = f.rank - S.shape[-1]  # directions that a layer narrower than r does not have
    return Factors(F.pad(A, (0, 0, 0, short)), F.pad(B, (0, short)))
