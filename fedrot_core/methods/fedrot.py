"""FedRot-LoRA: each client turns its factors onto the broadcast it received, then the server averages.

Odd rounds match A, even rounds B; round 0 is not aligned, because the broadcast there has B = 0. The reference is
what the client just received, so nothing extra travels.
"""

from fedrot_core.alignment import Alignment, align_to_reference, side_of_round
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors
from fedrot_core.methods.base import Aggregate, Method, RoundContext, register


@register("fedrot", label="FedRot-LoRA", paper="arXiv:2602.23638", hue="blue")
class FedRot(Method):
    """The run's alignment settings; by default the paper's: SO(r) with the determinant fix, soft, alternating."""

    def settings(self, context: RoundContext) -> AlignmentConfig:
        """Alignment settings of this variant."""
        return context.align

    def prepare(self, trained: Factors, received: Factors, context: RoundContext) -> tuple[Factors, Alignment | None]:
        align = self.settings(context)
        side = side_of_round(align.side, context.round_index)
        if side is None:
            return trained, None
        found = align_to_reference(trained, received, side, align.group, align.strength)
        return trained.turned(found.R), found

    def combine(self, uploads: Factors, context: RoundContext) -> Aggregate:
        return Aggregate(uploads.mean(context.weights))


@register(
    "fedrot_code",
    label="FedRot-LoRA (authors' code)",
    paper="arXiv:2602.23638, public code",
    hue="purple",
    dash="dot",
    symbol="cross",
)
class FedRotCode(FedRot):
    """The authors' public code by default: hard O(r), no determinant fix, alternating. Ignores the run's settings."""

    def settings(self, context: RoundContext) -> AlignmentConfig:
        return AlignmentConfig(group="O", strength=1.0, side="alternate")
