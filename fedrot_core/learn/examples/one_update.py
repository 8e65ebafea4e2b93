"""One update in many frames: a letter of rank 2 whose factors are turned, and what averaging them keeps."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fedrot_core.alignment import (
    align_to_reference,
    generalised_procrustes,
    random_rotations,
    rotation_angles,
)
from fedrot_core.factors import Factors, refactorised
from fedrot_core.learn.examples.small_federation import plane_turn, relative_error, second_round
from fedrot_core.records import Array
from fedrot_core.rng import stream

LETTER_COLUMNS = ((1, 0), (0, 1), (1, 0), (0, 1), (0, 1), (0, 1))
LETTER_ROWS = ((1, 1, 1, 1, 1, 1, 1, 1), (1, 1, 0, 0, 0, 0, 0, 0))
"""An F: two bars and a stem, as an exact product of 6 × 2 and 2 × 8."""

SHOWN_COLUMNS = (0, 7)
"""One column of A in the letter's stem, and one in its bars; all others equal one of these."""

LAW_ANGLES = tuple(range(0, 181, 15))
MOST_CLIENTS, DRAWS = 12, 150
SPUN_CLIENT = 1


@dataclass(frozen=True)
class Turned:
    """The letter's factors after a turn.

    Attributes:
        B, A, product: (o, r), (r, i), (o, i), as turned.
        changed: how many of the ``numbers`` of B and A differ from those before the turn.
        gap: how far the product is from the one before, over its norm.
        limit: no number in any frame is larger.
    """

    B: Array
    A: Array
    product: Array
    changed: int
    numbers: int
    gap: float
    limit: float


@dataclass(frozen=True)
class Pair:
    """Two clients with the letter as their update, the second's frame turned; C shown columns of A.

    Attributes:
        clients: (2, C, 2) columns of A; naive, aligned: (C, 2) their mean, as sent and after generalised Procrustes.
        arrow_kept, arrow_aligned: length of the mean arrows over the clients', the same for every column.
        pictures: (2, o, i) the clients' updates; naive_picture, aligned_picture: (o, i) the products of the means.
        kept, kept_aligned: how much of the update the product of the means keeps along it; 1 keeps all.
        error: aggregation error of the naive average, relative.
    """

    clients: Array
    naive: Array
    aligned: Array
    arrow_kept: float
    arrow_aligned: float
    pictures: Array
    naive_picture: Array
    aligned_picture: Array
    kept: float
    kept_aligned: float
    error: float


@dataclass(frozen=True)
class Law:
    """What really averaging turned factors keeps: angles (n,) in degrees, kept and error (n,) as shares."""

    angles: Array
    kept: Array
    error: Array


@dataclass(frozen=True)
class Crowd:
    """The letter in frames drawn at random: counts (n,) of clients, kept (n, draws), mean (n,) over the draws."""

    counts: Array
    kept: Array
    mean: Array


@dataclass(frozen=True)
class Spin:
    """Four trained clients before and after one of them is spun.

    Attributes:
        arrows, before: (K, 2) the longest column of each client's A, as it stands and before the spin.
        column: which column that is; client: who is spun.
        secret: by how many degrees, 0 if nobody is; found: the angle by which Procrustes turns this client.
        naive, aligned: aggregation errors; naive_before, aligned_before: those before the spin.
        update_gap: how far the client's product moved, over its norm.
    """

    arrows: Array
    before: Array
    column: int
    client: int
    secret: float
    found: float
    naive: float
    aligned: float
    naive_before: float
    aligned_before: float
    update_gap: float


@functools.cache
def letter() -> Factors:
    """Balanced factors of the letter, (2, 8) and (6, 2)."""
    rows, columns = (torch.tensor(x, dtype=torch.float64) for x in (LETTER_ROWS, LETTER_COLUMNS))
    return refactorised(Factors(rows, columns))


def turned(degrees: float) -> Turned:
    """The letter written in a frame turned by ``degrees``."""
    before = letter()
    after = before.turned(plane_turn(degrees))
    product, then = before.B @ before.A, after.B @ after.A
    moves = torch.cat([(after.A - before.A).flatten(), (after.B - before.B).flatten()]).abs() > 1e-9
    limit = float(torch.cat([before.A.norm(dim=-2), before.B.norm(dim=-1)]).max())
    gap = float((then - product).norm() / product.norm())
    return Turned(after.B.numpy(), after.A.numpy(), then.numpy(), int(moves.sum()), moves.numel(), gap, max(limit, 1.0))


