"""FedRot-LoRA: each client turns its factors onto the broadcast it received, then the server averages.

Odd rounds match A, even rounds B; round 0 is not aligned, because the broadcast there has B = 0. The reference is what
the client just received (or an older broadcast, where references are stale), so nothing extra travels.
"""

from fedrot_core.alignment import Alignment, align_to_reference, side_of_round
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors
from fedrot_core.methods.base import Method, Outcome, RoundContext, ServerState, Upload, averaged, register


class Aligned(Method):
    """A client-side alignment followed by the factor average; variants differ in :meth:`align`."""

    server_optimizer = True

    def align(self, trained: Factors, context: RoundContext, side: str) -> Alignment:
        """The rotation of each client, given the factor whose turn it is."""
        raise NotImplementedError

    def settings(self, context: RoundContext) -> AlignmentConfig:
        """Alignment settings of this variant: the run's own."""
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
    """The run's alignment settings; by default the paper's: SO(r) with the determinant fix, soft, alternating."""

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
    """The authors' public code by default: hard O(r), no determinant fix, alternating. Ignores the run's settings."""

    idea = "The same turn as the authors' public code does it: in full, and reflections are allowed."

    def settings(self, context: RoundContext) -> AlignmentConfig:
        return AlignmentConfig(group="O", strength=1.0, side="alternate")
