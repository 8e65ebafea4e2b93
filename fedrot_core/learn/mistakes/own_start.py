"""FFA-LoRA where every client draws its own frozen A."""

from dataclasses import replace

from fedrot_core.config import FramesConfig
from fedrot_core.factors import Factors
from fedrot_core.federation.frames import initial_A
from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import RoundContext, ServerState
from fedrot_core.methods.ffa import FFA


@mistake(
    "own_start",
    title="Every client draws a different random A",
    method="ffa",
    right="Aₖ = A₀ on all clients, drawn once from one seed",
    wrong="Aₖ drawn on each client from its own seed",
    why="FFA-LoRA sends B alone: Σ wₖ Bₖ A₀ is the ideal only because all Aₖ are A₀. If every "
    "client has an Aₖ of its own, each Bₖ refers to another basis, and the averaged B is read in a basis that "
    "no client trained in.",
    tell="The clients' A span different subspaces although nobody trains A, and a method that should be exact is not.",
)
class OwnStart(Faulty, FFA):
    """FFA-LoRA with a private frozen A on every client; the server still believes in its own."""

    def start(self, state: ServerState, context: RoundContext) -> Factors:
        own = replace(self.config, frames=FramesConfig(kind="independent"))
        A = initial_A(own, tuple(s.d_in for s in context.layers), context.total_clients, "own A")
        return Factors(A[:, context.clients], super().start(state, context).B)
