"""A frozen MLP with LoRA on every linear layer, batched over rows, with gradients derived by hand.

Letters: N rows, b batch size, G adapters that are scored at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from fedrot_core.compute import Compute
from fedrot_core.factors import Factors


@dataclass(frozen=True)
class FrozenMlp:
    """Weights (d_out, d_in) and biases (d_out,) of each layer of a ReLU network, none of which is trained."""

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    def to(self, compute: Compute) -> FrozenMlp:
        """A copy with the device and the number type of ``compute``."""
        weights, biases = (
            tuple(x.to(compute.device, compute.dtype) for x in part) for part in (self.weights, self.biases)
        )
        return FrozenMlp(weights, biases)

    def logits(self, x: Tensor, adapters: Sequence[Factors], scaling: float) -> Tensor:
        """Outputs of the adapted network.

        Args:
            x: (n, d), the inputs.
            adapters: for each layer, the factors of G adapters, (G, r, i) and (G, o, r).
            scaling: factor in front of ``B A``.

        Returns:
            (G, n, classes), the outputs under each adapter.
        """
        h = x  # the first frozen layer's outputs are the same for all adapters
        for layer, (W, bias, f) in enumerate(zip(self.weights, self.biases, adapters, strict=True)):
            z = torch.baddbmm(F.linear(h, W, bias).expand(len(f.A), -1, -1), h @ f.A.mT, f.B.mT, alpha=scaling)
            h = z.relu_() if layer < len(self.weights) - 1 else z
        return h


@dataclass(frozen=True)
class MlpBatch:
    """A round's samples for n adjacent rows.

    Attributes:
        index: (steps, n, b), indices of the samples in the pool.
        networks: pairs of a number of adjacent rows and the frozen network that they share; the numbers sum to n.
    """

    index: Tensor
    networks: tuple[tuple[int, FrozenMlp], ...]


class MlpProgram:
    """Cross-entropy gradients of the LoRA factors of N rows, on mini-batches from a common pool of samples.

    The first frozen layer's outputs are computed once for the pool and gathered per batch.

    Args:
        base: the frozen network, on the training device.
        pool: (n, d) samples; labels: (n,) classes.
        rows, batch_size, rank, scaling: N, b, r, lora_alpha / r.
    """

    def __init__(
        self, base: FrozenMlp, pool: Tensor, labels: Tensor, rows: int, batch_size: int, rank: int, scaling: float
    ) -> None:
        self.pool, self.labels, self.scaling = pool, labels, scaling
        self.shape = (rows, batch_size)
        self.base, self.untouched = base, F.linear(pool, base.weights[0], base.biases[0])
        n = rows * batch_size
        widths = [base.weights[0].shape[1], *(W.shape[0] for W in base.weights)]

        def buffer(width: int) -> Tensor:
            return pool.new_empty(n, width)

        self.acts = [buffer(w) for w in widths]  # layer inputs, then logits
        self.back = [buffer(w) for w in widths[1:]]  # gradient at each layer's output
        self.act_rows = [a.view(rows, batch_size, -1) for a in self.acts]
        self.back_rows = [g.view(rows, batch_size, -1) for g in self.back]
        self.back_rows_t = [g.mT for g in self.back_rows]
        self.down = [buffer(rank).view(rows, batch_size, rank) for _ in base.weights]  # h Aᵀ
        self.low = buffer(rank).view(rows, batch_size, rank)
        self.low_t = self.low.mT
        self.target = torch.empty(n, 1, dtype=torch.int64, device=pool.device)
        self.target_flat = self.target.view(-1)
        self.peak = buffer(1)
        self.minus = pool.new_full((n, 1), -1.0 / batch_size)
        self.batches = torch.empty(0, 0, dtype=torch.int64, device=pool.device)

    def start_round(self, batches: Sequence[MlpBatch]) -> None:
        """See :class:`fedrot_core.workloads.base.RoundProgram`."""
        b, n = self.shape[1], len(self.pool)
        self.batches = torch.cat([part.index for part in batches], dim=1).to(self.pool.device).flatten(1)
        self.groups: list[tuple[slice, FrozenMlp, list[Tensor]]] = []
        firsts: list[Tensor] = []
        offsets, begin = torch.zeros_like(self.batches[0]), 0
        for rows, base in (entry for part in batches for entry in part.networks):
            part = slice(begin * b, (begin + rows) * b)
            own = self.untouched if base is self.base else F.linear(self.pool, base.weights[0], base.biases[0])
            place = next((g for g, first in enumerate(firsts) if first is own), len(firsts))
            firsts += [own] if place == len(firsts) else []
            offsets[part] = place * n
            if self.groups and self.groups[-1][1] is base:  # neighbours on one base share their products
                part = slice(self.groups.pop()[0].start, part.stop)
            self.groups.append((part, base, [W.mT for W in base.weights]))
            begin += rows
        self.first = firsts[0] if len(firsts) == 1 else torch.cat(firsts)
        self.first_index = self.batches if len(firsts) == 1 else self.batches + offsets

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        """See :class:`fedrot_core.engine.Program`."""
        self._forward(params, step)
        self._backward(params, grads, self.batches[step])

    def _forward(self, params: Sequence[Factors], step: int) -> None:
        acts, last = self.acts, len(params) - 1
        torch.index_select(self.pool, 0, self.batches[step], out=acts[0])
        torch.index_select(self.first, 0, self.first_index[step], out=acts[1])
        for layer, p in enumerate(params):
            z = acts[layer + 1]
            if layer > 0:
                for part, base, transposed in self.groups:
                    torch.addmm(base.biases[layer], acts[layer][part], transposed[layer], out=z[part])
            torch.bmm(self.act_rows[layer], p.A.mT, out=self.down[layer])  # (b, i) @ (i, r) -> (b, r)
            self.act_rows[layer + 1].baddbmm_(self.down[layer], p.B.mT, alpha=self.scaling)  # += s (b, r) @ (r, o)
            if layer < last:
                z.relu_()

    def _backward(self, params: Sequence[Factors], grads: Sequence[Factors], index: Tensor) -> None:
        g = self.back[-1]
        torch.amax(self.acts[-1], -1, keepdim=True, out=self.peak)  # by hand: torch.softmax is slow on short rows
        torch.sub(self.acts[-1], self.peak, out=g).exp_()
        torch.sum(g, -1, keepdim=True, out=self.peak)
        g.div_(self.peak.mul_(self.shape[1]))
        torch.index_select(self.labels, 0, index, out=self.target_flat)
        g.scatter_add_(1, self.target, self.minus)  # (softmax - onehot) / b
        for layer in range(len(params) - 1, -1, -1):
            p, dp = params[layer], grads[layer]
            dp.B.baddbmm_(self.back_rows_t[layer], self.down[layer], beta=0, alpha=self.scaling)  # s gᵀ (h Aᵀ)
            self.low.baddbmm_(self.back_rows[layer], p.B, beta=0, alpha=self.scaling)  # s g B
            torch.bmm(self.low_t, self.act_rows[layer], out=dp.A)  # (r, b) @ (b, i)
            if layer > 0:
                below = self.back[layer - 1]
                for part, base, _ in self.groups:
                    torch.mm(self.back[layer][part], base.weights[layer], out=below[part])
                self.back_rows[layer - 1].baddbmm_(self.low, p.A)
                torch.ops.aten.threshold_backward.grad_input(below, self.acts[layer], 0, grad_input=below)
