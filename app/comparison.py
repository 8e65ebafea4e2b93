"""Comparing methods over seeds: which runs that takes, which methods cannot, and what the results say in words."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.federation import Federation
from fedrot_core.figures.parts import percent, size
from fedrot_core.methods import METHODS, Method
from fedrot_core.summary import ArmStatistics, Choice, RunSummary, choose, statistics
from fedrot_core.trace import ArmCard

SEEDS = 10_000
"""Seeds are counted modulo this."""

MARGIN = 0.01
"""A method within this much of the best score is good enough to be chosen for its traffic."""

FEWEST_SEEDS = 6
"""Below this, a sign test over seeds can separate nothing at :data:`fedrot_core.summary.SIGNIFICANT`."""


FRAMES = {
    "svd": "re-factorised by SVD",
    "trained": "sent as trained",
    "independent": "from independent starts",
    "turned": "turned {angle} apart",
}
"""How factors reach the server, in mid-sentence, by kind of :class:`fedrot_core.config.FramesConfig`."""


@dataclass(frozen=True)
class Plan:
    """What a comparison runs.

    Attributes:
        configs: one run a seed, each with every possible arm.
        cards: the arms that run; refused: method name -> why it cannot.
    """

    configs: tuple[FederationConfig, ...]
    cards: tuple[ArmCard, ...]
    refused: Mapping[str, str]

    @property
    def key(self) -> str:
        """Names this comparison."""
        return f"{self.configs[0].hash}-{len(self.configs)}" if self.configs else "none"


def plan(
    base: FederationConfig,
    names: Sequence[str],
    seeds: int,
    ran: Callable[[FederationConfig, str], bool] = lambda config, name: False,
) -> Plan:
    """The runs that compare ``names`` on ``seeds`` seeds from the config's own on; impossible arms are left out.

    Args:
        ran: whether an arm of a config is known to be possible; a server's first refusal takes a second or two, since
            it loads the data and pretrains the frozen network.
    """
    alone = {name: base.with_values({"arms": (name,)}) for name in names}
    refused = {name: why for name, own in alone.items() if not ran(own, name) and (why := refusal(own))}
    able = tuple(name for name in names if name not in refused)
    configs = tuple(base.with_values({"arms": able, "seed": (base.seed + n) % SEEDS}) for n in range(seeds) if able)
    return Plan(configs, tuple(METHODS[name].card for name in able), refused)


@functools.lru_cache(maxsize=512)
def refusal(config: FederationConfig) -> str:
    """Why ``config`` cannot run, in the config error's own words; empty if it can. Takes 2 ms: nothing is trained."""
    try:
        Federation(config)
    except ConfigError as error:
        return str(error)
    return ""


def arms_of(runs: Sequence[RunSummary], cards: Sequence[ArmCard]) -> list[ArmStatistics]:
    """Statistics of every arm that has finished a round."""
    found = [statistics(runs, card.name) for card in cards]
    return [arm for arm in found if len(arm.finals) and np.isfinite(arm.scores.median).any()]


def verdict(runs: Sequence[RunSummary], cards: Sequence[ArmCard]) -> tuple[str, str]:
    """Which method to choose here and why, and what the seeds do not settle; both from the runs' numbers alone."""
    arms = arms_of(runs, cards)
    choice = choose(arms, MARGIN)
    if choice is None:
        return "No method ran to its last round, so there is nothing to choose between.", ""
    name = runs[0].score_name
    chosen, n = choice.chosen, len(runs)
    label = _label(chosen)
    score = f"{points(chosen.score.median)} {name}{f', median of {n} seeds' if n > 1 else ' on one seed'}"
    cost = f"{size(chosen.traffic)} per client and round"
    exact = "exact" if chosen.exact else f"its update misses the ideal by {percent(chosen.error.median)}"
    if len(arms) == 1:
        return f"{label} is the only method here: {score}; {cost}; {exact}.", ""
    if chosen is choice.best:
        why = f"best score ({score}), and nobody within 1 point of it is cheaper ({cost})"
    else:
        best = choice.best
        why = (
            f"{score}, within 1 point of the best ({_label(best)}, {points(best.score.median)}), "
            f"at {_ratio(chosen.traffic, best.traffic)} of its traffic ({cost})"
        )
    return f"{setting(runs[0].config)}, choose {label}: {why}; {exact}.", _caveats(choice, arms, n)


def setting(config: FederationConfig) -> str:
    """What decides most about a comparison, in words: the skew, the rank, and in which frames factors arrive."""
    sent = FRAMES[config.frames.kind].format(angle=f"{config.frames.angle:g}°")
    skew = f"{config.task.skew_in_words}, " if config.task.skew_in_words else ""
    return f"With {skew}rank {config.lora.rank} and factors {sent}"


