"""What a config fixes before and between rounds: task, weights, ranks, first factors, and who takes part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fedrot_core.compute import made_with, pick_compute
from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.factors import Factors
from fedrot_core.federation.frames import initial_A
from fedrot_core.federation.progress import Arm, Turnout
from fedrot_core.methods import METHODS, Method, RoundContext
from fedrot_core.metrics.measured import SHOWN_CLIENTS
from fedrot_core.rng import stream
from fedrot_core.trace import TaskCard, Trace
from fedrot_core.workloads import build_task

MOST_HELD = 250_000_000
"""Most numbers that the clients of all methods may hold while they train: 2 GB."""

MOST_RECORDED = 2**26
"""Most numbers that a trace may hold: a quarter of a gigabyte, which is what can be opened again."""

SMALLER = "Take fewer methods or clients, or a lower rank."


class Setup:
    """What the config of a run fixes.

    Args:
        config: the config.
        methods: the methods of the arms; None takes the registered methods that ``config`` names.
        nudge: changes every gradient by up to this share, as if another processor had computed it. This shows how far
            the results of two processors may drift apart.

    Raises:
        ConfigError: if a name is unknown, the device is missing, the data cannot be dealt as asked, a method cannot
            do what the config asks for, or the clients would hold too much at once.
    """

    def __init__(self, config: FederationConfig, methods: Sequence[Method] | None = None, nudge: float = 0.0) -> None:
        self.config, self.nudge = config, nudge
        self.methods = [METHODS[name] for name in config.methods] if methods is None else list(methods)
        for method in self.methods:
            _check(method, config)
        rows = len(self.methods) * config.participants
        if rows * config.task.held(config) > MOST_HELD:
            got = f"{rows * config.task.held(config):,}"
            raise rule(
                "The clients of all methods", f"hold at most {MOST_HELD:,} numbers at once", got, SMALLER, "arms"
            )
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
        """An empty trace, with the task's description and the score before any training.

        Raises:
            ConfigError: if the trace of all rounds would be too large to be kept.
        """
        config, shown = self.config, min(SHOWN_CLIENTS, self.config.participants)
        rank = config.lora.rank
        each = len(self.task.layers) * shown * (rank**2 + 60 * rank + 4 * shown)
        if (found := each * config.train.rounds * len(self.methods)) > MOST_RECORDED:
            raise rule(
                "A run",
                f"record at most {MOST_RECORDED:,} numbers",
                f"{found:,}",
                f"Take fewer rounds. {SMALLER}",
                "rounds",
            )
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

    def sample(self, t: int) -> Turnout:
        """Draw the clients of round ``t`` and those that get lost. At least one upload always arrives."""
        rng = stream(self.config.seed, "participation", t)
        clients = np.sort(rng.choice(self.K, self.config.participants, replace=False))
        arrive = rng.random(len(clients)) >= self.config.server.dropout
        arrive[rng.integers(len(clients))] |= not arrive.any()
        return Turnout(t, torch.from_numpy(clients), torch.from_numpy(arrive))

    def context(self, arm: Arm, now: Turnout, clients: Tensor) -> RoundContext:
        """What a method may know about the round in which ``clients`` (indices among all) take part."""
        weights = self.weights[clients]
        age = min(self.config.server.staleness, len(arm.broadcasts) - 1)
        return RoundContext(
            round_index=now.round_index,
            align=self.config.align,
            weights=weights / weights.sum(),
            clients=clients,
            total_clients=self.K,
            layers=self.task.layers,
            reference=arm.broadcasts[-1 - age],
            rng=lambda name: stream(self.config.seed, name, now.round_index),
            ranks=self.ranks[clients],
            fresh_A=lambda: self._draw_A(f"fresh {now.round_index}", 1)[:, 0],
        )

    def starts(self, arm: Arm, now: Turnout) -> Factors:
        """Where an arm's m sampled clients start, (L, m, r, i) and (L, m, o, r), each cut to its own rank."""
        start = arm.method.start(arm.state, self.context(arm, now, now.clients))
        if now.round_index == 0 and arm.method.trains(0) == "AB":  # under independent starts each draws its own
            start = Factors(self.start_A[:, now.clients], start.B)
        own = self.own_directions(now.clients).double()
        return Factors(start.A * own.unsqueeze(-1), start.B * own.unsqueeze(-2))

    def own_directions(self, clients: Tensor) -> Tensor:
        """(m, r) bool, whether each client uses each latent direction; those beyond its own rank stay zero."""
        return torch.arange(self.config.lora.rank) < self.ranks[clients, None]

    def _draw_A(self, name: str, clients: int) -> Tensor:
        return initial_A(self.config, tuple(s.d_in for s in self.task.layers), clients, name)


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
