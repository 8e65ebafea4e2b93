"""Figures by round: learning, errors, ladder."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedrot_core.figures import View, drawn
from fedrot_core.figures.kit.layout import nice, spread
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import percent


def series(figure: Any) -> dict[str, Any]:
    return {t.uid: t for t in figure.data}


def ladder_of(record: RoundRecord, **pooled: float) -> dict[str, Any]:
    ladder = record.errors.ladder.copy()
    for name, value in pooled.items():
        ladder[RUNGS.index(name), -1] = value
    return {"ladder": ladder}


def test_learning_draws_every_arm_start_and_the_centralised_run(traces: dict[str, Trace]) -> None:
    trace = traces["four arms"]
    figure = drawn("learning", trace, View("fedit", 2))
    by = series(figure)
    assert set(by) == {"start", "centralised", "fedit", "fedrot", "fedrot_code", "gpa"}
    for card in trace.arms:
        line = by[card.name]
        assert list(line.y) == [r.score for r in trace.arm(card.name)]
        assert (line.line.dash, line.marker.symbol) == (card.dash, card.symbol)
    assert list(by["centralised"].y) == [c.score for c in trace.centralised]
    assert by["start"].y[0] == trace.task.start_score
    assert by["centralised"].line.dash == "dot"
    assert tuple(figure.layout.yaxis.range) == (0, 1)
    assert figure.layout.yaxis.title.text == trace.task.score_name
    last = {card.label: trace.arm(card.name)[-1].score for card in trace.arms}
    labels = [a.text.replace("<br>", " ") for a in figure.layout.annotations]
    for label, score in last.items():
        assert any(f"<b>{percent(score)}</b> {label}" == text for text in labels)


def test_learning_title_holds_best_and_worst_of_the_selected_round(plain: Trace, edited: Callable[..., Trace]) -> None:
    trace = edited(plain, "fedrot", lambda r: {"score": 0.6 + 0.1 * r.round_index})
    trace = edited(trace, "fedit", lambda r: {"score": 0.25})
    title = drawn("learning", trace, View("fedit", 1)).layout.title.text
    assert "FedRot-LoRA 70\u00a0%" in title
    assert "FedIT (naive) 25\u00a0%" in title
    assert title.index("FedRot") < title.index("FedIT")


def test_a_stopped_arm_keeps_its_line_and_says_so(plain: Trace) -> None:
    from fedrot_core.records import ArmStopped

    records = [r for r in plain.records if r.arm != "fedit" or r.round_index == 0]
    trace = dataclasses.replace(plain, records=records, stopped=[ArmStopped("fedit", 1, "stopped")])
    figure = drawn("learning", trace, View("fedit", 2))
    assert len(series(figure)["fedit"].x) == 1
    assert any("(stopped)" in a.text.replace("<br>", " ") for a in figure.layout.annotations)


def test_errors_on_a_log_axis_that_holds_them_all(plain: Trace) -> None:
    figure = drawn("errors", plain, View("fedit", 2))
    low, high = figure.layout.yaxis.range
    assert figure.layout.yaxis.type == "log"
    assert "0" not in figure.layout.yaxis.ticktext
    every = [v for r in plain.records for v in (r.errors.own[-1], r.errors.ladder[-1, -1])]
    assert 10**low <= min(every)
    assert max(every) <= 10**high
    by = series(figure)
    for card in plain.arms:
        assert list(by[card.name].y) == [r.errors.own[-1] for r in plain.arm(card.name)]
        assert list(by[f"floor-{card.name}"].y) == [
            r.errors.ladder[RUNGS.index("floor"), -1] for r in plain.arm(card.name)
        ]
    record = plain.at("fedit", 2)
    assert record is not None
    assert f"{100 * record.errors.own[-1]:.0f}\u00a0%" in figure.layout.title.text


def test_exact_zeros_are_annotated_and_stay_on_the_axis(plain: Trace, edited: Callable[..., Trace]) -> None:
    trace = edited(plain, "fedrot", lambda r: {"error": np.full_like(r.errors.own, 1e-16)})
    figure = drawn("errors", trace, View("fedit", 2))
    low, _ = figure.layout.yaxis.range
    zero, least, *_ = figure.layout.yaxis.tickvals
    assert low > -6, "rounding errors must not stretch the axis"
    assert figure.layout.yaxis.ticktext[0] == "0"
    assert 10**low < zero < least <= min(r.errors.ladder[-1, -1] for r in trace.records)
    assert set(series(figure)["fedrot"].y) == {zero}
    rows = [row for row in figure_rows(figure) if row["series"] == "FedRot-LoRA"]
    assert {row["relative error"] for row in rows} == {0.0}
    assert any("exactly 0" in a.text for a in figure.layout.annotations)
    assert "FedRot-LoRA is exact" in figure.layout.title.text


def test_ladder_stacks_to_the_naive_error(plain: Trace) -> None:
    by = series(drawn("ladder", plain, View("fedit", 2)))
    ladder = np.array([r.errors.ladder[:, -1] for r in plain.arm("fedit")])
    floor, gpa, naive = (ladder[:, RUNGS.index(n)] for n in ("floor", "gpa", "naive"))
    np.testing.assert_allclose(by["floor"].y, floor)
    np.testing.assert_allclose(np.add(by["floor"].y, by["left"].y), np.minimum(gpa, naive))
    np.testing.assert_allclose(np.sum([by[n].y for n in ("floor", "left", "removed")], axis=0), naive)
    np.testing.assert_allclose(by["own"].y, naive, err_msg="the naive arm's own error is the naive rung")
    np.testing.assert_allclose(by["alternate"].y, ladder[:, RUNGS.index("alternate")])


def test_ladder_draws_a_negative_band_hatched_and_names_it(plain: Trace, edited: Callable[..., Trace]) -> None:
    trace = edited(plain, "fedit", lambda r: ladder_of(r, naive=0.2, gpa=0.3, floor=0.1))
    figure = drawn("ladder", trace, View("fedit", 2))
    by = series(figure)
    np.testing.assert_allclose(by["hurt"].y, [0.1] * 3)
    np.testing.assert_allclose(by["removed"].y, [0] * 3)
    assert by["hurt"].marker.pattern.shape == "/"
    assert (
        figure.layout.title.text
        == "Alignment hurts here: naive error 20\u00a0%, best turn found 30\u00a0%, rank-4 floor 10\u00a0%"
    )
    assert any("alignment hurts" in a.text.replace("<br>", " ") for a in figure.layout.annotations)


def test_ladder_title_holds_the_recorded_numbers(plain: Trace, edited: Callable[..., Trace]) -> None:
    trace = edited(plain, "fedit", lambda r: ladder_of(r, naive=0.8, gpa=0.3, floor=0.1))
    assert drawn("ladder", trace, View("fedit", 1)).layout.title.text == (
        "Turning can remove 62\u00a0% of the naive error here; rank-4 floor 10\u00a0%"
    )
    trace = edited(plain, "fedit", lambda r: ladder_of(r, naive=0.31, gpa=0.3, floor=0.1))
    assert "little to remove" in drawn("ladder", trace, View("fedit", 1)).layout.title.text


def test_ladder_range_is_the_same_for_every_selected_round(plain: Trace) -> None:
    ranges = {tuple(drawn("ladder", plain, View("fedit", t)).layout.yaxis.range) for t in (0, 1, 2)}
    assert len(ranges) == 1
    assert next(iter(ranges))[0] == 0


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0"),
        (1e-15, "0"),
        (0.00004, "0.004"),
        (0.0834, "8.3"),
        (0.0999, "10"),
        (0.924, "92"),
        (0.9972, "99.7"),
        (1, "100"),
    ],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == f"{text}\u00a0%"


def test_labels_do_not_overlap_and_keep_their_order() -> None:
    centres = spread([0.5, 0.92, 0.93, 0.94], [0.1, 0.1, 0.2, 0.1])
    assert centres[0] == 0.5
    gaps = np.diff(centres)
    assert (gaps >= np.array([0.1, 0.15, 0.15]) - 1e-9).all()
    assert centres[-1] <= 0.95 + 1e-9


@pytest.mark.parametrize(("value", "top"), [(0.92, 1.0), (0.067, 0.07), (1.0, 1.0), (3.2, 3.5), (0, 1.0)])
def test_nice(value: float, top: float) -> None:
    assert nice(value) == pytest.approx(top)


def test_arms_that_read_differently_are_not_called_equal(plain: Trace, edited: Callable[..., Trace]) -> None:
    trace = edited(edited(plain, "fedit", lambda r: {"score": 0.8644}), "fedrot", lambda r: {"score": 0.8656})
    title = drawn("learning", trace, View("fedrot", 2)).layout.title.text
    assert "All are at" not in title
    assert "87\u00a0%" in title
    assert "86\u00a0%" in title


@pytest.mark.parametrize("shown", range(3))
def test_a_title_speaks_of_every_method_and_rounds_as_the_labels_do(shown: int, traces: dict[str, Trace]) -> None:
    """Two are named; of more the title gives the number and the span, in the words of alternative text and hovers."""
    trace = traces["four arms"]
    scores = {card.name: trace.at(card.name, shown).score for card in trace.arms}  # type: ignore[union-attr]
    figure = drawn("learning", trace, View("fedit", shown))
    title = figure.layout.title.text
    assert "4 methods" in title
    assert {percent(min(scores.values())), percent(max(scores.values()))} <= set(
        re.findall(r"[\d.]+\u00a0%", title.split(";")[0])
    )
    by = series(figure)
    for name, score in scores.items():
        assert by[name].hovertext[shown] == percent(score)
        assert percent(score) in figure.layout.meta["alt"]
    about_the_end = [a.text for a in figure.layout.annotations if a.text == "in round 2:"]
    assert len(about_the_end) == (shown < 2), "the labels' numbers are of the last round"
    errors = drawn("errors", trace, View("fedit", shown)).layout.title.text
    assert "4 methods" in errors


@pytest.mark.parametrize("value", [0.9449, 0.9451])
def test_scores_are_called_equal_just_where_their_labels_are(
    value: float, plain: Trace, edited: Callable[..., Trace]
) -> None:
    trace = edited(edited(plain, "fedrot", lambda r: {"score": 0.9452}), "fedit", lambda r: {"score": value})
    title = drawn("learning", trace, View("fedit", 2)).layout.title.text
    assert ("all 2 methods" in title) == (percent(value) == percent(0.9452))


def test_errors_of_rounding_are_drawn_as_zero(plain: Trace, edited: Callable[..., Trace]) -> None:
    nothing = dict.fromkeys(RUNGS, 3e-16)
    trace = edited(plain, "fedit", lambda r: {**ladder_of(r, **nothing), "error": np.full_like(r.errors.own, 2e-16)})
    figure = drawn("ladder", trace, View("fedit", 2))
    assert figure.layout.yaxis.ticktext[0] == percent(0)
    assert figure.layout.yaxis.range[1] >= 0.01
    for line in figure.data:
        assert set(line.y) == {0}
        assert set(line.hovertext) == {percent(0)}
