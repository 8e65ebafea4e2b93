"""One round of one method, called the way the federation calls it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, LayerSpec
from fedrot_core.methods import METHODS, Outcome, RoundContext, ServerState, Upload
from fedrot_core.methods.base import round_update
from tests.core.samples import Sample, product


@dataclass(frozen=True)
class Played:
    """What a round was given and what it gave."""

    sent: Factors
    before: ServerState
    context: RoundContext
    upload: Upload
    outcome: Outcome

    @property
    def after(self) -> ServerState:
        return self.outcome.state

    @property
    def update(self) -> torch.Tensor:
        """The round's update, dense: (L, o, i)."""
        return product(round_update(self.before, self.after))


def as_trained(name: str, s: Sample, t: int, before: ServerState) -> Factors:
    """The sample's factors, except that a factor which this round freezes is the server's, common to all."""
    which, K = METHODS[name].trains(t), s.sent.A.shape[1]
    A, B = (x.unsqueeze(1).expand(-1, K, -1, -1).clone() for x in (before.factors.A, before.factors.B))
    return Factors(s.sent.A if "A" in which else A, s.sent.B if "B" in which else B)


def play(
    name: str,
    s: Sample,
    t: int,
    *,
    align: AlignmentConfig | None = None,
    before: ServerState | None = None,
    reference: Factors | None = None,
    clients: list[int] | None = None,
    total: int | None = None,
    ranks: list[int] | None = None,
    seed: int = 0,
) -> Played:
    """Play round ``t`` of a method on the sample's clients; ``before`` is the server's state, by default a fresh one.

    ``clients`` are the indices of the sample's clients among all ``total``.
    """
    method, K, r = METHODS[name], s.sent.A.shape[1], s.sent.rank
    state = ServerState(s.received) if before is None else before
    present = list(range(K)) if clients is None else clients
    context = RoundContext(
        round_index=t,
        align=align or AlignmentConfig(),
        weights=s.weights,
        clients=torch.tensor(present),
        total_clients=max(present) + 1 if total is None else total,
        layers=tuple(LayerSpec(f"layer {n}", i, o) for n, (i, o) in enumerate(s.widths)),
        reference=state.factors if reference is None else reference,
        rng=lambda what: np.random.default_rng([seed, t, *what.encode()]),
        ranks=torch.tensor([r] * K if ranks is None else ranks),
        fresh_A=lambda: fresh(s, t),
    )
    sent = as_trained(name, s, t, state)
    upload = method.prepare(sent, state, context)
    return Played(sent, state, context, upload, method.combine(upload, state, context))


def fresh(s: Sample, t: int) -> torch.Tensor:
    """The A of methods that start again, (L, r, i)."""
    A = torch.zeros_like(s.received.A)
    for layer, (d_in, _) in enumerate(s.widths):
        A[layer, :, :d_in] = torch.from_numpy(np.random.default_rng([t, layer]).uniform(-1, 1, (A.shape[1], d_in)))
    return A


def some(s: Sample, order: list[int], weights: torch.Tensor | None = None) -> Sample:
    """The sample's clients at these places, with their own weights or new ones."""
    p = torch.tensor(order)
    return replace(s, sent=s.sent.select(p), weights=s.weights[p] if weights is None else weights)
