"""One arm of a run: a method, what its server holds, and one round of it from uploads to a record."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fedrot_core.alignment import Alignment
from fedrot_core.config import FederationConfig
from fedrot_core.errors import DivergedError
from fedrot_core.factors import BROADCAST_STEP, UPLOAD_STEP, Factors, on_grid
from fedrot_core.frames import as_sent
from fedrot_core.methods import Method, RoundContext, ServerState
from fedrot_core.methods.base import INDEX_BYTES, NUMBER_BYTES, round_update
from fedrot_core.metrics import Focus, measure
from fedrot_core.server import stepped
from fedrot_core.trace import RoundRecord, numpy_fields

DIVERGED_NORM = 1e6
"""An update whose norm exceeds this has diverged, even if it is still finite."""


@dataclass(frozen=True)
class Turnout:
    """What chance decided for a round, the same in every arm.

    Attributes:
        round_index: from 0; clients: (m,) sampled; arrive: (m,) bool, False for those lost in mid-round.
    """

    round_index: int
    clients: Tensor
    arrive: Tensor


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
        arm: the arm; before, after: what its server held when the round began, and what it holds now.
        config: the run's.
        sent: (L, K, r, i), (L, K, o, r), in the frames in which the server got them.
        update: the round's update, of any inner dimension, (L, p, i), (L, o, p).
        alignment: the rotations that were applied, or None.
        context: what the method knew.
        dropped, lost: clients whose upload was not finite, and clients lost in mid-round.
        bytes_up, bytes_down: per client.
        client_seconds, server_seconds: work of one client's preparation and of the server's rule.
        loss, score: of the new global model, or the mean over personal ones; NaN until :meth:`scored`.
    """

    arm: Arm
    before: ServerState
    after: ServerState
    config: FederationConfig
    sent: Factors
    update: Factors
    alignment: Alignment | None
    context: RoundContext
    dropped: Tensor
    lost: Tensor
    bytes_up: float
    bytes_down: float
    client_seconds: float
    server_seconds: float
    loss: float = math.nan
    score: float = math.nan

    @property
    def models(self) -> tuple[Factors, Tensor | None]:
        """The adapters to score, (L, M, r, i), (L, M, o, r), and what is merged into the base under them."""
        return self.arm.method.models(self.after), self.after.base

    def scored(self, loss: Tensor, score: Tensor) -> Combined:
        """With loss and score (M,) of :attr:`models`; moves the arm on.

        Raises:
            DivergedError: when a loss is not finite.
        """
        if not bool(torch.isfinite(loss).all()):
            raise _outgrown(self.arm.method, self.context.round_index, self.config)
        self.arm.state = self.after
        return replace(self, loss=float(loss.mean()), score=float(score.mean()))

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


def in_frames(arms: Sequence[Arm], trained: Sequence[Factors], config: FederationConfig, t: int) -> list[Factors]:
    """What every arm's clients send in round ``t``, (L, m, r, i), (L, m, o, r), on its grid; NaN and Inf count as zero.

    Where a round freezes a common factor, that factor pins every client's frame and is the broadcast's to the last bit.
    """
    sent = [Factors(torch.nan_to_num(f.A, 0.0, 0.0, 0.0), torch.nan_to_num(f.B, 0.0, 0.0, 0.0)) for f in trained]
    free = [n for n, arm in enumerate(arms) if arm.method.trains(t) == "AB"]
    if free:
        together = Factors(torch.stack([sent[n].A for n in free]), torch.stack([sent[n].B for n in free]))
        turned = as_sent(together, config, t)
        for place, n in enumerate(free):
            sent[n] = Factors(turned.A[place], turned.B[place])
    for n, arm in enumerate(arms):
        which = arm.method.trains(t)
        A, B = (on_grid(x, UPLOAD_STEP) if side in which else x for side, x in (("A", sent[n].A), ("B", sent[n].B)))
        sent[n] = Factors(A, B)
    return sent


def combine(
    arm: Arm, sent: Factors, kept: Tensor, now: Turnout, context: RoundContext, config: FederationConfig
) -> Combined:
    """The method's rule and the server's step; not yet scored.

    Args:
        sent: (L, m, r, i), (L, m, o, r) from all sampled clients, by :func:`in_frames`.
        kept: rows of it that the server uses, by :func:`usable`.
        context: the round, as the kept clients and the server know it.

    Raises:
        DivergedError: when the global factors left every reasonable range.
    """
    method = arm.method
    sent = sent.select(kept)
    begin = time.perf_counter()
    upload = method.prepare(sent, arm.state, context)
    middle = time.perf_counter()
    outcome = method.combine(upload, arm.state, context)
    end = time.perf_counter()
    state = stepped(arm.state, outcome.state, config.server)
    state = replace(state, factors=_broadcast(arm.state.factors, state.factors))
    size = float(state.factors.A.abs().max() + state.factors.B.abs().max())
    if not size < DIVERGED_NORM:
        raise _outgrown(method, context.round_index, config)
    share = float(context.ranks.double().mean()) / config.lora.rank  # of the numbers at full rank
    up, down = (share * context.numbers(which(context.round_index)) for which in (method.sent, method.received))
    return Combined(
        arm=arm,
        before=arm.state,
        after=state,
        config=config,
        sent=sent,
        update=round_update(arm.state, outcome.state),
        alignment=upload.alignment or outcome.alignment,
        context=context,
        dropped=now.clients[now.arrive.index_fill(0, kept, False)],
        lost=now.clients[~now.arrive],
        bytes_up=_bytes(up if upload.numbers is None else upload.numbers, upload.indices),
        bytes_down=_bytes(down if outcome.numbers is None else outcome.numbers, outcome.indices),
        client_seconds=(middle - begin) / len(kept),
        server_seconds=end - middle,
    )


def _broadcast(before: Factors, after: Factors) -> Factors:
    """The next broadcast: what changed is put on its grid, what rested is what it was."""
    A, B = (
        old if torch.equal(new, old) else on_grid(new, BROADCAST_STEP)
        for new, old in ((after.A, before.A), (after.B, before.B))
    )
    return Factors(A, B)


def _outgrown(method: Method, t: int, config: FederationConfig) -> DivergedError:
    return DivergedError(
        f"{method.card.label} stopped in round {t}: its global factors grew beyond {DIVERGED_NORM:g}. {_remedy(config)}"
    )


def _remedy(config: FederationConfig) -> str:
    return f"Lower the learning rate ({config.train.learning_rate:g}) or take fewer local steps."


def _bytes(numbers: float, indices: float) -> float:
    return numbers * NUMBER_BYTES + indices * INDEX_BYTES
