"""A federated round spelled out: where every client's factors are after each of its phases.

Four clients at rank 2 fit teacher matrices; the upload is turned by planted rotations; each client is then turned onto
the broadcast as FedRot-LoRA does it, with λ = 1, and the server averages. Every number comes from the functions that
:class:`fedrot_core.federation.Federation` uses, in its order, so a round equals that of a federation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrot_core.alignment import procrustes, rotation_angles, side_of_round
from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig
from fedrot_core.factors import BROADCAST_STEP, UPLOAD_STEP, Factors, LayerSpec, ideal_product
from fedrot_core.federation.frames import as_sent, initial_A
from fedrot_core.learn.examples.local_steps import watch
from fedrot_core.methods import METHODS, RoundContext, ServerState
from fedrot_core.metrics import relative_errors
from fedrot_core.rng import stream
from fedrot_core.workloads import build_task

CLIENTS, RANK, ROUNDS = 4, 2, 5

PARTS = 4
"""A move between two phases is kept in this many equal parts."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SlowRound:
    """One round. K clients, P = PARTS + 1 positions of a move, two latent axes.

    Attributes:
        round_index: from 0; side: the factor matched to the broadcast's, or None where clients are not turned.
        column: which column of A the arrows are.
        broadcast: (2,) that column of the broadcast.
        train: (P, K, 2) from the broadcast along the local steps; upload: (P, K, 2) while the frame changes;
            turn: (P, K, 2) while each client is turned onto the broadcast.
        spread_trained, spread_sent, spread_turned: largest angle in degrees between two clients' arrows.
        angles: (K,) degrees by which alignment turns each client; angles_trained: by which it would have turned what
            was trained, before the change of frame.
        naive, turned: (2,) that column of the average as sent, and after the turn.
        length: mean length of the clients' arrows; kept_naive, kept_turned: length of the averages over it.
        change_upload, change_turn: largest relative change of a client's update B A in these phases.
        distance_before, distance_after: mean distance of the matched factor to the broadcast's, over its norm; NaN in a
            round that is not aligned.
        error_naive, error_turned, floor: relative to the ideal, over all of B A.
    """

    round_index: int
    side: str | None
    column: int
    broadcast: Array
    train: Array
    upload: Array
    turn: Array
    spread_trained: float
    spread_sent: float
    spread_turned: float
    angles: Array
    angles_trained: Array
    naive: Array
    turned: Array
    length: float
    kept_naive: float
    kept_turned: float
    change_upload: float
    change_turn: float
    distance_before: float
    distance_after: float
    error_naive: float
    error_turned: float
    floor: float


def config_of(apart: float) -> FederationConfig:
    """The run whose rounds are shown: frames of two halves of the clients ``apart`` degrees apart."""
    return FederationConfig().with_values(
        {
            "task": "teacher", "clients": CLIENTS, "rank": RANK, "rounds": ROUNDS, "frames": "turned", "theta": apart,
            "lam": 1.0, "arms": ("fedrot",), "device": "cpu",
        }
    )  # fmt: skip


@lru_cache(maxsize=64)
def slow_rounds(apart: float) -> tuple[SlowRound, ...]:
    """All rounds of the run, milliseconds of work."""
    config = config_of(apart)
    task, method = build_task(config, CPU), METHODS["fedrot"]
    A = initial_A(config, tuple(s.d_in for s in task.layers), CLIENTS)  # (1, K, r, i)
    state = ServerState(Factors(A[:, 0], torch.zeros(1, task.layers[0].d_out, RANK, dtype=torch.float64)))
    column, rounds = None, []
    for t in range(ROUNDS):
        context = _context(config, t, state.factors, task.layers)
        steps = [Factors(f.A[None], f.B[None]) for f in watch(task, config, t, method.start(state, context))[0]]
        as_turned = as_sent(steps[-1], config, t)
        sent = as_turned.on_grid(UPLOAD_STEP)
        upload = method.prepare(sent, state, context)
        outcome = method.combine(upload, state, context)
        if column is None:  # the longest one of the first round, then kept, so that arrows keep their meaning
            column = int(sent.A[0].square().sum((0, 1)).argmax())
        change = _change(steps[-1], as_turned)
        rounds.append(
            _shown(context, config, state, steps, sent, upload.factors, outcome.state.factors, column, change)
        )
        state = replace(outcome.state, factors=outcome.state.factors.on_grid(BROADCAST_STEP))
    return tuple(rounds)


def _context(config: FederationConfig, t: int, broadcast: Factors, layers: tuple[LayerSpec, ...]) -> RoundContext:
    """All clients take part and weigh the same."""
    return RoundContext(
        round_index=t,
        align=config.align,
        weights=torch.full((CLIENTS,), 1 / CLIENTS, dtype=torch.float64),
        clients=torch.arange(CLIENTS),
        total_clients=CLIENTS,
        layers=layers,
        reference=broadcast,
        rng=lambda name: stream(config.seed, name, t),
        ranks=torch.full((CLIENTS,), RANK),
        fresh_A=lambda: broadcast.A,
    )


