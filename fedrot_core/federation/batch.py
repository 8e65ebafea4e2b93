"""Many runs as one batched program, round by round, with one row for each client of each arm of each run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from fedrot_core.compute import memory_told
from fedrot_core.engine import Engine, FlatFactors, pack, unpack
from fedrot_core.errors import rule
from fedrot_core.factors import Factors
from fedrot_core.federation.progress import Arm
from fedrot_core.federation.round import Finished, Run, joined, play_round
from fedrot_core.federation.setup import Setup
from fedrot_core.records import ArmStopped, CentralisedRecord
from fedrot_core.rng import stream
from fedrot_core.workloads import POOLED, RowGroup

Recorded = TypeVar("Recorded")


def lockstep(
    setups: Sequence[Setup],
    record: Callable[[Finished], Recorded],
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Recorded | ArmStopped | CentralisedRecord]]:
    """Play all runs as one batch. Each run gives the numbers that it would give alone, up to rounding.

    Args:
        setups: the runs. Their configs must agree in everything but seed and methods.
        record: makes what is to be kept of one arm's round.
        should_stop: asked before each local step. Once it returns true, :class:`fedrot_core.errors.Cancelled` is
            raised.

    Yields:
        Pairs of the index of a run and an event. In each round, the events of a run are those of its arms, then that
        of its centralised run.

    Raises:
        ConfigError: if the configs differ in more than seed and methods.
        Exhausted: if they do not fit into the memory of the device.
    """
    first = setups[0]
    if any(other.config.conditions != first.config.conditions for other in setups):
        raise rule(
            "Runs in lockstep", "differ in seed and methods only", "more differences", "Run them separately.", "config"
        )
    with memory_told(first.compute):
        yield from _rounds(setups, record, should_stop)


def _rounds(
    setups: Sequence[Setup], record: Callable[[Finished], Recorded], should_stop: Callable[[], bool]
) -> Iterator[tuple[int, Recorded | ArmStopped | CentralisedRecord]]:
    first = setups[0]
    runs = [Run.at_start(setup) for setup in setups]
    place = {id(run): n for n, run in enumerate(runs)}
    batch = Batch(first, sum(map(rows_of, runs)), should_stop)
    for t in range(first.config.train.rounds):
        active = [run for run in runs if run.arms]
        if not active:
            return
        if (rows := sum(map(rows_of, active))) != batch.rows:
            batch = Batch(first, rows, should_stop)
        for run, event in play_round(t, active, batch):
            yield place[id(run)], record(event) if isinstance(event, Finished) else event


def rows_of(run: Run) -> int:
    """How many rows a run takes: one for each client of each arm, and one for the centralised run."""
    return len(run.arms) * run.setup.config.participants + 1


class Batch:
    """An engine and a gradient program for a number of rows, which may belong to several runs.

    Args:
        like: the setup of any of the runs; all share layers, rank, optimiser and device.
        rows: number of rows.
        should_stop: asked before each local step whether to cancel.
    """

    def __init__(self, like: Setup, rows: int, should_stop: Callable[[], bool]) -> None:
        self.like, self.rows, self.should_stop = like, rows, should_stop
        train, rank = like.config.train, like.config.lora.rank
        self.engine = Engine(like.task.layers, rows, rank, train.optimizer, train.learning_rate, like.compute)
        self.program = like.task.program(rows)

    def together(self, t: int, runs: Sequence[Run], starts: Sequence[Factors]) -> list[Factors]:
        """Train all runs in round ``t`` from ``starts``; returns where they end. Both have one entry per run."""
        rows = joined(starts)
        pack(self.engine, rows)
        self.engine.trainable = self._mask(runs)
        if self.like.nudge:
            drawn = stream(self.like.config.seed, "nudge", t).uniform(-1, 1, self.engine.grads.flat.shape)
            self.engine.noise = (self.like.nudge * torch.from_numpy(drawn)).to(self.engine.grads.flat)
        self.program.start_round([run.setup.task.batch(t, _groups(run)) for run in runs])
        self.engine.train(self.program, self.like.config.train.local_steps, self.should_stop)
        trained = unpack(self.engine, rows)
        sizes = [f.A.shape[1] for f in starts]
        parts = zip(torch.split(trained.A, sizes, 1), torch.split(trained.B, sizes, 1), strict=True)
        return [Factors(A, B) for A, B in parts]

    def alone(self, t: int, run: Run, arm: Arm, client: int, start: Factors) -> Factors:
        """Train one client by itself. The second row, that of the centralised run, is not used."""
        turnout = replace(run.turnout, clients=run.turnout.clients[client : client + 1])
        begun = Factors(torch.stack([start.A, start.A], 1), torch.stack([start.B, start.B], 1))
        (ended,) = self._single.together(t, [replace(run, arms=[arm], turnout=turnout)], [begun])
        return Factors(ended.A[:, 0], ended.B[:, 0])

    @functools.cached_property
    def _single(self) -> Batch:
        return Batch(self.like, 2, self.should_stop)

    def _mask(self, runs: Sequence[Run]) -> FlatFactors | None:
        """What trains, in the engine's shape; None if everything does."""
        A, B = (torch.cat(side) for side in zip(*map(_trainable, runs), strict=True))
        if bool(A.all() and B.all()):
            return None
        mask = FlatFactors(self.like.task.layers, self.rows, A.shape[1], self.like.compute)
        for layer in mask.layers:
            layer.A.copy_(A.unsqueeze(-1).expand_as(layer.A))
            layer.B.copy_(B.unsqueeze(-2).expand_as(layer.B))
        return mask


def _groups(run: Run) -> list[RowGroup]:
    """Whose data each row trains on, and on which base."""
    clients = tuple(run.turnout.clients.tolist())
    return [RowGroup(clients, arm.state.base) for arm in run.arms] + [RowGroup((POOLED,))]


def _trainable(run: Run) -> tuple[Tensor, Tensor]:
    """(rows, r) for A and for B: one where this round trains, zero where a method or a client's rank freezes."""
    own = run.setup.own_directions(run.turnout.clients).double()
    pooled = torch.ones(1, own.shape[1], dtype=own.dtype)
    which = [arm.method.trains(run.turnout.round_index) for arm in run.arms]
    A, B = (torch.cat([*(own * (side in w) for w in which), pooled]) for side in "AB")
    return A, B
