"""Starting points for a lecture: each is a config with a sentence on what to look for, in the current run's numbers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedrot_core.config import FederationConfig
from fedrot_core.records import RoundRecord
from fedrot_core.study.rank_one import at_rank_one
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import percent


@dataclass(frozen=True)
class Preset:
    """A named config.

    Attributes:
        name: its key.
        title: its name for people.
        values: what differs from the default config, by URL key.
        look: makes the sentence on what to look for, given the trace and the selected round.
        round_index: the round that shows it best; None for the newest.
    """

    name: str
    title: str
    values: Mapping[str, Any]
    look: Callable[[Trace, int], str]
    round_index: int | None = None

    @property
    def config(self) -> FederationConfig:
        """The preset's config, with the default seed."""
        return FederationConfig().with_values(self.values)


def outcome(trace: Trace, round_index: int) -> str:
    """A sentence with every arm's score after this round, and the score before training."""
    parts = []
    for card in trace.arms:
        record = trace.at(card.name, round_index)
        if record is not None:
            early = "" if record.round_index == round_index else f" (stopped after round {record.round_index})"
            who = f"{card.label} (aligned)" if card.name == "fedrot" else card.label
            parts.append(f"{who} {percent(record.score)}{early}")
    name = trace.task.score_name
    start = percent(trace.task.start_score)
    standing = ", ".join(parts) or "every method has stopped"
    return f"{name.capitalize()} after round {round_index}: {standing}; {start} before training."


def _error(record: RoundRecord, rung: str) -> str:
    return percent(float(record.errors.ladder[RUNGS.index(rung), -1]))


def _own(record: RoundRecord) -> str:
    return percent(float(record.errors.own[-1]))


def _both(trace: Trace, round_index: int) -> tuple[RoundRecord, RoundRecord] | None:
    """Naive and FedRot where both are at this round with two clients or more: only then can they be compared."""
    naive, aligned = trace.at("fedit", round_index), trace.at("fedrot", round_index)
    if naive is None or aligned is None:
        return None
    comparable = all(r.round_index == round_index and len(r.clients) > 1 for r in (naive, aligned))
    return (naive, aligned) if comparable else None


def _effect(trace: Trace, round_index: int) -> str:
    """Naive against aligned averaging in words that follow from this round's numbers and claim no more than they."""
    pair = _both(trace, round_index)
    if pair is None:
        return outcome(trace, round_index)
    naive, aligned = pair
    gain = round(100 * aligned.score) - round(100 * naive.score)
    when = "At the end" if round_index == trace.config.train.rounds - 1 else "So far"
    name = trace.task.score_name
    if alone := at_rank_one(trace.config):
        return f"{outcome(trace, round_index)} {alone}"
    if abs(gain) <= 2:
        verdict = f"alignment makes hardly any difference to the {name}"
    else:
        verdict = f"alignment is {abs(gain)}\u00a0points {'ahead' if gain > 0 else 'behind'}"
    return (
        f"{outcome(trace, round_index)} {when} {verdict}. In this round the relative error of the naive "
        f"average is {_own(naive)}, that of the aligned one {_own(aligned)}."
    )


def _svd(trace: Trace, round_index: int) -> str:
    return f"SVD writes each client's update in an arbitrary frame. {_effect(trace, round_index)}"


def _turned(trace: Trace, round_index: int) -> str:
    theta = trace.config.frames.angle
    kept = float(np.cos(np.radians(theta / 2)) ** 2)
    return (
        f"The frames of half the clients are turned {theta:.0f}° against those of the other half. Averaging two equal "
        f"halves keeps cos(θ/2) of a shared direction in each factor, so cos²(θ/2) = {percent(kept)} of it in their "
        f"product. {_effect(trace, round_index)}"
    )


def _trained(trace: Trace, round_index: int) -> str:
    record = trace.at(trace.arms[0].name, round_index)
    if record is None:
        return ""
    turn = float(np.median(np.abs(record.turns.angles)))
    effect = _effect(trace, round_index)
    return (
        "All clients start each round from the same factors. After this round's training, their frames are off from a "
        f"common one by a median of only {turn:.1f}°. {effect} With strong skew or few participants, aligning "
        "can cost points."
    )


def _independent(trace: Trace, round_index: int) -> str:
    first = trace.at(trace.arms[0].name, 0)
    if first is None:
        return ""
    return (
        "Each client starts from a random A of its own, so round 0 has no common reference to align to. Its relative "
        f"error is {_error(first, 'naive')} for the naive average and {_error(first, 'gpa')} after generalised "
        "Procrustes, which turns all clients onto their common mean. "
        f"{outcome(trace, round_index)}"
    )


def _strong(trace: Trace, round_index: int) -> str:
    card = trace.arms[0]
    record = trace.at(card.name, round_index)
    if record is None:
        return ""
    return (
        f"Each client sees only a few classes. Of the factors that {card.label} averages, even the best turn found "
        f"leaves an error of {_error(record, 'gpa')}; the floor at rank {trace.config.lora.rank} is "
        f"{_error(record, 'floor')}. {_effect(trace, round_index)}"
    )


PRESETS = (
    Preset("svd", "SVD re-factorised", {}, _svd),
    Preset("turned", "Turned by θ", {"frames": "turned", "theta": 90.0}, _turned),
    Preset("trained", "As trained", {"frames": "trained"}, _trained),
    Preset(
        "independent",
        "Independent starts",
        {"frames": "independent", "arms": ("fedit", "fedrot", "gpa")},
        _independent,
        0,
    ),
    Preset("strong", "Strong skew, high rank", {"alpha": 0.1, "rank": 16}, _strong),
)


@functools.cache
def _by_config() -> dict[FederationConfig, Preset]:
    return {preset.config: preset for preset in PRESETS}


def matching(config: FederationConfig) -> Preset | None:
    """The preset that ``config`` equals but for the seed; None if there is none."""
    return _by_config().get(dataclasses.replace(config, seed=FederationConfig().seed))


def sentence(trace: Trace, round_index: int) -> str:
    """What to look for in the selected round: the preset's own sentence, or a plain comparison for any other config."""
    preset = matching(trace.config)
    return (preset.look if preset else _effect)(trace, round_index)
