"""A federated run: several arms from one seed, trained together, aggregated each by its own method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from fedrot_core.config import FederationConfig
from fedrot_core.engine import Engine, Program, pack, pick_device, unpack
from fedrot_core.errors import DivergedError
from fedrot_core.factors import Factors
from fedrot_core.frames import as_sent, initial_A
from fedrot_core.methods import METHODS, Method, RoundContext
from fedrot_core.metrics import measure
from fedrot_core.trace import ArmStopped, CentralisedRecord, Event, RoundRecord, TaskCard, Trace, numpy_fields
from fedrot_core.workloads import POOLED, build_task

DIVERGED_NORM = 1e6
"""An update whose norm exceeds this has diverged, even if it is still finite."""


@dataclass
class _Arm:
    """One method's state between rounds: what it broadcasts next, (L, r, i) and (L, o, r)."""

    method: Method
    factors: Factors


class Federation:
    """Runs ``config``.

    Raises:
        ConfigError: when a name is unknown, the device is missing, or the data cannot be dealt as asked.
    """

    def __init__(self, config: FederationConfig) -> None:
        self.config = config
        self.methods = [METHODS[name] for name in config.methods]
        self.device = pick_device(config.device)
        self.task = build_task(config, self.device)
        self.K = config.data.clients
        counts = self.task.sample_counts if config.data.weights == "samples" else np.ones(self.K)
        self.weights = torch.from_numpy(np.asarray(counts, dtype=np.float64))
        self.start_A = initial_A(config, tuple(s.d_in for s in self.task.layers), self.K)  # (L, K, r, i)
        self.zero_B = torch.zeros(
            len(self.task.layers), max(s.d_out for s in self.task.layers), config.lora.rank, dtype=torch.float64
        )

    def new_trace(self) -> Trace:
        """An empty trace with the task's description and its score before any training."""
        start = Factors(self.start_A[:, :1], self.zero_B[:, None])
        loss, score = self.task.evaluate(start)
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
        arms = [_Arm(method, start) for method in self.methods]
        ceiling = start
        engine, program = self._engine(len(arms))
        for t in range(self.config.train.rounds):
            rows = self._rows(arms, ceiling, t)
            pack(engine, rows)
            self.task.start_round(program, t)
            engine.train(program, self.config.train.local_steps, should_stop)
            trained = unpack(engine, rows)
            ceiling = Factors(trained.A[:, -1], trained.B[:, -1])
            alive: list[_Arm] = []
            for g, arm in enumerate(arms):
                mine = slice(g * self.K, (g + 1) * self.K)
                try:
                    yield self._aggregate(arm, Factors(trained.A[:, mine], trained.B[:, mine]), t)
                    alive.append(arm)
                except DivergedError as error:
                    yield ArmStopped(arm.method.card.name, t, str(error))
            loss, score = self._evaluate([ceiling])
            yield CentralisedRecord(t, float(loss[0]), float(score[0]))
            if len(alive) < len(arms):
                arms = alive
                if not arms:
                    return
                engine, program = self._engine(len(arms))

    def _engine(self, arms: int) -> tuple[Engine, Program]:
        """An engine and program with one row per client and arm, and a last one for the centralised run."""
        rows = [*range(self.K)] * arms + [POOLED]
        train = self.config.train
        engine = Engine(
            self.task.layers, len(rows), self.config.lora.rank, train.optimizer, train.learning_rate, self.device
        )
        return engine, self.task.program(rows)

    def _rows(self, arms: Sequence[_Arm], ceiling: Factors, t: int) -> Factors:
        """Where every row starts this round: (L, N, r, i), (L, N, o, r)."""
        A, B = [], []
        for arm in arms:
            own_starts = t == 0
            A.append(self.start_A if own_starts else arm.factors.A.unsqueeze(1).expand(-1, self.K, -1, -1))
            B.append(arm.factors.B.unsqueeze(1).expand(-1, self.K, -1, -1))
        return Factors(torch.cat([*A, ceiling.A.unsqueeze(1)], dim=1), torch.cat([*B, ceiling.B.unsqueeze(1)], dim=1))

    def _evaluate(self, adapters: Sequence[Factors]) -> tuple[torch.Tensor, torch.Tensor]:
        return self.task.evaluate(
            Factors(torch.stack([f.A for f in adapters], dim=1), torch.stack([f.B for f in adapters], dim=1))
        )

    def _aggregate(self, arm: _Arm, trained: Factors, t: int) -> RoundRecord:
        """Frames, drop of broken clients, the method's rule, metrics; moves the arm on."""
        label = arm.method.card.label
        remedy = f"Lower the learning rate ({self.config.train.learning_rate:g}) or take fewer local steps."
        healthy = trained.finite().all(0)  # over layers
        kept = torch.nonzero(healthy).flatten()
        if not len(kept):
            raise DivergedError(f"{label} stopped in round {t}: every client returned NaN or Inf. {remedy}")
        usable = Factors(torch.nan_to_num(trained.A, 0.0, 0.0, 0.0), torch.nan_to_num(trained.B, 0.0, 0.0, 0.0))
        sent = as_sent(usable, self.config, t).select(kept)
        weights = self.weights[kept] / self.weights[kept].sum()
        context = RoundContext(t, self.config.align, weights)
        received = arm.factors
        result = arm.method.aggregate(sent, received, context)
        size = float(result.factors.A.abs().max() + result.factors.B.abs().max())
        loss, score = self._evaluate([result.factors])
        if not size < DIVERGED_NORM or not bool(torch.isfinite(loss).all()):
            raise DivergedError(
                f"{label} stopped in round {t}: its global factors grew beyond {DIVERGED_NORM:g}. {remedy}"
            )
        values, flags = measure(
            sent, received, result.factors, result.alignment, weights, self.config.align, t, self.config.lora.scaling
        )
        arm.factors = result.factors
        return RoundRecord(
            arm=arm.method.card.name,
            round_index=t,
            loss=float(loss[0]),
            score=float(score[0]),
            clients=kept.numpy(),
            dropped=torch.nonzero(~healthy).flatten().numpy(),
            flags=flags,
            applied=result.alignment is not None,
            **numpy_fields(values.items()),
        )
