"""Where alignment matters: a map of settings to compare, and what the results say in words.

The app's page and the command line both show the map, search, verdicts, rows and content made here.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig, Skew, leaves
from fedrot_core.errors import ConfigError, rule
from fedrot_core.methods import METHODS
from fedrot_core.study.plotted import Axis, Cell
from fedrot_core.study.rank_one import at_rank_one
from fedrot_core.study.summary import SAME_ERROR, TIE, RunSummary
from fedrot_core.study.sweep import sweep
from fedrot_core.wording import counted, percent, signed, times
from fedrot_core.workloads import WORKLOADS

NAIVE = "fedit"
ALIGNED = ("fedrot", "fedrot_code", "gpa")
"""Methods that can be compared with naive averaging. The first is the default."""

ROWS: Mapping[str, str] = {"rank": "rank r", "theta": "turn θ"}
"""Settings that the rows of the map may vary, and their labels. The first is the default."""

DEPTHS = ("quick", "full")
"""How many rounds each setting runs: a few for a quick look, or all of the config's. The first is the default."""

NO_SKEW = Skew("steps", "local steps (right: clients drift apart)", "steps", (1, 5, 10, 20, 50), 50, 1)
"""What the map's columns vary if a workload has no axis of heterogeneity: more steps let clients drift apart."""

SKEW = "skew"
"""A key in :data:`SEARCHED`. Its value, "strongest" or "none", selects a value on the workload's axis of heterogeneity;
workloads without one ignore it."""

RANKS: tuple[int, ...] = (1, 2, 4, 8, 16)
TURNS: tuple[float, ...] = (0, 30, 60, 90, 120, 150, 180)
QUICK_ROUNDS = 8

TIE_POINTS = 100 * TIE
"""Differences of scores up to this many points are ties."""

SHOWN_POINTS = 0.05
"""Differences of scores below this many points are shown as no difference."""

ROUNDING = 1e-9
"""Ratios of errors that are this close to one, in decades, differ from it by rounding."""

TINY = 1e-12
"""Relative errors below this are an exact zero up to rounding; ratios use this value in their place."""

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
"""Further settings in which alignment may fail: a name, and changes to the config by URL key."""


@dataclass(frozen=True)
class Setting:
    """One run of the map or of the search: a combination of settings under which both methods are compared.

    Attributes:
        name: its name in lists.
        config: the config of its run.
        x, y: its place on the map; NaN if it is not on the map.
    """

    name: str
    config: FederationConfig
    x: float = math.nan
    y: float = math.nan


@dataclass(frozen=True)
class Plan:
    """The settings of a map, and of the search for further ones in which alignment fails.

    Attributes:
        base: the config that all settings change.
        aligned: the method that is compared with naive averaging.
        rows: the setting that the map's rows vary, a key of :data:`ROWS`.
        depth: how long the runs are, one of :data:`DEPTHS`.
        x, y: the axes of the map.
        settings: the settings of the map.
        search: further settings in which alignment may fail.
    """

    base: FederationConfig
    aligned: str
    rows: str
    depth: str
    x: Axis
    y: Axis
    settings: tuple[Setting, ...]
    search: tuple[Setting, ...]

    @property
    def configs(self) -> tuple[FederationConfig, ...]:
        """One run for each setting of the map."""
        return tuple(setting.config for setting in self.settings)

    @property
    def further(self) -> tuple[FederationConfig, ...]:
        """One run for each setting of the search."""
        return tuple(setting.config for setting in self.search)

    def runs(self, search: bool) -> tuple[FederationConfig, ...]:
        """All configs of the map, and of the search if it is wanted, without repetition.

        Raises:
            ConfigError: if no setting of the map is possible.
        """
        if not self.settings:
            raise rule("A map", "hold at least one possible setting", "none", "Change a setting.")
        return tuple(dict.fromkeys([*self.configs, *(self.further if search else ())]))

    @property
    def key(self) -> str:
        """An identifier of this map."""
        return "-".join((self.rows, self.aligned, self.settings[0].config.hash))

    @property
    def varied(self) -> tuple[str, ...]:
        """URL keys of the fields in which the settings of the map differ."""
        skew = self.base.task.skew or NO_SKEW
        return skew.key, *skew.also, self.rows

    @property
    def around(self) -> str:
        """A sentence about what all settings of the map share."""
        train = self.base.train
        optimizer = next(leaf.option for leaf in leaves() if leaf.option.key == "opt").choices[train.optimizer]
        return (
            f"Each cell is one run. All share these settings, apart from row and column: "
            f"{WORKLOADS[self.base.task.name].label}, "
            f"{counted(self.base.data.clients, 'client')}, {counted(train.local_steps, 'local step')}, {optimizer}, "
            f"{counted(rounds_of(self.base, self.depth), 'round')}."
        )

    @property
    def note(self) -> str:
        """How to read the map's colours and numbers."""
        return (
            "Colour and first line of a cell: aggregation error of the naive run divided by that of the aligned one, "
            f"all layers pooled, in round {rounds_of(self.base, self.depth) - 1} (the last); each is measured on the "
            f"factors of its own clients. Second line: {self.base.task.score} of the aligned run minus that of the "
            "naive one, in percentage points."
        )

    @property
    def limits(self) -> str:
        """What the numbers cannot show."""
        shown = self.base.with_values({"rank": 1}) if self.rows == "rank" else self.base
        alone = at_rank_one(shown) if self.aligned == "fedrot" else ""
        said = f"One seed ({self.base.seed}): a difference of a point or two may change sign with another."
        return f"{said} {alone}".strip()


