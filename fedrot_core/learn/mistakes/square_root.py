"""One of the two √Σ of a balanced SVD split goes missing."""

from fedrot_core.factors import Factors, leading
from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Upload, averaged, stacked_update
from fedrot_core.methods.flexlora import FloraNA


@mistake(
    "square_root",
    title="√Σ is lost in the SVD split",
    method="flora_na",
    right="B = U √Σ,  A = √Σ Vᵀ",
    wrong="B = U √Σ,  A = Vᵀ",
    why="The two halves must multiply to U Σ Vᵀ. With one √Σ missing, the product is U √Σ Vᵀ: "
    "directions with singular values below 1 are blown up, those above 1 shrink, and only singular values of "
    "exactly 1 come out right.",
    tell="Doubling every client's update does not double the server's answer: it grows by a factor of √2 only.",
)
class SquareRootLost(Faulty, FloraNA):
    """FLoRA-NA with ``A = Vᵀ``."""

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        U, S, Vh = leading(stacked_update(upload.factors, context.weights), upload.factors.rank)
        present = (S > 0).unsqueeze(-1)
        return averaged(Factors(Vh * present, U * S.sqrt().unsqueeze(-2)), state)
