"""Teacher matrices: each client fits its factors to a known low-rank matrix, so the best answer has a closed form.

Client k minimises ``‖s B A - T_k‖²_F``. Its teacher ``T_k = √(1-h) S + √h O_k`` has a part S that all clients share and
a part O_k of its own, both of rank 4. Inputs are white, so the loss needs no samples and the gradients are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fedrot_core.compute import Compute
from fedrot_core.config import FederationConfig, Skew, TaskConfig, option
from fedrot_core.factors import Factors, LayerSpec, ideal_product
from fedrot_core.rng import stream
from fedrot_core.workloads.base import POOLED, RowGroup, Task, register

D_IN, D_OUT, PART_RANK = 64, 40, 4


@dataclass(frozen=True)
class TeacherBatch:
    """The teachers that n adjacent rows fit.

    Attributes:
        teachers: each row's teacher as factors, (n, q, i) and (n, o, q).
        merged: (n, o, i), what was merged into each row's base, times the scaling; None if nothing was.
    """

    teachers: Factors
    merged: Tensor | None


class TeacherProgram:
    """Gradients of ``½ ‖s B A + D - P Q‖²`` for all rows, computed from r-wide products only.

    ``P Q`` is a row's teacher, and D, (N, o, i), is what was merged into its base, or None if nothing was.
    """

    def __init__(self, scaling: float) -> None:
        self.scaling = scaling

    def start_round(self, batches: Sequence[TeacherBatch]) -> None:
        """See :class:`fedrot_core.workloads.base.RoundProgram`."""
        self.P = torch.cat([part.teachers.B for part in batches])
        self.Q = torch.cat([part.teachers.A for part in batches])
        self.D = None
        if any(part.merged is not None for part in batches):
            shape = self.P.shape[1], self.Q.shape[2]
            parts = [
                self.P.new_zeros(len(part.teachers.B), *shape) if part.merged is None else part.merged
                for part in batches
            ]
            self.D = torch.cat(parts)

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        """See :class:`fedrot_core.engine.Program`; every step sees the same, exact loss."""
        A, B, s = params[0].A, params[0].B, self.scaling
        residual_B = s * B @ (A @ A.mT) - self.P @ (self.Q @ A.mT)  # (s B A - T) Aᵀ
        residual_A = s * (B.mT @ B) @ A - (B.mT @ self.P) @ self.Q  # Bᵀ (s B A - T)
        if self.D is not None:
            residual_B, residual_A = residual_B + self.D @ A.mT, residual_A + B.mT @ self.D
        torch.mul(residual_B, s, out=grads[0].B)
        torch.mul(residual_A, s, out=grads[0].A)


@dataclass(frozen=True)
class TeacherConfig(TaskConfig):
    """The teacher matrices."""

    skew = Skew(
        "het", "own share of each client (right: strong skew)", "own share", (0, 0.25, 0.5, 0.75, 1), strongest=1.0,
        none=0.0,
    )  # fmt: skip

    heterogeneity: float = option(
        0.5,
        "het",
        "Heterogeneity (own share)",
        "Share of each client's teacher that is its own. At 0, all clients learn the same matrix.",
        low=0.0,
        high=1.0,
        step=0.05,
    )

    def held(self, config: FederationConfig) -> int:
        pooled = 2 * PART_RANK * config.data.clients  # every row's teacher is padded to the pooled run's
        return 2 * (pooled + 4 * config.lora.rank) * (D_IN + D_OUT)

    @property
    def skew_in_words(self) -> str:
        return f"heterogeneity {self.heterogeneity:g}"


@register(
    "teacher", "Teacher matrices (closed form)",
    "each client fits a known low-rank matrix, so the best possible answer is known.", TeacherConfig,
)  # fmt: skip
class Teacher(Task):
    """Fit low-rank matrices. A score of 1 means the best rank-r approximation of the average teacher."""

    score_name = "share of best progress"
    loss_name = "relative loss"

    def __init__(self, config: FederationConfig, compute: Compute) -> None:
        assert isinstance(config.task, TeacherConfig)
        K, h = config.data.clients, config.task.heterogeneity
        rng = stream(config.seed, "teacher")

        def part(count: int) -> tuple[np.ndarray, np.ndarray]:
            P = rng.standard_normal((count, D_OUT, PART_RANK)) / D_OUT**0.5
            Q = rng.standard_normal((count, PART_RANK, D_IN)) / D_IN**0.5
            return P, Q

        (P0, Q0), (P1, Q1) = part(1), part(K)
        P = np.concatenate([np.broadcast_to(P0 * (1 - h) ** 0.5, P1.shape), P1 * h**0.5], axis=-1)
        Q = np.concatenate([np.broadcast_to(Q0, Q1.shape), Q1], axis=-2)
        self.teachers = Factors(torch.from_numpy(Q), torch.from_numpy(P))  # (K, 2q, i), (K, o, 2q)
        self.config, self.compute = config, compute
        self.layers = (LayerSpec("teacher", D_IN, D_OUT),)
        self.sample_counts = np.ones(K, dtype=np.int64)
        self.summary = (
            f"Student factors {D_OUT} × r × {D_IN} fit matrices of rank {2 * PART_RANK}. A toy problem, not an LLM."
        )
        w = torch.full((K,), 1 / K, dtype=torch.float64)
        self.mean_teacher = ideal_product(self.teachers, w)  # (o, i): the task's own matrix, 40 x 64
        self.power = float(
            ((self.teachers.B.mT @ self.teachers.B) * (self.teachers.A @ self.teachers.A.mT)).sum((-1, -2)) @ w
        )
        singular = torch.linalg.svdvals(self.mean_teacher)
        self.best_gain = float(singular[: config.lora.rank].square().sum()) / self.power

    @property
    def optimal_loss(self) -> float:
        """The smallest relative loss that any global adapter of this rank reaches (Eckart-Young)."""
        return 1 - self.best_gain

    def program(self, rows: int) -> TeacherProgram:
        return TeacherProgram(self.config.lora.scaling)

    def batch(self, round_index: int, groups: Sequence[RowGroup]) -> TeacherBatch:
        """The teachers of all rows. No samples are drawn, since the loss is exact."""
        rows = [self._teacher(k) for group in groups for k in group.clients]
        width = self.config.data.clients * 2 * PART_RANK  # the pooled run's teacher has the most
        A = torch.cat([F.pad(f.A, (0, 0, 0, width - f.rank)) for f in rows]).to(self.compute.device, self.compute.dtype)
        B = torch.cat([F.pad(f.B, (0, width - f.rank)) for f in rows]).to(self.compute.device, self.compute.dtype)
        merged = None
        if any(group.base is not None for group in groups):
            nothing = torch.zeros(D_OUT, D_IN, dtype=torch.float64)
            per_row = [
                nothing if g.base is None else self.config.lora.scaling * g.base[0] for g in groups for _ in g.clients
            ]
            merged = torch.stack(per_row).to(self.compute.device, self.compute.dtype)
        return TeacherBatch(Factors(A, B), merged)

    def _teacher(self, k: int) -> Factors:
        """Client k's teacher (1, q, i), (1, o, q); for the pooled run the mean of all, as factors."""
        t = self.teachers
        if k == POOLED:
            return Factors(t.A.flatten(0, 1)[None], t.B.movedim(0, 1).flatten(1)[None] / len(t.A))
        return Factors(t.A[k : k + 1], t.B[k : k + 1])

    def evaluate(self, adapters: Factors, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
        s, A, B = self.config.lora.scaling, adapters.A[0], adapters.B[0]  # (G, r, i), (G, o, r)
        D = torch.zeros_like(self.mean_teacher) if base is None else s * base[0]
        target = self.mean_teacher - D
        inner = ((B.mT @ target) * A).sum((-1, -2))  # <B A, T̄ - D>
        power = ((B.mT @ B) * (A @ A.mT)).sum((-1, -2))  # ‖B A‖²
        rest = self.power - 2 * (D * self.mean_teacher).sum() + D.square().sum()  # Σ w ‖T_k - D‖²
        loss = (rest - 2 * s * inner + s * s * power) / self.power  # Σ w ‖s B A + D - T_k‖² / Σ w ‖T_k‖²
        return loss, (1 - loss) / self.best_gain
