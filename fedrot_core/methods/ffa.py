"""FFA-LoRA: A is frozen at the common initial draw; clients train and send B alone, so the average is exact."""

from fedrot_core.factors import Factors
from fedrot_core.methods.base import (
    Method,
    Outcome,
    RoundContext,
    ServerState,
    Trained,
    Upload,
    averaged,
    register,
)


class OneFactor(Method):
    """Clients train one factor on top of the common other one: the server averages it, and the product is exact."""

    exact = True
    server_optimizer = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        which, mean = self.trains(context.round_index), upload.factors.mean(context.weights)
        factors = Factors(state.factors.A, mean.B) if which == "B" else Factors(mean.A, state.factors.B)
        return averaged(factors, state)


@register("ffa", label="FFA-LoRA", paper="arXiv:2403.12313", hue="sky", dash="dash", symbol="triangle-up")
class FFA(OneFactor):
    """Trains B only."""

    idea = "Freezes A at a common start; clients train and send B alone, so averaging is exact."
    sends = "B"

    def trains(self, round_index: int) -> Trained:
        return "B"


@register("rolora", label="RoLoRA", paper="arXiv:2502.01755", hue="sky", dash="solid", symbol="triangle-down")
class RoLora(OneFactor):
    """Trains B in even rounds and A in odd ones; the other factor rests at its global value."""

    idea = "Trains B and A in turn, one a round; the other rests at its common value."
    sends = "B, then A, in turn"

    def trains(self, round_index: int) -> Trained:
        return "A" if round_index % 2 else "B"