def _caveats(choice: Choice, arms: Sequence[ArmStatistics], n: int) -> str:
    """What else a person should know before choosing."""
    chosen, parts = choice.chosen, []
    if n < FEWEST_SEEDS:
        what = "One seed shows" if n == 1 else f"{n} seeds show"
        parts.append(f"{what} too little to call a winner: run {FEWEST_SEEDS} or more, and the order may still change.")
    elif choice.tied:
        listed = ", ".join(
            f"{_label(arm)} ({points(arm.score.median)}, at least as good in {k} of {n})" for arm, k in choice.tied
        )
        parts.append(f"Not separated from it by these seeds (sign test over pairs, 5\u00a0%): {listed}.")
    else:
        rest = "The other differs" if len(arms) == 2 else f"The {len(arms) - 1} others differ"
        parts.append(f"{rest} from it beyond chance (sign test over {n} paired seeds, 5\u00a0%).")
    exact = [arm for arm in arms if arm.exact and not arm.stopped]
    if not chosen.exact and exact:
        best = max(exact, key=lambda arm: float(arm.score.median))
        parts.append(f"Best exact method: {_label(best)}, {points(best.score.median)} at {size(best.traffic)}.")
    able = [arm for arm in arms if not arm.stopped]
    worst = min(able, key=lambda arm: float(arm.score.median))
    if worst is not chosen:
        gap = 100 * (chosen.score.median - worst.score.median)
        parts.append(f"Last: {_label(worst)}, {points(worst.score.median)}, {gap:.0f} points behind.")
    own = [_label(arm) for arm in arms if type(METHODS[arm.name]).models is not Method.models]
    if own:
        parts.append(f"{', '.join(own)} scores clients' own models: there is no single global one.")
    stopped = [f"{_label(arm)} (in {len(arm.stopped)} of {n})" for arm in arms if arm.stopped]
    if stopped:
        parts.append(f"Stopped early, so not to be chosen: {', '.join(stopped)}.")
    return " ".join(parts)


def points(share: float) -> str:
    """A score as text: ``92.1 %``; one decimal, since methods within a point of each other are told apart."""
    return f"{100 * share:.1f}\u00a0%"


def _label(arm: ArmStatistics) -> str:
    return METHODS[arm.name].card.label


def _ratio(part: float, whole: float) -> str:
    return percent(part / whole)


def table(runs: Sequence[RunSummary], cards: Sequence[ArmCard]) -> list[dict[str, Any]]:
    """One row an arm, plain numbers: shares as shares, bytes, milliseconds."""
    rows = []
    for arm in arms_of(runs, cards):
        method = METHODS[arm.name]
        rows.append(
            {
                "method": method.card.label,
                "trains": method.trained,
                "sends": method.sends,
                "exact": arm.exact,
                "score": float(arm.score.median),
                "score lower quartile": float(arm.score.low),
                "score upper quartile": float(arm.score.high),
                "final error": float(arm.error.median),
                "bytes up": arm.bytes_up,
                "bytes down": arm.bytes_down,
                "work ms": 1000 * arm.work,
                "stopped": f"{len(arm.stopped)} of {len(arm.finals)}" if arm.stopped else "",
                "paper": method.paper,
            }
        )
    return rows


def as_json(runs: Sequence[RunSummary], cards: Sequence[ArmCard]) -> str:
    """Everything behind the page: engine, config, seeds, the table, and each seed's numbers by round."""

    def numbers(values: Any) -> list[Any]:
        return [None if not np.isfinite(v) else float(v) for v in values]

    rows = [
        {key: None if isinstance(v, float) and not np.isfinite(v) else v for key, v in row.items()}
        for row in table(runs, cards)
    ]
    content = {
        "engine": ENGINE_VERSION,
        "config": runs[0].config.to_dict(),
        "seeds": [run.config.seed for run in runs],
        "score": runs[0].score_name,
        "table": rows,
        "runs": [
            {
                "seed": run.config.seed,
                "start score": run.start_score,
                "centralised": numbers(run.ceiling),
                "arms": {
                    name: {
                        "scores": numbers(arm.scores),
                        "losses": numbers(arm.losses),
                        "errors": numbers(arm.errors),
                        "bytes up": numbers(arm.bytes_up),
                        "bytes down": numbers(arm.bytes_down),
                        "seconds": arm.seconds,
                        "stopped": arm.stopped,
                    }
                    for name, arm in run.arms.items()
                },
            }
            for run in runs
        ],
    }
    return json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