def pair(degrees: float) -> Pair:
    """Client 0 in the letter's own frame, client 1 turned by ``degrees``; equal weights."""
    base, weights = letter(), torch.full((2,), 0.5, dtype=torch.float64)
    sent = _copies(2).turned(torch.stack([plane_turn(0), plane_turn(degrees)]))
    naive = sent.mean(weights)
    aligned = sent.turned(generalised_procrustes(sent, weights, "SO").R).mean(weights)
    ideal = base.B @ base.A

    def columns(A: Tensor) -> Array:
        picked: Array = A[..., SHOWN_COLUMNS].mT.numpy()
        return picked

    def kept(mean: Factors) -> float:
        return float(((mean.B @ mean.A) * ideal).sum() / ideal.square().sum())

    length = base.A.norm()
    return Pair(
        clients=columns(sent.A),
        naive=columns(naive.A),
        aligned=columns(aligned.A),
        arrow_kept=float(naive.A.norm() / length),
        arrow_aligned=float(aligned.A.norm() / length),
        pictures=(sent.B @ sent.A).numpy(),
        naive_picture=(naive.B @ naive.A).numpy(),
        aligned_picture=(aligned.B @ aligned.A).numpy(),
        kept=kept(naive),
        kept_aligned=kept(aligned),
        error=float((ideal - naive.B @ naive.A).norm() / ideal.norm()),
    )


@functools.cache
def law() -> Law:
    """The pair at every angle of :data:`LAW_ANGLES`."""
    pairs = [pair(angle) for angle in LAW_ANGLES]
    return Law(np.array(LAW_ANGLES, dtype=float), np.array([p.kept for p in pairs]), np.array([p.error for p in pairs]))


@functools.cache
def crowd() -> Crowd:
    """The naive average of 1 .. :data:`MOST_CLIENTS` clients in random frames, :data:`DRAWS` times each."""
    base = letter()
    ideal = base.B @ base.A
    rows = []
    for count in range(1, MOST_CLIENTS + 1):
        R = random_rotations(stream(0, "crowd", count), DRAWS * count, 2).reshape(DRAWS, count, 2, 2)
        sent = Factors(base.A.expand(DRAWS, count, -1, -1), base.B.expand(DRAWS, count, -1, -1)).turned(R)
        mean = sent.mean(torch.full((count,), 1 / count, dtype=torch.float64))
        rows.append(((mean.B @ mean.A) * ideal).sum((-1, -2)) / ideal.square().sum())
    kept = torch.stack(rows).numpy()
    return Crowd(np.arange(1, MOST_CLIENTS + 1), kept, kept.mean(1))


@functools.lru_cache(maxsize=64)
def spun(seed: int) -> Spin:
    """Spin client :data:`SPUN_CLIENT` of the small federation by an angle that only ``seed`` knows; 0 spins nobody.

    The angle is 60° to 180° either way. Aligned means turned onto the reference by A, in SO(2), λ = 1.
    """
    example = second_round()
    sent, rng = example.trained, stream(seed, "spin")
    secret = float(rng.uniform(60, 180) * rng.choice([-1.0, 1.0])) if seed else 0.0
    turns = torch.eye(2, dtype=torch.float64).repeat(len(sent.A), 1, 1)
    turns[SPUN_CLIENT] = plane_turn(secret)
    after = sent.turned(turns)

    def aligned_error(f: Factors) -> float:
        return float(relative_error(f.turned(align_to_reference(f, example.reference, "A", "SO", 1.0).R)))

    column = int(sent.A.square().sum((0, 1)).argmax())
    own, own_after = ((f.B @ f.A)[SPUN_CLIENT] for f in (sent, after))
    R = align_to_reference(after, example.reference, "A", "SO", 1.0).R
    return Spin(
        arrows=after.A[..., column].numpy(),
        before=sent.A[..., column].numpy(),
        column=column,
        client=SPUN_CLIENT,
        secret=abs(secret),
        found=float(rotation_angles(R[SPUN_CLIENT]).abs().max()),
        naive=float(relative_error(after)),
        aligned=aligned_error(after),
        naive_before=float(relative_error(sent)),
        aligned_before=aligned_error(sent),
        update_gap=float((own_after - own).norm() / own.norm()),
    )


def _copies(count: int) -> Factors:
    """``count`` clients that all hold the letter in its own frame."""
    base = letter()
    return Factors(base.A.expand(count, -1, -1), base.B.expand(count, -1, -1))
