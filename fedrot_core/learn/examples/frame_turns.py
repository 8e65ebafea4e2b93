"""How far local training turns a client's frame: the gradient against Adam's step, and both optimisers step by step.

Ten clients at rank 4 fit teacher matrices, so gradients are exact. All start round 1 from one broadcast, the plain
average of round 0 under SGD. What SGD and Adam do from there differs in nothing but the optimiser.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrot_core.alignment import procrustes, rotation_angles
from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig
from fedrot_core.factors import Factors
from fedrot_core.federation.frames import initial_A
from fedrot_core.learn.examples.local_steps import watch
from fedrot_core.workloads import build_task

CLIENTS, RANK, STEPS = 10, 4, 20

PACES = {
    "gentle": {"sgd": 0.05, "adam": 0.003},
    "middle": {"sgd": 0.1, "adam": 0.005},
    "bold": {"sgd": 0.2, "adam": 0.008},
}
"""Learning rates by optimiser, in pairs that move the factors about equally far."""

PLANES = tuple(combinations(range(RANK), 2))
"""The planes of the latent space; turns in them span all turns."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FrameTurns:
    """One round of local training by both optimisers. K clients, T = STEPS + 1 moments, P planes.

    Attributes:
        degrees: by optimiser, (T, K) largest angle of the turn that brings the start's ``[A, Bᵀ]`` closest to the
            client's now.
        moved: by optimiser, (T,) median distance from the start, over the start's norm.
        along: by what is projected ("gradient", "adam"), (P, K, 2): the cosine with the direction in which a turn in
            that plane moves the factors, split into the parts of A and of B; their sum is the whole.
    """

    degrees: dict[str, Array]
    moved: dict[str, Array]
    along: dict[str, Array]


def config_of(optimizer: str, pace: str) -> FederationConfig:
    """The run that lends its task and its training."""
    return FederationConfig().with_values(
        {
            "task": "teacher", "clients": CLIENTS, "rank": RANK, "steps": STEPS, "frames": "trained",
            "opt": optimizer, "lr": PACES[pace][optimizer], "arms": ("fedit",), "device": "cpu",
        }
    )  # fmt: skip


@lru_cache(maxsize=len(PACES))
def frame_turns(pace: str) -> FrameTurns:
    """Both optimisers from one broadcast."""
    start = _broadcast(pace)
    degrees, moved, along = {}, {}, {}
    for optimizer in PACES[pace]:
        config = config_of(optimizer, pace)
        steps, grads = watch(build_task(config, CPU), config, 1, start)
        degrees[optimizer] = np.stack([_turned(steps[0], now) for now in steps])
        moved[optimizer] = np.array([_moved(steps[0], now) for now in steps])
        if optimizer == "sgd":
            along["gradient"] = _along(steps[0], grads[0])
        else:
            first = Factors(steps[1].A - steps[0].A, steps[1].B - steps[0].B)
            along["adam"] = _along(steps[0], first)
    return FrameTurns(degrees, moved, along)


def _broadcast(pace: str) -> Factors:
    """What all clients receive in round 1, (1, K, r, i), (1, K, o, r): the average of round 0 under SGD."""
    config = config_of("sgd", pace)
    task = build_task(config, CPU)
    A = initial_A(config, tuple(s.d_in for s in task.layers), CLIENTS)
    B = torch.zeros(1, CLIENTS, task.layers[0].d_out, RANK, dtype=torch.float64)
    trained = watch(task, config, 0, Factors(A, B))[0][-1]
    mean = trained.mean(torch.full((CLIENTS,), 1 / CLIENTS, dtype=torch.float64))
    return Factors(mean.A.expand(1, CLIENTS, -1, -1), mean.B.expand(1, CLIENTS, -1, -1))


def _turned(start: Factors, now: Factors) -> Array:
    """(K,) degrees."""
    R, _ = procrustes(now.stacked() @ start.stacked().mT)
    found: Array = rotation_angles(R).abs().amax(-1).numpy()
    return found


def _moved(start: Factors, now: Factors) -> float:
    norm = torch.linalg.matrix_norm
    moved = norm(now.stacked() - start.stacked()) / norm(start.stacked())
    return float(np.median(moved.numpy()))  # torch's median of an even count is its lower middle


def _along(at: Factors, step: Factors) -> Array:
    """(P, K, 2) see :class:`FrameTurns`. Turning by ``R = exp(ε X)`` moves ``(A, B)`` by ``ε (-X A, B X)``."""
    parts = []
    for i, j in PLANES:
        X = torch.zeros(RANK, RANK, dtype=torch.float64)
        X[i, j], X[j, i] = 1.0, -1.0
        turn = Factors(-X @ at.A, at.B @ X)
        size = _size(turn) * _size(step)
        parts.append(torch.stack([_inner(step.A, turn.A) / size, _inner(step.B, turn.B) / size], dim=-1))
    found: Array = torch.stack(parts).numpy()
    return found


def _inner(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum((-2, -1))


def _size(f: Factors) -> Tensor:
    return (_inner(f.A, f.A) + _inner(f.B, f.B)).sqrt()
