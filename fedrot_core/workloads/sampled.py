"""The common part of workloads that deal labelled samples to clients and train on mini-batches of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fedrot_core.config import FederationConfig, Skew, TaskConfig, option
from fedrot_core.partition import Indices, dirichlet, iid
from fedrot_core.rng import stream

ALPHAS: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0)


@dataclass(frozen=True)
class SampledConfig(TaskConfig):
    """Settings of workloads with samples: how samples are dealt to clients, and how many one step takes."""

    skew = Skew(
        "alpha", "Dirichlet α (left: strong skew)", "α", (0.05, 0.1, 0.3, 1, 10), strongest=0.05, none=100.0,
        also={"split": "dirichlet"},
    )  # fmt: skip

    partition: str = option(
        "dirichlet",
        "split",
        "Split of the data",
        "How training samples are dealt to clients.",
        choices={"dirichlet": "Dirichlet label skew", "iid": "IID (no skew)"},
    )
    alpha: float = option(
        0.5,
        "alpha",
        "Heterogeneity (Dirichlet α)",
        "Small α: each client sees only a few classes. Large α: all clients see the same mix.",
        low=ALPHAS[0],
        high=ALPHAS[-1],
        stops=ALPHAS,
        when={"split": ("dirichlet",)},
    )
    min_samples: int = option(
        6,
        "min",
        "Fewest samples per client",
        "Every client gets at least this many training samples.",
        unit="samples",
        low=1,
        high=32,
        step=1,
    )
    batch_size: int = option(
        32,
        "batch",
        "Batch size",
        "Samples in one local step.",
        unit="samples",
        low=4,
        high=128,
        step=4,
    )

    @property
    def skew_in_words(self) -> str:
        return "equal splits" if self.partition == "iid" else f"α = {self.alpha:g}"

    def deal(self, labels: NDArray[np.int64], config: FederationConfig) -> list[Indices]:
        """Deal the samples: for each client, the indices of its samples."""
        rng = stream(config.seed, "partition")
        if self.partition == "iid":
            return iid(labels, config.data.clients, self.min_samples, rng)
        return dirichlet(labels, config.data.clients, self.alpha, self.min_samples, rng)
