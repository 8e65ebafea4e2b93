"""What is measured of one module of a cohort: the error ladder, rotations, angles and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.gram import TOLERANCE, inner_products, shortened
from fedrot_core.adapters.layer_report import LADDER, SMALLEST, LayerReport, Shared
from fedrot_core.alignment import Alignment, align_to_reference, generalised_procrustes, rotation_angles
from fedrot_core.factors import Factors, ideal_product
from fedrot_core.metrics import SHOWN_CLIENTS
from fedrot_core.metrics.pairs import pairs
from fedrot_core.metrics.sizes import norm, over, product
from fedrot_core.records import Array

TOGETHER = 96 * 2**20
"""Most bytes of the factors that are in memory at a time, unless a single module has more."""


def groups(cohort: Cohort) -> Iterator[list[Shared]]:
    """The modules in groups of equal form that are computed together, each small enough for memory."""
    forms: dict[tuple[int, int, int, tuple[int, ...]], list[Shared]] = {}
    for module in cohort.modules:
        forms.setdefault(module.form, []).append(module)
    for modules in forms.values():
        first = modules[0]
        one = len(cohort.adapters) * first.experts * first.rank * (first.d_in + first.d_out) * 8
        count = max(1, TOGETHER // one)
        for at in range(0, len(modules), count):
            yield modules[at : at + count]


def stacked(cohort: Cohort, modules: Sequence[Shared]) -> Factors:
    """Factors of modules of equal form, of all clients: (L E, K, r, i) and (L E, K, o, r)."""
    found = [cohort.factors(module) for module in modules]
    return Factors(torch.cat([f.A for f in found]), torch.cat([f.B for f in found]))


def measured(
    cohort: Cohort, modules: Sequence[Shared], reference: int, group: str, strength: float
) -> list[LayerReport]:
    """Measure modules of equal form together.

    Args:
        cohort: the clients.
        modules: some of its modules.
        reference: the client to which FedRot aligns the others.
        group: "SO" or "O", the turns that are allowed when clients are aligned to the reference.
        strength: λ in [0, 1], how far they are turned.
    """
    E, K = modules[0].experts, len(cohort.adapters)
    clients, w = shortened(stacked(cohort, modules)), cohort.weights
    ideal = ideal_product(clients, w)
    apart = {"naive": norm(ideal - product(clients.mean(w)))}
    best = Alignment(torch.eye(clients.rank, dtype=torch.float64).expand(len(ideal), K, -1, -1), w, w)
    angles, flips = torch.zeros(len(ideal), K, 0), torch.zeros(len(ideal), K, dtype=torch.bool)
    if modules[0].turns:
        one = Factors(clients.A[:, reference], clients.B[:, reference])
        for side in ("A", "B"):
            R = align_to_reference(clients, one, side, group, strength).R
            apart[f"align_{side}"] = norm(ideal - product(clients.turned(R).mean(w)))
        best = generalised_procrustes(clients, w, tolerance=TOLERANCE)
        apart["gpa"] = norm(ideal - product(clients.turned(best.R).mean(w)))
        angles, flips = rotation_angles(best.R), torch.linalg.det(best.R) < 0
    apart["floor"] = torch.linalg.svdvals(ideal)[..., clients.rank :].square().sum(-1).sqrt()
    few = slice(0, SHOWN_CLIENTS)
    between = pairs(Factors(clients.A[:, few], clients.B[:, few]), best.R[:, few])
    sizes, products = norm(ideal), inner_products(clients)
    out = []
    for n, module in enumerate(modules):
        own = slice(n * E, (n + 1) * E)
        size, learned = sizes[own].norm(), products[own].diagonal(dim1=-2, dim2=-1).clamp_min(0).sum(0).max().sqrt()
        if size <= SMALLEST * learned:  # what is left is rounding
            size = torch.zeros_like(size)
        errors = {rung: _relative(value[own].norm(), size) for rung, value in apart.items()}
        most = angles[own].abs().amax(-1).argmax(0) if angles.numel() else torch.zeros(K, dtype=torch.long)  # (K,)
        each = torch.arange(K)
        out.append(
            LayerReport(
                module,
                float(size) * module.scale,
                {rung: errors[rung] for rung in LADDER if rung in errors},
                angles[own][most, each].numpy(),
                flips[own][most, each].numpy(),
                _widest(between.principal_A[own]),
                _widest(between.principal_B[own]),
                _widest(between.factors_before[own]),
                _widest(between.factors_after[own]),
                products[own].sum(0).numpy() * module.scale**2,
                best.settled,
            )
        )
    return out


def _widest(angles: Tensor) -> Array:
    """(E, S, S) -> (S, S), the largest angle of any expert of a module."""
    found: Array = angles.amax(0).numpy()
    return found


def _relative(apart: Tensor, size: Tensor) -> float:
    share = float(over(apart, size)) if float(apart) and float(size) else 0.0
    return share if np.isfinite(share) and share > SMALLEST else 0.0
