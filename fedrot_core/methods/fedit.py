"""FedIT: average A and B separately, the naive factor average."""

from fedrot_core.factors import Factors
from fedrot_core.methods.base import Aggregate, Method, RoundContext, register


@register("fedit", label="FedIT (naive)", paper="arXiv:2305.05644", hue="vermillion", symbol="square")
class FedIT(Method):
    """``Ā = Σ w_k A_k``, ``B̄ = Σ w_k B_k``. Its error is ``Σ w_k (B_k - B̄)(A_k - Ā)``."""

    def combine(self, uploads: Factors, context: RoundContext) -> Aggregate:
        return Aggregate(uploads.mean(context.weights))
