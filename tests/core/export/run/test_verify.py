"""A rerun says "reproduced", or names the first number that differs, or why bits cannot be compared."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.export.run.link_check import compare_link, link_check, read_check
from fedrot_core.export.run.run_file import CENTRALISED, METRICS, RunFile, read, write
from fedrot_core.export.run.verdict import FLOAT32_LATER_SCORE, FLOAT32_TOLERANCE, SAME, SMALLEST_ERROR, gap
from fedrot_core.export.run.verify import NUDGE, compare, rerun, steady_rounds, verify
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.trace import Trace
from tests.core.export.forging import forged
from tests.core.export.small import config


@pytest.fixture
def run(trace: Trace) -> RunFile:
    return read(write(trace))


def with_row(run: RunFile, arm: str, t: int, **values: Any) -> RunFile:
    rows = list(run.rows[arm])
    rows[t] = dataclasses.replace(rows[t], **values)
    return dataclasses.replace(run, rows={**run.rows, arm: tuple(rows)})


def test_a_run_is_reproduced_from_its_file(run: RunFile) -> None:
    seen: list[int] = []
    verdict = verify(run, on_round=seen.append)
    assert verdict.outcome == "reproduced"
    assert verdict.recorded == verdict.found == run.checksum
    assert verdict.difference is None
    assert str(verdict) == f"Reproduced: every number is equal (checksum {run.checksum})."
    assert seen == [1, 2, 3]


def test_a_run_that_was_cut_short_is_reproduced_as_far_as_it_goes(trace: Trace) -> None:
    cut = read(write(trace.upto(2)))
    seen: list[int] = []
    assert verify(cut, on_round=seen.append).outcome == "reproduced"
    assert seen == [1, 2]


def test_a_run_whose_arms_all_stopped_is_reproduced() -> None:
    wild = Federation(config(opt="sgd", lr=1.0, steps=60, frames="trained", rounds=5)).run()
    assert {s.arm for s in wild.stopped} == set(wild.config.methods)
    assert verify(read(write(wild))).outcome == "reproduced"


def test_automatic_device_is_rerun_on_the_recorded_one_and_keeps_its_checksum() -> None:
    auto = Federation(config(device="auto")).run()
    if auto.device == "cpu":
        assert verify(read(write(auto))).outcome == "reproduced"


def test_another_setting_is_found_in_the_first_round(trace: Trace, run: RunFile) -> None:
    other = dataclasses.replace(run, config=config(lr=0.02))
    verdict = verify(other)
    assert verdict.outcome == "differs"
    assert verdict.difference is not None
    assert (verdict.difference.round_index, verdict.difference.metric) == (0, "loss")
    assert verdict.difference.recorded == trace.arm("fedit")[0].loss
    assert "First difference: round 0, FedIT (naive), loss" in str(verdict)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("arm", "t"), [("fedit", 0), ("fedrot", 2)])
def test_the_first_number_that_differs_in_its_sixth_digit_is_named(
    trace: Trace, run: RunFile, arm: str, t: int, metric: str
) -> None:
    old = getattr(run.rows[arm][t], metric)
    new = old * (1 + 3e-6)
    changed = with_row(with_row(run, CENTRALISED, 2, score=9.0), arm, t, **{metric: new})
    verdict = compare(dataclasses.replace(changed, checksum="0" * 16), trace)
    assert verdict.outcome == "differs"
    assert verdict.difference is not None
    assert dataclasses.astuple(verdict.difference)[:5] == (t, arm, metric, new, old)
    assert f"First difference: round {t}, {METHODS[arm].card.label}, " in str(verdict)


@pytest.mark.parametrize("metric", METRICS)
def test_what_rounding_does_is_the_same_number_and_how_far_it_goes_is_told(
    trace: Trace, run: RunFile, metric: str
) -> None:
    old = getattr(run.rows["fedrot"][1], metric)
    near = with_row(run, "fedrot", 1, **{metric: old * (1 + 3e-10)})
    verdict = compare(dataclasses.replace(near, checksum="0" * 16), trace)
    assert verdict.outcome == "same"
    assert verdict.largest is not None
    assert (verdict.largest.round_index, verdict.largest.arm, verdict.largest.metric) == (1, "fedrot", metric)
    assert str(verdict).startswith("The same numbers, up to rounding (largest difference ")
    assert "as another processor or library gives them" in str(verdict)
    by_hand = compare(near, trace)  # the checksum says that the traces are equal
    assert by_hand.outcome == "differs"
    assert "changed by hand" in str(by_hand)


def test_gaps_are_relative_but_for_scores_and_for_the_errors_of_exact_methods() -> None:
    assert gap("loss", 2.0, 2.2) == pytest.approx(0.1)
    assert gap("score", 0.5, 0.6) == pytest.approx(0.1)
    assert gap("score", -1e9, -1.1e9) == pytest.approx(0.1)
    assert gap("error", 1e-16, 3e-16) == pytest.approx(2e-16 / SMALLEST_ERROR)
    assert gap("error", 1e-16, 3e-16) < SAME
    assert gap("loss", 0.0, 0.0) == gap("loss", math.nan, math.nan) == gap("loss", math.inf, math.inf) == 0
    assert gap("loss", 0.0, 1e-300) == gap("loss", math.nan, 1.0) == gap("score", 1.0, math.inf) == math.inf


def test_rounds_come_before_arms_and_arms_before_the_centralised_run(trace: Trace, run: RunFile) -> None:
    changed = with_row(with_row(run, "fedit", 2, loss=9.0), CENTRALISED, 1, loss=9.0)
    found = compare(changed, trace).difference
    assert found is not None
    assert (found.round_index, found.arm) == (1, CENTRALISED)
    changed = with_row(changed, "fedrot", 1, score=9.0)
    found = compare(changed, trace).difference
    assert found is not None
    assert (found.round_index, found.arm) == (1, "fedrot")


def test_a_number_outside_the_three_metrics_shows_in_their_sum(trace: Trace, run: RunFile) -> None:
    record = trace.arm("fedrot")[1]
    moved = dataclasses.replace(record, turns=dataclasses.replace(record.turns, drift=record.turns.drift * 2))
    other = dataclasses.replace(trace, records=[moved if r is record else r for r in trace.records])
    verdict = compare(run, other)
    assert verdict.outcome == "differs"
    assert verdict.difference is not None
    assert (verdict.difference.round_index, verdict.difference.arm) == (1, "fedrot")
    assert verdict.difference.metric == "rest"


def test_before_training_is_compared_first(trace: Trace, run: RunFile) -> None:
    verdict = compare(dataclasses.replace(run, start_score=0.9), trace)
    assert verdict.difference is not None
    assert verdict.difference.round_index == -1
    assert "before training" in str(verdict)


def test_an_arm_that_stopped_only_there_is_a_difference(trace: Trace, run: RunFile) -> None:
    rows = {**run.rows, "fedrot": run.rows["fedrot"][:1]}
    stopped = dataclasses.replace(run, rows=rows, stopped={"fedrot": 1}, checksum="0" * 16)
    found = compare(stopped, trace).difference
    assert found is not None
    assert dataclasses.astuple(found)[:5] == (1, "fedrot", "rounds", 1, 3)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"engine": "1"}, "by engine 1, this is"),
        ({"device": "cuda"}, "on device type cuda, this is cpu"),
        ({"made_with": {"torch": "1.0", "processor": "arm64 SVE"}}, "torch was 1.0"),
        ({"made_with": {}}, "torch was not recorded"),
    ],
)
def test_another_engine_device_or_processor_is_named_and_excuses_nothing(
    trace: Trace, run: RunFile, change: dict[str, Any], why: str
) -> None:
    there = dataclasses.replace(run, checksum="0" * 16, **change)
    same = compare(there, trace)
    assert same.outcome == "same"
    assert why in str(same)
    early = with_row(there, "fedit", 0, loss=run.rows["fedit"][0].loss * 1.01)
    differs = compare(early, trace)
    assert differs.outcome == "differs"
    assert why in str(differs)


def test_float32_is_compared_as_far_as_it_can_tell(trace: Trace, run: RunFile) -> None:
    there = dataclasses.replace(run, precision="float32", checksum="0" * 16)
    late = run.rows["fedrot"][2]
    near = with_row(there, "fedrot", 2, score=late.score - 0.9 * FLOAT32_LATER_SCORE, loss=1.3 * late.loss, rest=9.0)
    verdict = compare(near, trace)
    assert verdict.outcome == "agrees"
    assert FLOAT32_TOLERANCE in str(verdict)
    assert "made in float32, this is float64" in str(verdict)
    far = with_row(there, "fedrot", 2, score=late.score - 1.1 * FLOAT32_LATER_SCORE)
    verdict = compare(far, trace)
    assert verdict.outcome == "differs"
    assert verdict.difference is not None
    assert verdict.difference.metric == "score"
    assert compare(with_row(there, "fedrot", 2, loss=10 * late.loss), trace).outcome == "differs"
    early = with_row(there, "fedit", 0, loss=run.rows["fedit"][0].loss * 1.01)
    assert compare(early, trace).outcome == "differs"


def test_a_float32_run_is_rerun_in_float32() -> None:
    made = Federation(config(precision="float32")).run()
    assert made.precision == "float32"
    assert verify(read(write(made))).outcome == "reproduced"
    assert verify(dataclasses.replace(read(write(made)), device="mps", checksum="0" * 16)).outcome == "agrees"


def test_a_device_that_is_missing_here_is_replaced(run: RunFile) -> None:
    verdict = verify(dataclasses.replace(run, device="cuda", checksum="0" * 16))
    if not torch.cuda.is_available():
        assert verdict.outcome == "same"
        assert "device type cuda" in str(verdict)


def test_a_twin_stays_with_a_steady_run_and_leaves_one_that_amplifies_rounding() -> None:
    """20 gentle steps a round end on the same grid points; 200 steps at a tenth are chaos from the first round on."""
    steady = Federation(config(rounds=3)).run()
    assert steady_rounds(steady) == 3
    twin = rerun(steady.config, 3, nudge=NUDGE)
    assert compare(read(write(steady)), twin).outcome in ("same", "reproduced")
    wild = Federation(
        FederationConfig().with_values({"lr": 0.1, "steps": 200, "width": 128, "clients": 4, "rounds": 3})
    ).run()
    there = dataclasses.replace(with_row(read(write(wild)), "fedit", 2, loss=9.0), checksum="0" * 16)
    assert steady_rounds(wild) <= 2
    verdict = verify(there)
    assert verdict.outcome == "agrees"
    assert "annot be compared: these settings amplify rounding" in str(verdict)
    plain = compare(there, wild)
    assert plain.outcome == "differs"
    assert plain.may_be_rounding
    assert "Rounding is not why" not in str(plain)


def test_rounds_before_a_run_amplifies_rounding_are_still_compared(trace: Trace, run: RunFile) -> None:
    there = dataclasses.replace(with_row(run, "fedit", 2, loss=9.0), checksum="0" * 16)
    verdict = compare(there, trace, steady=2)
    assert verdict.outcome == "agrees"
    assert "The same numbers up to round 1" in str(verdict)
    assert compare(with_row(there, "fedrot", 1, loss=9.0), trace, steady=2).outcome == "differs"


def test_numbers_that_are_not_finite_count_as_equal(trace: Trace) -> None:
    odd = dataclasses.replace(trace, centralised=[dataclasses.replace(c, loss=math.nan) for c in trace.centralised])
    assert compare(read(write(odd)), odd).outcome == "reproduced"
    assert compare(read(write(odd)), trace).outcome == "differs"


def test_verifying_can_be_cancelled(run: RunFile) -> None:
    with pytest.raises(Cancelled):
        verify(run, should_stop=lambda: True)


def test_a_config_that_cannot_run_here_says_why(run: RunFile) -> None:
    with pytest.raises(ConfigError, match="FedAdam works with"):
        verify(dataclasses.replace(run, config=config(arms=("flora",), server="adam")))


def test_a_links_check_is_compared_with_the_run(trace: Trace) -> None:
    check = link_check(trace)
    assert check.startswith(f"{trace.engine}-cpu-float64-{trace.checksum}-")
    assert compare_link(check, trace).outcome == "reproduced"
    last = [
        x for card in trace.arms for r in trace.arm(card.name)[-1:] for x in (r.loss, r.score, float(r.errors.own[-1]))
    ]
    assert read_check(check).numbers == tuple(last)


def elsewhere(trace: Trace, factor: float, **changes: Any) -> str:
    """The check that a machine would write whose last losses are ``factor`` times ours."""
    records = [dataclasses.replace(r, loss=r.loss * factor) for r in trace.records]
    return link_check(dataclasses.replace(trace, records=records, **changes))


def test_a_link_made_on_another_processor_says_the_same_numbers_and_how_far_apart_they_are(trace: Trace) -> None:
    verdict = compare_link(elsewhere(trace, 1 + 3e-10), trace)
    assert verdict.outcome == "same"
    assert "largest difference 3e-10, round 2, " in str(verdict)
    other = compare_link(elsewhere(trace, 1 + 3e-6), trace)
    assert other.outcome == "differs"
    assert "First difference: round 2, FedIT (naive), loss" in str(other)
    assert "by engine 1" in str(compare_link(elsewhere(trace, 1.1, engine="1"), trace))
    assert compare_link(elsewhere(trace, 1.1, precision="float32"), trace).outcome == "agrees"
    assert compare_link(elsewhere(trace, 1.1), trace, steady=1).outcome == "agrees"
    differs = compare_link(elsewhere(trace, 1.1), trace, steady=3)
    assert differs.outcome == "differs"
    assert "Rounding is not why" in str(differs)
    mine = link_check(trace)
    kept = forged(mine, 1 + 3e-6).replace("0" * 16, trace.checksum)
    assert "changed by hand" in str(compare_link(kept, trace))
    assert compare_link(f"2{mine[1:]}", trace).outcome == "differs"
    fewer = dataclasses.replace(trace, arms=trace.arms[:1])
    assert compare_link(link_check(fewer), trace).outcome == "differs"


@pytest.mark.parametrize(
    "check",
    [
        "", "3-cpu", "3-tpu-float64-" + "0" * 16 + "-" + "A" * 32, "3-cpu-float16-" + "0" * 16 + "-" + "A" * 32,
        "3-cpu-float64-" + "G" * 16 + "-" + "A" * 32, "3-cpu-float64-" + "0" * 16 + "-" + "A" * 31,
        "<b>-cpu-float64-" + "0" * 16 + "-" + "A" * 32, "3-cpu-float64-" + "0" * 16 + "-" + "A" * 32 + "\n",
    ],
)  # fmt: skip
def test_a_broken_check_is_refused(trace: Trace, check: str) -> None:
    with pytest.raises(ConfigError, match="check must have the form engine-device-precision-checksum-numbers"):
        compare_link(check, trace)
