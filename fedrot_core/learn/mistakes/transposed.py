"""FedEx-LoRA's residual merged as its transpose: on square layers nothing complains."""

from dataclasses import replace

import torch

from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Upload
from fedrot_core.methods.fedex import FedEx


@mistake(
    "transposed",
    title="The residual is merged transposed",
    method="fedex",
    right="W₀ ← W₀ + s E",
    wrong="W₀ ← W₀ + s Eᵀ  (square layers only)",
    why="Some frameworks store a weight as d_in × d_out, others as d_out × d_in. Where a layer "
    "is square both shapes fit and nothing complains; elsewhere the same line would raise an error, so here "
    "the mistake is made on square layers only. Eᵀ repairs nothing and adds noise of the residual's own size.",
    tell="There is an error on square layers, and none on the others.",
)
class Transposed(Faulty, FedEx):
    """FedEx-LoRA with Eᵀ on square layers; the others merge E, since their shape would refuse Eᵀ."""

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        done = super().combine(upload, state, context)
        assert done.state.base is not None
        before = torch.zeros_like(done.state.base) if state.base is None else state.base
        missed = done.state.base - before
        for n, layer in enumerate(context.layers):
            if layer.d_in == layer.d_out:
                own = missed[n, : layer.d_out, : layer.d_in]  # without padding
                own.copy_(own.mT.clone())
        return replace(done, state=replace(done.state, base=before + missed))
