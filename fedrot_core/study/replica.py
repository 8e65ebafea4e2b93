"""The paper card: which runs of ours stand beside the paper's numbers, and what they gave.

Page and command line show the same runs, tables, ratios, differences and content.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig, leaves
from fedrot_core.errors import rule
from fedrot_core.methods import METHODS
from fedrot_core.study import paper
from fedrot_core.study.plotted import Line, Ratios, Table, gaps
from fedrot_core.study.seeds import over_seeds
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import sweep
from fedrot_core.trace import ArmCard
from fedrot_core.wording import signed
from fedrot_core.workloads import build_task
from fedrot_core.workloads.digits import DigitsConfig

BASE: Mapping[str, Any] = {"frames": "trained", "alpha": 0.5, "rank": 4, "lora_alpha": 8.0, "steps": 20}
"""What is as in the paper, as far as a small model can: skew, rank, scaling, local steps, frames as trained."""

SEEDS, MOST_SEEDS = 3, 5
MIDDLE = 10
"""Clients in the runs over λ and rank, and in the errors."""

SETTINGS = ("frames", "rounds", "steps", "batch", "opt", "lr", "seed")
"""What a person may set besides the number of seeds; the rest is the paper's."""


VARIED = ("clients", "lam", "rank")
"""URL keys in which the runs differ from one another."""


@dataclass(frozen=True)
class Plan:
    """Our runs: (setting, seed) -> config.

    Attributes:
        clients, strengths, ranks: one tuple of configs (a config a seed) for each setting of the paper's table.
    """

    clients: tuple[tuple[FederationConfig, ...], ...]
    strengths: tuple[tuple[FederationConfig, ...], ...]
    ranks: tuple[tuple[FederationConfig, ...], ...]

    @property
    def configs(self) -> tuple[FederationConfig, ...]:
        """Every config once, seed by seed, so that every figure has a first answer early."""
        cells = (*self.clients, *self.strengths, *self.ranks)
        every = (c for configs in zip(*cells, strict=True) for c in configs)
        return tuple({c.hash: c for c in every}.values())

    @property
    def base(self) -> FederationConfig:
        """One of the runs, for its settings."""
        return self.clients[1][0]

    @property
    def seeds(self) -> int:
        """How many runs a setting has."""
        return len(self.clients[0])


def plan(settings: Mapping[str, Any], seeds: int = SEEDS) -> Plan:
    """Our runs under ``settings``, changes of :data:`BASE` by URL key.

    Raises:
        ConfigError: when they cannot stand beside each other.
    """
    base = FederationConfig().with_values({**BASE, **settings})

    def cell(**values: Any) -> tuple[FederationConfig, ...]:
        return over_seeds(base.with_values(values), seeds)

    pair = {"clients": MIDDLE, "arms": ("fedit", "fedrot")}
    return Plan(
        tuple(cell(clients=n, arms=tuple(paper.ACCURACY)) for n in paper.CLIENTS),
        tuple(cell(**{**pair, "arms": ("fedrot",)}, lam=strength) for strength in paper.STRENGTHS),
        tuple(cell(**pair, rank=rank) for rank in paper.RANKS),
    )


def paper_card(seeds: int = SEEDS, should_stop: Callable[[], bool] = lambda: False, **settings: Any) -> PaperCard:
    """Run what the paper ran, as far as a small model can, and set its numbers beside ours.

    Args:
        seeds: runs of each setting; settings: changes of :data:`BASE`, of the names in :data:`SETTINGS`.

    Raises:
        ConfigError: when a setting is the paper's own or breaks a rule; Cancelled: once ``should_stop()`` is true.

    Examples:
        >>> import fedrot_core as fr
        >>> card = fr.paper_card(seeds=1, rounds=1, steps=1)
        >>> [table.name for table in card.tables]
        ['clients', 'strength', 'rank']
    """
    for name in settings:
        if name not in SETTINGS:
            raise rule("A setting of the paper card", f"be one of {', '.join(SETTINGS)}", name, "Leave it out.")
    planned = plan(settings, seeds)
    return PaperCard.of(planned, sweep(planned.configs, should_stop))


def card(method: str) -> ArmCard:
    """How a method is drawn."""
    return METHODS[method].card


def paper_lines(table: Mapping[str, Sequence[float]]) -> list[Line]:
    """Lines of one of the paper's tables by method."""
    return [Line(card(name), tuple(values)) for name, values in table.items()]


