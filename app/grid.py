"""Where alignment matters: which settings are compared, and what their results say in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedrot_core.config import FederationConfig, Skew, leaves
from fedrot_core.errors import ConfigError
from fedrot_core.figures.parts import percent
from fedrot_core.figures.when import Axis, GridCell, signed, times
from fedrot_core.methods import METHODS
from fedrot_core.summary import RunSummary
from fedrot_core.workloads import WORKLOADS

NAIVE = "fedit"
ALIGNED = ("fedrot", "fedrot_code", "gpa")
"""Methods that can stand against the naive average; the first is the default."""

NO_SKEW = Skew("steps", "local steps (right: clients drift apart)", "steps", (1, 5, 10, 20, 50), 50, 1)
"""Across the map where a workload has no axis of heterogeneity: the more steps, the more clients part."""

SKEW = "skew"
"""In :data:`SEARCHED`: "strongest" or "none", on the workload's own axis; left out where it has none."""

RANKS: tuple[int, ...] = (1, 2, 4, 8, 16)
TURNS: tuple[float, ...] = (0, 30, 60, 90, 120, 150, 180)
QUICK_ROUNDS = 8

TIE_POINTS = 1.0
"""Score differences up to this many points are ties."""

TINY = 1e-12
"""Relative errors below this are rounding of an exact zero; ratios are taken against it."""

SEARCHED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("as trained", {"frames": "trained"}),
    ("as trained, SGD", {"frames": "trained", "opt": "sgd", "lr": 0.1}),
    ("as trained, strongest skew", {"frames": "trained", SKEW: "strongest"}),
    ("as trained, no skew", {"frames": "trained", SKEW: "none"}),
    ("as trained, rank 16", {"frames": "trained", "rank": 16}),
    ("as trained, 1 local step", {"frames": "trained", "steps": 1}),
    ("as trained, full turn λ = 1", {"frames": "trained", "lam": 1.0}),
    ("as trained, 2 clients", {"frames": "trained", "clients": 2}),
    ("as trained, 3 in 10 clients a round, strongest skew",
     {"frames": "trained", "part": 0.3, SKEW: "strongest"}),
    ("independent random starts", {"frames": "independent"}),
    ("SGD", {"opt": "sgd", "lr": 0.1}),
    ("strongest skew", {SKEW: "strongest"}),
    ("rank 1", {"rank": 1}),
    ("1 local step", {"steps": 1}),
    ("full turn λ = 1", {"lam": 1.0}),
    ("2 clients", {"clients": 2}),
    ("3 in 10 clients a round", {"part": 0.3}),
    ("half of the uploads lost", {"drop": 0.5}),
    ("reference 3 rounds old", {"stale": 3}),
    ("A matched in every round", {"side": "A"}),
)  # fmt: skip
"""Further settings in which alignment may fail, each a change of the session's config."""


@dataclass(frozen=True)
class Setting:
    """One run to compare: its name in lists, its config, and its place on the map if it has one."""

    name: str
    config: FederationConfig
    x: float = math.nan
    y: float = math.nan


@dataclass(frozen=True)
class Grid:
    """All settings of the map and its axes."""

    x: Axis
    y: Axis
    settings: tuple[Setting, ...]

    @property
    def configs(self) -> tuple[FederationConfig, ...]:
        """One config for each setting."""
        return tuple(setting.config for setting in self.settings)


@dataclass(frozen=True)
class Finding:
    """A finished setting and its numbers."""

    setting: Setting
    cell: GridCell
    naive_score: float
    aligned_score: float


def rounds_of(base: FederationConfig, depth: str) -> int:
    """How many rounds a setting runs: few for a quick look, or all of the config."""
    return min(QUICK_ROUNDS, base.train.rounds) if depth == "quick" else base.train.rounds


def grid_of(base: FederationConfig, rows: str, aligned: str, depth: str) -> Grid:
    """The map around ``base``: skew against rank, or against the turn θ between two halves of the clients."""
    common: dict[str, Any] = {"arms": (NAIVE, aligned), "rounds": rounds_of(base, depth)}
    skew = base.task.skew or NO_SKEW
    x, x_key = Axis(skew.title, skew.letter, skew.values), skew.key
    common |= skew.also
    if rows == "theta":
        y, y_key = Axis("turn θ between two halves", "θ", TURNS, "°"), "theta"
        common["frames"] = "turned"
    else:
        y, y_key = Axis("rank r", "r", tuple(float(rank) for rank in RANKS)), "rank"
    settings: list[Setting] = []
    for row in y.values:
        for column in x.values:
            try:
                config = base.with_values({**common, x_key: column, y_key: row})
            except ConfigError:  # a rank wider than the layers, say: the map leaves it out
                continue
            settings.append(Setting(f"{x.text(column)}, {y.text(row)}", config, column, row))
    kept = tuple(row for row in y.values if any(s.y == row for s in settings))
    return Grid(x, Axis(y.title, y.letter, kept, y.unit), tuple(settings))


