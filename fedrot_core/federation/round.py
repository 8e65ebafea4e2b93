"""One round of the protocol: sample, broadcast, train, upload, combine, step, score.

All arms of all runs play a round together; :mod:`fedrot_core.federation.batch` trains them as one batched program.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from fedrot_core.alignment import Alignment
from fedrot_core.config import FederationConfig
from fedrot_core.errors import DivergedError
from fedrot_core.factors import BROADCAST_STEP, UPLOAD_STEP, Factors, on_grid
from fedrot_core.federation.frames import as_sent
from fedrot_core.federation.progress import Arm, Turnout
from fedrot_core.federation.server import stepped
from fedrot_core.federation.setup import Setup
from fedrot_core.methods import Method, RoundContext, ServerState
from fedrot_core.methods.base import INDEX_BYTES, NUMBER_BYTES, round_update
from fedrot_core.records import ArmStopped, CentralisedRecord

LARGEST_ENTRIES = 1e6
"""An arm has diverged once the largest entries of its global A and B add up to this, even if all are still finite."""


@dataclass
class Run:
    """A federation while it runs.

    Attributes:
        setup: what its config fixes.
        arms: the arms that have not diverged.
        centralised: factors of the run that trains on all data in one place, (L, r, i) and (L, o, r).
        turnout: who takes part in the current round.
    """

    setup: Setup
    arms: list[Arm]
    centralised: Factors
    turnout: Turnout

    @classmethod
    def at_start(cls, setup: Setup) -> Run:
        """The federation before its first round."""
        start = Factors(setup.start_A[:, 0], setup.zero_B)
        return cls(setup, [Arm(method, ServerState(start), []) for method in setup.methods], start, setup.sample(0))


@dataclass(frozen=True)
class Finished:
    """A finished round of one arm, with all that its record is made from. K counts the clients whose uploads were used.

    Attributes:
        method: the arm's method.
        before, after: what the server held when the round began, and what it holds now.
        config: the run's config.
        sent: the uploads, (L, K, r, i) and (L, K, o, r), in the frames in which the server got them.
        update: the round's update, of some inner dimension p, (L, p, i) and (L, o, p).
        alignment: the rotations that were applied; None if there were none.
        context: what the method knew about the round.
        dropped: clients whose upload was not finite.
        lost: clients whose upload never arrived.
        bytes_up, bytes_down: bytes that one client sends and receives.
        client_seconds, server_seconds: time for preparing one client's upload, and for the server's rule.
        loss, score: loss and score of the new global model, or their means over personal models; NaN until scored.
    """

    method: Method
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
    def name(self) -> str:
        """The name of the arm's method."""
        return self.method.card.name


class Trainer(Protocol):
    """Trains clients: all clients of a round together, or one by itself."""

    def together(self, t: int, runs: Sequence[Run], starts: Sequence[Factors]) -> list[Factors]:
        """Train every row from where it starts; returns (L, rows, r, i) and (L, rows, o, r) for each run."""

    def alone(self, t: int, run: Run, arm: Arm, client: int, start: Factors) -> Factors:
        """Train the ``client``-th participant of an arm by itself; returns (L, r, i) and (L, o, r)."""


Event = Finished | ArmStopped | CentralisedRecord


