"""The page of the map: choices, sentences from the numbers, counterexamples and links into the lab."""

from __future__ import annotations

import dataclasses
import math
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.session.query import GRID_CHOICES, from_query
from app.widgets.sweep_progress import Sweeping
from fedrot_core.config import FederationConfig
from fedrot_core.study import when
from fedrot_core.study.plotted import Cell
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import summarise
from fedrot_core.study.when import Finding, Findings, Setting, plan
from fedrot_core.workloads.sampled import SampledConfig
from tests import ROOT
from tests.app.sessions import part_of, session_of, watch_of

MAIN = str(ROOT / "app" / "main.py")
PAGE = "../pages/03_when.py"
QUICK = {"rounds": "2", "steps": "2", "clients": "4"}
BASE = FederationConfig().with_values({"rounds": 2, "steps": 2, "clients": 4})


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 2 x 2 map and two further settings."""
    monkeypatch.setattr(SampledConfig, "skew", dataclasses.replace(SampledConfig.skew, values=(0.1, 1.0)))
    monkeypatch.setattr(when, "RANKS", (1, 2))
    monkeypatch.setattr(when, "TURNS", (0.0, 90.0))
    monkeypatch.setattr(when, "SEARCHED", when.SEARCHED[:2])


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=90)
    for key, value in query.items():
        at.query_params[key] = value
    at.run()  # the lab opens first; its link holds for the session
    return done(at.switch_page(PAGE).run())


def done(at: AppTest) -> AppTest:
    """Wait for both sweeps and draw again: AppTest has no timer."""
    assert not at.exception
    for watch in part_of(at, Sweeping).watches.values():
        if watch.job is not None:
            for _ in range(90):
                if watch.job is None or watch.job.finished.wait(1):
                    break
                watch.job.seen_by(session_of(at))  # an open page would ask again and again
    at.run()
    assert not at.exception
    assert "Stopped after" not in prose(at)
    return at


def prose(at: AppTest) -> str:
    return " ".join([*(str(m.proto.body) for m in at.get("html")), *(m.value for m in at.markdown),
                     *(c.value for c in at.caption)])  # fmt: skip


@pytest.mark.usefixtures("tiny")
def test_the_page_runs_the_map_and_links_every_setting() -> None:
    at = opened(**QUICK)
    watch = watch_of(at, "map")
    assert len(watch.runs) == 4
    assert all(r.config.methods == ("fedit", "fedrot") for r in watch.runs)
    findings = Findings.of(plan(BASE), watch.runs)
    assert findings.headline in prose(at)
    links = at.get("page_link")
    assert len(links) == 1 + 2 * len(findings.mapped)
    for link in links:
        config, _, problems = from_query(dict(parse_qsl(link.proto.query_string)))
        assert not problems
        assert config in watch.configs


@pytest.mark.usefixtures("tiny")
def test_searching_adds_what_it_finds() -> None:
    at = opened(**QUICK)
    at.button(key="search").click().run()
    at = done(at)
    names = [s.name for s in plan(BASE).search]
    assert len(watch_of(at, "search").runs) == len(names) == 2
    assert "of 6\u00a0settings" in prose(at)


@pytest.mark.usefixtures("tiny")
def test_choices_change_the_map_and_the_link() -> None:
    at = opened(**QUICK)
    at.button_group(key="when_grid").set_value("theta").run()
    at = done(at)
    assert {c.frames.kind for c in watch_of(at, "map").configs} == {"turned"}
    assert at.selectbox(key="when_frames").disabled
    at.selectbox(key="when_aligned").set_value("gpa").run()
    at = done(at)
    assert {c.methods for c in watch_of(at, "map").configs} == {("fedit", "gpa")}
    assert at.query_params["grid"] in ("theta", ["theta"])
    assert at.query_params["aligned"] in ("gpa", ["gpa"])


@pytest.mark.usefixtures("tiny")
def test_a_cancelled_map_says_so_and_runs_again_only_when_asked() -> None:
    at = AppTest.from_file(MAIN, default_timeout=90)
    at.query_params.update({"rounds": "8", "steps": "100", "seed": "8"})
    at.run()
    at.switch_page(PAGE).run()
    watch = watch_of(at, "map")
    at.button(key="cancel_map").click().run()
    assert watch.job.finished.wait(120)
    at.run()
    assert watch_of(at, "map") is watch
    assert f"Cancelled after {len(watch.runs)} of 4\u00a0settings" in prose(at)
    at.button(key="again_map").click().run()
    at = done(at)
    assert len(watch_of(at, "map").runs) == 4
    assert "4 of 4\u00a0settings done" in prose(at)


def test_every_choice_of_the_link_is_one_of_the_page() -> None:
    assert GRID_CHOICES["aligned"] == when.ALIGNED


@pytest.mark.parametrize("rows", GRID_CHOICES["grid"])
@pytest.mark.parametrize("task", ["digits", "teacher"])
def test_the_map_holds_each_pair_of_values_once(rows: str, task: str) -> None:
    base = BASE.with_values({"task": task, "split": "iid"})
    found = plan(base, rows, "gpa")
    assert len({s.config for s in found.settings}) == len(found.x.values) * len(found.y.values)
    assert all(c.methods == ("fedit", "gpa") for c in found.configs)


@pytest.mark.parametrize(
    ("rows", "changes", "left_out"),
    [
        ("rank", {}, {"strongest skew"}),
        ("theta", {}, {"as trained, strongest skew"}),
        ("theta", {"alpha": 0.3, "rank": 8}, {"as trained", "as trained, strongest skew"}),
    ],
)
def test_the_search_leaves_out_runs_that_the_map_has(rows: str, changes: dict[str, Any], left_out: set[str]) -> None:
    found = plan(FederationConfig().with_values(changes), rows)
    assert {name for name, _ in when.SEARCHED} - {s.name for s in found.search} == left_out


def test_halves_turned_by_nothing_run_as_trained() -> None:
    turned = BASE.with_values({"frames": "turned", "theta": 0.0})
    (one,), (other,) = summarise([turned]), summarise([turned.with_values({"frames": "trained"})])
    for method, arm in one.arms.items():
        np.testing.assert_allclose(arm.errors, other.arms[method].errors, rtol=1e-9)
        np.testing.assert_allclose(arm.scores, other.arms[method].scores, rtol=1e-9)


def test_the_map_leaves_out_ranks_that_the_layers_cannot_hold() -> None:
    found = plan(FederationConfig().with_values({"task": "digits", "width": 16}))
    assert found.y.values[-1] == 16
    assert len(plan(BASE).search) >= 15


def test_a_finding_is_computed_from_the_last_round_of_each_arm() -> None:
    config = BASE.with_values({"frames": "turned", "theta": 90.0})
    (summary,) = summarise([config])
    found = Finding.of(Setting("x", config, 1, 2), summary, "fedrot")
    naive, aligned = summary.arms["fedit"], summary.arms["fedrot"]
    assert found.cell.ratio == pytest.approx(np.log10(naive.errors[-1] / aligned.errors[-1]))
    assert found.cell.gain == pytest.approx(100 * (aligned.scores[-1] - naive.scores[-1]))


def test_a_run_without_result_is_done_and_says_why() -> None:
    found = Finding.of(Setting("x", BASE), RunSummary(BASE, {}, math.nan, np.zeros(0), "too few samples"), "fedrot")
    assert found.cell.done
    assert not found.cell.known
    assert found.cell.note == "too few samples"
    assert not Finding.of(Setting("x", BASE), None, "fedrot").cell.done


def made(gain: float, ratio: float) -> Finding:
    cell = Cell(1, 1, "k", 0.1, 0.1 / 10**ratio, ratio, gain, done=True)
    return Finding(Setting("x", BASE), cell, 0.9, 0.9 + gain / 100, "accuracy")


def test_words_follow_from_the_numbers() -> None:
    assert "alignment costs 1.2\u00a0points here (accuracy 90\u00a0% → 89\u00a0%)" in made(-1.2, 0).verdict
    assert "costs 0.4\u00a0points here, which counts as a tie" in made(-0.4, 0).verdict
    assert "gains 5.0\u00a0points here (" in made(5, 1).verdict
    assert "by less than 0.05\u00a0points" in made(0.0, 0).verdict
    text = Findings(plan(BASE), (made(-1.2, 0), made(0.5, 0), made(5, 1), made(3, -1))).headline
    assert "In 2 of 4\u00a0settings" in text
    assert "in 1 the two tie, and in 1 it ends more than that below" in text


def test_worst_come_first_by_either_measure() -> None:
    found = Findings(plan(BASE), (made(-1.2, 0.3), made(0.5, -0.2)), (made(5, 1),))
    assert [f.cell.gain for f in found.worst("gain", 2)] == [-1.2, 0.5]
    assert [f.cell.ratio for f in found.worst("ratio", 2)] == [-0.2, 0.3]