def strength_lines() -> list[Line]:
    """The paper's λ curves, one a task, in the hue of FedRot-LoRA."""
    looks = (("solid", "circle"), ("dash", "circle-open"))
    return [
        Line(ArmCard(task, task, card("fedrot").hue, dash, symbol), values)
        for (task, values), (dash, symbol) in zip(paper.BY_STRENGTH.items(), looks, strict=True)
    ]


@dataclass(frozen=True)
class PaperCard:
    """The paper's numbers beside ours, as far as these are done.

    Attributes:
        found: config hash -> run.
    """

    plan: Plan
    found: Mapping[str, RunSummary]

    @classmethod
    def of(cls, plan: Plan, runs: Iterable[RunSummary]) -> PaperCard:
        """From the runs that are done."""
        return cls(plan, {run.config.hash: run for run in runs})

    @functools.cached_property
    def tables(self) -> tuple[Table, ...]:
        """By clients, by soft strength and by rank."""
        methods = tuple(paper.ACCURACY)
        return (
            Table("clients", "clients", f"at {_listed(paper.CLIENTS)} clients", paper.CLIENTS,
                  paper_lines(paper.ACCURACY),
                  self.lines(self.plan.clients, methods)),
            Table("strength", "strength λ", f"at λ = {_listed(paper.STRENGTHS)}", paper.STRENGTHS, strength_lines(),
                  self.lines(self.plan.strengths, ("fedrot",))),
            Table("rank", "rank r", f"at r = {_listed(paper.RANKS)}", paper.RANKS, paper_lines(paper.BY_RANK),
                  self.lines(self.plan.ranks, tuple(paper.BY_RANK))),
        )  # fmt: skip

    def lines(self, cells: Sequence[Sequence[FederationConfig]], methods: Sequence[str]) -> list[Line]:
        """Our mean final score over seeds, and its range; NaN where no seed is done."""
        lines = []
        for name in methods:
            values = [[v for c in cell if math.isfinite(v := self.final_score(c, name))] for cell in cells]
            lines.append(
                Line(
                    card(name),
                    tuple(float(np.mean(v)) if v else math.nan for v in values),
                    tuple(min(v, default=math.nan) for v in values),
                    tuple(max(v, default=math.nan) for v in values),
                )
            )
        return lines

    def final_score(self, config: FederationConfig, method: str) -> float:
        """Score after the last round; NaN while it is missing, or where the arm stopped early."""
        run = self.found.get(config.hash)
        arm = None if run is None else run.arms.get(method)
        return math.nan if arm is None or len(arm.scores) < config.train.rounds else float(arm.scores[-1])

    @functools.cached_property
    def ratios(self) -> list[Ratios]:
        """Naive over aligned error: the paper's by task; ours by way of measuring, median over rounds and seeds."""
        theirs = {f"paper, {task}": naive / aligned for task, (naive, aligned) in paper.ERRORS.items()}
        own, same = [], []
        for config in self.plan.clients[paper.CLIENTS.index(MIDDLE)]:
            run = self.found.get(config.hash)
            if run is None or not {"fedit", "fedrot"} <= set(run.arms):
                continue
            a, b = run.arms["fedit"], run.arms["fedrot"]
            last = min(len(a.errors), len(b.errors))
            own += [x / y for x, y in zip(a.errors[1:last], b.errors[1:last], strict=True) if y > 0]
            same += [x / y for x, y in zip(b.naive_errors[1:], b.errors[1:], strict=True) if y > 0]
        ours = {
            "ours, each along its own run": float(np.median(own)) if own else math.nan,
            "ours, on the same factors": float(np.median(same)) if same else math.nan,
        }
        return [
            Ratios(ArmCard("paper", "paper", "ink", "solid", "square"), theirs),
            Ratios(ArmCard("ours", "ours", card("fedrot").hue, "solid", card("fedrot").symbol), ours),
        ]

    @property
    def headline(self) -> str:
        """What FedRot-LoRA gains over FedIT by clients, in the paper and here."""
        table = self.tables[0]
        theirs, ours = (gaps(lines, "fedrot", "fedit") for lines in (table.theirs, table.ours))
        here = f"{', '.join(signed(g, 1) for g in ours)}\u00a0points" if ours else "not yet known"
        *first, last = paper.CLIENTS
        return (
            "Accuracy of FedRot-LoRA (aligned) minus that of FedIT (naive) at "
            f"{', '.join(map(str, first))} and {last}\u00a0clients: {', '.join(signed(g, 1) for g in theirs)}"
            f"\u00a0points in the paper, {here} here."
        )

    @property
    def elsewhere(self) -> str:
        """What an independent replication found."""
        other = paper.REPLICATION
        return (
            "An independent replication, with a model of 1B parameters and 5\u00a0clients, found "
            f"{100 * other['fedrot']:.1f} with FedRot-LoRA against {100 * other['fedit']:.1f} with plain averaging: "
            "the size of the effect depends on the setting."
        )

    @property
    def note(self) -> str:
        """Where the numbers come from, and how far they may be read."""
        many = "of one seed" if self.plan.seeds == 1 else f"means of {self.plan.seeds}\u00a0seeds"
        return (
            f"The paper's numbers are those of {paper.SOURCE} ({paper.ACCURACY_TASKS} by clients; MNLI and QQP by λ, "
            f"read off a plot; MNLI by rank). Ours are {many}, with bars from lowest to highest; the runs over λ and "
            f"rank have {MIDDLE}\u00a0clients. Two models, two data sets: each figure has its own axis. The two "
            "figures of a pair span equally many points, so equal slopes are equal gains; levels must not be compared. "
            "Nothing here says more than these runs measured."
        )

    @property
    def troubles(self) -> list[str]:
        """Why runs or arms of ours ended early, a sentence each."""
        return [
            f"Seed {run.config.seed}, {run.config.data.clients} clients: {note}"
            for run in self.found.values()
            for note in filter(None, (run.error, *(arm.stopped for arm in run.arms.values())))
        ]

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row a number: whose it is, in which table, at which setting, of which method; shares, NaN if missing."""
        rows: list[dict[str, Any]] = []
        for table in self.tables:
            for whose, lines in (("paper", table.theirs), ("ours", table.ours)):
                for line in lines:
                    ranges = zip(line.low or line.values, line.high or line.values, strict=True)
                    for at, value, (low, high) in zip(table.x, line.values, ranges, strict=True):
                        rows.append({
                            "table": table.name, "whose": whose, "at": at, "line": line.card.name, "score": value,
                            "score_low": low, "score_high": high,
                        })  # fmt: skip
        for group in self.ratios:
            rows += [
                {"table": "error ratios", "whose": group.card.name, "line": name, "ratio": value}
                for name, value in group.values.items()
            ]
        return rows

    @property
    def differences(self) -> list[tuple[str, str, str]]:
        """What differs between the paper's runs and ours, as they are set now: (what, paper, ours)."""
        c = self.plan.base
        assert isinstance(c.task, DigitsConfig)
        labels = {leaf.option.key: leaf.option.choices for leaf in leaves()}
        optimiser = labels["opt"][c.train.optimizer]
        steps = "1 local step" if c.train.local_steps == 1 else f"{c.train.local_steps} local steps"
        ours = {
            "Model": _model(c),
            "Data": "scikit-learn's handwritten digits, 8 × 8 pixels, ten classes",
            "Optimiser": f"{optimiser} {c.train.learning_rate:g}, {steps} of batch {c.task.batch_size}",
            "Rounds": str(c.train.rounds),
            "Adapter": f"r = {c.lora.rank}, lora_alpha = {c.lora.lora_alpha:g}",
            "Split": f"Dirichlet {c.task.alpha:g}",
            "Frames": labels["frames"][c.frames.kind],
            "Error": f"relative to ‖Σ wₖ Bₖ Aₖ‖; median over rounds 1 to {c.train.rounds - 1} and all seeds",
        }
        return [(what, paper.SETTING[what], ours[what]) for what in paper.SETTING]

    @property
    def content(self) -> dict[str, Any]:
        """Everything: engine, settings, headline, rows and differences; for JSON."""
        return {
            "engine": ENGINE_VERSION,
            "paper": paper.SOURCE,
            "config": self.plan.base.to_dict(),
            "seeds": [config.seed for config in self.plan.clients[0]],
            "headline": self.headline,
            "elsewhere": self.elsewhere,
            "numbers": self.rows,
            "differences": [{"what": what, "paper": theirs, "ours": ours} for what, theirs, ours in self.differences],
        }


def _listed(values: Sequence[float]) -> str:
    return ", ".join(f"{v:g}" for v in values)


@functools.cache
def _model(config: FederationConfig) -> str:
    """What the model and the data are, in the task's own words."""
    return build_task(config, CPU).summary
