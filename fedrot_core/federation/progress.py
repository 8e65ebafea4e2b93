"""How far a federation has come: what each arm's server holds, and who takes part in the round under way."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fedrot_core.factors import Factors
from fedrot_core.methods import Method, ServerState


@dataclass(frozen=True)
class Turnout:
    """What chance decided for a round, the same in every arm.

    Attributes:
        round_index: from 0; clients: (m,) sampled; arrive: (m,) bool, False for those lost in mid-round.
    """

    round_index: int
    clients: Tensor
    arrive: Tensor


@dataclass
class Arm:
    """One method's progress: what its server holds, and the broadcasts so far, newest last."""

    method: Method
    state: ServerState
    broadcasts: list[Factors]
