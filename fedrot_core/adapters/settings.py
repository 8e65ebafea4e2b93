"""What an adapter's config says that matters here, by PEFT's rules (peft 0.21.2)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fedrot_core.adapters.names import bare, ends
from fedrot_core.adapters.patterns import Patterns

NAMED = 20
"""How many fields or keys a sentence names."""


@dataclass(frozen=True)
class Settings:
    """How an adapter's factors become an update.

    Attributes:
        rank, alpha: the usual rank and ``lora_alpha``; None without a config.
        rslora: whether the scale is ``alpha / √r`` instead of ``alpha / r``.
        rank_pattern, alpha_pattern: other ranks and alphas, by a pattern that the end of a module's name must match.
        targets: names of modules that are adapted as a whole; empty if they were given by an expression.
        adapted: names of parameters that are adapted directly, as in stacked experts, by the end of their module's.
        parameters: the same as they are written again.
        saved: names of the modules that were trained whole (``modules_to_save``).
        base: a digest of the base model's name, to compare; empty if it is not named.
        owner: a digest of its owner on a hub; empty if it is not named.
        beyond: what makes the update more than ``B A``, in words.
        moves_base: whether the start changed the base model.
        tokens: a digest of the token indices that are trained; empty if there are none.
        tied: whether the embedding is tied to the output layer.
        fields: what is written again: the task type, the layout of weights, and which biases were trained.
        notes: sentences about what is unusual.
    """

    rank: int | None = None
    alpha: float | None = None
    rslora: bool = False
    rank_pattern: Patterns = field(default_factory=Patterns, repr=False)
    alpha_pattern: Patterns = field(default_factory=Patterns, repr=False)
    targets: frozenset[str] = field(default=frozenset(), repr=False)
    adapted: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    parameters: tuple[str, ...] = field(default=(), repr=False)
    saved: tuple[str, ...] = field(default=(), repr=False)
    base: str = ""
    owner: str = ""
    beyond: tuple[str, ...] = ()
    moves_base: bool = False
    tokens: str = ""
    tied: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def rank_of(self, name: str) -> int | None:
        """The rank that the config gives a module or parameter."""
        rank: int | None = self.rank_pattern.value(name, self.rank)
        return rank

    def scale_of(self, name: str, rank: int) -> float:
        """What stands before ``B A`` in a module or parameter of this rank; 1 without a config."""
        alpha: float | None = self.alpha_pattern.value(name, self.alpha)
        if alpha is None:
            return 1.0
        return alpha / (math.sqrt(rank) if self.rslora else rank)

    def parameters_of(self, module: str) -> tuple[str, ...]:
        """The parameters, by full name, of which a module's factors may be; none if it is adapted as a whole."""
        if not self.adapted:
            return ()
        whole = bare(module)
        known = [whole, *ends(whole)]
        named = [f"{whole}.{own}" for end in known if end in self.adapted for own in self.adapted[end]]
        if named or not self.targets.isdisjoint(known):
            return tuple(named)
        return tuple(f"{whole}.{own}" for own in self.adapted.get("", ()))

    def dead(self, modules: Iterable[str]) -> tuple[str, ...]:
        """Sentences about patterns that match no module, nor any of the parameters that were asked for."""
        names = list(modules)
        return tuple(
            f"{patterns.name} has dead keys, which match no module as PEFT matches names: number "
            + ", ".join(map(str, dead[:NAMED]))
            + f" of {len(patterns.values)}."
            for patterns in (self.rank_pattern, self.alpha_pattern)
            if (dead := patterns.dead(names))
        )
