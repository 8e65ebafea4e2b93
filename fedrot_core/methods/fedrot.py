"""FedRot-LoRA: each client turns its factors onto the broadcast it received, then the server averages.

By default odd rounds match A and even rounds match B. Round 0 is not aligned, because its broadcast has B = 0. The
reference is the broadcast that the client has just received (or an older one, if references are stale), so nothing
extra has to be sent.
"""

from fedrot_core.alignment import Alignment, align_to_reference, side_of_round
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors
from fedrot_core.methods.base import Method, Outcome, RoundContext, ServerState, Upload, averaged, register


class Aligned(Method):
    """Alignment on the clients, followed by the factor average. Variants differ in :meth:`align`."""

    server_optimizer = True

    def align(self, trained: Factors, context: RoundContext, side: str) -> Alignment:
        """Find the rotation of each client. ``side`` is the factor to match in this round, "A" or "B"."""
        raise NotImplementedError

    def settings(self, context: RoundContext) -> AlignmentConfig:
        """The alignment settings of this variant; by default the run's."""
        return context.align

    def prepare(self, trained: Factors, state: ServerState, context: RoundContext) -> Upload:
        side = side_of_round(self.settings(context).side, context.round_index)
        if side is None:
            return Upload(trained)
        found = self.align(trained, context, side)
        return Upload(trained.turned(found.R), found)

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        return averaged(upload.factors.mean(context.weights), state)


@register("fedrot", label="FedRot-LoRA", paper="arXiv:2602.23638", hue="blue")
class FedRot(Aligned):
    """FedRot-LoRA with the run's alignment settings.

    Their defaults are the paper's: rotations in SO(r) with the determinant fix, soft, alternating between A and B.
    """

    idea = "Each client turns its factors onto the last broadcast by orthogonal Procrustes; then the server averages."

    def align(self, trained: Factors, context: RoundContext, side: str) -> Alignment:
        s = self.settings(context)
        return align_to_reference(trained, context.reference, side, s.group, s.strength)


@register(
    "fedrot_code",
    label="FedRot-LoRA (authors' code)",
    paper="arXiv:2602.23638, public code",
    hue="purple",
    dash="dot",
    symbol="cross",
)
class FedRotCode(FedRot):
    """What the authors' public code does by default: full turns in O(r), without the determinant fix, alternating.

    The run's alignment settings have no effect on it.
    """

    idea = "Aligns as the authors' public code does: it turns fully, and allows reflections."

    def settings(self, context: RoundContext) -> AlignmentConfig:
        return AlignmentConfig(group="O", strength=1.0, side="alternate")
