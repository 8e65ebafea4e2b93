"""LoRA-FAIR: average the factors, then correct B̄ so that ``(B̄ + ΔB) Ā`` comes nearer to the ideal."""

import torch
from torch import Tensor

from fedrot_core.factors import Factors, product_norm
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

PENALTY = 0.01
"""Weight of the penalty: of ``‖ΔB‖² / ‖B̄‖²`` in the cosine form, of the mean diagonal of ``Ā Āᵀ`` in the ridge form."""

STEPS = 100
"""Number of descent steps in the cosine form. Each is as long as the curvature of the objective allows."""


class LoraFair(Method):
    """The common part of both variants: average the factors, then add the correction that the variant finds."""

    def correction(self, mean: Factors, target: Tensor, gram: Tensor, norm: Tensor) -> Tensor:
        """Find the correction ΔB, (L, o, r).

        Args:
            mean: the averaged factors Ā and B̄, (L, r, i) and (L, o, r).
            target: (L, o, r), ``ideal Āᵀ``.
            gram: (L, r, r), ``Ā Āᵀ``.
            norm: (L,), ``‖ideal‖``.
        """
        raise NotImplementedError

    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        mean = upload.factors.mean(context.weights)
        ideal = stacked_update(upload.factors, context.weights)
        target = ideal.B @ (ideal.A @ mean.A.mT)  # (o, K r) @ (K r, r)
        delta = self.correction(mean, target, mean.A @ mean.A.mT, product_norm(ideal))
        return averaged(Factors(mean.A, mean.B + delta), state)


@register(
    "lora_fair", label="LoRA-FAIR (cosine)", paper="arXiv:2411.14961", hue="vermillion", dash="dash", symbol="bowtie"
)
class LoraFairCosine(LoraFair):
    """Minimises ``1 - cos(ideal, (B̄ + ΔB) Ā) + penalty``, which corrects the direction but hardly the length."""

    idea = "Averages, then corrects B so that the product points closer to the direction of the ideal update."

    def correction(self, mean: Factors, target: Tensor, gram: Tensor, norm: Tensor) -> Tensor:
        tiny = torch.finfo(gram.dtype).tiny
        delta, power = torch.zeros_like(mean.B), mean.B.square().sum((-1, -2), keepdim=True)
        n, steepest = norm[:, None, None], torch.linalg.eigvalsh(gram)[:, -1:, None]
        for _ in range(STEPS):
            B = mean.B + delta
            m = product_norm(Factors(mean.A, B))[:, None, None]  # ‖B Ā‖
            cosine = (target * B).sum((-1, -2), keepdim=True) / (n * m).clamp_min(tiny)
            slope = torch.where(
                m * n > 0, cosine * (B @ gram) / m.square().clamp_min(tiny) - target / (n * m).clamp_min(tiny), 0
            )
            curvature = power * steepest / m.square().clamp_min(tiny) + 2 * PENALTY  # a longer step may overshoot
            delta = delta - (power * slope + 2 * PENALTY * delta) / curvature
        return delta


@register(
    "lora_fair_ridge",
    label="LoRA-FAIR (ridge form)",
    paper="closed-form substitute for arXiv:2411.14961",
    hue="vermillion",
    dash="dot",
    symbol="hourglass",
)
class LoraFairRidge(LoraFair):
    """``ΔB = (ideal - B̄ Ā) Āᵀ (Ā Āᵀ + λ I)⁻¹``: our own substitute, labelled as such, which corrects the length too."""

    idea = "Averages, then corrects B by ridge regression, so that direction and length come closer to the ideal."

    def correction(self, mean: Factors, target: Tensor, gram: Tensor, norm: Tensor) -> Tensor:
        ridge = PENALTY * gram.diagonal(dim1=-2, dim2=-1).mean(-1).clamp_min(torch.finfo(gram.dtype).eps)
        eye = torch.eye(gram.shape[-1], dtype=gram.dtype)
        solved: Tensor = torch.linalg.solve(gram + ridge[:, None, None] * eye, (target - mean.B @ gram).mT)
        return solved.mT
