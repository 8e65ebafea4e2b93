"""A federated run: several arms from one seed, trained together, aggregated each by its own method."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, FlatFactors, Program, pack, pick_device, unpack
from fedrot_core.errors import DivergedError, rule
from fedrot_core.factors import Factors
from fedrot_core.frames import as_sent, initial_A
from fedrot_core.methods import METHODS, Method, RoundContext, ServerState
from fedrot_core.methods.base import INDEX_BYTES, NUMBER_BYTES, round_update
from fedrot_core.metrics import Focus, measure
from fedrot_core.rng import stream
from fedrot_core.server import stepped
from fedrot_core.trace import ArmStopped, CentralisedRecord, Event, RoundRecord, TaskCard, Trace, numpy_fields
from fedrot_core.workloads import POOLED, RowGroup, build_task

DIVERGED_NORM = 1e6
"""An update whose norm exceeds this has diverged, even if it is still finite."""


@dataclass
class _Arm:
    """One method's progress: what its server holds, the broadcasts so far (newest last), and what its arrows show."""

    method: Method
    state: ServerState
    history: list[Factors]
    focus: Focus | None = None


@dataclass(frozen=True)
class _Round:
    """Who takes part in a round, the same in every arm.

    Attributes:
        index: from 0; clients: (m,) sampled; arrive: (m,) bool, False for those lost in mid-round.
    """

    index: int
    clients: Tensor
    arrive: Tensor


