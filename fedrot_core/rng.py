"""Named random streams derived from one seed.

Every draw in the package comes from ``stream(seed, "what", ...)``, so two draws never share a state, and adding one
never changes another. Numbers are drawn by NumPy on the host, so runs on a CPU and on a GPU get the same ones.
"""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return an independent generator for ``names`` under ``seed``.

    Args:
        seed: the run's seed.
        names: what the numbers are for, e.g. ``("batches", round_index)``.
    """
    digest = hashlib.sha256("/".join(str(n) for n in names).encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
