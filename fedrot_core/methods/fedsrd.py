"""FedSRD: clients send sparse deltas; each round, the server moves one factor towards the best rank-r update."""

from dataclasses import replace

import torch
from torch import Tensor

from fedrot_core.canonical import NULL
from fedrot_core.factors import Factors, leading
from fedrot_core.methods.base import (
    Method,
    Outcome,
    RoundContext,
    ServerState,
    Upload,
    averaged,
    register,
    stacked_update,
)

DROP = 0.5
"""Share of the server's update that is dropped at random on the way down; survivors are divided by ``1 - DROP``."""


def pruned(delta: Tensor, importance: Tensor, size: Tensor) -> Tensor:
    """Keep the most important entries of each delta, rescaled so that the L1 norm of the delta stays the same.

    The share that is pruned is ``0.85 + min(0.11, 0.1 log max(kurtosis, 1))``, more for heavier tails.

    Args:
        delta: (L, K, p, q), the changes of one factor.
        importance: (L, K, p, q), the importance of each entry.
        size: (L, 1), true number of entries of each layer, not counting padding.
    """
    flat, rank_by = delta.flatten(-2), importance.flatten(-2)
    tiny = torch.finfo(flat.dtype).tiny
    kurtosis = size * flat.pow(4).sum(-1) / flat.square().sum(-1).square().clamp_min(tiny)
    ratio = 0.85 + (0.1 * kurtosis.clamp_min(1).log()).clamp_max(0.11)
    keep = ((1 - ratio) * size).ceil().long()  # (L, K)
    order = rank_by.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
    sparse = torch.where(order < keep.unsqueeze(-1), flat, 0)
    mass = sparse.abs().sum(-1, keepdim=True)  # zero where nothing is important: then nothing is sent
    scale = torch.where(mass > 0, flat.abs().sum(-1, keepdim=True) / mass.clamp_min(tiny), 0)
    return (sparse * scale).view_as(delta)


@register("fedsrd", label="FedSRD", paper="FedSRD, 2025", hue="yellow", dash="dash", symbol="asterisk-open")
class FedSrd(Method):
    """Even rounds change A by ``B⁺ Δ``, odd rounds change B by ``Δ A⁺``. Round 0 changes nothing, since B = 0 there."""

    idea = "Clients send only their most important changes; the server fits one factor to them in each round."
    sends = "sparse deltas"
    keeps_one = keeps_equal = False  # what is pruned is lost, and one factor a round is updated
    draws_by_layer = False

    def prepare(self, trained: Factors, state: ServerState, context: RoundContext) -> Upload:
        A, B = state.factors.A.unsqueeze(1), state.factors.B.unsqueeze(1)
        dA, dB = trained.A - A, trained.B - B
        r = trained.rank
        sizes = [
            torch.tensor([[r * width] for width in widths], dtype=dA.dtype)
            for widths in zip(*((s.d_in, s.d_out) for s in context.layers), strict=True)
        ]
        sparse_A = pruned(dA, dA.abs() * trained.B.norm(dim=-2).unsqueeze(-1), sizes[0])
        sparse_B = pruned(dB, dB.abs() * trained.A.norm(dim=-1).unsqueeze(-2), sizes[1])
        sent = float((sparse_A != 0).sum() + (sparse_B != 0).sum()) / len(context.clients)
        return Upload(Factors(A + sparse_A, B + sparse_B), numbers=sent, indices=sent)

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        old = state.factors
        U, S, Vh = leading(stacked_update(upload.factors, context.weights), old.rank)
        gen = context.rng("drop")

        def thinned(step: Tensor) -> Tensor:
            survives = torch.from_numpy(gen.random(step.shape) >= DROP)
            return torch.where(survives, step / (1 - DROP), 0)

        if context.round_index % 2 == 0:
            back = torch.linalg.pinv(old.B, rtol=NULL)  # (r, o)
            step = thinned((back @ (U * S.unsqueeze(-2))) @ Vh - (back @ old.B) @ old.A)
            factors = Factors(old.A + step, old.B)
        else:
            back = torch.linalg.pinv(old.A, rtol=NULL)  # (i, r)
            step = thinned((U * S.unsqueeze(-2)) @ (Vh @ back) - old.B @ (old.A @ back))
            factors = Factors(old.A, old.B + step)
        sent = float((step != 0).sum())
        return replace(averaged(factors, state), numbers=sent, indices=sent)
