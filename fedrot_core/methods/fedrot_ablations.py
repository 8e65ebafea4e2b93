"""Ablations of FedRot-LoRA: what happens if something that looks similar takes the place of the turn.

Other ablations are settings of FedRot-LoRA itself: A only, B only, λ, O(r) or SO(r), and older references.
"""

from dataclasses import replace

import torch

from fedrot_core.alignment import Alignment, random_rotations, side_of_round
from fedrot_core.factors import Factors
from fedrot_core.methods.base import RoundContext, ServerState, Upload, register
from fedrot_core.methods.fedrot import Aligned

SMALLEST_SCALE = 1e-6
"""A client whose best scalar is smaller than this, or undefined, is left as it is: dividing by it would explode."""


@register(
    "fedrot_random", label="random rotation", paper="arXiv:2602.23638, ablation", hue="purple", dash="dash", symbol="x"
)
class RandomRotation(Aligned):
    """Turns every client by a random rotation of its own (Haar): factors move as in alignment, but onto nothing."""

    idea = "Turns every client at random: its factors move as they do in alignment, but onto no common frame."
    server_optimizer = False
    keeps_equal = False  # each is turned by a rotation of its own
    draws_by_layer = False

    def align(self, trained: Factors, context: RoundContext, side: str) -> Alignment:
        L, K, r = trained.A.shape[:3]
        drawn = random_rotations(context.rng("random rotation"), L * context.total_clients, r)
        R = drawn.view(L, -1, r, r)[:, context.clients]  # a client's own draw, whoever else is there
        return Alignment(R, torch.ones(L, K), torch.ones(L, K))


@register(
    "fedrot_scalar", label="scalar rescaling", paper="arXiv:2602.23638, ablation", hue="yellow", dash="dot", symbol="x"
)
class ScalarRescaling(Aligned):
    """Scales the matched factor Q by ``c = <Q, Q_ref> / ‖Q‖²`` and the other by ``1/c``. This cannot align frames,
    see Theorem 4.1 of the paper.
    """

    idea = "Rescales factors instead of turning them; lengths then agree, but no rotation is undone."

    def prepare(self, trained: Factors, state: ServerState, context: RoundContext) -> Upload:
        side = side_of_round(self.settings(context).side, context.round_index)
        if side is None:
            return Upload(trained)
        Q, ref = (trained.A, context.reference.A) if side == "A" else (trained.B, context.reference.B)
        inner, power = (Q * ref.unsqueeze(1)).sum((-1, -2)), Q.square().sum((-1, -2))
        c = torch.where(power > 0, inner / power.clamp_min(torch.finfo(Q.dtype).tiny), torch.ones_like(inner))
        c = torch.where(c.abs() > SMALLEST_SCALE, c, torch.ones_like(c))[..., None, None]
        scaled = Factors(trained.A * c, trained.B / c) if side == "A" else Factors(trained.A / c, trained.B * c)
        return replace(Upload(trained), factors=scaled)
