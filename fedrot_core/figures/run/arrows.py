"""What the latent arrows show, selected from a record: one column of every client's A in one plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedrot_core.records import Array, RoundRecord


@dataclass(frozen=True)
class Arrows:
    """One column of A in latent space: P path steps, S shown clients.

    Attributes:
        column: which column; share: of the arrows' power, as sent and turned, that the plane holds.
        clients: (P, S, 2); mean: (P, 2); in the plane. Length: mean full length of the shown clients' arrows.
        kept: (P,) length of the mean arrow over ``length``, both over all r axes.
    """

    column: int
    share: float
    clients: Array
    mean: Array
    length: float
    kept: Array


def arrows(record: RoundRecord, layer: int, feature: int) -> Arrows:
    """Select one column."""
    c = min(feature, record.arrows.features.shape[1] - 1)
    path, mean = record.arrows.path[:, layer, :, :, c], record.arrows.mean[:, layer, :, c]  # (P, S, r), (P, r)
    plane = record.arrows.plane[layer, c]  # (r, 2)
    weights = record.weights[: path.shape[1]] / record.weights[: path.shape[1]].sum()
    length = float(np.linalg.norm(path[0], axis=-1) @ weights)
    kept = np.linalg.norm(mean, axis=-1) / length if length > 0 else np.zeros(len(mean))
    return Arrows(
        int(record.arrows.features[layer, c]),
        float(record.arrows.share[layer, c]),
        path @ plane,
        mean @ plane,
        length,
        np.minimum(kept, 1),
    )


def half_ranges(records: list[RoundRecord], layer: int, feature: int) -> tuple[float, float]:
    """Half width and height that hold every arrow of these rounds, and the ring of their mean length."""
    all_arrows = [arrows(r, layer, feature) for r in records]
    ring = max(a.length for a in all_arrows)
    wide, high = (
        max(float(np.abs(np.concatenate([a.clients[..., i].ravel(), a.mean[..., i]])).max()) for a in all_arrows)
        for i in (0, 1)
    )
    half_y = 1.06 * max(high, wide, ring, 1e-9)
    return max(1.06 * wide, 1.06 * ring, half_y / 1.5), half_y
