"""What clients' factors and gradients are at every local step: real training, watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, pack
from fedrot_core.factors import Factors
from fedrot_core.workloads import RowGroup
from fedrot_core.workloads.base import RoundProgram, Task


@dataclass
class Watched:
    """A program that also keeps what it sees: parameters and gradients of the first layer, step by step."""

    inner: RoundProgram
    params: list[Factors] = field(default_factory=list)
    grads: list[Factors] = field(default_factory=list)

    def start_round(self, batches: Sequence[Any]) -> None:
        """See :class:`fedrot_core.workloads.base.RoundProgram`."""
        self.inner.start_round(batches)

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        """See :class:`fedrot_core.engine.Program`."""
        self.inner.gradients(params, grads, step)
        self.params.append(kept(params[0]))
        self.grads.append(kept(grads[0]))


def kept(f: Factors) -> Factors:
    """A copy on the host, no longer touched by training."""
    return Factors(f.A.detach().cpu().clone(), f.B.detach().cpu().clone())


def watch(
    task: Task, config: FederationConfig, round_index: int, start: Factors
) -> tuple[list[Factors], list[Factors]]:
    """Train all clients for one round, each on its own data, with the config's optimiser.

    Args:
        task: the workload; one layer is watched, so it should have one.
        start: (1, K, r, i), (1, K, o, r) where each client begins.

    Returns:
        Factors (K, r, i), (K, o, r) before the first and after every local step, and the gradients at all but the last.
    """
    train, (K, r) = config.train, start.A.shape[1:3]
    engine = Engine(task.layers, K, r, train.optimizer, train.learning_rate, CPU)
    program = Watched(task.program(K))
    pack(engine, start)
    program.start_round([task.batch(round_index, [RowGroup(tuple(range(K)))])])
    engine.train(program, train.local_steps)
    return [*program.params, kept(engine.params.layers[0])], program.grads
