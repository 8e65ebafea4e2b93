"""A federated run: several arms from one seed, trained together, aggregated each by its own method.

:func:`lockstep` trains any number of runs that differ in seed and methods only as one batched program, a row for each
client of each arm of each run; :class:`Federation` says what is special to one run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from fedrot_core.arm import Arm, Combined, Turnout, combine, in_frames, usable
from fedrot_core.compute import made_with, pick_compute
from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, FlatFactors, pack, unpack
from fedrot_core.errors import DivergedError, rule
from fedrot_core.factors import UPLOAD_STEP, Factors
from fedrot_core.frames import initial_A
from fedrot_core.methods import METHODS, Method, RoundContext, ServerState
from fedrot_core.rng import stream
from fedrot_core.trace import ArmStopped, CentralisedRecord, Event, TaskCard, Trace
from fedrot_core.workloads import POOLED, RowGroup, build_task

Recorded = TypeVar("Recorded")


class Federation:
    """What ``config`` fixes before and between rounds: task, weights, ranks, first factors, who takes part.

    Args:
        methods: the arms, where they are not the registered methods that ``config`` names.
        nudge: every gradient is off by up to this share, as if another processor had computed it; shows how far two
            processors may come apart.

    Raises:
        ConfigError: when a name is unknown, the device is missing, the data cannot be dealt as asked, or a method
            cannot do what the config asks of it.
    """

    def __init__(self, config: FederationConfig, methods: Sequence[Method] | None = None, nudge: float = 0.0) -> None:
        self.config, self.nudge = config, nudge
        self.methods = [METHODS[name] for name in config.methods] if methods is None else list(methods)
        for method in self.methods:
            _check(method, config)
        self.compute = pick_compute(config.device, config.precision)
        self.task = build_task(config, self.compute)
        self.K = config.data.clients
        counts = self.task.sample_counts if config.data.weights == "samples" else np.ones(self.K)
        self.weights = torch.from_numpy(np.asarray(counts, dtype=np.float64))
        self.ranks = torch.tensor([config.lora.of_client(k) for k in range(self.K)])
        self.start_A = self._draw_A("init", self.K)  # (L, K, r, i)
        self.zero_B = torch.zeros(
            len(self.task.layers), max(s.d_out for s in self.task.layers), config.lora.rank, dtype=torch.float64
        )

    def new_trace(self) -> Trace:
        """An empty trace with the task's description and its score before any training."""
        loss, score = self.task.evaluate(Factors(self.start_A[:, :1], self.zero_B[:, None]))
        counts = self.task.class_counts
        card = TaskCard(
            layers=tuple(s.name for s in self.task.layers),
            loss_name=self.task.loss_name,
            score_name=self.task.score_name,
            summary=self.task.summary,
            start_loss=float(loss[0]),
            start_score=float(score[0]),
            sample_counts=tuple(int(n) for n in self.task.sample_counts),
            class_counts=() if counts is None else tuple(tuple(int(c) for c in row) for row in counts),
            class_name=self.task.class_name,
            inputs=self.task.inputs,
        )
        arms = tuple(m.card for m in self.methods)
        device = self.compute.device.type
        return Trace(self.config, card, arms, device, self.compute.precision, made_with=made_with(self.compute))

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> Trace:
        """All rounds at once. Raises :class:`fedrot_core.errors.Cancelled` when ``should_stop()`` becomes true."""
        trace = self.new_trace()
        for event in self.rounds(should_stop):
            trace.add(event)
        return trace

    def rounds(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Yield each arm's record, then the centralised one, round by round.

        Args:
            should_stop: asked before each local step; once true, :class:`fedrot_core.errors.Cancelled` is raised.
        """
        for _, event in lockstep([self], Combined.record, should_stop):
            yield event

    def sample(self, t: int) -> Turnout:
        """Sampled and lost clients. One upload always arrives: a round that loses all is no round."""
        rng = stream(self.config.seed, "participation", t)
        clients = np.sort(rng.choice(self.K, self.config.participants, replace=False))
        arrive = rng.random(len(clients)) >= self.config.server.dropout
        arrive[rng.integers(len(clients))] |= not arrive.any()
        return Turnout(t, torch.from_numpy(clients), torch.from_numpy(arrive))

    def context(self, arm: Arm, now: Turnout, clients: Tensor) -> RoundContext:
        """The round as ``clients`` (indices among all) and the server know it."""
        weights = self.weights[clients]
        age = min(self.config.server.staleness, len(arm.history) - 1)
        return RoundContext(
            round_index=now.round_index,
            align=self.config.align,
            weights=weights / weights.sum(),
            clients=clients,
            total_clients=self.K,
            layers=self.task.layers,
            reference=arm.history[-1 - age],
            rng=lambda name: stream(self.config.seed, name, now.round_index),
            ranks=self.ranks[clients],
            fresh_A=lambda: self._draw_A(f"fresh {now.round_index}", 1)[:, 0],
        )

    def starts(self, arm: Arm, now: Turnout) -> Factors:
        """Where each sampled client of an arm starts: (L, m, r, i), (L, m, o, r), cut to the client's own rank."""
        start = arm.method.start(arm.state, self.context(arm, now, now.clients))
        if now.round_index == 0 and arm.method.trains(0) == "AB":  # under independent starts each draws its own
            start = Factors(self.start_A[:, now.clients], start.B)
        held = self.held(now.clients).double()
        return Factors(start.A * held.unsqueeze(-1), start.B * held.unsqueeze(-2))

    def held(self, clients: Tensor) -> Tensor:
        """(m, r) bool: which latent directions each client holds; those beyond its own rank stay zero."""
        return torch.arange(self.config.lora.rank) < self.ranks[clients, None]

    def _draw_A(self, name: str, clients: int) -> Tensor:
        return initial_A(self.config, tuple(s.d_in for s in self.task.layers), clients, name)


def lockstep(
    federations: Sequence[Federation],
    record: Callable[[Combined], Recorded],
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Recorded | ArmStopped | CentralisedRecord]]:
    """Run all ``federations`` round by round as one batch; each gives what it would give alone, up to rounding.

    Args:
        federations: they must agree in everything but seed and methods.
        record: makes what is kept of one arm's round.
        should_stop: asked before each local step; once true, :class:`fedrot_core.errors.Cancelled` is raised.

    Yields:
        (index of the federation, what happened), each arm and then the centralised run, federation by federation.

    Raises:
        ConfigError: when the configs differ in more than seed and methods.
    """
    first = federations[0]
    if any(other.config.setting != first.config.setting for other in federations):
        raise rule(
            "Runs in lockstep", "differ in seed and methods only", "more differences", "Run them apart.", "config"
        )
    runs = [_Progress.at_start(federation) for federation in federations]
    batch = _Batch(first, sum(run.rows for run in runs))
    for t in range(first.config.train.rounds):
        active = [(n, run) for n, run in enumerate(runs) if run.arms]
        if not active:
            return
        starts = [run.begin(t) for _, run in active]
        rows = sum(run.rows for _, run in active)
        if rows != batch.rows:
            batch = _Batch(first, rows)
        trained = batch.train(t, [run for _, run in active], starts, should_stop)
        for (n, run), begun, ended in zip(active, starts, trained, strict=True):
            for event in run.end(begun, ended, record, should_stop):
                yield n, event


