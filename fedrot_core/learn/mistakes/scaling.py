"""FedEx-LoRA's residual merged without the scaling s = lora_alpha / r that every adapter is multiplied with."""

from dataclasses import replace

from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Upload
from fedrot_core.methods.fedex import FedEx


@mistake(
    "scaling",
    title="The scaling s is forgotten in the merge",
    method="fedex",
    right="W₀ ← W₀ + s E,  s = lora_alpha / r",
    wrong="W₀ ← W₀ + E",
    why="The adapter acts as s B A, so what is merged into the base must carry s as well. "
    "Without it only 1/s of the residual arrives. With lora_alpha = r, and so s = 1, the mistake has no "
    "effect, and tests with those values pass.",
    tell="The error vanishes where lora_alpha equals the rank.",
)
class ScalingForgotten(Faulty, FedEx):
    """FedEx-LoRA that merges E. The base counts in units of ``B A``, which the model multiplies by s: E arrives as
    E / s."""

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        done = super().combine(upload, state, context)
        assert done.state.base is not None
        missed = done.state.base if state.base is None else done.state.base - state.base
        merged = missed / self.config.lora.scaling
        return replace(done, state=replace(done.state, base=merged if state.base is None else state.base + merged))
