"""The paper card: which runs of ours stand beside the paper's numbers, and what they gave."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.share import settings_from
from fedrot_core import paper
from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig, leaves
from fedrot_core.errors import ConfigError
from fedrot_core.figures.paper import TIE, Line, Ratios, signed
from fedrot_core.figures.parts import percent
from fedrot_core.methods import METHODS
from fedrot_core.summary import RunSummary
from fedrot_core.trace import ArmCard
from fedrot_core.workloads import build_task
from fedrot_core.workloads.digits import DigitsConfig

BASE: Mapping[str, Any] = {"frames": "trained", "alpha": 0.5, "rank": 4, "lora_alpha": 8.0, "steps": 20}
"""What is as in the paper, as far as a small model can: skew, rank, scaling, local steps, frames as trained."""

SEEDS = 3
MIDDLE = 10
"""Clients in the runs over λ and rank, and in the errors."""

SETTINGS = ("frames", "rounds", "steps", "batch", "opt", "lr", "seed")
"""What a link may set; ``seeds`` besides."""

Found = Mapping[str, RunSummary]


@dataclass(frozen=True)
class Replica:
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


def replica(settings: Mapping[str, Any], seeds: int = SEEDS) -> Replica:
    """Our runs under ``settings``, changes of :data:`BASE` by URL key."""
    base = FederationConfig().with_values({**BASE, **settings})

    def cell(**values: Any) -> tuple[FederationConfig, ...]:
        return tuple(base.with_values({**values, "seed": (base.seed + n) % 10_000}) for n in range(seeds))

    pair = {"clients": MIDDLE, "arms": ("fedit", "fedrot")}
    return Replica(
        tuple(cell(clients=n, arms=tuple(paper.ACCURACY)) for n in paper.CLIENTS),
        tuple(cell(**{**pair, "arms": ("fedrot",)}, lam=strength) for strength in paper.STRENGTHS),
        tuple(cell(**pair, rank=rank) for rank in paper.RANKS),
    )


def read_link(query: Mapping[str, str]) -> tuple[dict[str, Any], int, list[str]]:
    """Settings, number of seeds, and a sentence for each value of the link that could not be used."""
    settings, problems = settings_from(query, SETTINGS)
    seeds = SEEDS
    for key, text in query.items():
        if key == "seeds" and text.isdecimal() and 1 <= int(text) <= 5:
            seeds = int(text)
        elif key == "seeds":
            problems.append(f"seeds must be in 1..5; the link's {text!r} was replaced by {SEEDS}.")
        elif key not in SETTINGS:
            problems.append(f"The link's {key}={text!r} is not a setting of this page and was ignored.")
    try:
        replica(settings, seeds)
    except ConfigError as error:
        problems.append(f"{error} All settings of the link were replaced by the defaults.")
        settings = {}
    return settings, seeds, problems


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


def our_lines(cells: Sequence[Sequence[FederationConfig]], found: Found, methods: Sequence[str]) -> list[Line]:
    """Mean final score over seeds, and its range; NaN where no seed is done."""
    lines = []
    for name in methods:
        values = [[v for c in cell if math.isfinite(v := final_score(found.get(c.hash), name))] for cell in cells]
        lines.append(
            Line(
                card(name),
                tuple(float(np.mean(v)) if v else math.nan for v in values),
                tuple(min(v, default=math.nan) for v in values),
                tuple(max(v, default=math.nan) for v in values),
            )
        )
    return lines


def final_score(run: RunSummary | None, method: str) -> float:
    """Score after the last round; NaN while it is missing, or where the arm stopped early."""
    arm = None if run is None else run.arms.get(method)
    return (
        math.nan if arm is None or run is None or len(arm.scores) < run.config.train.rounds else float(arm.scores[-1])
    )


def best_strength(whose: str, lines: Sequence[Line]) -> str:
    """At which λ each line is highest, and what full alignment gives there; the title of a λ figure."""
    parts = []
    for line in lines:
        known = [(v, at) for v, at in zip(line.values, paper.STRENGTHS, strict=True) if math.isfinite(v)]
        if known:
            best, at = max(known)
            name = f"{line.card.label}: " if len(lines) > 1 else ""
            if len(known) == 1:
                parts.append(f"{name}{percent(best)} at λ = {at:g}, more to come")
                continue
            flat = 100 * (best - min(known)[0]) < 100 * TIE
            if flat:
                parts.append(f"{name}λ makes no difference beyond {100 * (best - min(known)[0]):.1f} points")
                continue
            parts.append(
                f"{name}best at λ = {at:g} ({signed(100 * (best - known[0][0]))} points over λ = {known[0][1]:g})"
            )
    return f"{whose}: {'; '.join(parts)}" if parts else f"{whose}: no run is done yet"


@functools.cache
def model(config: FederationConfig) -> str:
    """What the model and the data are, in the task's own words."""
    return build_task(config, CPU).summary


def ratios(runs: Replica, found: Found) -> list[Ratios]:
    """Naive over aligned error: the paper's by task; ours by way of measuring, median over rounds and seeds."""
    theirs = {f"paper, {task}": naive / aligned for task, (naive, aligned) in paper.ERRORS.items()}
    own, same = [], []
    for config in runs.clients[paper.CLIENTS.index(MIDDLE)]:
        run = found.get(config.hash)
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


def differences(runs: Replica) -> list[tuple[str, str, str]]:
    """What differs between the paper's runs and ours, as they are set now: (what, paper, ours)."""
    c = runs.base
    assert isinstance(c.task, DigitsConfig)
    labels = {leaf.option.key: leaf.option.choices for leaf in leaves()}
    optimiser = labels["opt"][c.train.optimizer]
    ours = {
        "Model": model(c),
        "Data": "scikit-learn's handwritten digits, 8 × 8 pixels, ten classes",
        "Optimiser": f"{optimiser} {c.train.learning_rate:g}, {c.train.local_steps} local steps of batch "
        f"{c.task.batch_size}",
        "Rounds": str(c.train.rounds),
        "Adapter": f"r = {c.lora.rank}, lora_alpha = {c.lora.lora_alpha:g}",
        "Split": f"Dirichlet {c.task.alpha:g}",
        "Frames": labels["frames"][c.frames.kind],
        "Error": f"relative to ‖Σ wₖ Bₖ Aₖ‖; median over rounds 1 to {c.train.rounds - 1} and all seeds",
    }
    return [(what, paper.SETTING[what], ours[what]) for what in paper.SETTING]