def play_round(t: int, runs: Sequence[Run], trainer: Trainer) -> Iterator[tuple[Run, Event]]:
    """Play one round of every arm of all runs. Arms that diverge are removed from their run.

    Args:
        t: index of the round.
        runs: the runs.
        trainer: does the local training.

    Yields:
        Pairs of a run and an event. The events of a run are its finished arms, then the arms that stopped, then its
        centralised run.
    """
    for run in runs:
        run.turnout = run.setup.sample(t)  # sample
        for arm in run.arms:
            arm.broadcasts.append(arm.state.factors)  # broadcast
    starts = [_starts(run) for run in runs]
    ends = trainer.together(t, runs, starts)  # train
    for run, start, end in zip(runs, starts, ends, strict=True):
        trained = [_trained(run, n, arm, start, end, trainer) for n, arm in enumerate(run.arms)]
        sent = _in_frames(run, trained)  # upload
        done: list[tuple[Arm, Finished]] = []
        stopped: list[ArmStopped] = []
        for arm, ended, upload in zip(run.arms, trained, sent, strict=True):
            try:
                done.append((arm, _combine(run, arm, upload, _usable(run, arm, ended))))  # combine, step
            except DivergedError as error:
                stopped.append(ArmStopped(arm.method.card.name, t, str(error)))
        run.centralised = Factors(end.A[:, -1], end.B[:, -1]).on_grid(UPLOAD_STEP)
        *scores, (loss, score) = _scores(run, [finished for _, finished in done])  # score
        run.arms = []
        for (arm, finished), (arm_loss, arm_score) in zip(done, scores, strict=True):
            if not bool(torch.isfinite(arm_loss).all()):
                stopped.append(ArmStopped(finished.name, t, _outgrown(arm.method, t, run.setup.config)))
                continue
            arm.state = finished.after
            run.arms.append(arm)
            yield run, replace(finished, loss=float(arm_loss.mean()), score=float(arm_score.mean()))
        yield from ((run, stop) for stop in stopped)
        yield run, CentralisedRecord(t, float(loss[0]), float(score[0]))


def _starts(run: Run) -> Factors:
    """Where every row starts, (L, rows, r, i), (L, rows, o, r): clients arm by arm, and last the centralised run."""
    parts = [run.setup.starts(arm, run.turnout) for arm in run.arms]
    return joined([*parts, Factors(run.centralised.A.unsqueeze(1), run.centralised.B.unsqueeze(1))])


def _trained(run: Run, n: int, arm: Arm, start: Factors, end: Factors, trainer: Trainer) -> Factors:
    """What the clients of the ``n``-th arm trained, (L, m, r, i), (L, m, o, r).

    A frozen factor is the broadcast's to the last bit.
    """
    m, t = len(run.turnout.clients), run.turnout.round_index
    mine, which = slice(n * m, (n + 1) * m), arm.method.trains(t)
    begun = Factors(start.A[:, mine], start.B[:, mine])
    together = Factors(
        end.A[:, mine] if "A" in which else begun.A, end.B[:, mine] if "B" in which else begun.B
    )  # fmt: skip

    def alone(client: int, at: Factors) -> Factors:
        ended = trainer.alone(t, run, arm, client, at)
        return Factors(ended.A if "A" in which else at.A, ended.B if "B" in which else at.B)

    return arm.method.local(begun, together, alone)


def _in_frames(run: Run, trained: Sequence[Factors]) -> list[Factors]:
    """What every arm's clients send, (L, m, r, i), (L, m, o, r), on its grid; NaN and Inf count as zero.

    Where a round freezes a common factor, that factor pins every client's frame and is the broadcast's to the last bit.
    """
    t = run.turnout.round_index
    sent = [Factors(torch.nan_to_num(f.A, 0.0, 0.0, 0.0), torch.nan_to_num(f.B, 0.0, 0.0, 0.0)) for f in trained]
    free = [n for n, arm in enumerate(run.arms) if arm.method.trains(t) == "AB"]
    if free:
        together = Factors(torch.stack([sent[n].A for n in free]), torch.stack([sent[n].B for n in free]))
        turned = as_sent(together, run.setup.config, t)
        for place, n in enumerate(free):
            sent[n] = Factors(turned.A[place], turned.B[place])
    for n, arm in enumerate(run.arms):
        which = arm.method.trains(t)
        A, B = (on_grid(x, UPLOAD_STEP) if side in which else x for side, x in (("A", sent[n].A), ("B", sent[n].B)))
        sent[n] = Factors(A, B)
    return sent


