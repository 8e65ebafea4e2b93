"""The contract of an aggregation method, and the registry of all of them.

A method sees all layers at once: factors are (L, K, r, i) and (L, K, o, r), zero-padded to the widest layer, float64 on
the host. It says where clients start, what they train, what they send, and what the server makes of it. What the server
holds between rounds is one :class:`ServerState`, so methods that merge into the frozen base, keep private factors or
remember earlier rounds need nothing special from the federation.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from fedrot_core.alignment import Alignment
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, LayerSpec, concatenated
from fedrot_core.registry import Registry
from fedrot_core.trace import ArmCard

NUMBER_BYTES = 4
"""What a number costs on its way, as float32; the grid of :func:`fedrot_core.factors.on_grid` would fit into three."""

INDEX_BYTES = 4
"""Positions of sparse numbers travel as int32."""

Trained = Literal["AB", "A", "B"]


@dataclass(frozen=True)
class RoundContext:
    """What a method may know about the round.

    Attributes:
        round_index: from 0.
        align: the run's alignment settings.
        weights: (K,) weights of the clients whose uploads arrived; they sum to one.
        clients: (K,) their indices among all clients; total_clients: how many there are in all.
        layers: names and true widths of the layers.
        reference: the broadcast that clients align to: this round's, or an older one where references are stale.
        rng: named random stream of this round, the same in every arm.
        ranks: (K,) rank of each of these clients, at most r.
        fresh_A: draws (L, r, i) initial A for methods that re-initialise, the same on all clients, another each round.
    """

    round_index: int
    align: AlignmentConfig
    weights: Tensor
    clients: Tensor
    total_clients: int
    layers: tuple[LayerSpec, ...]
    reference: Factors
    rng: Callable[[str], np.random.Generator]
    ranks: Tensor
    fresh_A: Callable[[], Tensor]

    def numbers(self, which: Trained) -> int:
        """How many numbers the named factors hold at full rank, over all layers, without padding."""
        return sum(self.reference.rank * (s.d_in * ("A" in which) + s.d_out * ("B" in which)) for s in self.layers)


@dataclass(frozen=True)
class ServerState:
    """What the server holds between rounds.

    Attributes:
        factors: the global adapter, (L, r, i) and (L, o, r).
        base: (L, o, i) what has been merged into the frozen weights so far, in units of ``B A``; None if nothing
            ever is.
        private: (L, all clients, o, r) factors B that stay with their clients; None where there are none.
        memory: a method's own tensors.
    """

    factors: Factors
    base: Tensor | None = None
    private: Tensor | None = None
    memory: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Upload:
    """What the server gets from the clients.

    Attributes:
        factors: (L, K, r, i), (L, K, o, r) as the server reads them.
        alignment: the rotations that clients applied, or None.
        numbers: numbers that one client sends, on average; None means the factors that :meth:`Method.sent` names.
        indices: positions that travel with sparse numbers.
    """

    factors: Factors
    alignment: Alignment | None = None
    numbers: float | None = None
    indices: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a round of a method gives.

    Attributes:
        state: what the server holds next.
        alignment: rotations that the server applied, or None.
        numbers: numbers that one client receives; None means the factors that :meth:`Method.received` names.
        indices: positions that travel with them.
    """

    state: ServerState
    alignment: Alignment | None = None
    numbers: float | None = None
    indices: float = 0.0