@dataclass
class _Progress:
    """How far one federation has come.

    Attributes:
        arms: those that have not diverged.
        ceiling: the centralised run's factors, (L, r, i), (L, o, r).
        now: who takes part in the round under way.
    """

    federation: Federation
    arms: list[Arm]
    ceiling: Factors
    now: Turnout

    @classmethod
    def at_start(cls, federation: Federation) -> _Progress:
        """Before the first round."""
        start = Factors(federation.start_A[:, 0], federation.zero_B)
        arms = [Arm(method, ServerState(start), []) for method in federation.methods]
        return cls(federation, arms, start, federation.sample(0))

    @property
    def rows(self) -> int:
        """One for each client of each arm, and a last one for the centralised run."""
        return len(self.arms) * self.federation.config.participants + 1

    def begin(self, t: int) -> Factors:
        """Sample the round's clients and say where every row starts: (L, rows, r, i), (L, rows, o, r)."""
        self.now = self.federation.sample(t)
        for arm in self.arms:
            arm.history.append(arm.state.factors)
        parts = [self.federation.starts(arm, self.now) for arm in self.arms]
        return _joined([*parts, Factors(self.ceiling.A.unsqueeze(1), self.ceiling.B.unsqueeze(1))])

    def alone(self, arm: Arm, client: int) -> _Progress:
        """The same round with one arm and its ``client``-th participant only."""
        return replace(self, arms=[arm], now=replace(self.now, clients=self.now.clients[client : client + 1]))

    def groups(self) -> list[RowGroup]:
        """Whose data each row trains on, and on which base."""
        clients = tuple(self.now.clients.tolist())
        return [RowGroup(clients, arm.state.base) for arm in self.arms] + [RowGroup((POOLED,))]

    def trains(self) -> tuple[Tensor, Tensor]:
        """(rows, r) for A and for B: one where this round trains, zero where a method or a client's rank freezes."""
        held = self.federation.held(self.now.clients).double()
        pooled = torch.ones(1, held.shape[1], dtype=held.dtype)
        which = [arm.method.trains(self.now.round_index) for arm in self.arms]
        A, B = (torch.cat([*(held * (side in w) for w in which), pooled]) for side in "AB")
        return A, B

    def end(
        self, begun: Factors, trained: Factors, record: Callable[[Combined], Recorded], should_stop: Callable[[], bool]
    ) -> Iterator[Recorded | ArmStopped | CentralisedRecord]:
        """Aggregate every arm and score the centralised run; arms that diverged leave."""
        federation, now, t = self.federation, self.now, self.now.round_index
        ended = [self._ended(g, arm, begun, trained, should_stop) for g, arm in enumerate(self.arms)]
        sent = in_frames(self.arms, ended, federation.config, t)
        combined: list[Combined] = []
        stopped: dict[str, str] = {}
        for arm, mine, uploads in zip(self.arms, ended, sent, strict=True):
            try:
                kept = usable(arm, mine, now, federation.config)
                context = federation.context(arm, now, now.clients[kept])
                combined.append(combine(arm, uploads, kept, now, context, federation.config))
            except DivergedError as error:
                stopped[arm.method.card.name] = str(error)
        self.ceiling = Factors(trained.A[:, -1], trained.B[:, -1]).on_grid(UPLOAD_STEP)
        pooled = Factors(self.ceiling.A.unsqueeze(1), self.ceiling.B.unsqueeze(1))
        models = [*(c.models for c in combined), (pooled, None)]
        *scores, (loss, score) = federation.task.evaluate_each(models)
        alive = []
        for done, numbers in zip(combined, scores, strict=True):
            try:
                yield record(done.scored(*numbers))
                alive.append(done.arm)
            except DivergedError as error:
                stopped[done.arm.method.card.name] = str(error)
        self.arms = alive
        for name, message in stopped.items():
            yield ArmStopped(name, t, message)
        yield CentralisedRecord(t, float(loss[0]), float(score[0]))

    def _ended(self, g: int, arm: Arm, begun: Factors, trained: Factors, should_stop: Callable[[], bool]) -> Factors:
        """What the clients of the g-th arm trained, (L, m, r, i), (L, m, o, r)."""
        m, which = len(self.now.clients), arm.method.trains(self.now.round_index)
        mine = slice(g * m, (g + 1) * m)
        if arm.method.in_turn:
            return self._in_turn(arm, Factors(begun.A[:, mine], begun.B[:, mine]), should_stop)
        return Factors(  # a frozen factor is the broadcast's to the last bit
            (trained if "A" in which else begun).A[:, mine], (trained if "B" in which else begun).B[:, mine]
        )

    def _in_turn(self, arm: Arm, starts: Factors, should_stop: Callable[[], bool]) -> Factors:
        """Clients one after another, each from where the one before stopped: (L, m, r, i), (L, m, o, r)."""
        batch = _Batch(self.federation, 2)  # the second row, of the centralised run, is not used
        which = arm.method.trains(self.now.round_index)
        ended = Factors(starts.A.clone(), starts.B.clone())
        for j in range(len(self.now.clients)):
            begun = ended.select(torch.tensor([max(j - 1, 0)] * 2))
            (trained,) = batch.train(self.now.round_index, [self.alone(arm, j)], [begun], should_stop)
            if "A" in which:
                ended.A[:, j] = trained.A[:, 0]
            if "B" in which:
                ended.B[:, j] = trained.B[:, 0]
        return ended


