"""The paper card: the paper's numbers beside our own runs of the same settings, as far as a small model allows.

The app's page and the command line both show the runs, tables, ratios, differences and content made here.
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
"""Settings taken from the paper as far as a small model allows: skew, rank, scaling, local steps, frames as trained."""

SEEDS, MOST_SEEDS = 3, 5
MIDDLE = 10
"""Number of clients in the runs over λ and rank, and in the error ratios."""

SETTINGS = ("frames", "theta", "rounds", "steps", "batch", "opt", "lr", "seed")
"""URL keys that a person may set besides the number of seeds. All other settings are the paper's."""


VARIED = ("clients", "lam", "rank")
"""URL keys of the fields in which the runs differ."""


@dataclass(frozen=True)
class Plan:
    """The configs of our runs.

    Attributes:
        clients, strengths, ranks: one tuple for each value of the setting in the paper's table, with one config per
            seed.
    """

    clients: tuple[tuple[FederationConfig, ...], ...]
    strengths: tuple[tuple[FederationConfig, ...], ...]
    ranks: tuple[tuple[FederationConfig, ...], ...]

    @property
    def configs(self) -> tuple[FederationConfig, ...]:
        """Every config once, in order of seeds, so that every figure has first numbers early."""
        cells = (*self.clients, *self.strengths, *self.ranks)
        every = (c for configs in zip(*cells, strict=True) for c in configs)
        return tuple({c.hash: c for c in every}.values())

    @property
    def base(self) -> FederationConfig:
        """One of the configs, for the settings that all share."""
        return self.clients[1][0]

    @property
    def seeds(self) -> int:
        """How many seeds each setting runs on."""
        return len(self.clients[0])


def plan(settings: Mapping[str, Any], seeds: int = SEEDS) -> Plan:
    """Plan our runs.

    Args:
        settings: changes to :data:`BASE`, by URL key.
        seeds: how many seeds each setting runs on.

    Raises:
        ConfigError: if a setting breaks a rule.
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
    """Run what the paper ran, as far as a small model allows, and set the paper's numbers beside ours.

    Args:
        seeds: how many seeds each setting runs on.
        should_stop: asked about ten times a second whether to cancel.
        settings: changes to :data:`BASE`. Only the names in :data:`SETTINGS` may be changed.

    Returns:
        Tables, ratios of errors and differences between the paper's runs and ours, with texts about them.

    Raises:
        ConfigError: if a setting is fixed by the paper or breaks a rule.
        Cancelled: once ``should_stop()`` returns true.

    Examples:
        >>> import fedrot_core as fr
        >>> card = fr.paper_card(seeds=1, rounds=1, steps=1)
        >>> [table.name for table in card.tables]
        ['clients', 'strength', 'rank']
    """
    for name in settings:
        if name not in SETTINGS:
            raise rule("A setting of the paper card", f"be one of {', '.join(SETTINGS)}", name, "Leave it out.")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        raise rule("Seeds", f"be a number in 1..{MOST_SEEDS}", seeds, f"Use {SEEDS}, for example.")
    planned = plan(settings, seeds)
    return PaperCard.of(planned, sweep(planned.configs, should_stop))


def card(method: str) -> ArmCard:
    """How a method is drawn."""
    return METHODS[method].card


def paper_lines(table: Mapping[str, Sequence[float]]) -> list[Line]:
    """The lines of one of the paper's tables, whose keys are method names."""
    return [Line(card(name), tuple(values)) for name, values in table.items()]


def strength_lines() -> list[Line]:
    """The paper's curves over λ, one per task, in the hue of FedRot-LoRA."""
    looks = (("solid", "circle"), ("dash", "circle-open"))
    return [
        Line(ArmCard(task, task, card("fedrot").hue, dash, symbol), values)
        for (task, values), (dash, symbol) in zip(paper.BY_STRENGTH.items(), looks, strict=True)
    ]


@dataclass(frozen=True)
class PaperCard:
    """The paper's numbers beside ours, as far as our runs are done.

    Attributes:
        plan: the plan.
        found: the finished runs, by the hash of their config.
    """

    plan: Plan
    found: Mapping[str, RunSummary]

    @classmethod
    def of(cls, plan: Plan, runs: Iterable[RunSummary]) -> PaperCard:
        """The card made from the runs that are done."""
        return cls(plan, {run.config.hash: run for run in runs})

    @functools.cached_property
    def tables(self) -> tuple[Table, ...]:
        """Three tables: by number of clients, by soft strength λ and by rank."""
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
        """A line for each method: the mean of our final scores over seeds, and their range; NaN if no seed is done."""
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
        """Score after the last round; NaN if the run is not done or the arm stopped early."""
        run = self.found.get(config.hash)
        arm = None if run is None else run.arms.get(method)
        return math.nan if arm is None or len(arm.scores) < config.train.rounds else float(arm.scores[-1])

    @functools.cached_property
    def ratios(self) -> list[Ratios]:
        """Naive over aligned error: the paper's by task; ours measured in two ways, medians over rounds and seeds."""
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
        """A sentence: what FedRot-LoRA gains over FedIT at each number of clients, in the paper and here."""
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
        """A sentence about an independent replication."""
        other = paper.REPLICATION
        return (
            "An independent replication, with a model of 1B parameters and 5\u00a0clients, found "
            f"{100 * other['fedrot']:.1f} with FedRot-LoRA against {100 * other['fedit']:.1f} with plain averaging: "
            "the size of the effect depends on the setting."
        )

    @property
    def note(self) -> str:
        """Where the numbers come from, and how to read them."""
        many = "of one seed" if self.plan.seeds == 1 else f"means of {self.plan.seeds}\u00a0seeds"
        return (
            f"The paper's numbers are those of {paper.SOURCE} ({paper.ACCURACY_TASKS} by clients; MNLI and QQP by λ, "
            f"read off a plot; MNLI by rank). Ours are {many}, with bars from lowest to highest; the runs over λ and "
            f"rank have {MIDDLE}\u00a0clients. Two models, two data sets: each figure has its own axis. The two "
            "figures of a pair span equally many points, so equal slopes are equal gains; levels must not be compared. "
        )

    @property
    def troubles(self) -> list[str]:
        """One sentence for each of our runs or arms that ended early, with the reason."""
        return [
            f"Seed {run.config.seed}, {run.config.data.clients} clients: {note}"
            for run in self.found.values()
            for note in filter(None, (run.error, *(arm.stopped for arm in run.arms.values())))
        ]

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per number: its table, whose it is, the setting and the method; scores are shares, NaN if missing."""
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
        """How the paper's runs differ from ours, as they are set now: tuples (what, paper, ours)."""
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
        """Everything for a JSON file: engine, settings, headline, rows and differences."""
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
