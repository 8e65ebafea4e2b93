"""FedEx-LoRA: average the factors, and merge what the average missed into the frozen base of all clients."""

from dataclasses import replace

from fedrot_core.methods.base import (
    Method,
    Outcome,
    RoundContext,
    ServerState,
    Upload,
    merged,
    register,
    residual,
)


@register("fedex", label="FedEx-LoRA", paper="arXiv:2410.09432", hue="ink", dash="dashdot", symbol="star-diamond")
class FedEx(Method):
    """The residual ``E = Σ w_k B_k A_k - B̄ Ā`` is added to the base in every round, which makes the round exact."""

    idea = "Averages the factors, and merges what the average missed into the frozen base of all clients."
    sends = "A and B up, averages and residual down"
    exact = True
    gauge_invariant = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        mean = upload.factors.mean(context.weights)
        missed = residual(upload.factors, context.weights, mean)
        inner = (len(context.weights) - 1) * mean.rank  # E = Σ_{k<K} w_k (B_k - B̄)(A_k - A_K)
        extra = sum(min(s.d_out * s.d_in, inner * (s.d_out + s.d_in)) for s in context.layers)
        return Outcome(
            replace(state, factors=mean, base=merged(state, missed)),
            numbers=context.numbers("AB") + extra,
        )
