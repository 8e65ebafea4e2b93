"""Compare methods over seeds: which runs that takes, which methods cannot run, and what the results say in words.

The app's page, the command line and lecture packs all show the plan, verdict, rows and content made here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, rule
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS, Method
from fedrot_core.study.rank_one import at_rank_one
from fedrot_core.study.seeds import MOST_SEEDS, over_seeds
from fedrot_core.study.summary import SIGNIFICANT, TIE, ArmStatistics, Choice, RunSummary, choose, statistics
from fedrot_core.study.sweep import sweep
from fedrot_core.trace import ArmCard
from fedrot_core.vocabulary import CENTRALISED
from fedrot_core.wording import counted, percent, size

USUAL = ("fedit", "fedrot", "gpa", "flexlora", "fedex", "ffa")
"""Names of the methods that are compared unless somebody chooses others."""

FEWEST_SEEDS = 6
"""With fewer seeds, a sign test can never reach the level :data:`fedrot_core.study.summary.SIGNIFICANT`."""

FRAMES = {
    "svd": "re-factorised by SVD",
    "trained": "sent as trained",
    "independent": "from independent starts",
    "turned": "turned {angle} apart",
}
"""How factors reach the server, as a phrase within a sentence, by kind of :class:`fedrot_core.config.FramesConfig`."""


@dataclass(frozen=True)
class Plan:
    """The runs of a comparison.

    Attributes:
        configs: one run per seed, each with every method that can run.
        cards: the methods that run.
        refused: the reason why a method cannot run, by method name.
        margin: how far below the best median score, as a share, a method may stay and still be recommended because it
            is cheaper.
    """

    configs: tuple[FederationConfig, ...]
    cards: tuple[ArmCard, ...]
    refused: Mapping[str, str]
    margin: float = TIE

    @property
    def key(self) -> str:
        """An identifier of this comparison."""
        return f"{self.configs[0].hash}-{len(self.configs)}" if self.configs else "none"

    @property
    def left_out(self) -> list[str]:
        """For each reason why methods cannot run, a sentence that names them and the reason."""
        by_reason: dict[str, list[str]] = {}
        for name, why in self.refused.items():
            by_reason.setdefault(why, []).append(METHODS[name].card.label)
        return [f"Left out: {', '.join(labels)}. {why}" for why, labels in by_reason.items()]


def plan(
    base: FederationConfig,
    names: Sequence[str],
    seeds: int,
    margin: float = TIE,
    ran: Callable[[FederationConfig, str], bool] = lambda config, name: False,
) -> Plan:
    """Plan the runs that compare methods on several seeds. Methods that cannot run are left out.

    Args:
        base: the settings of all runs, and the first seed.
        names: names of the methods.
        seeds: how many seeds, counted up from the seed of ``base``.
        margin: as for :func:`compare`.
        ran: tells whether a method is already known to run under a config, so that it need not be tried. The first
            trial takes a second or two, since it loads the data and pretrains the frozen network.

    Raises:
        ConfigError: if an argument breaks a rule.
    """
    if not 0 <= margin <= 1:  # false for NaN too
        raise rule("The margin", "be a share in 0..1", margin, "Use 0.01 for one point.")
    if isinstance(names, str) or not names:
        raise rule("Methods compared", "be a list of at least one name", names, "Pass ['fedit', 'fedrot'].", "arms")
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= MOST_SEEDS:
        raise rule("Seeds", f"be a number in 1..{MOST_SEEDS}", seeds, "Use 5, for example.")
    alone = {name: base.with_values({"arms": (name,)}) for name in names}
    refused = {name: why for name, own in alone.items() if not ran(own, name) and (why := refusal(own))}
    able = tuple(name for name in names if name not in refused)
    configs = over_seeds(base.with_values({"arms": able}), seeds) if able else ()
    return Plan(configs, tuple(METHODS[name].card for name in able), refused, margin)


@functools.lru_cache(maxsize=512)
def refusal(config: FederationConfig) -> str:
    """The message of the config error that keeps ``config`` from running; empty if it can run. Nothing is trained."""
    try:
        Federation(config)
    except ConfigError as error:
        return str(error)
    return ""


def compare(
    base: FederationConfig | None = None,
    names: Sequence[str] = USUAL,
    seeds: int = 5,
    margin: float = TIE,
    should_stop: Callable[[], bool] = lambda: False,
) -> Comparison:
    """Run several methods on several seeds and recommend one of them.

    Args:
        base: the settings of all runs, and the first seed.
        names: keys of :data:`fedrot_core.methods.METHODS`.
        seeds: how many seeds, counted up from the seed of ``base``.
        margin: the cheapest method whose median score is within this share of the best is recommended.
        should_stop: asked about ten times a second whether to cancel.

    Returns:
        The runs with their statistics, the recommendation in words, and rows for a table.

    Raises:
        ConfigError: if none of the methods can run.
        Cancelled: once ``should_stop()`` returns true.

    Examples:
        >>> import fedrot_core as fr
        >>> base = fr.FederationConfig().with_values({"task": "teacher", "clients": 3, "rounds": 2, "steps": 2})
        >>> found = fr.compare(base, ["fedit", "fedex"], seeds=2)
        >>> [(row["method"], row["exact"]) for row in found.rows]
        [('fedit', False), ('fedex', True)]
    """
    planned = plan(FederationConfig() if base is None else base, names, seeds, margin)
    if not planned.configs:
        raise ConfigError(" ".join(planned.refused.values()), "arms")
    found = {run.config.hash: run for run in sweep(planned.configs, should_stop)}
    return Comparison(planned, tuple(found[config.hash] for config in planned.configs))


@dataclass(frozen=True)
class Comparison:
    """The runs of a plan that are done so far, at least one, and what they say.

    Attributes:
        plan: the plan.
        runs: the finished runs, in the order of the plan's seeds.
    """

    plan: Plan
    runs: tuple[RunSummary, ...]

    @property
    def score_name(self) -> str:
        """What the task calls its score."""
        return self.runs[0].score_name

    @functools.cached_property
    def every(self) -> tuple[ArmStatistics, ...]:
        """Statistics of every arm."""
        return tuple(statistics(self.runs, card.name) for card in self.plan.cards)

    @property
    def arms(self) -> tuple[ArmStatistics, ...]:
        """Statistics of every arm that has finished a round."""
        return tuple(arm for arm in self.every if len(arm.finals) and np.isfinite(arm.scores.median).any())

    @functools.cached_property
    def choice(self) -> Choice | None:
        """The recommendation; None if no method ran to its last round on every seed."""
        return choose(self.arms, self.plan.margin)

    @functools.cached_property
    def verdict(self) -> tuple[str, str]:
        """Two texts made from the numbers: which method to choose and why, and what else to know before choosing it."""
        choice = self.choice
        if choice is None:
            return "No method ran to its last round on every seed, so there is nothing to choose between.", ""
        chosen, n, within = choice.chosen, len(self.runs), _points(self.plan.margin)
        label, over = _label(chosen), f", median of {counted(n, 'seed')}" if n > 1 else " on one seed"
        score = f"{_score(chosen)} {self.score_name}{over}"
        cost = f"{size(chosen.traffic)} per client and round"
        exact = "is exact" if chosen.exact else f"has a relative error of {percent(chosen.error.median)}"
        if len(self.arms) == 1:
            return f"{label} is the only method here: {score}; {cost}; its update {exact}.", ""
        choose = "choose" if n >= FEWEST_SEEDS else "the first pick would be"
        if chosen is choice.best:
            why = f"it has the best score ({score}), and no method within {within} of that needs less traffic ({cost})"
        else:
            best = choice.best
            why = (
                f"it reaches {score}, within {within} of the best ({_label(best)}, {_score(best)}), "
                f"at {percent(chosen.traffic / best.traffic)} of its traffic ({cost})"
            )
        return f"{conditions(self.runs[0].config)}, {choose} {label}: {why}; its update {exact}.", self._caveats(choice)

    def _caveats(self, choice: Choice) -> str:
        """What else a person should know before choosing."""
        chosen, arms, n = choice.chosen, self.arms, len(self.runs)
        test = f"{percent(SIGNIFICANT)}"
        parts = []
        if n < FEWEST_SEEDS:
            what = "One seed is too little" if n == 1 else f"{n}\u00a0seeds are too few"
            more = f"the order may still change, so run at least {FEWEST_SEEDS}"
            parts.append(f"{what} to call a winner: {more}.")
        elif choice.tied:
            listed = ", ".join(
                f"{_label(arm)} ({_score(arm)}, at least as good in {k} of {n})" for arm, k in choice.tied
            )
            parts.append(f"A sign test over paired seeds ({test}) does not tell it apart from {listed}.")
        else:
            rest = "The other method differs" if len(arms) == 2 else f"The other {len(arms) - 1} methods differ"
            parts.append(f"{rest} from it by more than chance (sign test over {n} paired seeds, {test} level).")
        exact = [arm for arm in arms if arm.exact and not arm.stopped]
        if not chosen.exact and exact:
            best = max(exact, key=lambda arm: float(arm.score.median))
            parts.append(
                f"Best exact method: {_label(best)}, {_score(best)} at {size(best.traffic)} per client and round."
            )
        able = [arm for arm in arms if not arm.stopped]
        worst = min(able, key=lambda arm: float(arm.score.median))
        if worst is not chosen:
            gap = 100 * (chosen.score.median - worst.score.median)
            parts.append(f"Lowest score: {_label(worst)}, {_score(worst)}, {gap:.0f}\u00a0points behind.")
        own = [_label(arm) for arm in arms if type(METHODS[arm.name]).models is not Method.models]
        if own:
            parts.append(
                f"{', '.join(own)}: the score is the mean over clients' own models, as there is no global one."
            )
        if "fedrot" in {arm.name for arm in arms} and (alone := at_rank_one(self.runs[0].config)):
            parts.append(alone)
        stopped = [f"{_label(arm)} (on {len(arm.stopped)} of {n}\u00a0seeds)" for arm in self.every if arm.stopped]
        if stopped:
            parts.append(f"Stopped early, so not to be chosen: {', '.join(stopped)}.")
        return " ".join(parts)

    @property
    def note(self) -> str:
        """How to read the numbers."""
        return (
            "Quartiles are over seeds. Error: distance of a round's global update from the ideal Σ w B A of the same "
            "clients' factors, relative to its norm; each method is measured on the clients it trained itself. "
            f"{len(self.runs)} of {counted(len(self.plan.configs), 'seed')}, comparison {self.plan.key}. "
            f"Centralised: {CENTRALISED} A small model, not an LLM."
        )

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One row per method, in plain numbers: shares from 0 to 1, bytes, seconds; NaN if no seed was finished."""
        return [
            {
                "method": arm.name,
                "label": _label(arm),
                "trains": METHODS[arm.name].trained,
                "sends": METHODS[arm.name].sends,
                "exact": arm.exact,
                "score": float(arm.score.median),
                "score_low": float(arm.score.low),
                "score_high": float(arm.score.high),
                "error": float(arm.error.median),
                "error_low": float(arm.error.low),
                "error_high": float(arm.error.high),
                "bytes_up": arm.bytes_up,
                "bytes_down": arm.bytes_down,
                "work_seconds": arm.work,
                "seeds": len(arm.finals),
                "stopped_seeds": len(arm.stopped),
                "paper": METHODS[arm.name].paper,
            }
            for arm in self.every
        ]

    @property
    def content(self) -> dict[str, Any]:
        """Everything for a JSON file: engine, config, seeds, verdict, rows, and each seed's numbers by round."""
        verdict, open_questions = self.verdict
        return {
            "engine": ENGINE_VERSION,
            "config": self.runs[0].config.to_dict(),
            "seeds": [run.config.seed for run in self.runs],
            "score_name": self.score_name,
            "recommendation": verdict,
            "caveats": open_questions,
            "margin": self.plan.margin,
            "refused": dict(self.plan.refused),
            "methods": self.rows,
            "runs": [_by_round(run) for run in self.runs],
        }


