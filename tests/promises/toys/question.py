"""A question about sums."""

import numpy as np

from fedrot_core.learn.quiz.base import Drawn, Number, register


@register(
    "toy_sum", lesson="one_update", text="What is {a} and {b} together?", explain="{a} and {b} make {sum}."
)  # fmt: skip
def toy_sum(rng: np.random.Generator) -> Drawn:
    """Two small numbers."""
    a, b = (int(n) for n in rng.integers(1, 90, size=2))
    return Drawn(Number(a + b, "", 0.0, 0, 200), {"a": str(a), "b": str(b), "sum": str(a + b)})
