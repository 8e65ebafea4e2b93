"""Seeds of a study: a config's own and the ones after it."""

from fedrot_core.config import FederationConfig, leaves

SEEDS = 1 + int(next(leaf.option.high or 0 for leaf in leaves() if leaf.option.key == "seed"))
"""Seeds are counted modulo this."""

MOST_SEEDS = 100
"""Of a comparison."""


def over_seeds(config: FederationConfig, count: int) -> tuple[FederationConfig, ...]:
    """``count`` runs that differ from ``config`` in the seed alone; the first is ``config`` itself."""
    return tuple(config.with_values({"seed": (config.seed + n) % SEEDS}) for n in range(count))
