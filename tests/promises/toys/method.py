"""The plain average, under another name."""

from fedrot_core.factors import Factors
from fedrot_core.methods.base import Method, Outcome, RoundContext, ServerState, Upload, averaged, register


@register("toy_mean", label="Toy mean", paper="tests", hue="sky", dash="longdashdot", symbol="y-up")
class ToyMean(Method):
    """FedIT by hand."""

    idea = "Averages both factors, as the toy of the tests."

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        w = context.weights[:, None, None]
        return averaged(Factors((w * upload.factors.A).sum(-3), (w * upload.factors.B).sum(-3)), state)
