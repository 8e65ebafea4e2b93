"""A frozen MLP with LoRA on every linear layer: batched over rows, gradients derived by hand.

Letters: N rows, b batch size, G groups of rows that share one frozen base (1 as long as no method changes it).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fedrot_core.factors import Factors


@dataclass(frozen=True)
class FrozenMlp:
    """Weights (d_out, d_in) and biases (d_out,) of a ReLU network; nothing of it trains."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    def to(self, device: torch.device) -> FrozenMlp:
        """A copy on ``device``."""
        return FrozenMlp(tuple(w.to(device) for w in self.weights), tuple(b.to(device) for b in self.biases))

    def logits(self, x: Tensor, adapters: Sequence[Factors], scaling: float) -> Tensor:
        """Outputs of the adapted network: x (n, d) and global factors (G, ...) a layer -> (G, n, classes)."""
        h = x.expand(adapters[0].A.shape[0], *x.shape)
        for layer, (W, bias, f) in enumerate(zip(self.weights, self.biases, adapters, strict=True)):
            z = F.linear(h, W, bias)
            z.baddbmm_(h @ f.A.mT, f.B.mT, alpha=scaling)
            h = z.relu_() if layer < len(self.weights) - 1 else z
        return h


class MlpProgram:
    """Cross-entropy gradients of N rows' LoRA factors on mini-batches of a common sample pool.

    The first frozen layer's outputs are computed once for the pool and gathered per batch.

    Args:
        base: the frozen network, on the training device.
        pool: (n, d) samples; labels: (n,) classes.
        clients_of_rows: whose data each of the N rows draws its batches from.
        batch_size, rank, scaling: b, r, lora_alpha / r.
    """

    def __init__(
        self,
        base: FrozenMlp,
        pool: Tensor,
        labels: Tensor,
        clients_of_rows: Sequence[int],
        batch_size: int,
        rank: int,
        scaling: float,
    ) -> None:
        self.base, self.pool, self.labels, self.scaling = base, pool, labels, scaling
        self.clients_of_rows = tuple(clients_of_rows)
        rows = len(clients_of_rows)
        self.shape = (rows, batch_size)
        self.first = F.linear(pool, base.weights[0], base.biases[0])
        n = rows * batch_size
        widths = [base.weights[0].shape[1], *(W.shape[0] for W in base.weights)]

        def buffer(width: int) -> Tensor:
            return torch.empty(n, width, device=pool.device)

        self.acts = [buffer(w) for w in widths]  # layer inputs, then logits
        self.back = [buffer(w) for w in widths[1:]]  # gradient at each layer's output
        self.act_rows = [a.view(rows, batch_size, -1) for a in self.acts]
        self.back_rows = [g.view(rows, batch_size, -1) for g in self.back]
        self.back_rows_t = [g.mT for g in self.back_rows]
        self.down = [buffer(rank).view(rows, batch_size, rank) for _ in base.weights]  # h Aᵀ
        self.low = buffer(rank).view(rows, batch_size, rank)
        self.low_t = self.low.mT
        self.weights_t = [W.mT for W in base.weights]
        self.target = torch.empty(n, 1, dtype=torch.int64, device=pool.device)
        self.target_flat = self.target.view(-1)
        self.minus = torch.full((n, 1), -1.0 / batch_size, device=pool.device)
        self.batches = torch.empty(0, 0, dtype=torch.int64, device=pool.device)

    def set_batches(self, batches: Tensor) -> None:
        """Sample indices of a round, (steps, N, b)."""
        self.batches = batches.to(self.pool.device).flatten(1)

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        """See :class:`fedrot_core.engine.Program`."""
        self._forward(params, self.batches[step])
        self._backward(params, grads, self.batches[step])

    def _forward(self, params: Sequence[Factors], index: Tensor) -> None:
        acts, last = self.acts, len(params) - 1
        torch.index_select(self.pool, 0, index, out=acts[0])
        torch.index_select(self.first, 0, index, out=acts[1])
        for layer, p in enumerate(params):
            z = acts[layer + 1]
            if layer > 0:
                torch.addmm(self.base.biases[layer], acts[layer], self.weights_t[layer], out=z)
            torch.bmm(self.act_rows[layer], p.A.mT, out=self.down[layer])  # (b, i) @ (i, r) -> (b, r)
            self.act_rows[layer + 1].baddbmm_(self.down[layer], p.B.mT, alpha=self.scaling)  # += s (b, r) @ (r, o)
            if layer < last:
                z.relu_()

    def _backward(self, params: Sequence[Factors], grads: Sequence[Factors], index: Tensor) -> None:
        g = self.back[-1]
        torch.softmax(self.acts[-1], dim=-1, out=g)
        g.mul_(1 / self.shape[1])
        torch.index_select(self.labels, 0, index, out=self.target_flat)
        g.scatter_add_(1, self.target, self.minus)  # (softmax - onehot) / b
        for layer in range(len(params) - 1, -1, -1):
            p, dp = params[layer], grads[layer]
            dp.B.baddbmm_(self.back_rows_t[layer], self.down[layer], beta=0, alpha=self.scaling)  # s gᵀ (h Aᵀ)
            self.low.baddbmm_(self.back_rows[layer], p.B, beta=0, alpha=self.scaling)  # s g B
            torch.bmm(self.low_t, self.act_rows[layer], out=dp.A)  # (r, b) @ (b, i)
            if layer > 0:
                below = self.back[layer - 1]
                torch.mm(self.back[layer], self.base.weights[layer], out=below)
                self.back_rows[layer - 1].baddbmm_(self.low, p.A)
                torch.ops.aten.threshold_backward.grad_input(below, self.acts[layer], 0, grad_input=below)
