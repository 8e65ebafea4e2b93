"""What is found out about one module of several clients, in plain numbers and arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedrot_core.records import Array, mean_pair

LADDER = ("naive", "align_A", "align_B", "gpa", "floor")
"""Rungs of the error ladder, by their names in :data:`fedrot_core.vocabulary.RUNGS`."""

TURNED = LADDER[1:4]
"""Those that turn clients before averaging; a module whose clients' ranks differ has none of them."""

SMALLEST = 1e-7
"""A relative error below this is zero as far as a Gram matrix can tell."""


@dataclass(frozen=True)
class Shared:
    """A module that all clients adapt.

    Attributes:
        name: its name.
        kind: "linear", "embedding", "conv" or "experts".
        d_in, d_out, experts: its sizes.
        ranks: rank of each client.
        scales: what stands before each client's ``B A``.
    """

    name: str
    kind: str
    d_in: int
    d_out: int
    experts: int
    ranks: tuple[int, ...]
    scales: tuple[float, ...]

    @property
    def rank(self) -> int:
        """The largest rank of a client, to which the others are padded."""
        return max(self.ranks)

    @property
    def turns(self) -> bool:
        """Whether rotations between the clients exist."""
        return len(set(self.ranks)) == 1

    @property
    def scale(self) -> float:
        """The scale that stands before all clients' factors; others are folded into their B."""
        return self.scales[0]

    @property
    def form(self) -> tuple[int, int, int, tuple[int, ...]]:
        """Modules of equal form can be computed together."""
        return self.experts, self.d_out, self.d_in, self.ranks


@dataclass(frozen=True)
class LayerReport:
    """What averaging does to one module. Angles are in degrees; K clients, S the first 24 of them, r the rank.

    Attributes:
        module: the module.
        size: Frobenius norm of the ideal update ``Σ w_k s B_k A_k``.
        errors: relative error of each rung of :data:`LADDER`; those that turn are missing where ranks differ.
        angles: (K, r), eigen-angles of each client's rotation by generalised Procrustes, ascending; (K, 0) where ranks
            differ. Of stacked experts, the one of each client that turns most.
        reflected: (K,), whether that rotation contains a reflection.
        principal_A, principal_B: (S, S), largest principal angle between two clients' A and B, the same in
            every frame.
        factors_before, factors_after: (S, S), angle between two clients' factors as they are and after turning.
        products: (K, K), inner products of the clients' updates, with their scale.
        settled: whether generalised Procrustes converged.
    """

    module: Shared
    size: float
    errors: dict[str, float]
    angles: Array
    reflected: Array
    principal_A: Array
    principal_B: Array
    factors_before: Array
    factors_after: Array
    products: Array
    settled: bool

    @property
    def name(self) -> str:
        """The module's name."""
        return self.module.name

    @property
    def turned(self) -> float:
        """The smallest relative error after turning; naive's own where no rotation exists."""
        return min((self.errors[rung] for rung in TURNED if rung in self.errors), default=self.errors["naive"])

    @property
    def removed(self) -> float:
        """The share of naive averaging's error that the best turn removes; below 0 if every turn makes it worse."""
        return 1 - self.turned / self.errors["naive"] if self.errors["naive"] > SMALLEST else 0.0

    @property
    def stays(self) -> float:
        """The share of naive averaging's error that stays at this rank, whatever is done."""
        return self.errors["floor"] / self.errors["naive"] if self.errors["naive"] > SMALLEST else 0.0

    @property
    def turn(self) -> float:
        """Mean size of the eigen-angles of the client that has to be turned most; 0 where no rotation exists.

        The largest one alone would say 180° of every reflection. A rotation without any pattern has a mean of 90°.
        """
        return float(np.abs(self.angles).mean(-1).max()) if self.angles.size else 0.0

    @property
    def apart_A(self) -> float:
        """Mean of ``principal_A`` over pairs of clients: how far their subspaces lie apart, in any frame."""
        return mean_pair(self.principal_A)

    @property
    def apart_B(self) -> float:
        """The same of B."""
        return mean_pair(self.principal_B)
