"""Norms and relative sizes of updates, a value a layer."""

from __future__ import annotations

import torch
from torch import Tensor

from fedrot_core.factors import Factors


def product(f: Factors) -> Tensor:
    """``B A``."""
    return f.B @ f.A


def over(size: Tensor, base: Tensor) -> Tensor:
    """``size / base``, finite where the base vanishes."""
    return size / base.clamp_min(torch.finfo(size.dtype).tiny)


def norm(x: Tensor) -> Tensor:
    """Frobenius norms, (..., m, n) -> (...)."""
    norm: Tensor = torch.linalg.matrix_norm(x)
    return norm


def relative(difference: Tensor, whole: Tensor) -> Tensor:
    """``‖difference‖ / ‖whole‖``, 0 where both vanish."""
    size, base = norm(difference), norm(whole)
    return torch.where(size > 0, over(size, base), size)


def distance(X: Tensor, Y: Tensor) -> Tensor:
    """``‖X - Y‖ / (‖X‖ + ‖Y‖)``: 0 for equal, at most 1, also where one of them vanishes."""
    size, base = norm(X - Y), norm(X) + norm(Y)
    return torch.where(size > 0, over(size, base), size)
