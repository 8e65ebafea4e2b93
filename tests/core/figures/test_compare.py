"""Figures of the comparison: medians, quartiles, ghosts, exact arms and traffic, on real summaries of a tiny run."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import plotly.graph_objects as go
import pytest

from fedrot_core.config import FederationConfig
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.figures.kit.theme import HUES
from fedrot_core.figures.study.comparison import compare_figures
from fedrot_core.figures.study.comparison_kit import CompareView
from fedrot_core.figures.study.cost import cost
from fedrot_core.figures.study.error_curves import error_curves
from fedrot_core.figures.study.learning_grid import learning_grid
from fedrot_core.methods import METHODS
from fedrot_core.study.summary import ArmStatistics, RunSummary, choose, quartiles, sign_test, statistics
from fedrot_core.study.sweep import summarise
from fedrot_core.wording import size

ARMS = ("fedit", "fedrot", "flexlora", "fedex", "ffa")
ROUNDS, SEEDS = 3, 3
VIEW = CompareView(tuple(METHODS[name].card for name in ARMS), "light", SEEDS)


@pytest.fixture(scope="module")
def runs() -> list[RunSummary]:
    base = FederationConfig().with_values({"arms": ARMS, "rounds": ROUNDS, "steps": 3, "clients": 3, "batch": 8})
    return [summarise([base.with_values({"seed": seed})])[0] for seed in range(SEEDS)]


def series(figure: go.Figure, name: str) -> list[go.Scatter]:
    return [trace for trace in figure.data if trace.name == name]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("place", range(3))
def test_contract(place: int, mode: str, runs: list[RunSummary]) -> None:
    drawing = compare_figures(runs, VIEW.cards, SEEDS)[place]
    drawn = drawing.draw(mode)
    assert 0 < len(drawn.layout.title.text) <= 90
    assert any(char.isdigit() for char in drawn.layout.title.text)
    assert drawn.layout.meta["alt"].endswith(".")
    assert "nan" not in json.dumps(json.loads(drawn.to_json())).lower().replace("flora-na", "").split()
    for card in VIEW.cards:
        (trace,) = series(drawn, card.label)
        assert trace.marker.symbol == card.symbol
        assert trace.marker.color == HUES[mode][card.hue]
        assert card.label in drawn.layout.meta["alt"]
    assert drawing.draw(mode).to_json() == drawn.to_json()


def test_before_the_first_seed_every_figure_says_so() -> None:
    for drawing in compare_figures([], VIEW.cards, SEEDS):
        drawn = drawing.draw("light")
        assert "first seed is running" in drawn.layout.title.text
        assert not drawn.data


def test_learning_grid_has_a_panel_an_arm_on_the_same_axes(runs: list[RunSummary]) -> None:
    figure = learning_grid(runs, VIEW)
    for n, card in enumerate(VIEW.cards, 1):
        (line,) = series(figure, card.label)
        scores = np.array([run.arms[card.name].scores for run in runs])
        assert list(line.y) == pytest.approx(np.median(scores, axis=0))
        assert line.xaxis == f"x{n if n > 1 else ''}"
        (low,), (high,) = (series(figure, f"{card.label}: {which} quartile") for which in ("lower", "upper"))
        assert list(low.y) == pytest.approx(np.quantile(scores, 0.25, axis=0))
        assert list(high.y) == pytest.approx(np.quantile(scores, 0.75, axis=0))
        assert high.fill == "tonexty"
        axis = figure.layout[f"yaxis{n if n > 1 else ''}"]
        assert tuple(axis.range) == (0, 1)
        assert n == 1 or axis.matches == "y"
    ghosts = series(figure, "other methods")
    assert len(ghosts) == len(ARMS)
    assert all(len(g.x) == (len(ARMS) - 1) * (ROUNDS + 1) for g in ghosts)
    titles = " ".join(a.text for a in figure.layout.annotations)
    assert all(card.label.split(" ")[0] in titles for card in VIEW.cards)
    wide = [figure.layout[f"xaxis{n if n > 1 else ''}"].domain for n in range(1, len(ARMS) + 1)]
    narrow = figure.layout.meta["narrow"]
    assert len({tuple(d) for d in wide}) == 5
    assert len({tuple(narrow[f"xaxis{n if n > 1 else ''}"]["domain"]) for n in range(1, len(ARMS) + 1)}) == 2


def test_the_table_behind_a_grid_names_each_arm_once_a_round(runs: list[RunSummary]) -> None:
    rows = figure_rows(learning_grid(runs, VIEW))
    for name in [card.label for card in VIEW.cards] + ["centralised"]:
        assert [r["round"] for r in rows if r["series"] == name] == list(range(ROUNDS))
    assert not [r for r in rows if r["series"] == "other methods"]


def test_exact_arms_stand_in_a_row_of_their_own_and_say_so(runs: list[RunSummary]) -> None:
    for figure in (error_curves(runs, VIEW), cost(runs, VIEW)):
        axis = figure.layout.yaxis
        assert axis.type == "log"
        assert axis.ticktext[0] == "0"
        for name in ("fedex", "ffa"):
            (trace,) = series(figure, METHODS[name].card.label)
            assert set(trace.y) == {axis.tickvals[0]}
        (inexact,) = series(figure, METHODS["fedit"].card.label)
        assert min(inexact.y) > axis.tickvals[0]
    texts = " ".join(a.text for a in error_curves(runs, VIEW).layout.annotations)
    assert texts.count("exactly 0") == 2


def test_without_exact_arms_no_row_is_kept_for_them(runs: list[RunSummary]) -> None:
    figure = error_curves(runs, dataclasses.replace(VIEW, cards=VIEW.cards[:2]))
    assert "0" not in figure.layout.yaxis.ticktext


def test_cost_is_traffic_against_the_last_error(runs: list[RunSummary]) -> None:
    figure = cost(runs, VIEW)
    assert figure.layout.xaxis.type == "log"
    for card in VIEW.cards:
        (point,) = series(figure, card.label)
        arms = [run.arms[card.name] for run in runs]
        traffic = np.median([(arm.bytes_up + arm.bytes_down).mean() for arm in arms])
        assert point.x[0] == pytest.approx(traffic)
        if not statistics(runs, card.name).exact:
            assert point.y[0] == pytest.approx(np.median([arm.errors[-1] for arm in arms]))
    assert len(figure.layout.annotations) == len(ARMS)


def test_an_arm_that_stopped_counts_only_where_it_ran(runs: list[RunSummary]) -> None:
    cut = dataclasses.replace(
        runs[0].arms["fedit"], scores=runs[0].arms["fedit"].scores[:1], errors=runs[0].arms["fedit"].errors[:1],
        stopped="FedIT stopped.",
    )  # fmt: skip
    changed = [dataclasses.replace(runs[0], arms={**runs[0].arms, "fedit": cut}), *runs[1:]]
    arm = statistics(changed, "fedit")
    assert arm.stopped == ("FedIT stopped.",)
    assert arm.score.median == pytest.approx(np.median([run.arms["fedit"].scores[-1] for run in runs[1:]]))
    choice = choose([arm, statistics(changed, "ffa")])
    assert choice is not None
    assert choice.chosen.name == "ffa"
    assert "(stopped)" in " ".join(a.text for a in error_curves(changed, VIEW).layout.annotations)


def arm(name: str, finals: list[float], traffic: float, stopped: tuple[str, ...] = ()) -> ArmStatistics:
    scores = np.array(finals)
    q = quartiles(scores)
    return ArmStatistics(name, q, q, scores, q, q, False, traffic / 2, traffic / 2, 0.0, stopped)


def test_the_cheapest_within_a_point_of_the_best_is_chosen() -> None:
    best, near = arm("a", [0.90, 0.92, 0.94] * 2, 10), arm("b", [0.91, 0.915, 0.93] * 2, 4)
    far = arm("c", [0.5] * 6, 1)
    choice = choose([best, near, far])
    assert choice is not None
    assert (choice.best.name, choice.chosen.name) == ("a", "b")
    assert [(a.name, n) for a, n in choice.tied] == [("a", 4)]


def test_the_sign_test_counts_how_often_chance_is_as_uneven() -> None:
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=7)))
    for gains in (np.ones(7), np.array([1.0] * 6 + [-1.0]), np.array([1.0] * 4 + [-1.0] * 3)):
        as_uneven = np.abs(signs.sum(1)) >= abs(gains.sum())
        assert sign_test(gains) == pytest.approx(as_uneven.mean())
    assert sign_test(np.zeros(4)) == 1
    assert sign_test(np.ones(5)) > 0.05 > sign_test(np.ones(6))


def test_equal_traffic_goes_to_the_better_score_and_stopped_arms_are_out() -> None:
    choice = choose([arm("a", [0.90], 10), arm("b", [0.905], 10), arm("c", [0.99], 1, ("stopped",))])
    assert choice is not None
    assert choice.chosen.name == choice.best.name == "b"
    assert [a.name for a, _ in choice.tied] == ["a"]  # one seed separates nothing
    assert choose([arm("c", [0.99], 1, ("stopped",))]) is None


@pytest.mark.parametrize(("count", "text"), [(840, "840"), (10560, "10.6"), (999_700, "1"), (1.25e6, "1.25")])
def test_sizes_keep_three_digits(count: float, text: str) -> None:
    assert size(count).split("\u00a0")[0] == text
