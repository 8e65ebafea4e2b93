"""Generalised Procrustes: the server aligns all clients to their own running mean and averages. Needs no reference."""

from fedrot_core.alignment import generalised_procrustes
from fedrot_core.factors import Factors
from fedrot_core.methods.base import Aggregate, Method, RoundContext, register


@register(
    "gpa", label="Generalised Procrustes", paper="Gower 1975; this project", hue="green", dash="dash", symbol="diamond"
)
class GeneralisedProcrustes(Method):
    """Stacks each client's ``[A_k, B_kᵀ]`` and iterates: align to the mean, re-average. Works in round 0 too."""

    gauge_invariant = True

    def combine(self, uploads: Factors, context: RoundContext) -> Aggregate:
        found = generalised_procrustes(uploads, context.weights)
        return Aggregate(uploads.turned(found.R).mean(context.weights), found)
