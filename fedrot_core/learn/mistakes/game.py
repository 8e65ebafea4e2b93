"""The game: a case number decides which mistake is hidden, so that a link holds a case without naming it."""

from collections.abc import Iterable, Mapping
from typing import Any

from fedrot_core.config import FederationConfig
from fedrot_core.learn.mistakes.base import MISTAKES, Mistake
from fedrot_core.rng import stream

BASE: Mapping[str, Any] = {"frames": "trained", "rounds": 10}
"""The run of the game, as changes of the default config: frames as trained, so that only the mistake is wrong."""

SETTINGS = ("alpha", "rank", "clients", "rounds", "steps", "seed")
"""What a person may change of it, by URL key."""

CASES = 9999
"""Case numbers run from 1 to this; the case is also the run's seed."""


def config_of(settings: Mapping[str, Any]) -> FederationConfig:
    """The game's run with these changes of it, by URL key."""
    return FederationConfig().with_values({**BASE, **settings})


def drawn(case: int, names: Iterable[str]) -> str:
    """Which of ``names`` this case hides, the same on every machine.

    Each name draws a lot of its own and the highest wins, so a new mistake takes some cases for itself and changes no
    other: links that people keep keep their answers.
    """
    return max(names, key=lambda name: (stream(case, "spot the bug", name).random(), name))


def hidden(case: int) -> Mistake:
    """The mistake of this case."""
    return MISTAKES[drawn(case, MISTAKES)]
