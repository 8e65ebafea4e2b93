"""FedSVD: clients train B on an orthonormal A; the server averages B and re-factors the product by SVD."""

from fedrot_core.factors import Factors, leading
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Trained, Upload, averaged, register
from fedrot_core.methods.ffa import OneFactor

REFACTOR_EVERY = 1
"""The product is re-factored once in this many rounds."""


@register("fedsvd", label="FedSVD", paper="FedSVD, 2025", hue="yellow", symbol="triangle-right")
class FedSvd(OneFactor):
    """From ``B̄ A = U Σ Vᵀ`` come ``A = V_rᵀ`` and ``B = U_r Σ_r``. This is exact, and A adapts to what was learned."""

    idea = "Clients train B on an orthonormal A; the server averages B and re-factors the product by SVD."
    sends = "B up, A and B down"
    server_optimizer = False

    def trains(self, round_index: int) -> Trained:
        return "B"

    def received(self, round_index: int) -> Trained:
        return "AB"

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        product = Factors(state.factors.A, upload.factors.mean(context.weights).B)
        if (context.round_index + 1) % REFACTOR_EVERY:
            return averaged(product, state)
        U, S, Vh = leading(product, product.rank)
        return averaged(Factors(Vh, U * S.unsqueeze(-2)), state)
