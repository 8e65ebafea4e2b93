"""A rerun says "reproduced", or names the first number that differs, or why bits cannot be compared."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest
import torch

from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.export.run_file import CENTRALISED, RunFile, read, write
from fedrot_core.export.verify import LATER_SCORE, TOLERANCE, compare, compare_link, link_check, verify
from fedrot_core.federation import Federation
from fedrot_core.trace import ArmStopped, Trace
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


@pytest.mark.parametrize("metric", ["loss", "score", "error"])
@pytest.mark.parametrize(("arm", "t"), [("fedit", 0), ("fedrot", 1), ("fedrot", 2)])
def test_the_first_changed_number_is_named(trace: Trace, run: RunFile, arm: str, t: int, metric: str) -> None:
    old = getattr(run.rows[arm][t], metric)
    new = math.nextafter(old, 10)
    changed = with_row(with_row(run, arm, t, **{metric: new}), "fedrot", 2, digest="0" * 8)
    verdict = compare(changed, trace)
    assert verdict.outcome == "differs"
    assert verdict.difference is not None
    assert dataclasses.astuple(verdict.difference) == (t, arm, metric, new, old)
    assert "changed by hand" in str(verdict)  # the checksum still agrees


def test_rounds_come_before_arms_and_arms_before_the_centralised_run(trace: Trace, run: RunFile) -> None:
    changed = with_row(with_row(run, "fedit", 2, loss=9.0), CENTRALISED, 1, loss=9.0)
    found = compare(changed, trace).difference
    assert found is not None
    assert (found.round_index, found.arm) == (1, CENTRALISED)
    changed = with_row(changed, "fedrot", 1, score=9.0)
    found = compare(changed, trace).difference
    assert found is not None
    assert (found.round_index, found.arm) == (1, "fedrot")


def test_a_number_outside_the_three_metrics_is_found_by_its_digest(trace: Trace, run: RunFile) -> None:
    record = trace.arm("fedrot")[1]
    turned = dataclasses.replace(record, drift=record.drift * 2)
    other = dataclasses.replace(trace, records=[turned if r is record else r for r in trace.records])
    verdict = compare(run, other)
    assert verdict.difference is not None
    assert (verdict.difference.round_index, verdict.difference.arm) == (1, "fedrot")
    assert verdict.difference.metric == "digest"
    assert verdict.rounding
    assert "within the tolerance for rounding" in str(verdict)


def test_before_training_is_compared_first(trace: Trace, run: RunFile) -> None:
    verdict = compare(dataclasses.replace(run, start_score=0.9), trace)
    assert verdict.difference is not None
    assert verdict.difference.round_index == -1
    assert "before training" in str(verdict)


def test_an_arm_that_stopped_only_there_is_a_difference(trace: Trace, run: RunFile) -> None:
    rows = {**run.rows, "fedrot": run.rows["fedrot"][:1]}
    for engine in (run.engine, "1"):  # bit for bit, and within the tolerance
        stopped = dataclasses.replace(run, rows=rows, stopped={"fedrot": 1}, engine=engine)
        found = compare(stopped, trace).difference
        assert found is not None
        assert (found.round_index, found.arm, found.metric, found.recorded, found.found) == (
            1,
            "fedrot",
            "rounds",
            1,
            3,
        )


def test_where_both_stopped_rounding_may_move_the_round(trace: Trace, run: RunFile) -> None:
    rows = {**run.rows, "fedrot": run.rows["fedrot"][:1]}
    there = dataclasses.replace(run, rows=rows, stopped={"fedrot": 1}, engine="1")
    here = dataclasses.replace(
        trace,
        records=[r for r in trace.records if r.arm == "fedit" or r.round_index < 2],
        stopped=[ArmStopped("fedrot", 2, "why")],
    )
    assert compare(there, here).outcome == "agrees"


@pytest.mark.parametrize(
    ("change", "why"),
    [({"engine": "1"}, "by engine 1, this is"), ({"device": "cuda"}, "on device type cuda, this is cpu")],
)
def test_other_engines_and_devices_are_compared_within_a_stated_tolerance(
    trace: Trace, run: RunFile, change: dict[str, Any], why: str
) -> None:
    near = with_row(run, "fedrot", 2, score=run.rows["fedrot"][2].score - 0.9 * LATER_SCORE, loss=123.0)
    verdict = compare(dataclasses.replace(near, checksum="0" * 16, **change), trace)
    assert verdict.outcome == "agrees"
    assert why in str(verdict)
    assert TOLERANCE in str(verdict)
    far = with_row(run, "fedrot", 2, score=run.rows["fedrot"][2].score - 1.1 * LATER_SCORE)
    verdict = compare(dataclasses.replace(far, checksum="0" * 16, **change), trace)
    assert verdict.outcome == "differs"
    assert verdict.difference is not None
    assert verdict.difference.metric == "score"
    assert "beyond the tolerance" in str(verdict)
    early = with_row(run, "fedit", 0, loss=run.rows["fedit"][0].loss * 1.01)
    assert compare(dataclasses.replace(early, checksum="0" * 16, **change), trace).outcome == "differs"


def test_other_software_is_a_reason_only_where_numbers_differ(trace: Trace, run: RunFile) -> None:
    other = dataclasses.replace(run, made_with={**run.made_with, "torch": "1.0", "processor": "arm64 SVE"})
    assert compare(other, trace).outcome == "reproduced"
    verdict = compare(dataclasses.replace(other, checksum="0" * 16), trace)
    assert verdict.outcome == "agrees"
    assert "torch was 1.0" in str(verdict)
    assert "processor was arm64 SVE" in str(verdict)
    silent = dataclasses.replace(run, made_with={}, checksum="0" * 16)
    assert "torch was not recorded" in str(compare(silent, trace))


def test_a_device_that_is_missing_here_is_replaced(run: RunFile) -> None:
    verdict = verify(dataclasses.replace(run, device="mps", checksum="0" * 16))
    assert verdict.outcome == "agrees"
    assert "device type mps" in str(verdict)


def test_numbers_that_are_not_finite_count_as_equal(trace: Trace) -> None:
    odd = dataclasses.replace(trace, centralised=[dataclasses.replace(c, loss=math.nan) for c in trace.centralised])
    assert compare(read(write(odd)), odd).outcome == "reproduced"
    assert compare(read(write(odd)), trace).outcome == "differs"


def test_verifying_can_be_cancelled(run: RunFile) -> None:
    with pytest.raises(Cancelled):
        verify(run, should_stop=lambda: True)


def test_the_recorded_number_of_threads_is_used_and_put_back(run: RunFile, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    original = Federation.new_trace

    def spied(self: Federation) -> Trace:
        used.append(torch.get_num_threads())
        return original(self)

    monkeypatch.setattr(Federation, "new_trace", spied)
    before = torch.get_num_threads()
    for recorded, expected in (("2", 2), ("1", 1), ("100000", 1), ("0", 1), ("many", 1)):
        verify(dataclasses.replace(run, made_with={**run.made_with, "threads": recorded}))
        assert used[-1] == expected
    assert torch.get_num_threads() == before


def test_a_config_that_cannot_run_here_says_why(run: RunFile) -> None:
    with pytest.raises(ConfigError, match="FedAdam works with"):
        verify(dataclasses.replace(run, config=config(arms=("flora",), server="adam")))


def test_a_links_check_is_compared_with_the_run(trace: Trace) -> None:
    check = link_check(trace)
    assert check == f"{trace.engine}-cpu-{trace.checksum}"
    assert compare_link(check, trace).outcome == "reproduced"
    other = compare_link(f"{trace.engine}-cpu-{'0' * 16}", trace)
    assert (other.outcome, other.obstacles) == ("differs", ())
    assert str(other) == f"Differs: checksum {'0' * 16} was recorded, {trace.checksum} is found here."
    far = compare_link(f"1-cuda-{'0' * 16}", trace)
    assert "by engine 1" in str(far)
    assert "device type cuda" in str(far)


@pytest.mark.parametrize(
    "check", ["", "2-cpu", "2-tpu-" + "0" * 16, "2-cpu-" + "G" * 16, "<b>-cpu-" + "0" * 16, "2-cpu-0\n"]
)
def test_a_broken_check_is_refused(trace: Trace, check: str) -> None:
    with pytest.raises(ConfigError, match="check must read engine-device-checksum"):
        compare_link(check, trace)
