"""FlexLoRA and FLoRA-NA: the server forms ``Σ w_k B_k A_k`` and sends its best rank-r factors."""

from fedrot_core.factors import Factors, leading
from fedrot_core.methods.base import (
    Method,
    Outcome,
    RoundContext,
    ServerState,
    Upload,
    averaged,
    register,
    stacked_update,
)


@register("flexlora", label="FlexLoRA", paper="arXiv:2402.11505", hue="orange", symbol="pentagon")
class FlexLora(Method):
    """Sends ``A = V_rᵀ`` and ``B = U_r Σ_r``, of which a client of rank r_k takes the first r_k directions.

    The update is exact but for the directions beyond rank r, which are cut.
    """

    idea = "The server forms the ideal update and sends its best rank-r factors by SVD."
    gauge_invariant = True
    mixed_ranks = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        U, S, Vh = leading(stacked_update(upload.factors, context.weights), upload.factors.rank)
        return averaged(Factors(Vh, U * S.unsqueeze(-2)), state)


@register("flora_na", label="FLoRA-NA", paper="arXiv:2509.26399", hue="orange", dash="dot", symbol="hexagon")
class FloraNA(Method):
    """Finds the rank-r factors nearest to the ideal in closed form, balanced as ``A = √Σ_r V_rᵀ``, ``B = U_r √Σ_r``."""

    idea = "Sends the rank-r factors nearest to the ideal update; A and B share its singular values evenly."
    gauge_invariant = True
    mixed_ranks = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        U, S, Vh = leading(stacked_update(upload.factors, context.weights), upload.factors.rank)
        root = S.sqrt()
        return averaged(Factors(root.unsqueeze(-1) * Vh, U * root.unsqueeze(-2)), state)
