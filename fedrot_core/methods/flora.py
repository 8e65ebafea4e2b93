"""FLoRA: the server stacks all factors; clients merge the stack into their base and start a fresh adapter."""

import torch

from fedrot_core.factors import Factors
from fedrot_core.methods.base import (
    Method,
    Outcome,
    RoundContext,
    ServerState,
    Upload,
    merged,
    register,
    stacked_update,
)


@register("flora", label="FLoRA (stacking)", paper="arXiv:2409.05976", hue="ink", dash="dash", symbol="star")
class Flora(Method):
    """The stacks ``[B_1 .. B_K]`` and ``[w_1 A_1; ..; w_K A_K]`` multiply to the ideal exactly, whatever the ranks."""

    idea = "Stacks all clients' factors, which is exact; clients merge the stack and start a fresh adapter."
    sends = "A and B up, all clients' down"
    exact = True
    gauge_invariant = True
    mixed_ranks = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        update = stacked_update(upload.factors, context.weights)
        fresh = Factors(context.fresh_A(), torch.zeros_like(state.factors.B))
        next_state = ServerState(fresh, base=merged(state, update), memory=state.memory)
        share = float(context.ranks.sum()) / upload.factors.rank  # Σ r_k / r clients' worth of factors
        return Outcome(next_state, numbers=context.numbers("AB") * share)
