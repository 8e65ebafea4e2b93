"""The server halves every update."""

from dataclasses import replace

from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Upload
from fedrot_core.methods.fedit import FedIT


@mistake(
    "toy_half",
    title="The server halves B",
    method="fedit",
    right="B̄ = Σ w B",
    wrong="B̄ = ½ Σ w B",
    why="Half of every update is lost.",
    tell="Equal clients give half their product.",
)
class Half(Faulty, FedIT):
    """FedIT with half of B."""

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        right = super().combine(upload, state, context)
        half = replace(right.state.factors, B=right.state.factors.B / 2)
        return replace(right, state=replace(right.state, factors=half))
