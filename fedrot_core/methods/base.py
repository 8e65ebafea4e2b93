"""The contract of an aggregation method, and the registry of all of them.

A method sees all layers at once. Factors have the shapes (L, K, r, i) and (L, K, o, r), are zero-padded to the widest
layer, and are float64 tensors on the host. The method says where clients start, what they train, what they send, and
what the server makes of it. Whatever the server holds between rounds is in one :class:`ServerState`, so methods that
merge into the frozen base, keep private factors or remember earlier rounds need nothing special from the federation.
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
"""Bytes that a number takes when it is sent, as float32. On the grid of :func:`fedrot_core.factors.on_grid`, three
would be enough."""

INDEX_BYTES = 4
"""Bytes that the position of a sparse number takes, as int32."""

Trained = Literal["AB", "A", "B"]


@dataclass(frozen=True)
class RoundContext:
    """What a method may know about the round. K counts the clients whose uploads arrived.

    Attributes:
        round_index: index of the round, from 0.
        align: the run's alignment settings.
        weights: (K,), weights of these clients; they sum to one.
        clients: (K,), indices of these clients among all clients.
        total_clients: number of clients in all.
        layers: names and true widths of the layers.
        reference: the broadcast that clients align to. It is this round's, or an older one if references are stale.
        rng: gives the random stream of a name for this round, the same in every arm.
        ranks: (K,), rank of each of these clients, at most r.
        fresh_A: draws a new initial A, (L, r, i), for methods that re-initialise. It is the same on all clients and
            differs from round to round.
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
        """How many numbers the factors ``which`` hold at full rank, over all layers, not counting padding."""
        return sum(self.reference.rank * (s.d_in * ("A" in which) + s.d_out * ("B" in which)) for s in self.layers)


@dataclass(frozen=True)
class ServerState:
    """What the server holds between rounds.

    Attributes:
        factors: the global adapter, (L, r, i) and (L, o, r).
        base: (L, o, i), what has been merged into the frozen weights so far, in units of ``B A``; None if nothing was.
        private: (L, all clients, o, r), factors B that stay with their clients; None if there are none.
        memory: tensors that a method, or the server's optimiser, keeps for later rounds.
    """

    factors: Factors
    base: Tensor | None = None
    private: Tensor | None = None
    memory: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Upload:
    """What the server gets from the clients.

    Attributes:
        factors: the factors as the server reads them, (L, K, r, i) and (L, K, o, r).
        alignment: the rotations that clients applied; None if they applied none.
        numbers: how many numbers one client sends, on average; None means the factors that :meth:`Method.sent` names.
        indices: how many positions one client sends with sparse numbers, on average.
    """

    factors: Factors
    alignment: Alignment | None = None
    numbers: float | None = None
    indices: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a method's rule gives in one round.

    Attributes:
        state: what the server holds next.
        alignment: the rotations that the server applied; None if it applied none.
        numbers: how many numbers one client receives; None means the factors that :meth:`Method.received` names.
        indices: how many positions one client receives with sparse numbers.
    """

    state: ServerState
    alignment: Alignment | None = None
    numbers: float | None = None
    indices: float = 0.0


class Method(ABC):
    """One aggregation rule. Methods hold no state: every call is given all that it needs.

    Attributes:
        card: its name, label and drawing style, set by :func:`register`.
        paper: its source, set by :func:`register`.
        idea: what it does, in one sentence for people who choose between methods.
        sends: what clients and server send, in words, for tables.
        exact: whether the round's update equals the ideal ``Σ w_k B_k A_k``.
        gauge_invariant: whether turning one client's frame leaves the round's update unchanged.
        mixed_ranks: whether clients may have different ranks.
        server_optimizer: whether the next global factors are in the frame of the broadcast, so that the server may
            treat their difference as a gradient.
        keeps_one: whether the round's update is the client's own product ``B A`` if only one client takes part.
        keeps_equal: whether the round's update is the clients' product ``B A`` if it is the same for all of them.
        draws_by_layer: whether a layer gets the same random numbers with and without other layers beside it.

    The contract suite checks all of these claims, whether they are True or False.
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
        """The method's name for people."""
        return self.card.label

    def trains(self, round_index: int) -> Trained:
        """Which factors clients train in this round. A frozen factor is common to all and fixes their frames."""
        return "AB"

    def sent(self, round_index: int) -> Trained:
        """Which factors a client sends. The others are known to the server or stay with the client."""
        return self.trains(round_index)

    def received(self, round_index: int) -> Trained:
        """Which global factors a client receives, namely those that change in this round."""
        return self.trains(round_index)

    @property
    def trained(self) -> str:
        """What clients train, in words, for tables."""
        first, second = self.trains(0), self.trains(1)
        return "A and B" if first == "AB" else first if first == second else f"{first}, then {second}, in turn"

    def start(self, state: ServerState, context: RoundContext) -> Factors:
        """The factors from which each client starts, (L, K, r, i) and (L, K, o, r). Default: the broadcast."""
        K = len(context.clients)
        A, B = state.factors.A, state.factors.B
        return Factors(A.unsqueeze(1).expand(-1, K, -1, -1), B.unsqueeze(1).expand(-1, K, -1, -1))

    def local(self, start: Factors, together: Factors, alone: Callable[[int, Factors], Factors]) -> Factors:
        """The result of local training, (L, m, r, i) and (L, m, o, r), for m clients. Default: ``together``.

        Args:
            start: the factors from which each client starts.
            together: the factors with which each client ends, trained together in one batched program.
            alone: trains one client by itself, given its place among the m clients and the factors from which it
                starts, (L, r, i) and (L, o, r).
        """
        return together

    def prepare(self, trained: Factors, state: ServerState, context: RoundContext) -> Upload:
        """Make each client's upload from the factors that it trained. Default: both factors as they are."""
        return Upload(trained)

    @abstractmethod
    def combine(self, upload: Upload, state: ServerState, context: RoundContext) -> Outcome:
        """The server's rule: make its next state from the uploads."""

    def models(self, state: ServerState) -> Factors:
        """The M adapters to score, (L, M, r, i) and (L, M, o, r). Their mean score counts. Default: the global one."""
        return Factors(state.factors.A.unsqueeze(1), state.factors.B.unsqueeze(1))


