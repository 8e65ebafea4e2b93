"""Generalised Procrustes: the server aligns all clients to their own running mean and averages. Needs no reference."""

from dataclasses import replace

from fedrot_core.alignment import generalised_procrustes
from fedrot_core.methods.base import Method, Outcome, RoundContext, ServerState, Upload, averaged, register


@register(
    "gpa",
    label="Generalised Procrustes",
    paper="Gower 1975; this project",
    hue="green",
    dash="dash",
    symbol="diamond",
)
class GeneralisedProcrustes(Method):
    """Stacks each client's ``[A_k, B_kᵀ]`` and iterates: align to the mean, re-average. Works in round 0 too."""

    idea = "The server turns all clients onto their common mean, again and again, then averages; needs no reference."
    gauge_invariant = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        found = generalised_procrustes(upload.factors, context.weights)
        return replace(averaged(upload.factors.turned(found.R).mean(context.weights), state), alignment=found)
