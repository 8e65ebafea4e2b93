"""Ways to deal training samples to clients."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fedrot_core.errors import rule

Indices = NDArray[np.int64]


def iid(labels: Indices, clients: int, min_samples: int, rng: np.random.Generator) -> list[Indices]:
    """Shuffle the samples and cut them into nearly equal parts, one for each client.

    Raises:
        ConfigError: if ``clients * min_samples`` exceeds the number of samples.
    """
    _check_enough(labels, clients, min_samples)
    return [np.sort(part) for part in np.array_split(rng.permutation(len(labels)), clients)]


def dirichlet(labels: Indices, clients: int, alpha: float, min_samples: int, rng: np.random.Generator) -> list[Indices]:
    """Deal samples with Dirichlet label skew: each class is divided among clients by a draw from ``Dirichlet(alpha)``.

    Clients that end with fewer than ``min_samples`` then take random samples from the client that holds the most, so
    that every draw is usable, however small ``alpha`` is.

    Raises:
        ConfigError: if ``clients * min_samples`` exceeds the number of samples.
    """
    _check_enough(labels, clients, min_samples)
    parts: list[list[Indices]] = [[] for _ in range(clients)]
    for c in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == c))
        shares = rng.dirichlet(np.full(clients, alpha))
        cuts = np.rint(np.cumsum(shares)[:-1] * len(members)).astype(int)
        for part, piece in zip(parts, np.split(members, cuts), strict=True):
            part.append(piece)
    dealt = [np.concatenate(part) for part in parts]
    for k in np.argsort([len(d) for d in dealt], kind="stable"):
        while len(dealt[k]) < min_samples:
            donor = int(np.argmax([len(d) for d in dealt]))
            take = min(min_samples - len(dealt[k]), max(1, (len(dealt[donor]) - min_samples) // 2))
            moved = rng.choice(len(dealt[donor]), size=take, replace=False)
            dealt[k] = np.concatenate([dealt[k], dealt[donor][moved]])
            dealt[donor] = np.delete(dealt[donor], moved)
    return [np.sort(d) for d in dealt]


def _check_enough(labels: Indices, clients: int, min_samples: int) -> None:
    if clients * min_samples > len(labels):
        raise rule(
            "Fewest samples per client",
            f"be at most {len(labels) // clients} (= {len(labels)} samples / {clients} clients)",
            min_samples,
            "Lower it or take fewer clients.",
            "min",
        )


def class_counts(labels: Indices, parts: list[Indices], classes: int) -> NDArray[np.int64]:
    """(K, classes), how many samples of each class every client holds."""
    return np.stack([np.bincount(labels[p], minlength=classes) for p in parts]).astype(np.int64)
