"""FedIT: average A and B separately. This is the naive factor average."""

from fedrot_core.methods.base import Method, Outcome, RoundContext, ServerState, Upload, averaged, register


@register("fedit", label="FedIT (naive)", paper="arXiv:2305.05644", hue="vermillion", symbol="square")
class FedIT(Method):
    """``Ā = Σ w_k A_k``, ``B̄ = Σ w_k B_k``. Its error is ``Σ w_k (B_k - B̄)(A_k - Ā)``."""

    idea = "Averages all A and all B separately: the naive factor average."
    server_optimizer = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        return averaged(upload.factors.mean(context.weights), state)
