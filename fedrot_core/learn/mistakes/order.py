"""RoLoRA with its order swapped: A first, while B is still zero."""

from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Trained
from fedrot_core.methods.ffa import RoLora


@mistake(
    "order",
    title="A is trained first, while B = 0",
    method="rolora",
    right="even rounds train B, odd rounds A",
    wrong="even rounds train A, odd rounds B",
    why="The gradient of A is s Bᵀ G, where G is the gradient of the loss by the layer's weights "
    "and B starts at zero: in round 0 nothing can move, on any client. A whole round of training and traffic "
    "is lost, and every later round comes one round late.",
    tell="Nothing changes in round 0: neither the score nor a single factor.",
    in_training=True,
)
class AFirst(Faulty, RoLora):
    """RoLoRA that begins with A."""

    def trains(self, round_index: int) -> Trained:
        return "B" if round_index % 2 else "A"
