"""A federation small enough to write out: four clients with B 4 × 2 and A 2 × 5, trained by the lab's own engine.

It is the teacher task in small: client k fits ``√(1-h) S + √h O_k``, a shared matrix and one of its own, by Adam.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch

from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, pack, unpack
from fedrot_core.factors import Factors, LayerSpec, ideal_product
from fedrot_core.federation.frames import as_sent
from fedrot_core.rng import stream
from fedrot_core.workloads.teacher import TeacherBatch, TeacherProgram

CLIENTS, RANK, D_IN, D_OUT, PART_RANK = 4, 2, 5, 4, 2
OWN_SHARE = 0.3
"""h: share of each client's teacher that is its own."""

SEED, LOCAL_STEPS, LEARNING_RATE = 13, 30, 0.05
"""Of the first seeds, one whose SVD signs mirror exactly one client's frame, and whose clients otherwise agree."""

WEIGHTS = torch.full((CLIENTS,), 1 / CLIENTS, dtype=torch.float64)
"""All clients count alike."""


@dataclass(frozen=True)
class SecondRound:
    """What there is to align: in the first round B starts at 0, so the second is the first with a full reference.

    Attributes:
        reference: (r, i), (o, r), the naive average of the first round, which every client received.
        trained: (K, r, i), (K, o, r), what clients trained from it, in the frame that training left them in.
        sent: the same updates, re-factorised by SVD with arbitrary signs.
    """

    reference: Factors
    trained: Factors
    sent: Factors


@functools.cache
def second_round() -> SecondRound:
    """Two rounds of training; takes a few milliseconds."""
    rng = stream(SEED, "small federation")
    teachers = _teachers(rng)
    start = torch.from_numpy(rng.uniform(-1.0, 1.0, (RANK, D_IN)) / D_IN**0.5)
    first = _trained(teachers, Factors(start, torch.zeros(D_OUT, RANK, dtype=torch.float64)))
    reference = first.mean(WEIGHTS)
    trained = _trained(teachers, reference)
    config = FederationConfig().with_values({"frames": "svd", "seed": SEED})
    sent = as_sent(Factors(trained.A.unsqueeze(0), trained.B.unsqueeze(0)), config, 1)
    return SecondRound(reference, trained, Factors(sent.A[0], sent.B[0]))


def relative_error(clients: Factors) -> torch.Tensor:
    """Aggregation error of the naive average of (..., K, r, i), (..., K, o, r), over the ideal's norm: (...)."""
    ideal, mean = ideal_product(clients, WEIGHTS), clients.mean(WEIGHTS)
    missed: torch.Tensor = (ideal - mean.B @ mean.A).square().sum((-1, -2)) / ideal.square().sum((-1, -2))
    return missed.sqrt()


def plane_turn(degrees: float) -> torch.Tensor:
    """The 2 × 2 rotation by ``degrees``."""
    c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def _teachers(rng: np.random.Generator) -> Factors:
    """What each client fits: (K, 2 q, i), (K, o, 2 q)."""

    def part(count: int) -> tuple[torch.Tensor, torch.Tensor]:
        P, Q = rng.standard_normal((count, D_OUT, PART_RANK)), rng.standard_normal((count, PART_RANK, D_IN))
        return torch.from_numpy(P), torch.from_numpy(Q)

    (P0, Q0), (P1, Q1) = part(1), part(CLIENTS)
    P = torch.cat([P0.expand_as(P1) * (1 - OWN_SHARE) ** 0.5, P1 * OWN_SHARE**0.5], dim=-1)
    return Factors(torch.cat([Q0.expand_as(Q1), Q1], dim=-2), P)


def _trained(teachers: Factors, start: Factors) -> Factors:
    """Every client's factors after local training from one broadcast: (K, r, i), (K, o, r)."""
    like = Factors(start.A.expand(1, CLIENTS, -1, -1), start.B.expand(1, CLIENTS, -1, -1))
    engine = Engine([LayerSpec("small", D_IN, D_OUT)], CLIENTS, RANK, "adam", LEARNING_RATE, CPU)
    program = TeacherProgram(scaling=1.0)
    program.start_round([TeacherBatch(teachers, None)])
    pack(engine, like)
    engine.train(program, LOCAL_STEPS)
    ended = unpack(engine, like)
    return Factors(ended.A[0], ended.B[0])
