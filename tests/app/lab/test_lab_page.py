"""The lab page without a browser: every preset and every control answers, and trouble is told in words."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.jobs.runs import runner
from app.widgets.text import plain
from fedrot_core.config import FederationConfig, leaves
from fedrot_core.study.presets import PRESETS
from fedrot_core.wording import percent
from tests import ROOT
from tests.app.sessions import config_of, job_of, set_config, slide

MAIN = str(ROOT / "app" / "main.py")
LAB = "../pages/01_lab.py"
QUICK = {"rounds": "2", "steps": "2", "clients": "4"}


def opened(**query: str) -> AppTest:
    """The page opened with a link, its run finished."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(LAB)
    for key, value in query.items():
        at.query_params[key] = value
    return finished(at.run())


def finished(at: AppTest) -> AppTest:
    """Wait for the run and draw again: AppTest has no timer."""
    assert not at.exception
    assert job_of(at).finished.wait(120)
    at.run()
    assert not at.exception
    return at


def text(at: AppTest) -> str:
    """All prose of the page."""
    return " ".join(str(m.proto.body) for m in at.get("html"))


def test_the_default_page_says_that_naive_stalls_and_aligned_learns() -> None:
    at = opened()
    record = job_of(at).trace().at("fedrot", 14)
    assert f"FedRot-LoRA (aligned) {percent(record.score)}" in text(at)
    assert not at.warning
    assert not at.error


def test_a_task_that_comes_back_has_its_values_and_what_all_tasks_share_goes_along() -> None:
    at = opened(rounds="1", steps="1", clients="2", alpha="0.1")
    finished(at.selectbox(key="control_task").set_value("teacher").run())
    finished(slide(at, "het", 0.9))
    finished(slide(at, "rank", 2))
    finished(at.selectbox(key="control_task").set_value("digits").run())
    config = config_of(at)
    assert (config.task.name, config.values()["alpha"], config.lora.rank) == ("digits", 0.1, 2)
    finished(at.selectbox(key="control_task").set_value("teacher").run())
    assert config_of(at).values()["het"] == 0.9
    assert not at.warning


@pytest.mark.parametrize("preset", PRESETS, ids=lambda p: p.name)
def test_every_preset_gives_its_sentence_from_the_current_run(preset: Any) -> None:
    at = opened()
    set_config(at, preset.config.with_values({"rounds": 2, "steps": 2}))
    at = finished(at.run())
    trace = job_of(at).trace()
    assert f"FedIT (naive) {percent(trace.at('fedit', 1).score)}" in preset.look(trace, 1)
    assert preset.look(trace, 0) != preset.look(trace, 1)


@pytest.mark.parametrize("key", [leaf.option.key for leaf in leaves() if leaf.option.key not in ("device", "arms")])
def test_every_control_changes_the_run(key: str) -> None:
    leaf = next(leaf for leaf in leaves() if leaf.option.key == key)
    shown = {name: values[0] for name, values in leaf.option.when.items()}
    at = opened(**QUICK, **shown)
    widget = next((w for kind in (at.selectbox, at.number_input) for w in kind if w.key == f"control_{key}"), None)
    before = config_of(at)
    if leaf.option.stops or leaf.kind is str:
        target: Any = next(o for o in leaf.option.stops or leaf.option.choices or ("teacher",) if o != leaf.get(before))
    else:
        target = leaf.kind(leaf.option.high if leaf.get(before) != leaf.option.high else leaf.option.low)
    target = {"rounds": 3, "part": 0.5}.get(key, target)
    at = slide(at, key, target) if widget is None else widget.set_value(target).run()
    job_of(at).cancel()
    after = config_of(at)
    assert leaf.get(after) == target
    assert after.hash != before.hash


def test_taking_every_method_away_is_refused_with_a_reason() -> None:
    at = opened(**QUICK)
    at.multiselect(key="control_arms").set_value([]).run()
    assert "at least one" in at.warning[0].value
    assert config_of(at).methods == FederationConfig().methods


def test_an_impossible_split_is_told_and_can_be_left_again() -> None:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(LAB)
    at.query_params.update({"clients": "200", "min": "32"})
    at = finished(at.run())
    assert "at most 6" in at.error[0].value
    set_config(at, FederationConfig().with_values({k: int(v) for k, v in QUICK.items()}))
    at = finished(at.run())
    assert not at.error


def test_a_diverging_arm_stops_with_a_message_and_the_page_stays_up() -> None:
    at = opened(**{**QUICK, "steps": "200", "opt": "sgd", "lr": "1", "lora_alpha": "64", "task": "teacher"})
    assert {stop.arm for stop in job_of(at).trace().stopped} == {"fedit", "fedrot"}
    assert sum(plain("Lower the learning rate (1)") in w.value for w in at.warning) == 2
    assert at.info


def test_the_runner_is_shared_between_sessions() -> None:
    first, second = opened(**QUICK), opened(**QUICK)
    assert job_of(first) is job_of(second)
    assert runner() is runner()