class Method(ABC):
    """One aggregation rule. Stateless: everything it needs comes with the call.

    Attributes:
        card, paper: name, label, drawing style and source, set by :func:`register`.
        idea: what it does, in one sentence for people who choose between methods.
        sends: what travels, in words, for tables.
        exact: whether the round's update equals ``Σ w_k B_k A_k``; the contract suite checks the claim.
        gauge_invariant: whether turning one client's frame leaves the round's update unchanged; likewise checked.
        mixed_ranks: whether clients may have different ranks.
        server_optimizer: whether the next global factors are in the frame of the broadcast, so that the server may
            treat their difference as a gradient.
        keeps_one: whether the update of a lone client is its own product ``B A``.
        keeps_equal: whether clients that all hold one product give that product.
        draws_by_layer: whether each layer gets the same random numbers alone as in company.

    The contract suite checks each of these claims, also where it says no.
    """

    card: ClassVar[ArmCard]
    paper: ClassVar[str]
    idea: ClassVar[str]
    sends: ClassVar[str] = "A and B"
    exact: ClassVar[bool] = False
    gauge_invariant: ClassVar[bool] = False
    mixed_ranks: ClassVar[bool] = False
    server_optimizer: ClassVar[bool] = False
    keeps_one: ClassVar[bool] = True
    keeps_equal: ClassVar[bool] = True
    draws_by_layer: ClassVar[bool] = True

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.card.label

    def trains(self, round_index: int) -> Trained:
        """Which factors clients train in this round. A frozen one is common to all, so nobody's frame can differ."""
        return "AB"

    def sent(self, round_index: int) -> Trained:
        """Which factors a client sends. The server must know the others, or leave them with their client."""
        return self.trains(round_index)

    def received(self, round_index: int) -> Trained:
        """Which global factors a client receives: all that change in this round."""
        return self.trains(round_index)

    @property
    def trained(self) -> str:
        """What clients train, in words, for tables."""
        first, second = self.trains(0), self.trains(1)
        return "A and B" if first == "AB" else first if first == second else f"{first}, then {second}, in turn"

    def start(self, state: ServerState, context: RoundContext) -> Factors:
        """Where each client starts, (L, K, r, i), (L, K, o, r). Default: the broadcast."""
        K = len(context.clients)
        A, B = state.factors.A, state.factors.B
        return Factors(A.unsqueeze(1).expand(-1, K, -1, -1), B.unsqueeze(1).expand(-1, K, -1, -1))

    def local(self, start: Factors, together: Factors, alone: Callable[[int, Factors], Factors]) -> Factors:
        """What clients end their training with, (L, m, r, i), (L, m, o, r). Default: what they trained side by side.

        Args:
            start: where each client starts; together: where each ends, all in one batched program.
            alone: trains one client by itself: its place among the m, and from where, (L, r, i), (L, o, r).
        """
        return together

    def prepare(self, trained: Factors, state: ServerState, context: RoundContext) -> Upload:
        """What each client sends, given what it trained. Default: both factors as they are."""
        return Upload(trained)

    @abstractmethod
    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        """The server's rule."""

    def models(self, state: ServerState) -> Factors:
        """The adapters to score, (L, M, r, i), (L, M, o, r); the score is their mean. Default: the global one."""
        return Factors(state.factors.A.unsqueeze(1), state.factors.B.unsqueeze(1))


def round_update(before: ServerState, after: ServerState) -> Factors:
    """The round's update as seen from the base before it: ``B A`` plus whatever was merged; what errors are measured
    on.

    Factors of some inner dimension p, (L, p, i), (L, o, p).
    """
    if after.base is None:
        return after.factors
    merged_now = after.base if before.base is None else after.base - before.base
    eye = torch.eye(merged_now.shape[-2], dtype=merged_now.dtype).expand(len(merged_now), -1, -1)
    return concatenated(after.factors, Factors(merged_now, eye))


def averaged(factors: Factors, state: ServerState) -> Outcome:
    """Outcome of a method whose new global adapter is the round's whole update."""
    return Outcome(replace(state, factors=factors))


def stacked_update(clients: Factors, weights: Tensor) -> Factors:
    """``Σ w_k B_k A_k`` as one pair of factors of inner dimension K r: (L, K r, i), (L, o, K r)."""
    A = (clients.A * weights[:, None, None]).flatten(-3, -2)
    return Factors(A, clients.B.movedim(-3, -2).flatten(-2))


def merged(state: ServerState, update: Factors) -> Tensor:
    """The base with ``update`` merged in; (L, o, i), the size of the frozen weights themselves."""
    product = update.B @ update.A
    return product if state.base is None else state.base + product


def residual(clients: Factors, weights: Tensor, update: Factors) -> Factors:
    """``Σ w_k B_k A_k - B A`` as one pair of factors."""
    return concatenated(stacked_update(clients, weights), Factors(-update.A, update.B))


METHODS: Registry[Method] = Registry("Method", "arms")


def register(
    name: str, label: str, paper: str, hue: str, dash: str = "solid", symbol: str = "circle"
) -> Callable[[type[Method]], type[Method]]:
    """Class decorator: name for URLs and code, label for people, paper for the source, and how figures draw it."""

    def add(cls: type[Method]) -> type[Method]:
        cls.card, cls.paper = ArmCard(name, label, hue, dash, symbol), paper
        METHODS.add(name, cls())
        return cls

    return add
