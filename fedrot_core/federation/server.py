"""The server's step: take the new factors as they are, or step towards them with Adam (FedAdam, arXiv:2003.00295)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from fedrot_core.config import ServerConfig
from fedrot_core.factors import Factors
from fedrot_core.methods import ServerState

BETA1, BETA2, TAU = 0.9, 0.99, 1e-3


def stepped(before: ServerState, after: ServerState, config: ServerConfig) -> ServerState:
    """The state that the server moves to.

    Args:
        before: the state before the round.
        after: the state that the method proposes.
        config: chooses between the proposed state and an Adam step towards it, whose moments are kept in the state's
            memory.
    """
    if config.optimizer == "avg":
        return after
    memory = dict(after.memory)

    def step(name: str, old: Tensor, new: Tensor) -> Tensor:
        if torch.equal(new, old):  # frozen in this round: momentum must not move it either
            return old
        change = new - old
        m = BETA1 * memory.get(f"m_{name}", torch.zeros_like(old)) + (1 - BETA1) * change
        v = BETA2 * memory.get(f"v_{name}", torch.zeros_like(old)) + (1 - BETA2) * change.square()
        memory[f"m_{name}"], memory[f"v_{name}"] = m, v
        return old + config.learning_rate * m / (v.sqrt() + TAU)

    factors = Factors(
        step("A", before.factors.A, after.factors.A),
        step("B", before.factors.B, after.factors.B),
    )
    return replace(after, factors=factors, memory=memory)