def _usable(run: Run, arm: Arm, trained: Factors) -> Tensor:
    """Which rows of (L, m, ...) arrived and are finite: their indices, at least one.

    Raises:
        DivergedError: when every upload that arrived held NaN or Inf.
    """
    usable = torch.nonzero(trained.finite().all(0) & run.turnout.arrive).flatten()
    if not len(usable):
        raise DivergedError(
            f"{arm.method.card.label} stopped in round {run.turnout.round_index}: every upload held NaN or Inf. "
            f"{_remedy(run.setup.config)}"
        )
    return usable


def _combine(run: Run, arm: Arm, sent: Factors, usable: Tensor) -> Finished:
    """The method's rule and the server's step; not yet scored.

    Args:
        sent: (L, m, r, i), (L, m, o, r) from all sampled clients; usable: rows of it that the server uses.

    Raises:
        DivergedError: when the global factors left every reasonable range.
    """
    method, config, now = arm.method, run.setup.config, run.turnout
    context = run.setup.context(arm, now, now.clients[usable])
    sent = sent.select(usable)
    begin = time.perf_counter()
    upload = method.prepare(sent, arm.state, context)
    middle = time.perf_counter()
    outcome = method.combine(upload, arm.state, context)
    end = time.perf_counter()
    state = stepped(arm.state, outcome.state, config.server)
    state = replace(state, factors=_broadcast(arm.state.factors, state.factors))
    size = float(state.factors.A.abs().max() + state.factors.B.abs().max())
    if not size < LARGEST_ENTRIES:
        raise DivergedError(_outgrown(method, context.round_index, config))
    share = float(context.ranks.double().mean()) / config.lora.rank  # of the numbers at full rank
    up, down = (share * context.numbers(which(context.round_index)) for which in (method.sent, method.received))
    return Finished(
        method=method,
        before=arm.state,
        after=state,
        config=config,
        sent=sent,
        update=round_update(arm.state, outcome.state),
        alignment=upload.alignment or outcome.alignment,
        context=context,
        dropped=now.clients[now.arrive.index_fill(0, usable, False)],
        lost=now.clients[~now.arrive],
        bytes_up=_bytes(up if upload.numbers is None else upload.numbers, upload.indices),
        bytes_down=_bytes(down if outcome.numbers is None else outcome.numbers, outcome.indices),
        client_seconds=(middle - begin) / len(usable),
        server_seconds=end - middle,
    )


def _scores(run: Run, done: Sequence[Finished]) -> Sequence[tuple[Tensor, Tensor]]:
    """Loss and score of every arm's new models, (M,) each, and last of the centralised run."""
    centralised = Factors(run.centralised.A.unsqueeze(1), run.centralised.B.unsqueeze(1))
    models = [(finished.method.models(finished.after), finished.after.base) for finished in done]
    return run.setup.task.evaluate_each([*models, (centralised, None)])


def _broadcast(before: Factors, after: Factors) -> Factors:
    """The next broadcast: what changed is put on its grid, what rested is what it was."""
    A, B = (
        old if torch.equal(new, old) else on_grid(new, BROADCAST_STEP)
        for new, old in ((after.A, before.A), (after.B, before.B))
    )
    return Factors(A, B)


def joined(parts: Sequence[Factors]) -> Factors:
    """The rows of all parts in one, (L, N, r, i) and (L, N, o, r)."""
    return Factors(torch.cat([f.A for f in parts], dim=1), torch.cat([f.B for f in parts], dim=1))


def _outgrown(method: Method, t: int, config: FederationConfig) -> str:
    grew = f"its global factors grew beyond {LARGEST_ENTRIES:g}"
    return f"{method.card.label} stopped in round {t}: {grew}. {_remedy(config)}"


def _remedy(config: FederationConfig) -> str:
    return f"Lower the learning rate ({config.train.learning_rate:g}) or take fewer local steps."


def _bytes(numbers: float, indices: float) -> float:
    return numbers * NUMBER_BYTES + indices * INDEX_BYTES
