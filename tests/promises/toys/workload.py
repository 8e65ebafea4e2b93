"""Every client fits a matrix of its own near a common one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedrot_core.compute import Compute
from fedrot_core.config import FederationConfig, Skew, TaskConfig, option
from fedrot_core.factors import Factors, LayerSpec
from fedrot_core.rng import stream
from fedrot_core.workloads.base import POOLED, RowGroup, Task, register

SIDE = 12


@dataclass(frozen=True)
class ToyConfig(TaskConfig):
    """The toy matrices."""

    score = "toy score"
    skew = Skew("spread", "spread (right: clients differ)", "spread", (0.0, 0.5, 1.0), strongest=1.0, none=0.0)

    spread: float = option(
        0.5, "spread", "Spread of the clients", "How far clients' matrices lie apart.", low=0.0, high=1.0, step=0.1
    )

    @property
    def skew_in_words(self) -> str:
        return f"spread {self.spread:g}"


class ToyProgram:
    """Gradients of ``½ ‖s B A + D - T‖²``."""

    def __init__(self, scaling: float) -> None:
        self.scaling = scaling

    def start_round(self, batches: Sequence[Tensor]) -> None:
        """What is left to fit, (n, o, i) of each batch."""
        self.target = torch.cat(list(batches))

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        A, B = params[0].A, params[0].B
        rest = self.scaling * (self.scaling * B @ A - self.target)
        torch.matmul(rest, A.mT, out=grads[0].B)
        torch.matmul(B.mT, rest, out=grads[0].A)


@register("toy", "Toy matrices", "each client fits a matrix of its own near a common one.", ToyConfig)
class Toy(Task):
    """Score 1 is a perfect fit of the mean matrix."""

    score_name = "share explained"
    loss_name = "toy loss"
    summary = f"Matrices of {SIDE} × {SIDE}. A toy problem, not an LLM."
    inputs = tuple(f"toy input {n}" for n in range(SIDE))

    def __init__(self, config: FederationConfig, compute: Compute) -> None:
        assert isinstance(config.task, ToyConfig)
        self.config, self.compute = config, compute
        rng, K = stream(config.seed, "toy"), config.data.clients
        common, own = rng.standard_normal((1, SIDE, SIDE)), rng.standard_normal((K, SIDE, SIDE))
        self.targets = torch.from_numpy(common + config.task.spread * own)
        self.layers = (LayerSpec("toy layer", SIDE, SIDE),)
        self.sample_counts = np.ones(K, dtype=np.int64)

    def program(self, rows: int) -> ToyProgram:
        return ToyProgram(self.config.lora.scaling)

    def batch(self, round_index: int, groups: Sequence[RowGroup]) -> Tensor:
        mean, rows = self.targets.mean(0), []
        for group in groups:
            base = torch.zeros_like(mean) if group.base is None else self.config.lora.scaling * group.base[0]
            rows += [(mean if k == POOLED else self.targets[k]) - base for k in group.clients]
        return torch.stack(rows).to(self.compute.device, self.compute.dtype)

    def evaluate(self, adapters: Factors, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean = self.targets.mean(0)
        found = self.config.lora.scaling * (adapters.B[0] @ adapters.A[0] + (0 if base is None else base[0]))
        loss = (found - mean).square().sum((-1, -2)) / mean.square().sum()
        return loss, 1 - loss
