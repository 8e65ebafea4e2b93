"""The progress of a federation: what each arm's server holds, and who takes part in the current round."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fedrot_core.factors import Factors
from fedrot_core.methods import Method, ServerState


@dataclass(frozen=True)
class Turnout:
    """What chance decides for a round. It is the same in every arm.

    Attributes:
        round_index: index of the round, from 0.
        clients: (m,), indices of the sampled clients.
        arrive: (m,) bool, whether each client's upload arrives; False for clients lost during the round.
    """

    round_index: int
    clients: Tensor
    arrive: Tensor


@dataclass
class Arm:
    """The progress of one method: what its server holds, and its broadcasts so far, the newest last."""

    method: Method
    state: ServerState
    broadcasts: list[Factors]
