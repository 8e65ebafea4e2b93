"""One model object serves all clients and is not reset: each continues where the one before stopped."""

from collections.abc import Callable

from fedrot_core.factors import Factors
from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.ffa import FFA


@mistake(
    "in_turn",
    title="A client continues from the previous client's factors",
    method="ffa",
    right="every client starts at the broadcast (B, A)",
    wrong="client k starts where client k−1 stopped",
    why="The simulation forgot to load the broadcast into the shared model object. So client k "
    "has seen the data of all clients before it, which no real federation allows, and the order of the clients "
    "matters. Learning may even look better for it, so nobody looks for a mistake.",
    tell="Clients that come later have moved further from the broadcast, while the server's error stays exactly 0.",
    in_training=True,
)
class InTurn(Faulty, FFA):
    """FFA-LoRA on clients that train in turn."""

    def local(self, start: Factors, together: Factors, alone: Callable[[int, Factors], Factors]) -> Factors:
        A, B = start.A.clone(), start.B.clone()
        for client in range(A.shape[1]):
            at = max(client - 1, 0)
            ended = alone(client, Factors(A[:, at], B[:, at]))
            A[:, client], B[:, client] = ended.A, ended.B
        return Factors(A, B)