def _shown(
    context: RoundContext,
    config: FederationConfig,
    state: ServerState,
    steps: list[Factors],
    sent: Factors,
    turned: Factors,
    result: Factors,
    column: int,
    change_upload: float,
) -> SlowRound:
    """What the lesson shows of a round that was played; factors are (1, K, r, i), (1, K, o, r)."""
    weights, reference, trained = context.weights, context.reference, steps[-1]
    own = _between(sent, turned)
    picks = [round(p * (len(steps) - 1) / PARTS) for p in range(PARTS + 1)]
    as_uploaded = sent.A[0, :, :, column]  # (K, 2)
    naive, mean = sent.mean(weights).A[0, :, column], result.A[0, :, column]
    length = float(as_uploaded.norm(dim=-1) @ weights)
    own_error, naive_error = relative_errors(sent, reference, result, weights)
    side = side_of_round(config.align.side, context.round_index)
    return SlowRound(
        round_index=context.round_index,
        side=side,
        column=column,
        broadcast=reference.A[0, :, column].numpy(),
        train=torch.stack([steps[p].A[0, :, :, column] for p in picks]).numpy(),
        upload=_turning(trained.A[0, :, :, column], _between(trained, sent)),
        turn=_turning(as_uploaded, own),
        spread_trained=_spread(trained.A[0, :, :, column]),
        spread_sent=_spread(as_uploaded),
        spread_turned=_spread(turned.A[0, :, :, column]),
        angles=_sizes(own),
        angles_trained=_sizes(_between(trained, METHODS["fedrot"].prepare(trained, state, context).factors)),
        naive=naive.numpy(),
        turned=mean.numpy(),
        length=length,
        kept_naive=float(naive.norm()) / length,
        kept_turned=float(mean.norm()) / length,
        change_upload=change_upload,
        change_turn=_change(sent, turned),
        distance_before=_distance(sent, reference, side),
        distance_after=_distance(turned, reference, side),
        error_naive=naive_error,
        error_turned=own_error,
        floor=_floor(sent, weights),
    )


def _between(before: Factors, after: Factors) -> Tensor:
    """(1, K, r, r) the rotation that takes each client's factors from one frame to the other."""
    return procrustes(before.stacked() @ after.stacked().mT, "SO")[0]


def _sizes(R: Tensor) -> Array:
    """(K,) the turn's angle in degrees of rotations (1, K, 2, 2)."""
    found: Array = rotation_angles(R[0]).abs().amax(-1).numpy()
    return found


def _turning(arrows: Tensor, R: Tensor) -> Array:
    """(P, K, 2) the arrows (K, 2) while they turn by 0, 1/PARTS, ... of ``Rᵀ``, at constant length."""
    angle = -torch.atan2(R[0, :, 1, 0], R[0, :, 0, 0])  # Rᵀ turns the other way
    parts = torch.linspace(0, 1, PARTS + 1, dtype=torch.float64)[:, None] * angle  # (P, K)
    x, y = arrows[:, 0], arrows[:, 1]
    found: Array = torch.stack([x * parts.cos() - y * parts.sin(), x * parts.sin() + y * parts.cos()], dim=-1).numpy()
    return found


def _change(before: Factors, after: Factors) -> float:
    """Largest ``‖B A - B' A'‖ / ‖B A‖`` over clients, by the products themselves: a root of Grams would blur a zero."""
    product = before.B @ before.A  # (1, K, o, i)
    norm = torch.linalg.matrix_norm
    return float((norm(after.B @ after.A - product) / norm(product)).max())


def _spread(arrows: Tensor) -> float:
    """Largest angle in degrees between two of the arrows (K, 2)."""
    unit = arrows / arrows.norm(dim=-1, keepdim=True)
    return float(torch.rad2deg(torch.acos((unit @ unit.mT).clamp(-1, 1))).max())


def _floor(clients: Factors, weights: Tensor) -> float:
    """The singular values of the ideal beyond the rank, over all of them (Eckart–Young)."""
    S = torch.linalg.svdvals(ideal_product(clients, weights))
    return float(S[..., RANK:].norm() / S.norm())


def _distance(clients: Factors, reference: Factors, side: str | None) -> float:
    """Mean over clients of ``‖X_k - X_ref‖ / ‖X_ref‖`` for the matched factor X."""
    if side is None:
        return float("nan")
    X, X_ref = (clients.A, reference.A) if side == "A" else (clients.B, reference.B)
    gaps = torch.linalg.matrix_norm(X - X_ref.unsqueeze(1)) / torch.linalg.matrix_norm(X_ref).unsqueeze(1)
    return float(gaps.mean())
