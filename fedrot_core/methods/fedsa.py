"""FedSA-LoRA: clients share A and keep their own B, so there is one personal model per client and no global one."""

from dataclasses import replace

import torch

from fedrot_core.factors import Factors, weighted
from fedrot_core.methods.base import Method, Outcome, RoundContext, ServerState, Trained, Upload, register


@register("fedsa", label="FedSA-LoRA", paper="arXiv:2410.01463", hue="green", dash="dot", symbol="triangle-left")
class FedSA(Method):
    """Averages A only. The round's update is taken to be ``Σ w_k B_k Ā``, the mean of the personal models."""

    idea = "Averages A, while each client keeps its own B: one personal model per client, and no global one."
    sends = "A; B stays private"

    def start(self, state: ServerState, context: RoundContext) -> Factors:
        common = super().start(state, context)
        return common if state.private is None else Factors(common.A, state.private[:, context.clients])

    def sent(self, round_index: int) -> Trained:
        return "A"

    def received(self, round_index: int) -> Trained:
        return "A"

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        A, own_B = weighted(upload.factors.A, context.weights), upload.factors.B
        mean_B = weighted(own_B, context.weights)
        if state.private is None:
            private = torch.zeros(own_B.shape[0], context.total_clients, *own_B.shape[2:], dtype=own_B.dtype)
        else:
            private = state.private.clone()
        private[:, context.clients] = own_B
        next_state = replace(state, factors=Factors(A, mean_B), private=private)
        return Outcome(next_state)

    def models(self, state: ServerState) -> Factors:
        if state.private is None:
            return super().models(state)
        return Factors(state.factors.A.unsqueeze(1).expand(-1, state.private.shape[1], -1, -1), state.private)
