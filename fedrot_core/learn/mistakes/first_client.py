"""The server's loop returns in its first pass, so the first client's upload becomes the global adapter."""

from fedrot_core.factors import Factors
from fedrot_core.learn.mistakes.base import Faulty, mistake
from fedrot_core.methods.base import Outcome, RoundContext, ServerState, Upload, averaged
from fedrot_core.methods.fedrot import FedRot


@mistake(
    "first_client",
    title="Only the first client's upload is used",
    method="fedrot",
    right="B̄ = Σ wₖ Bₖ,  Ā = Σ wₖ Aₖ",
    wrong="B̄ = B₁,  Ā = A₁  (the loop returns in its first pass)",
    why="The run still trains, sends as many bytes and looks noisy rather than broken. But the "
    "global model is that of one client: what all the others learned is thrown away in every round.",
    tell="The order of arrival changes the server's answer; the clients' weights do not.",
)
class FirstClient(Faulty, FedRot):
    """FedRot-LoRA whose server keeps the first upload."""

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        return averaged(Factors(upload.factors.A[:, 0], upload.factors.B[:, 0]), state)