def round_update(before: ServerState, after: ServerState) -> Factors:
    """The round's update, on which errors are measured: the new ``B A`` plus whatever the round merged into the base.

    Returns:
        Factors of some inner dimension p, (L, p, i) and (L, o, p).
    """
    if after.base is None:
        return after.factors
    merged_now = after.base if before.base is None else after.base - before.base
    eye = torch.eye(merged_now.shape[-2], dtype=merged_now.dtype).expand(len(merged_now), -1, -1)
    return concatenated(after.factors, Factors(merged_now, eye))


def averaged(factors: Factors, state: ServerState) -> Outcome:
    """The outcome of a method whose new global adapter is the whole update of the round."""
    return Outcome(replace(state, factors=factors))


def stacked_update(clients: Factors, weights: Tensor) -> Factors:
    """``Σ w_k B_k A_k`` as one pair of factors of inner dimension K r, (L, K r, i) and (L, o, K r)."""
    A = (clients.A * weights[:, None, None]).flatten(-3, -2)
    return Factors(A, clients.B.movedim(-3, -2).flatten(-2))


def merged(state: ServerState, update: Factors) -> Tensor:
    """The base with ``update`` merged into it, (L, o, i), as large as the frozen weights themselves."""
    product = update.B @ update.A
    return product if state.base is None else state.base + product


def residual(clients: Factors, weights: Tensor, update: Factors) -> Factors:
    """``Σ w_k B_k A_k - B A`` as one pair of factors."""
    return concatenated(stacked_update(clients, weights), Factors(-update.A, update.B))


METHODS: Registry[Method] = Registry("Method", "arms")


def register(
    name: str, label: str, paper: str, hue: str, dash: str = "solid", symbol: str = "circle"
) -> Callable[[type[Method]], type[Method]]:
    """Class decorator that registers a :class:`Method`.

    Args:
        name: its name in URLs and code.
        label: its name for people.
        paper: its source.
        hue, dash, symbol: how figures draw it, as in :class:`fedrot_core.trace.ArmCard`.
    """

    def add(cls: type[Method]) -> type[Method]:
        cls.card, cls.paper = ArmCard(name, label, hue, dash, symbol), paper
        METHODS.add(name, cls())
        return cls

    return add