def _by_round(run: RunSummary) -> dict[str, Any]:
    return {
        "seed": run.config.seed,
        "problem": run.error,
        "start": run.start_score,
        "centralised": run.centralised.tolist(),
        "methods": {
            name: {
                "scores": arm.scores.tolist(),
                "losses": arm.losses.tolist(),
                "errors": arm.errors.tolist(),
                "bytes_up": arm.bytes_up.tolist(),
                "bytes_down": arm.bytes_down.tolist(),
                "work_seconds": arm.seconds,
                "stopped": arm.stopped,
            }
            for name, arm in run.arms.items()
        },
    }


def conditions(config: FederationConfig) -> str:
    """The settings that decide most about a comparison, in words: the skew, the rank, and how factors are sent."""
    sent = FRAMES[config.frames.kind].format(angle=f"{config.frames.angle:g}°")
    skew = f"{config.task.skew_in_words}, " if config.task.skew_in_words else ""
    return f"With {skew}rank {config.lora.rank} and factors {sent}"


def _score(arm: ArmStatistics) -> str:
    """One decimal, since methods within a point of each other are told apart."""
    return percent(arm.score.median, 1)


def _points(share: float) -> str:
    return "1\u00a0point" if share == 0.01 else f"{100 * share:g}\u00a0points"


def _label(arm: ArmStatistics) -> str:
    return METHODS[arm.name].card.label
