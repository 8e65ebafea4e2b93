"""Heterogeneity and rank: facts and answers against plain NumPy, on made-up scores and on short real runs."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.learn.lessons import LESSONS, Step
from fedrot_core.learn.lessons.base import Curve
from fedrot_core.study.summary import ArmSummary, RunSummary
from fedrot_core.trace import Trace
from fedrot_core.wording import percent, signed

LESSON = LESSONS["heterogeneity"]
START = 0.5
SHAPES = {
    "aligned falls": ([0.50, 0.50, 0.50, 0.50], [0.78, 0.88, 0.93, 0.94], 1),
    "naive falls": ([0.60, 0.70, 0.80, 0.90], [0.92, 0.92, 0.93, 0.93], 0),
    "both fall": ([0.78, 0.87, 0.92, 0.95], [0.78, 0.86, 0.93, 0.95], 2),
    "neither falls": ([0.50, 0.51, 0.50, 0.51], [0.90, 0.90, 0.91, 0.91], 3),
    "alignment hurts": ([0.90, 0.90, 0.90, 0.90], [0.85, 0.84, 0.86, 0.86], 3),
}
"""Median final scores by position, naive and aligned, and whose falls from the last position to the first."""


def step(title: str) -> Step:
    return next(s for s in LESSON.steps if s.title == title)


def answer(of: Step, values: dict[str, Any], runs: Any) -> Any:
    assert of.predict is not None
    return of.predict.answer(values, runs)


def arm(score: float) -> ArmSummary:
    none = np.zeros(2)
    return ArmSummary(np.array([0.1, score]), none, none, none, none, none, 0.0, "")


def made_up(of: Step, values: dict[str, Any], naive: list[float], aligned: list[float]) -> list[RunSummary]:
    """Runs as asked for; three seeds around these medians, the aligned ones spread more."""
    assert of.runs is not None
    configs = of.runs(values)
    assert len(configs) == 3 * len(naive)
    assert [c.seed for c in configs] == [0, 1, 2] * len(naive)
    offsets = [0.0, -0.03, 0.01]
    return [
        RunSummary(
            config,
            {"fedit": arm(naive[n // 3] + offsets[n % 3] / 3), "fedrot": arm(aligned[n // 3] + offsets[n % 3])},
            START, np.full(2, 0.95), score_name="test accuracy",
        )
        for n, config in enumerate(configs)
    ]  # fmt: skip


@cache
def short(config: FederationConfig) -> Trace:
    return Federation(config.with_values({"rounds": 3, "steps": 4, "clients": 4, "device": "cpu"})).run()


def medians(runs: list[RunSummary]) -> list[float]:
    """Median gain in points by position."""
    gains = [100 * (r.arms["fedrot"].scores[-1] - r.arms["fedit"].scores[-1]) for r in runs]
    return [sorted(gains[i : i + 3])[1] for i in range(0, len(gains), 3)]


@pytest.mark.parametrize("skew", ["0.1", "10"])
def test_who_holds_what_is_counted(skew: str) -> None:
    of, values = step("Who holds what"), LESSON.defaults() | {"skew": skew}
    assert of.runs is not None
    configs = of.runs(values)
    assert [(c.values()["split"], c.values()["alpha"]) for c in configs] == [("dirichlet", float(skew)), ("iid", 0.5)]
    runs = [short(config) for config in configs]
    counts = runs[0].task.class_counts
    share, even = (
        float(np.mean([max(row) / sum(row) for row in trace.task.class_counts])) for trace in runs
    )  # fmt: skip
    held = [sum(n > 0 for n in row) for row in counts]
    assert of.scene(values, runs).facts == {
        "share": percent(share), "even": percent(even), "least": str(min(held)), "most": str(max(held)), "all": "10"
    }  # fmt: skip
    assert answer(of, values, runs) == pytest.approx(100 * share)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("sent", "inner"), [("svd", "4"), ("trained", "2")])
def test_gain_over_skew_and_whose_score_moves(shape: str, sent: str, inner: str) -> None:
    naive, aligned, suffers = SHAPES[shape]
    values = LESSON.defaults() | {"sent": sent, "inner": inner}
    gain_step, why = step("Does skew make alignment pay?"), step("Whose score moves?")
    runs = made_up(gain_step, values, naive, aligned)
    asked = [(r.config.frames.kind, r.config.lora.rank, r.config.values()["alpha"]) for r in runs[::3]]
    assert asked == [(sent, int(inner), a) for a in (0.1, 0.3, 1.0, 10.0)]
    expected = medians(runs)
    assert answer(gain_step, values, runs) == pytest.approx(expected)
    facts = gain_step.scene(values, runs).facts
    assert (facts["skewed"], facts["even"]) == (signed(expected[0]), signed(expected[-1]))
    change = expected[0] - expected[-1]
    assert facts["verdict"] == ("about the same as" if abs(change) < 2 else "more than" if change > 0 else "less than")
    assert answer(why, values, runs) == suffers
    said = why.scene(values, runs).facts
    assert said["aligned_skewed"] == percent(sorted(r.arms["fedrot"].scores[-1] for r in runs[:3])[1])
    assert said["naive_even"] == percent(sorted(r.arms["fedit"].scores[-1] for r in runs[9:])[1])


def test_titles_say_so_where_alignment_hurts_or_changes_nothing() -> None:
    of, values = step("Does skew make alignment pay?"), LESSON.defaults()
    for shape, words in (("alignment hurts", "hurts"), ("both fall", "next to nothing")):
        naive, aligned, _ = SHAPES[shape]
        title = of.scene(values, made_up(of, values, naive, aligned)).draw("light").layout.title.text
        assert words in title


@pytest.mark.parametrize("sent", ["svd", "turned", "trained"])
def test_gain_over_rank(sent: str) -> None:
    of, values = step("Does rank make alignment pay?"), LESSON.defaults() | {"sent": sent}
    runs = made_up(of, values, [0.5, 0.5, 0.6, 0.6], [0.5, 0.7, 0.95, 0.9])
    assert [(r.config.frames.kind, r.config.lora.rank) for r in runs[::3]] == [(sent, r) for r in (1, 2, 4, 8)]
    expected = medians(runs)
    assert answer(of, values, runs) == pytest.approx(expected)
    assert of.scene(values, runs).facts == {"one": signed(expected[0]), "most": signed(max(expected))}


def test_at_rank_1_alignment_changes_nothing() -> None:
    """SO(1) holds the identity alone."""
    trace = short(FederationConfig().with_values({"rank": 1, "frames": "svd"}))
    assert [r.score for r in trace.arm("fedit")] == [r.score for r in trace.arm("fedrot")]


@pytest.mark.parametrize("sent", ["svd", "trained"])
def test_errors_over_rank_are_medians_over_rounds(sent: str) -> None:
    of, values = step("Error, rank and floor"), LESSON.defaults() | {"sent": sent}
    assert of.runs is not None
    runs = [short(config) for config in of.runs(values)]
    assert [(t.config.frames.kind, t.config.lora.rank) for t in runs] == [(sent, r) for r in (1, 2, 4, 8)]

    def median(trace: Trace, name: str, field: Any) -> float:
        return float(np.median([field(r) for r in trace.arm(name) if r.round_index > 0]))

    naive = [median(t, "fedit", lambda r: r.errors.own[-1]) for t in runs]
    facts = of.scene(values, runs).facts
    assert facts == {
        "naive_low": percent(naive[0]),
        "naive_high": percent(naive[-1]),
        "aligned_high": percent(median(runs[-1], "fedrot", lambda r: r.errors.own[-1])),
        "floor_high": percent(median(runs[-1], "fedrot", lambda r: r.errors.ladder[5, -1])),
    }
    ratio = naive[-1] / naive[0]
    assert answer(of, values, runs) == (2 if ratio > 1.1 else 0 if ratio < 1 / 1.1 else 1)


@pytest.mark.parametrize(
    ("gains", "true"),
    [
        ([44, 43, 0, -0.2, 0.2], 2),  # as trained only
        ([0.5, 43, 0.5, 30, 30], 0),  # similar data only
        ([40, 1, 40, 1, 40], 1),  # high rank only
        ([40, 40, 40, 40, 40], 3),  # nowhere
        ([0, 0, 0, 0, 0], 3),  # everywhere: no single condition
    ],
)
def test_the_condition_under_which_alignment_makes_no_difference(gains: list[float], true: int) -> None:
    of, values = step("When it does not matter"), LESSON.defaults()
    naive = [0.5] * 5
    runs = made_up(of, values, naive, [0.5 + g / 100 for g in gains])
    settings = [(r.config.frames.kind, r.config.values()["alpha"], r.config.lora.rank) for r in runs[::3]]
    assert settings == [("svd", 10, 4), ("svd", 0.5, 8), ("trained", 10, 4), ("trained", 0.5, 8), ("trained", 0.1, 4)]
    assert answer(of, values, runs) == true
    scene = of.scene(values, runs)
    expected = medians(runs)
    assert scene.facts["low"] == signed(min(expected[2:]))
    assert scene.facts["high"] == signed(max(expected[2:]))
    assert scene.facts["least"] == signed(min(expected[:2]))
    title = scene.draw("light").layout.title.text
    assert title.startswith("As trained, no difference") == (true == 2)


@pytest.mark.parametrize("shape", ["aligned falls", "both fall", "alignment hurts"])
@pytest.mark.parametrize("of", LESSON.steps, ids=lambda s: s.title)
def test_every_scene_draws_and_no_question_gives_its_answer_away(of: Step, shape: str) -> None:
    values: dict[str, Any] = LESSON.defaults() | {"skew": "0.3", "sent": "turned", "inner": "8"}
    assert of.runs is not None
    configs = of.runs(values)
    naive, aligned, _ = SHAPES[shape]
    n = len(configs) // 3
    runs: Any = (
        [short(config) for config in configs]
        if of.whole
        else made_up(of, values, [naive[i % 4] for i in range(n)], [aligned[i % 4] for i in range(n)])
    )
    scene = of.scene(values, runs)
    for mode in ("light", "dark"):
        figure = scene.draw(mode)
        assert 0 < len(figure.layout.title.text) <= 90, figure.layout.title.text
        assert figure.layout.meta["alt"].endswith(".")
    assert of.before is not None
    figure = of.before(values, runs).draw("light")
    said = f"{figure.layout.title.text} {figure.layout.meta['alt']}"
    assert figure.layout.title.text.endswith("?")
    numbers = [f for name, f in scene.facts.items() if re.search(r"\d", f) and name not in ("all", "least", "most")]
    if not of.whole:
        said = said.replace(percent(START), "")
    assert not any(re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", said) for number in numbers if number != "0")
    if isinstance(of.predict, Curve):
        assert not figure.data