def rounds_of(base: FederationConfig, depth: str) -> int:
    """How many rounds each setting runs."""
    return min(QUICK_ROUNDS, base.train.rounds) if depth == "quick" else base.train.rounds


def plan(base: FederationConfig, rows: str = "rank", aligned: str = ALIGNED[0], depth: str = DEPTHS[0]) -> Plan:
    """Plan a map around ``base``: heterogeneity against rank, or against the turn θ between two halves of the clients.

    The arguments are those of :func:`when_it_matters`.
    """
    x, y, settings = _map(base, rows, aligned, depth)
    return Plan(base, aligned, rows, depth, x, y, settings, _search(base, aligned, depth, settings))


def when_it_matters(
    base: FederationConfig | None = None,
    rows: str = "rank",
    aligned: str = ALIGNED[0],
    depth: str = DEPTHS[0],
    search: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Findings:
    """Run a map of settings around ``base`` and say where alignment pays, where it does not, and where it hurts.

    Args:
        base: the config that all settings change. The map's columns vary the heterogeneity of its workload.
        rows: what the map's rows vary, a key of :data:`ROWS`.
        aligned: the method that is compared with naive averaging, one of :data:`ALIGNED`.
        depth: how long the runs are, one of :data:`DEPTHS`.
        search: whether to run further settings too, in which alignment may fail.
        should_stop: asked about ten times a second whether to cancel.

    Returns:
        One finding for each setting, with texts and rows about all of them.

    Raises:
        ConfigError: if no setting of the map is possible.
        Cancelled: once ``should_stop()`` returns true.

    Examples:
        >>> import fedrot_core as fr
        >>> base = fr.FederationConfig().with_values({"task": "teacher", "clients": 3, "rounds": 2, "steps": 2})
        >>> found = fr.when_it_matters(base, rows="theta")
        >>> found.headline.startswith("In ") and len(found.rows) == len(found.mapped)
        True
    """
    for what, value, known in (("rows", rows, ROWS), ("aligned", aligned, ALIGNED), ("depth", depth, DEPTHS)):
        if value not in known:
            raise rule(what, f"be one of {', '.join(known)}", value, f"Use {next(iter(known))}, for example.")
    planned = plan(FederationConfig() if base is None else base, rows, aligned, depth)
    return Findings.of(planned, sweep(planned.runs(search), should_stop), search)


def _map(base: FederationConfig, rows: str, aligned: str, depth: str) -> tuple[Axis, Axis, tuple[Setting, ...]]:
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
    able = tuple(row for row in y.values if any(s.y == row for s in settings))
    return x, Axis(y.title, y.letter, able, y.unit), tuple(settings)


def _search(base: FederationConfig, aligned: str, depth: str, mapped: Sequence[Setting]) -> tuple[Setting, ...]:
    """The settings of :data:`SEARCHED` that are possible here, differ from ``base`` and are not on the map."""
    plain = base.with_values({"arms": (NAIVE, aligned), "rounds": rounds_of(base, depth)})
    settings: list[Setting] = []
    runs = {_unturned(config) for config in (plain, *(setting.config for setting in mapped))}
    for name, changes in SEARCHED:
        wanted = dict(changes)
        skew, how = base.task.skew, wanted.pop(SKEW, None)
        if skew is not None and how is not None:
            wanted |= {skew.key: getattr(skew, how), **skew.also}
        try:
            config = plain.with_values(wanted)
        except ConfigError:
            continue
        if _unturned(config) not in runs:
            runs.add(_unturned(config))
            settings.append(Setting(name, config))
    return tuple(settings)


def _unturned(config: FederationConfig) -> FederationConfig:
    """Equal for configs of one run: halves turned 0° apart are as trained, and elsewhere θ says nothing."""
    if config.frames.kind == "turned" and config.frames.angle:
        return config
    kind = "trained" if config.frames.kind == "turned" else config.frames.kind
    return config.with_values({"frames": kind, "theta": 0.0})


@dataclass(frozen=True)
class Finding:
    """A setting and its numbers, as far as they are known.

    Attributes:
        setting: the setting.
        cell: its errors, their ratio and the gain.
        naive_score, aligned_score: score of each arm after its last round; NaN if unknown.
        score: what the task calls its score.
    """

    setting: Setting
    cell: Cell
    naive_score: float
    aligned_score: float
    score: str

    @classmethod
    def of(cls, setting: Setting, run: RunSummary | None, aligned: str) -> Finding:
        """The finding of a run: pending if ``run`` is None, otherwise both arms' numbers, or why there are none."""
        key, score = setting.config.hash, setting.config.task.score
        if run is None:
            return cls(setting, Cell(setting.x, setting.y, key), math.nan, math.nan, score)
        rounds, notes = setting.config.train.rounds, [run.error]
        arms = [run.arms.get(name) for name in (NAIVE, aligned)]
        notes += [arm.stopped for arm in arms if arm is not None]
        naive, turned = arms
        if naive is None or turned is None or min(len(naive.errors), len(turned.errors)) < rounds:
            note = next((text for text in notes if text), "One of the two methods ended early.")
            return cls(setting, Cell(setting.x, setting.y, key, done=True, note=note), math.nan, math.nan, score)
        errors = float(naive.errors[-1]), float(turned.errors[-1])
        scores = float(naive.scores[-1]), float(turned.scores[-1])
        cell = Cell(
            setting.x, setting.y, key, *errors, ratio=math.log10(max(errors[0], TINY) / max(errors[1], TINY)),
            gain=100 * (scores[1] - scores[0]), done=True,
        )  # fmt: skip
        return cls(setting, cell, *scores, score)

    @property
    def verdict(self) -> str:
        """What alignment does in this setting, in words that follow from the numbers; or why there are no numbers."""
        if not self.cell.known:
            return self.cell.note or "not run yet"
        gain, amount = self.cell.gain, signed(abs(self.cell.gain)).lstrip("+")
        within = ", which counts as a tie" if abs(gain) <= TIE_POINTS else ""
        if amount == "0":
            text = f"alignment changes {self.score} by less than 0.05\u00a0points"
        else:
            verb, unit = "costs" if gain < 0 else "gains", "point" if amount == "1.0" else "points"
            text = f"alignment {verb} {amount}\u00a0{unit} here{within}"
        scores = f"{percent(self.naive_score)} → {percent(self.aligned_score)}"
        errors = f"{percent(self.cell.naive_error)} → {percent(self.cell.aligned_error)}"
        return f"{text} ({self.score} {scores}); error {errors}, naive ÷ aligned {times(10**self.cell.ratio)}"


@dataclass(frozen=True)
class Findings:
    """The results of a plan so far, and what they say.

    Attributes:
        plan: the plan.
        mapped: one finding for each setting of the map.
        searched: one finding for each setting of the search; empty if the search was not asked for.
    """

    plan: Plan
    mapped: tuple[Finding, ...]
    searched: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, plan: Plan, runs: Iterable[RunSummary], searched: bool = False) -> Findings:
        """The findings of the runs that are done. ``searched`` says whether the search was asked for."""
        by_hash = {run.config.hash: run for run in runs}

        def found(settings: Sequence[Setting]) -> tuple[Finding, ...]:
            return tuple(Finding.of(s, by_hash.get(s.config.hash), plan.aligned) for s in settings)

        return cls(plan, found(plan.settings), found(plan.search) if searched else ())

    @property
    def every(self) -> tuple[Finding, ...]:
        """The findings of the map, then those of the search."""
        return self.mapped + self.searched

    @property
    def cells(self) -> list[Cell]:
        """The cells of the map."""
        return [finding.cell for finding in self.mapped]

    @property
    def headline(self) -> str:
        """A sentence: in how many settings of the map alignment wins, ties and loses."""
        gains = [f.cell.gain for f in self.mapped if f.cell.known]
        if not gains and any(f.cell.done for f in self.mapped):
            return f"None of the {len(self.mapped)}\u00a0settings could be compared: {self.mapped[0].verdict}"
        if not gains:
            return f"None of the {len(self.mapped)}\u00a0settings is done yet."
        wins, losses = sum(g > TIE_POINTS for g in gains), sum(g < -TIE_POINTS for g in gains)
        ties = len(gains) - wins - losses
        without = sum(f.cell.done and not f.cell.known for f in self.mapped)
        text = (
            f"{'In' if all(f.cell.done for f in self.mapped) else 'So far, in'} {wins} of {len(gains)}\u00a0settings "
            f"{label(self.plan.aligned)} ends more than {TIE_POINTS:g}\u00a0point of {self.plan.base.task.score} above "
            f"naive averaging, in {ties} the two tie, and in {losses or 'none'} it ends more than that below "
            f"(from {signed(min(gains))} to {signed(max(gains))}\u00a0points)."
        )
        if without:
            text += f" {without} could not be compared, because a run, or a method in it, ended early."
        return text

    @property
    def by_score(self) -> str:
        """A phrase: in how many settings of map and search the score is lower with alignment."""
        gains = [f.cell.gain for f in self.every if f.cell.known]
        return _counterexamples(
            "lower", sum(g < -SHOWN_POINTS for g in gains), sum(g < -TIE_POINTS for g in gains), len(gains),
            f"{TIE_POINTS:g}\u00a0point",
        )  # fmt: skip

    @property
    def by_error(self) -> str:
        """A phrase: in how many settings of map and search the aggregation error is higher with alignment."""
        ratios = [f.cell.ratio for f in self.every if f.cell.known]
        markedly = sum(r < -math.log10(1 + SAME_ERROR) for r in ratios)
        higher = sum(r < -ROUNDING for r in ratios)
        return _counterexamples("higher", higher, markedly, len(ratios), percent(SAME_ERROR))

    def worst(self, by: str, count: int) -> list[Finding]:
        """The ``count`` settings in which alignment helps least or hurts most, by "gain" or "ratio", worst first."""
        value: Callable[[Finding], float] = lambda f: float(getattr(f.cell, by))  # noqa: E731
        return sorted((f for f in self.every if f.cell.known), key=value)[:count]

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per setting, in plain numbers: shares from 0 to 1, gains in points; NaN where there is no number."""
        return [
            {
                "setting": f.setting.name,
                "naive_error": f.cell.naive_error,
                "aligned_error": f.cell.aligned_error,
                "error_ratio": 10**f.cell.ratio,
                "naive_score": f.naive_score,
                "aligned_score": f.aligned_score,
                "gain_points": f.cell.gain,
                "problem": f.cell.note if f.cell.done else "not run yet",
            }
            for f in self.every
        ]

    @property
    def content(self) -> dict[str, Any]:
        """Everything for a JSON file: engine, config, methods, headline, counts and rows."""
        return {
            "engine": ENGINE_VERSION,
            "config": self.plan.base.to_dict(),
            "naive": NAIVE,
            "aligned": self.plan.aligned,
            "rows": self.plan.rows,
            "rounds": rounds_of(self.plan.base, self.plan.depth),
            "score_name": self.plan.base.task.score,
            "headline": self.headline,
            "by_score": self.by_score,
            "by_error": self.by_error,
            "settings": self.rows,
        }


def label(method: str) -> str:
    """The name of a method for people."""
    return METHODS[method].card.label


def _counterexamples(how: str, count: int, markedly: int, of: int, margin: str) -> str:
    """A phrase: in how many settings the aligned run is lower or higher, and in how many of them clearly."""
    if not count:
        return f"{how} with alignment in none of {of}\u00a0settings"
    clearly = f"in {markedly} of them" if markedly else "in none of them"
    return f"{how} with alignment in {count} of {of}\u00a0settings, by more than {margin} {clearly}"
