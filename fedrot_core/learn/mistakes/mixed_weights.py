"""FedEx-LoRA's residual from weighted products and unweighted means."""

from dataclasses import replace

import torch

from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Upload, merged, residual
from fedrot_core.methods.fedex import FedEx


@mistake(
    "mixed_weights",
    title="Products are weighted, means are not",
    method="fedex",
    right="E = Σ wₖ Bₖ Aₖ − B̄ Ā,  B̄ = Σ wₖ Bₖ,  Ā = Σ wₖ Aₖ",
    wrong="E = Σ wₖ Bₖ Aₖ − B̂ Â,  B̂ = Σ Bₖ / K,  Â = Σ Aₖ / K",
    why="The residual must subtract the very means that the clients continue from. Two helper "
    "functions with different defaults, one weighting by samples and one not, leave the difference of the two "
    "means in everyone's base.",
    tell="The error vanishes where all clients have equal weight.",
)
class MixedWeights(Faulty, FedEx):
    """FedEx-LoRA that sends the weighted means and subtracts the unweighted ones."""

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        done = super().combine(upload, state, context)
        plain = upload.factors.mean(torch.full_like(context.weights, 1 / len(context.weights)))
        base = merged(state, residual(upload.factors, context.weights, plain))
        return replace(done, state=replace(done.state, base=base))
