"""FFA-LoRA freezes A and trains B, RoLoRA trains B and A in turn: averages of one factor are exact."""

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
    """Clients train one factor while all share the other. The server averages the trained factor, which is exact."""

    exact = True
    server_optimizer = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        which, mean = self.trains(context.round_index), upload.factors.mean(context.weights)
        factors = Factors(state.factors.A, mean.B) if which == "B" else Factors(mean.A, state.factors.B)
        return averaged(factors, state)


@register("ffa", label="FFA-LoRA", paper="arXiv:2403.12313", hue="sky", dash="dash", symbol="triangle-up")
class FFA(OneFactor):
    """A stays at its common random start. Clients train and send B only."""

    idea = "Freezes A at a common start; clients train and send B only, so averaging is exact."
    sends = "B"

    def trains(self, round_index: int) -> Trained:
        return "B"


@register("rolora", label="RoLoRA", paper="arXiv:2502.01755", hue="sky", dash="solid", symbol="triangle-down")
class RoLora(OneFactor):
    """Trains B in even rounds and A in odd ones, while the other factor keeps its global value."""

    idea = "Trains B in one round and A in the next, while the other keeps its common value, so averaging is exact."
    sends = "B, then A, in turn"

    def trains(self, round_index: int) -> Trained:
        return "A" if round_index % 2 else "B"
