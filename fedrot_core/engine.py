"""Trains all clients of a round, of all arms and seeds, as one batched tensor program.

A *row* is one client of one arm of one run. The LoRA tensors of all rows lie in one flat buffer, so that an optimiser
step takes only a few in-place operations. A workload's :class:`Program` writes hand-derived gradients into a buffer of
the same shape. Nothing is allocated within the loop over local steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from fedrot_core.compute import Compute
from fedrot_core.errors import Cancelled
from fedrot_core.factors import Factors, LayerSpec


class Program(Protocol):
    """A workload's batched forward and backward pass over all rows."""

    def gradients(self, params: Sequence[Factors], grads: Sequence[Factors], step: int) -> None:
        """Write the gradient of every row's loss at local ``step`` into ``grads``, one entry (N, ...) per layer."""


class FlatFactors:
    """The factors of N rows and all layers as views into one flat buffer.

    Each tensor is a contiguous (N, r, d_in) or (N, d_out, r) block, so batched products need no copy.
    """

    def __init__(self, layers: Sequence[LayerSpec], rows: int, rank: int, compute: Compute) -> None:
        sizes = [n for s in layers for n in (rows * rank * s.d_in, rows * s.d_out * rank)]
        self.flat = torch.zeros(sum(sizes), dtype=compute.dtype, device=compute.device)
        blocks = iter(torch.split(self.flat, sizes))
        self.layers = [
            Factors(next(blocks).view(rows, rank, s.d_in), next(blocks).view(rows, s.d_out, rank)) for s in layers
        ]


class Engine:
    """Local training of N rows.

    Args:
        layers: the adapted layers.
        rows: number of rows N, which is clients times arms, over all runs.
        rank: inner dimension r of the factors.
        optimizer: "adam" (β = 0.9, 0.999, ε = 1e-8) or "sgd". Its state starts anew in each round.
        learning_rate: step size.
        compute: device and number type for training.

    Attributes:
        trainable: one for each number that may change and zero for each that is frozen; None if all may change.
        noise: shares by which gradients are changed, shifted by one position in each step; None for true gradients.
    """

    def __init__(
        self,
        layers: Sequence[LayerSpec],
        rows: int,
        rank: int,
        optimizer: str,
        learning_rate: float,
        compute: Compute,
    ) -> None:
        self.params = FlatFactors(layers, rows, rank, compute)
        self.grads = FlatFactors(layers, rows, rank, compute)
        self.trainable: FlatFactors | None = None
        self.noise: torch.Tensor | None = None
        self.learning_rate = learning_rate
        self._moments = [torch.zeros_like(self.params.flat) for _ in range(3)] if optimizer == "adam" else []

    @torch.inference_mode()
    def train(self, program: Program, steps: int, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Run ``steps`` local steps, which change ``self.params`` in place.

        Raises:
            Cancelled: once ``should_stop()``, which is asked before each step, returns true.
        """
        for moment in self._moments:
            moment.zero_()
        for step in range(steps):
            if should_stop():
                raise Cancelled("The run was cancelled during local training.")
            program.gradients(self.params.layers, self.grads.layers, step)
            if self.trainable is not None:
                self.grads.flat.mul_(self.trainable.flat)
            if self.noise is not None:
                self.grads.flat.addcmul_(self.grads.flat, self.noise.roll(step))
            if self._moments:
                self._adam(step + 1)
            else:
                self.params.flat.add_(self.grads.flat, alpha=-self.learning_rate)

    def _adam(self, t: int, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> None:
        """One Adam step, with both bias corrections folded into the step size and ε."""
        m, v, denominator = self._moments
        g = self.grads.flat
        m.lerp_(g, 1 - beta1)
        v.mul_(beta2).addcmul_(g, g, value=1 - beta2)
        root = (1 - beta2**t) ** 0.5
        torch.sqrt(v, out=denominator).add_(eps * root)
        self.params.flat.addcdiv_(m, denominator, value=-self.learning_rate * root / (1 - beta1**t))


def pack(engine: Engine, start: Factors) -> None:
    """Copy padded factors on the host, (L, N, r, i) and (L, N, o, r), into the engine's parameters."""
    for layer, p in enumerate(engine.params.layers):
        p.A.copy_(start.A[layer, :, :, : p.A.shape[-1]])
        p.B.copy_(start.B[layer, :, : p.B.shape[-2], :])


def unpack(engine: Engine, like: Factors) -> Factors:
    """The engine's parameters as padded float64 factors on the host, with the shapes of ``like``."""
    A, B = torch.zeros_like(like.A), torch.zeros_like(like.B)
    for layer, p in enumerate(engine.params.layers):
        A[layer, :, :, : p.A.shape[-1]] = p.A.cpu()
        B[layer, :, : p.B.shape[-2], :] = p.B.cpu()
    return Factors(A, B)
