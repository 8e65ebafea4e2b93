"""Generalised Procrustes: the server aligns all clients to their common mean and averages. It needs no reference."""

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
    """Aligns every client's stack ``[A_k, B_kᵀ]`` to their mean, updates the mean, and repeats.

    It needs no reference, so it works from round 0 on.
    """

    idea = "The server turns all clients onto their common mean until it settles, then averages; needs no reference."
    gauge_invariant = True

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        found = generalised_procrustes(upload.factors, context.weights)
        return replace(averaged(upload.factors.turned(found.R).mean(context.weights), state), alignment=found)