class Federation:
    """Runs ``config``.

    Args:
        methods: the arms, where they are not the registered methods that ``config`` names.

    Raises:
        ConfigError: when a name is unknown, the device is missing, the data cannot be dealt as asked, or a method
            cannot do what the config asks of it.
    """

    def __init__(self, config: FederationConfig, methods: Sequence[Method] | None = None) -> None:
        self.config = config
        self.methods = [METHODS[name] for name in config.methods] if methods is None else list(methods)
        for method in self.methods:
            _check(method, config)
        self.device = pick_device(config.device)
        self.task = build_task(config, self.device)
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
        )
        return Trace(self.config, card, tuple(m.card for m in self.methods), self.device.type)

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
        start = Factors(self.start_A[:, 0], self.zero_B)
        arms = [_Arm(method, ServerState(start), []) for method in self.methods]
        ceiling = start
        engine, program = self._engine(len(arms) * self.config.participants)
        for t in range(self.config.train.rounds):
            now = self._sample(t)
            m = len(now.clients)
            for arm in arms:
                arm.history.append(arm.state.factors)
            rows = self._starts(arms, ceiling, now)
            pack(engine, rows)
            engine.trainable = self._trainable([arm.method for arm in arms], now, engine)
            self.task.start_round(program, t, self._groups(arms, now))
            engine.train(program, self.config.train.local_steps, should_stop)
            trained = unpack(engine, rows)
            ceiling = Factors(trained.A[:, -1], trained.B[:, -1])
            alive: list[_Arm] = []
            for g, arm in enumerate(arms):
                mine, which = slice(g * m, (g + 1) * m), arm.method.trains(t)
                ended = Factors(  # a frozen factor is the broadcast's to the last bit
                    (trained if "A" in which else rows).A[:, mine], (trained if "B" in which else rows).B[:, mine]
                )
                if arm.method.in_turn:
                    ended = self._in_turn(arm, Factors(rows.A[:, mine], rows.B[:, mine]), now, should_stop)
                try:
                    yield self._aggregate(arm, ended, now)
                    alive.append(arm)
                except DivergedError as error:
                    yield ArmStopped(arm.method.card.name, t, str(error))
            loss, score = self.task.evaluate(Factors(ceiling.A.unsqueeze(1), ceiling.B.unsqueeze(1)))
            yield CentralisedRecord(t, float(loss[0]), float(score[0]))
            if len(alive) < len(arms):
                arms = alive
                if not arms:
                    return
                engine, program = self._engine(len(arms) * self.config.participants)

    def _draw_A(self, name: str, clients: int) -> Tensor:
        return initial_A(self.config, tuple(s.d_in for s in self.task.layers), clients, name)

    def _engine(self, clients: int) -> tuple[Engine, Program]:
        """An engine and program with a row for each client of each arm, and a last one for the centralised run."""
        rows, train = clients + 1, self.config.train
        engine = Engine(
            self.task.layers, rows, self.config.lora.rank, train.optimizer, train.learning_rate, self.device
        )
        return engine, self.task.program(rows)

    def _sample(self, t: int) -> _Round:
        """Sampled and lost clients. One upload always arrives: a round that loses everybody would be no round."""
        rng = stream(self.config.seed, "participation", t)
        clients = np.sort(rng.choice(self.K, self.config.participants, replace=False))
        arrive = rng.random(len(clients)) >= self.config.server.dropout
        arrive[rng.integers(len(clients))] |= not arrive.any()
        return _Round(t, torch.from_numpy(clients), torch.from_numpy(arrive))

    def _context(self, arm: _Arm, now: _Round, clients: Tensor) -> RoundContext:
        weights = self.weights[clients]
        age = min(self.config.server.staleness, len(arm.history) - 1)
        return RoundContext(
            round_index=now.index,
            align=self.config.align,
            weights=weights / weights.sum(),
            clients=clients,
            total_clients=self.K,
            layers=self.task.layers,
            reference=arm.history[-1 - age],
            rng=lambda name: stream(self.config.seed, name, now.index),
            ranks=self.ranks[clients],
            fresh_A=self._draw_A(f"fresh {now.index}", 1)[:, 0],
        )

    def _starts(self, arms: Sequence[_Arm], ceiling: Factors, now: _Round) -> Factors:
        """Where every row starts this round: (L, N, r, i), (L, N, o, r)."""
        parts = []
        for arm in arms:
            start = arm.method.start(arm.state, self._context(arm, now, now.clients))
            if now.index == 0 and arm.method.trains(0) == "AB":  # under independent starts each client draws its own
                start = Factors(self.start_A[:, now.clients], start.B)
            parts.append(self._cut(start, now.clients))
        parts.append(Factors(ceiling.A.unsqueeze(1), ceiling.B.unsqueeze(1)))
        return Factors(torch.cat([f.A for f in parts], dim=1), torch.cat([f.B for f in parts], dim=1))

    def _in_turn(self, arm: _Arm, starts: Factors, now: _Round, should_stop: Callable[[], bool]) -> Factors:
        """Clients one after another, each from where the one before stopped: (L, m, r, i), (L, m, o, r)."""
        engine, program = self._engine(1)
        ended, which = Factors(starts.A.clone(), starts.B.clone()), arm.method.trains(now.index)
        for j in range(len(now.clients)):
            alone = replace(now, clients=now.clients[j : j + 1])
            pack(engine, ended.select(torch.tensor([max(j - 1, 0)] * 2)))  # the centralised row is not used
            engine.trainable = self._trainable([arm.method], alone, engine)
            self.task.start_round(program, now.index, self._groups([arm], alone))
            engine.train(program, self.config.train.local_steps, should_stop)
            trained = unpack(engine, starts.select(torch.tensor([j, j])))
            if "A" in which:
                ended.A[:, j] = trained.A[:, 0]
            if "B" in which:
                ended.B[:, j] = trained.B[:, 0]
        return ended

    def _cut(self, f: Factors, clients: Tensor) -> Factors:
        """Each client's own rank: directions beyond it are zero."""
        held = (torch.arange(f.rank) < self.ranks[clients, None]).to(f.A.dtype)  # (m, r)
        return Factors(f.A * held.unsqueeze(-1), f.B * held.unsqueeze(-2))

    def _trainable(self, methods: Sequence[Method], now: _Round, engine: Engine) -> FlatFactors | None:
        """Ones where this round trains, zeros where a method or a client's rank freezes; None if everything trains."""
        m, r = len(now.clients), self.config.lora.rank
        which = [method.trains(now.index) for method in methods]
        if all(w == "AB" for w in which) and bool((self.ranks == r).all()):
            return None
        held = (torch.arange(r) < self.ranks[now.clients, None]).float()  # (m, r)
        zeros, pooled = torch.zeros_like(held), torch.ones(1, r)
        rows_A = torch.cat([*(held if "A" in w else zeros for w in which), pooled])
        rows_B = torch.cat([*(held if "B" in w else zeros for w in which), pooled])
        mask = FlatFactors(self.task.layers, len(methods) * m + 1, r, self.device)
        for layer in mask.layers:
            layer.A.copy_(rows_A.unsqueeze(-1).expand_as(layer.A))
            layer.B.copy_(rows_B.unsqueeze(-2).expand_as(layer.B))
        return mask

    def _groups(self, arms: Sequence[_Arm], now: _Round) -> list[RowGroup]:
        clients = tuple(now.clients.tolist())
        return [RowGroup(clients, arm.state.base) for arm in arms] + [RowGroup((POOLED,))]

    def _aggregate(self, arm: _Arm, trained: Factors, now: _Round) -> RoundRecord:
        """Frames, drop of lost and broken clients, the method's rule, metrics; moves the arm on."""
        method, label = arm.method, arm.method.card.label
        remedy = f"Lower the learning rate ({self.config.train.learning_rate:g}) or take fewer local steps."
        healthy = trained.finite().all(0)  # over layers
        kept = torch.nonzero(healthy & now.arrive).flatten()
        if not len(kept):
            raise DivergedError(f"{label} stopped in round {now.index}: every upload held NaN or Inf. {remedy}")
        usable = Factors(torch.nan_to_num(trained.A, 0.0, 0.0, 0.0), torch.nan_to_num(trained.B, 0.0, 0.0, 0.0))
        if method.trains(now.index) == "AB":  # a frozen common factor pins every client's frame
            usable = as_sent(usable, self.config, now.index)
        sent = usable.select(kept)
        context = self._context(arm, now, now.clients[kept])
        begin = time.perf_counter()
        upload = method.prepare(sent, arm.state, context)
        middle = time.perf_counter()
        outcome = method.combine(upload, arm.state, context)
        end = time.perf_counter()
        state = stepped(arm.state, outcome.state, self.config.server)
        size = float(state.factors.A.abs().max() + state.factors.B.abs().max())
        loss, score = self.task.evaluate(method.models(state), state.base)
        if not size < DIVERGED_NORM or not bool(torch.isfinite(loss).all()):
            grown = f"its global factors grew beyond {DIVERGED_NORM:g}"
            raise DivergedError(f"{label} stopped in round {now.index}: {grown}. {remedy}")
        alignment = upload.alignment or outcome.alignment
        values, flags = measure(
            sent,
            context.reference,
            round_update(arm.state, outcome.state),
            alignment,
            context.weights,
            self.config.align,
            now.index,
            self.config.lora.scaling,
            arm.focus,
        )
        arm.state, arm.focus = state, Focus(values["features"], values["latent_axes"])
        held = context.numbers("AB") * float(context.ranks.double().mean()) / self.config.lora.rank
        return RoundRecord(
            arm=method.card.name,
            round_index=now.index,
            loss=float(loss.mean()),
            score=float(score.mean()),
            clients=context.clients.numpy(),
            dropped=now.clients[~healthy & now.arrive].numpy(),
            lost=now.clients[~now.arrive].numpy(),
            flags=flags,
            applied=alignment is not None,
            bytes_up=_bytes(held if upload.numbers is None else upload.numbers, upload.indices),
            bytes_down=_bytes(held if outcome.numbers is None else outcome.numbers, outcome.indices),
            client_seconds=(middle - begin) / len(kept),
            server_seconds=end - middle,
            **numpy_fields(values.items()),
        )


def _bytes(numbers: float, indices: float) -> float:
    return numbers * NUMBER_BYTES + indices * INDEX_BYTES


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
