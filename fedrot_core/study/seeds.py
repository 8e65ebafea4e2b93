"""The seeds of a study: the seed of a config and the ones that follow it."""

from fedrot_core.config import FederationConfig, leaves

SEEDS = 1 + int(next(leaf.option.high or 0 for leaf in leaves() if leaf.option.key == "seed"))
"""How many seeds there are: the seed after the last one is 0."""

MOST_SEEDS = 100
"""The most seeds that a comparison may use."""


def over_seeds(config: FederationConfig, count: int) -> tuple[FederationConfig, ...]:
    """``count`` runs that differ from ``config`` in the seed alone; the first is ``config`` itself."""
    return tuple(config.with_values({"seed": (config.seed + n) % SEEDS}) for n in range(count))
