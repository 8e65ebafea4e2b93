"""What a mistake is, and the registry of all of them. Kept apart from the methods: no menu of methods lists a mistake.

Each was found in public code of federated LoRA. A mistake is a faulty copy of a correct method, so that the two run as
arms of one federation, from the same seed and on the same mini-batches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fedrot_core.config import FederationConfig
from fedrot_core.methods import METHODS, Method
from fedrot_core.registry import Registry
from fedrot_core.trace import ArmCard


class Faulty(Method):
    """First base of a faulty copy. It knows the run's config: some mistakes concern the scaling or the seed.

    Args:
        config: the run's config.
    """

    def __init__(self, config: FederationConfig) -> None:
        self.config = config


@dataclass(frozen=True)
class Mistake:
    """A registry entry.

    Attributes:
        name: for URLs and code; title: what went wrong, for a list to choose from.
        method: the correct method that it sits on, a name in :data:`fedrot_core.methods.METHODS`.
        right, wrong: the rule as it should be and as the faulty code has it, one line each.
        why: why that is wrong; tell: what evidence gives it away.
        in_training: whether it sits in the clients' training, where a bench that feeds the server cannot show it.
        build: makes the faulty copy for a run.
    """

    name: str
    title: str
    method: str
    right: str
    wrong: str
    why: str
    tell: str
    in_training: bool
    build: Callable[[FederationConfig], Faulty]

    def arms(self, config: FederationConfig) -> tuple[Method, Method]:
        """The correct method and its faulty copy, in this order."""
        return METHODS[self.method], self.build(config)


MISTAKES: Registry[Mistake] = Registry("Mistake", "bug")


def mistake(
    name: str, title: str, method: str, right: str, wrong: str, why: str, tell: str, in_training: bool = False
) -> Callable[[type[Faulty]], type[Faulty]]:
    """Class decorator that registers a faulty copy of ``method``."""

    def add(cls: type[Faulty]) -> type[Faulty]:
        cls.card = ArmCard(f"faulty_{name}", f"{METHODS[method].card.label}, faulty", "vermillion", "dash", "x")
        MISTAKES.add(name, Mistake(name, title, method, right, wrong, why, tell, in_training, cls))
        return cls

    return add
