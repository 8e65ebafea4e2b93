"""The contract of an aggregation method, and the registry of all of them.

A method sees all layers at once: factors are (L, K, r, i) and (L, K, o, r), zero-padded to the widest layer, float64
on the host. It prepares each client's upload (what the client does) and combines the uploads (what the server does).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from fedrot_core.alignment import Alignment
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors
from fedrot_core.registry import Registry
from fedrot_core.trace import ArmCard


@dataclass(frozen=True)
class RoundContext:
    """What a method may know about the round.

    Attributes:
        round_index: from 0.
        align: the run's alignment settings.
        weights: (K,) client weights that sum to one.
    """

    round_index: int
    align: AlignmentConfig
    weights: Tensor


@dataclass(frozen=True)
class Aggregate:
    """What a round of a method gives.

    Attributes:
        factors: the next global factors (L, r, i), (L, o, r).
        alignment: the rotations that were applied to the clients, or None if the method turns nobody.
    """

    factors: Factors
    alignment: Alignment | None = None


class Method(ABC):
    """One aggregation rule. Stateless: everything it needs comes with the call.

    Attributes:
        card, paper: name, label, drawing style and source, set by :func:`register`.
        exact: whether the global update equals ``Σ w_k B_k A_k``; the contract suite checks the claim.
        gauge_invariant: whether turning one client leaves the global update unchanged; likewise checked.
    """

    card: ClassVar[ArmCard]
    paper: ClassVar[str]
    exact: ClassVar[bool] = False
    gauge_invariant: ClassVar[bool] = False

    def prepare(self, trained: Factors, received: Factors, context: RoundContext) -> tuple[Factors, Alignment | None]:
        """What each client sends, given what it trained and what it received. Default: the factors as they are.

        Args:
            trained: (L, K, r, i), (L, K, o, r).
            received: (L, r, i), (L, o, r); this round's broadcast.
        """
        return trained, None

    @abstractmethod
    def combine(self, uploads: Factors, context: RoundContext) -> Aggregate:
        """The server's rule."""

    def aggregate(self, trained: Factors, received: Factors, context: RoundContext) -> Aggregate:
        """Client side, then server side; reports whichever alignment was applied."""
        uploads, alignment = self.prepare(trained, received, context)
        result = self.combine(uploads, context)
        return Aggregate(result.factors, alignment or result.alignment)


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
