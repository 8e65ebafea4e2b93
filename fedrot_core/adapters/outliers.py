"""How clients stand among the others: some are of another size, or against what the others learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fedrot_core.records import Array
from fedrot_core.wording import amount, times

APART = 3.0
"""A client whose update is larger or smaller than the median by more than this factor stands out."""

AGAINST = -0.2
"""A cosine below this is against the others; around zero, two updates have nothing to do with one another."""

FEWEST = 3
"""Between two clients, nobody can tell which one is odd."""


@dataclass(frozen=True)
class Standing:
    """How a client stands among the others, over all layers together.

    Attributes:
        client: its name.
        size: the norm of its update over the median of all clients.
        agreement: cosine between its update and the sum of the others'; 0 where one of them vanishes.
        reason: why it stands out, as a sentence; empty if it does not.
    """

    client: str
    size: float
    agreement: float
    reason: str


def standings(names: Sequence[str], products: Array) -> tuple[Standing, ...]:
    """Every client among the others.

    Args:
        names: the clients' names.
        products: (K, K), inner products of their updates over all layers.
    """
    sizes = np.sqrt(np.clip(np.diagonal(products), 0, None))
    middle = float(np.median(sizes))
    found = []
    for k, name in enumerate(names):
        others = np.arange(len(names)) != k
        rest = float(np.sqrt(max(0.0, products[np.ix_(others, others)].sum())))
        agreement = float(products[k, others].sum()) / (sizes[k] * rest) if sizes[k] * rest > 0 else 0.0
        share = float(sizes[k]) / middle if middle > 0 else float(sizes[k] > 0)
        why = _reason(share, agreement) if len(names) >= FEWEST else ""
        found.append(Standing(name, share, float(np.clip(agreement, -1, 1)), why))
    return tuple(found)


def _reason(share: float, agreement: float) -> str:
    if share == 0:
        return "Its update is zero."
    if not 1 / APART <= share <= APART:
        return f"Its update is {times(share)} as large as the median of all clients."
    if agreement < AGAINST:
        return f"Its update points against the sum of the others (cosine {amount(agreement, '', 2)})."
    return ""
