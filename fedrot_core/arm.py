"""One arm of a run: a method, what its server holds, and one round of it from uploads to a record."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrot_core.alignment import Alignment
from fedrot_core.config import FederationConfig
from fedrot_core.errors import DivergedError
from fedrot_core.factors import Factors
from fedrot_core.frames import as_sent
from fedrot_core.methods import Method, RoundContext, ServerState
from fedrot_core.methods.base import INDEX_BYTES, NUMBER_BYTES, round_update
from fedrot_core.metrics import Focus, measure
from fedrot_core.server import stepped
from fedrot_core.trace import RoundRecord, numpy_fields
from fedrot_core.workloads import Task

DIVERGED_NORM = 1e6
"""An update whose norm exceeds this has diverged, even if it is still finite."""


@dataclass(frozen=True)
class Turnout:
    """What chance decided for a round, the same in every arm.

    Attributes:
        round_index: from 0; clients: (m,) sampled; arrive: (m,) bool, False for those lost in mid-round.
        fresh_A: (L, r, i) a new initial A, for methods that re-initialise.
    """

    round_index: int
    clients: Tensor
    arrive: Tensor
    fresh_A: Tensor


@dataclass
class Arm:
    """One method's progress: what its server holds, the broadcasts so far (newest last), and what its arrows show."""

    method: Method
    state: ServerState
    history: list[Factors]
    focus: Focus | None = None


@dataclass(frozen=True)
class Combined:
    """A finished round of one arm: everything that a record of it is made from. K clients, whose uploads were used.

    Attributes:
        arm: the arm, already moved on; before: what its server held when the round began.
        config: the run's.
        sent: (L, K, r, i), (L, K, o, r), in the frames in which the server got them.
        update: the round's update, of any inner dimension, (L, p, i), (L, o, p).
        alignment: the rotations that were applied, or None.
        context: what the method knew.
        loss, score: of the new global model, or the mean over personal ones.
        dropped, lost: clients whose upload was not finite, and clients lost in mid-round.
        bytes_up, bytes_down: per client.
        client_seconds, server_seconds: work of one client's preparation and of the server's rule.
    """

    arm: Arm
    before: ServerState
    config: FederationConfig
    sent: Factors
    update: Factors
    alignment: Alignment | None
    context: RoundContext
    loss: float
    score: float
    dropped: Tensor
    lost: Tensor
    bytes_up: float
    bytes_down: float
    client_seconds: float
    server_seconds: float

    def record(self) -> RoundRecord:
        """Every metric; also keeps what the arm's arrows show, so that nothing jumps in the next round."""
        values, flags = measure(
            self.sent,
            self.context.reference,
            self.update,
            self.alignment,
            self.context.weights,
            self.config.align,
            self.context.round_index,
            self.config.lora.scaling,
            self.arm.focus,
        )
        self.arm.focus = Focus(values["features"], values["latent_axes"])
        return RoundRecord(
            arm=self.arm.method.card.name,
            round_index=self.context.round_index,
            loss=self.loss,
            score=self.score,
            clients=self.context.clients.numpy(),
            dropped=self.dropped.numpy(),
            lost=self.lost.numpy(),
            flags=flags,
            applied=self.alignment is not None,
            bytes_up=self.bytes_up,
            bytes_down=self.bytes_down,
            client_seconds=self.client_seconds,
            server_seconds=self.server_seconds,
            **numpy_fields(values.items()),
        )


def usable(arm: Arm, trained: Factors, now: Turnout, config: FederationConfig) -> Tensor:
    """Which rows of (L, m, ...) arrived and are finite: their indices, at least one.

    Raises:
        DivergedError: when every upload that arrived held NaN or Inf.
    """
    kept = torch.nonzero(trained.finite().all(0) & now.arrive).flatten()
    if not len(kept):
        raise DivergedError(
            f"{arm.method.card.label} stopped in round {now.round_index}: every upload held NaN or Inf. "
            f"{_remedy(config)}"
        )
    return kept


def combine(
    arm: Arm, trained: Factors, kept: Tensor, now: Turnout, context: RoundContext, config: FederationConfig, task: Task
) -> Combined:
    """Frames, the method's rule, the server's step, and the score; moves the arm on.

    Args:
        trained: (L, m, r, i), (L, m, o, r) from all sampled clients.
        kept: rows of it that the server uses, by :func:`usable`.
        context: the round, as the kept clients and the server know it.

    Raises:
        DivergedError: when the global factors left every reasonable range.
    """
    method = arm.method
    sent = Factors(torch.nan_to_num(trained.A, 0.0, 0.0, 0.0), torch.nan_to_num(trained.B, 0.0, 0.0, 0.0))
    if method.trains(context.round_index) == "AB":  # a frozen common factor pins every client's frame
        sent = as_sent(sent, config, context.round_index)
    sent = sent.select(kept)
    begin = time.perf_counter()
    upload = method.prepare(sent, arm.state, context)
    middle = time.perf_counter()
    outcome = method.combine(upload, arm.state, context)
    end = time.perf_counter()
    state = stepped(arm.state, outcome.state, config.server)
    size = float(state.factors.A.abs().max() + state.factors.B.abs().max())
    loss, score = task.evaluate(method.models(state), state.base)
    if not size < DIVERGED_NORM or not bool(torch.isfinite(loss).all()):
        raise DivergedError(
            f"{method.card.label} stopped in round {context.round_index}: its global factors grew beyond "
            f"{DIVERGED_NORM:g}. {_remedy(config)}"
        )
    before, arm.state = arm.state, state
    held = context.numbers("AB") * float(context.ranks.double().mean()) / config.lora.rank
    return Combined(
        arm=arm,
        before=before,
        config=config,
        sent=sent,
        update=round_update(before, outcome.state),
        alignment=upload.alignment or outcome.alignment,
        context=context,
        loss=float(loss.mean()),
        score=float(score.mean()),
        dropped=now.clients[now.arrive.index_fill(0, kept, False)],
        lost=now.clients[~now.arrive],
        bytes_up=_bytes(held if upload.numbers is None else upload.numbers, upload.indices),
        bytes_down=_bytes(held if outcome.numbers is None else outcome.numbers, outcome.indices),
        client_seconds=(middle - begin) / len(kept),
        server_seconds=end - middle,
    )


def _remedy(config: FederationConfig) -> str:
    return f"Lower the learning rate ({config.train.learning_rate:g}) or take fewer local steps."


def _bytes(numbers: float, indices: float) -> float:
    return numbers * NUMBER_BYTES + indices * INDEX_BYTES