class _Batch:
    """An engine and a program for a number of rows, which may belong to several federations.

    Args:
        like: any of the federations; all share layers, rank, optimiser and device.
    """

    def __init__(self, like: Federation, rows: int) -> None:
        self.rows, self.like = rows, like
        train, rank = like.config.train, like.config.lora.rank
        self.engine = Engine(like.task.layers, rows, rank, train.optimizer, train.learning_rate, like.compute)
        self.program = like.task.program(rows)

    def train(
        self, t: int, runs: Sequence[_Progress], starts: Sequence[Factors], should_stop: Callable[[], bool]
    ) -> list[Factors]:
        """Local steps of round t from ``starts``; the ends, one entry a run."""
        rows = _joined(starts)
        pack(self.engine, rows)
        self.engine.trainable = self._mask(runs)
        if self.like.nudge:
            drawn = stream(self.like.config.seed, "nudge", t).uniform(-1, 1, self.engine.grads.flat.shape)
            self.engine.noise = (self.like.nudge * torch.from_numpy(drawn)).to(self.engine.grads.flat)
        self.program.start_round([run.federation.task.batch(t, run.groups()) for run in runs])
        self.engine.train(self.program, self.like.config.train.local_steps, should_stop)
        trained = unpack(self.engine, rows)
        sizes = [f.A.shape[1] for f in starts]
        parts = zip(torch.split(trained.A, sizes, 1), torch.split(trained.B, sizes, 1), strict=True)
        return [Factors(A, B) for A, B in parts]

    def _mask(self, runs: Sequence[_Progress]) -> FlatFactors | None:
        """What trains, in the engine's shape; None if everything does."""
        A, B = (torch.cat(side) for side in zip(*(run.trains() for run in runs), strict=True))
        if bool(A.all() and B.all()):
            return None
        mask = FlatFactors(self.like.task.layers, self.rows, A.shape[1], self.like.compute)
        for layer in mask.layers:
            layer.A.copy_(A.unsqueeze(-1).expand_as(layer.A))
            layer.B.copy_(B.unsqueeze(-2).expand_as(layer.B))
        return mask


def _joined(parts: Sequence[Factors]) -> Factors:
    """Rows of all parts: (L, N, r, i), (L, N, o, r)."""
    return Factors(torch.cat([f.A for f in parts], dim=1), torch.cat([f.B for f in parts], dim=1))


def _check(method: Method, config: FederationConfig) -> None:
    """Refuse what a method cannot do, with the remedy."""
    label = method.card.label
    if config.lora.ranks == "mixed" and not method.mixed_ranks:
        able = ", ".join(m.card.label for m in METHODS.values() if m.mixed_ranks)
        raise rule("Ranks of the clients", f"be equal for {label}", "mixed", f"Mixed ranks work with {able}.", "ranks")
    if config.lora.ranks == "mixed" and config.frames.kind == "turned":
        raise rule("Ranks of the clients", "be equal where frames are turned", "mixed", "Choose other frames.", "ranks")
    if config.server.optimizer == "adam" and not method.server_optimizer:
        able = ", ".join(m.card.label for m in METHODS.values() if m.server_optimizer)
        raise rule("Server optimiser", f"be FedAvg for {label}", "adam", f"FedAdam works with {able}.", "server")