def search_of(base: FederationConfig, aligned: str, depth: str) -> tuple[Setting, ...]:
    """The further settings of :data:`SEARCHED` that are possible here and differ from ``base``."""
    plain = base.with_values({"arms": (NAIVE, aligned), "rounds": rounds_of(base, depth)})
    settings: list[Setting] = []
    for name, changes in SEARCHED:
        wanted = dict(changes)
        skew, how = base.task.skew, wanted.pop(SKEW, None)
        if skew is not None and how is not None:
            wanted |= {skew.key: getattr(skew, how), **skew.also}
        try:
            config = plain.with_values(wanted)
        except ConfigError:
            continue
        if config not in [plain, *(s.config for s in settings)]:
            settings.append(Setting(name, config))
    return tuple(settings)


def finding_of(setting: Setting, summary: RunSummary | None, aligned: str) -> Finding:
    """A setting with what its run gave so far: pending, without result, or two errors and two scores."""
    key = setting.config.hash
    if summary is None:
        return Finding(setting, GridCell(setting.x, setting.y, key), math.nan, math.nan)
    rounds, notes = setting.config.train.rounds, [summary.error]
    arms = [summary.arms.get(name) for name in (NAIVE, aligned)]
    notes += [arm.stopped for arm in arms if arm is not None]
    naive, turned = arms
    if naive is None or turned is None or min(len(naive.errors), len(turned.errors)) < rounds:
        note = next((text for text in notes if text), "An arm ended early.")
        return Finding(setting, GridCell(setting.x, setting.y, key, done=True, note=note), math.nan, math.nan)
    errors = float(naive.errors[-1]), float(turned.errors[-1])
    scores = float(naive.scores[-1]), float(turned.scores[-1])
    cell = GridCell(
        setting.x, setting.y, key, *errors, ratio=math.log10(max(errors[0], TINY) / max(errors[1], TINY)),
        gain=100 * (scores[1] - scores[0]), done=True,
    )  # fmt: skip
    return Finding(setting, cell, *scores)


def label(method: str) -> str:
    """A method's name for people."""
    return METHODS[method].card.label


def headline(findings: Sequence[Finding], aligned: str, score: str) -> str:
    """In how many settings alignment wins, ties and loses."""
    gains = [f.cell.gain for f in findings if f.cell.known]
    if not gains:
        return f"None of the {len(findings)} settings is done yet."
    wins, losses = sum(g > TIE_POINTS for g in gains), sum(g < -TIE_POINTS for g in gains)
    ties = len(gains) - wins - losses
    without = sum(f.cell.done and not f.cell.known for f in findings)
    text = (
        f"In {wins} of {len(gains)} settings {label(aligned)} wins by more than {TIE_POINTS:g} point of {score}, "
        f"in {ties} the two tie, in {losses} it loses by more than that "
        f"(from {signed(min(gains))} to {signed(max(gains))} points)."
    )
    if without:
        text += f" {without} could not be compared, because a run or an arm ended early."
    return text


def verdict(finding: Finding, score: str) -> str:
    """What alignment does in one setting, in words that follow from the numbers."""
    gain, ratio = finding.cell.gain, finding.cell.ratio
    points = signed(abs(gain)).lstrip("+")
    if gain < 0 and points != "0":
        text = f"alignment costs {points} point{'s' if points != '1.0' else ''} here"
        text += ", within a tie" if gain >= -TIE_POINTS else ""
    elif points == "0":
        text = f"alignment changes {score} by less than 0.05 points"
    else:
        text = f"alignment gains {points} point{'s' if points != '1.0' else ''} here"
        text += ", within a tie" if gain <= TIE_POINTS else ""
    scores = f"{percent(finding.naive_score)} → {percent(finding.aligned_score)}"
    word = times(ratio)
    errors = f"{percent(finding.cell.naive_error)} → {percent(finding.cell.aligned_error)}"
    return f"{text} ({score} {scores}); error {errors}, naive ÷ aligned {word}"


def worst(findings: Sequence[Finding], by: str, count: int) -> list[Finding]:
    """The settings in which alignment helps least or hurts most, by ``"gain"`` or ``"ratio"``."""
    value: Callable[[Finding], float] = lambda f: float(getattr(f.cell, by))  # noqa: E731
    return sorted((f for f in findings if f.cell.known), key=value)[:count]


def around(base: FederationConfig, rounds: int) -> str:
    """What all settings of the map share, in one sentence."""
    train = base.train
    optimizer = next(leaf.option for leaf in leaves() if leaf.option.key == "opt").choices[train.optimizer]
    return (
        f"Each cell is one run around the lab's present config: {WORKLOADS[base.task.name].label}, "
        f"{base.data.clients} clients, {train.local_steps} local steps, {optimizer}, {rounds} rounds."
    )


def rank_one(base: FederationConfig, rows: str, aligned: str) -> str:
    """Why nothing happens at rank 1 where only rotations are allowed; empty where that does not apply."""
    applies = rows == "rank" and aligned == "fedrot" and base.align.group == "SO"
    return (
        "At r = 1 the only rotation is the identity, so FedRot-LoRA in SO(r) cannot turn anything." if applies else ""
    )
