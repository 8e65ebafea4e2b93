"""The comparison page without a browser: its answer, table and notes follow from the runs, and trouble is told."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.jobs.sweeps import SweepJob
from app.session.query import Selection, from_query, to_query
from app.widgets import sweep_progress
from app.widgets.sweep_progress import Watch, too_much
from app.widgets.text import plain
from fedrot_core.config import FederationConfig
from fedrot_core.methods import METHODS
from fedrot_core.study.comparison import Comparison, plan
from fedrot_core.study.summary import RunSummary, statistics
from fedrot_core.study.sweep import summarise
from fedrot_core.study.tables import as_json
from fedrot_core.wording import percent
from tests import ROOT
from tests.app.sessions import selection_of, session_of
from tests.app.sessions import watch_of as session_watch

MAIN = str(ROOT / "app" / "main.py")
PAGE = "../pages/02_compare.py"
SLOW = {"clients": "60", "steps": "20", "rounds": "20", "seeds": "20"}
QUICK = {"rounds": "2", "steps": "2", "clients": "3", "batch": "8", "compare": "fedit,flexlora,ffa", "seeds": "3"}


def opened(**query: str) -> AppTest:
    """The page opened with a link, its sweep finished."""
    at = started(**query)
    awaited(at)
    at.run()
    assert not at.exception
    return at


def awaited(at: AppTest) -> None:
    """Wait for the sweep as an open page does: AppTest has no timer that would tell it that somebody looks."""
    job = watch_of(at).job
    while job is not None and not job.finished.wait(1):
        job.seen_by(session_of(at))


def started(**query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    for key, value in (QUICK | query).items():
        at.query_params[key] = value
    at.switch_page(PAGE).run()
    assert not at.exception
    return at


def watch_of(at: AppTest) -> Watch:
    watch: Watch = session_watch(at, "compare")
    return watch


def job_of(at: AppTest) -> SweepJob:
    job = watch_of(at).job
    assert job is not None
    return job


def runs_of(at: AppTest) -> list[RunSummary]:
    runs = watch_of(at).runs
    assert len(runs) == len(watch_of(at).configs)
    return runs


def prose(at: AppTest) -> str:
    return " ".join(str(m.proto.body) for m in at.get("html"))


@pytest.fixture(scope="module")
def page() -> AppTest:
    return opened()


def test_every_seed_runs_every_arm(page: AppTest) -> None:
    runs = runs_of(page)
    assert [run.config.seed for run in runs] == [0, 1, 2]
    assert all(set(run.arms) == {"fedit", "flexlora", "ffa"} for run in runs)
    assert not page.error
    assert not page.warning


def test_table_numbers_are_those_of_the_runs(page: AppTest) -> None:
    runs = runs_of(page)
    frame = page.dataframe[0].value.set_index("label")
    assert len(frame) == 3
    for name in ("fedit", "flexlora", "ffa"):
        row, arms = frame.loc[METHODS[name].card.label], [run.arms[name] for run in runs]
        finals = [arm.scores[-1] for arm in arms]
        low, middle, high = np.quantile(finals, [0.25, 0.5, 0.75])
        assert row["score"] == pytest.approx(100 * middle)
        assert row["spread"] == f"{100 * low:.1f} to {100 * high:.1f}"
        assert row["error"] == pytest.approx(np.median([arm.errors[-1] for arm in arms]))
        assert row["bytes_up"] == pytest.approx(arms[0].bytes_up.mean() / 1000)
        assert row["bytes_down"] == pytest.approx(arms[0].bytes_down.mean() / 1000)
        assert row["work_ms"] == pytest.approx(1000 * np.median([arm.seconds / 2 for arm in arms]))
    assert (frame["exact"] != "").to_dict() == {METHODS[n].card.label: n == "ffa" for n in ("fedit", "flexlora", "ffa")}


def compared(runs: list[RunSummary]) -> Comparison:
    return Comparison(plan(runs[0].config, runs[0].config.methods, len(runs)), tuple(runs))


def test_the_answer_is_the_verdict_on_these_runs(page: AppTest) -> None:
    choice, caveats = compared(runs_of(page)).verdict
    assert f"<b>{choice}</b>" in prose(page)
    assert caveats in prose(page)


def test_a_method_that_cannot_run_is_named_and_the_others_run() -> None:
    at = opened(ranks="mixed", compare="fedrot,flexlora,flora")
    (warning,) = at.warning
    said = plain("Left out: FedRot-LoRA. Ranks of the clients must be equal for FedRot-LoRA")
    assert warning.value.startswith(said)
    assert all(set(run.arms) == {"flexlora", "flora"} for run in runs_of(at))


def test_when_no_method_can_run_the_page_says_so_and_stays_up() -> None:
    at = started(ranks="mixed", compare="fedrot,fedit")
    assert len(at.warning) == 2
    assert "None of the chosen methods" in at.error[0].value
    at.multiselect(key="compare_arms").set_value(["flexlora"]).run()
    assert not at.exception
    assert not at.error
    assert at.query_params["compare"] == "flexlora"
    awaited(at)


def test_an_added_method_runs_alone_and_a_known_one_not_at_all() -> None:
    at = opened(seed="50", seeds="2")
    before = runs_of(at)
    at.multiselect(key="compare_arms").set_value(["fedit", "flexlora", "ffa", "fedex"]).run()
    assert [(c.methods, c.seed) for c in job_of(at).configs] == [(("fedex",), 50), (("fedex",), 51)]
    awaited(at)
    at.run()
    assert len(at.dataframe[0].value) == 4
    for old, new in zip(before, runs_of(at), strict=True):
        assert {name: new.arms[name] for name in old.arms} == old.arms  # the very same results
        assert np.array_equal(new.centralised, old.centralised)
        assert new.config == old.config.with_values({"arms": ("fedit", "flexlora", "ffa", "fedex")})
    at.multiselect(key="compare_arms").set_value(["fedex", "ffa"]).run()
    assert watch_of(at).job is None
    assert len(at.dataframe[0].value) == 2
    at.number_input(key="compare_seeds").set_value(3).run()
    assert [(c.methods, c.seed) for c in job_of(at).configs] == [(("fedex", "ffa"), 52)]
    awaited(at)


def test_cancel_ends_the_sweep_and_offers_to_take_it_up_again() -> None:
    at = started(**SLOW | {"seed": "77"})
    at.button(key="cancel_compare").click().run()
    watch, done = watch_of(at), len(watch_of(at).runs)
    assert job_of(at).finished.wait(120)  # nobody else looked
    assert job_of(at).cancelled
    at.run()
    assert not at.exception
    assert watch_of(at) is watch  # a cancelled sweep is not started again by a redraw
    assert any(f"Cancelled after {done} of 20\u00a0seeds" in c.value for c in at.caption)
    at.button(key="again_compare").click().run()
    assert watch_of(at) is not watch
    again = job_of(at)
    at.button(key="cancel_compare").click().run()
    assert again.finished.wait(120)


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps that are shared as ever but compute nothing: a test says what they have found."""
    jobs: dict[Any, SweepJob] = {}
    shared = SimpleNamespace(job=lambda configs, session: jobs.setdefault(configs, SweepJob(configs, lambda run: None)))
    monkeypatch.setattr(sweep_progress, "sweeps", lambda: shared)


def find(job: SweepJob, count: int) -> None:
    """Let ``job`` have found its first ``count`` runs."""
    job.results.update({run.config.hash: run for run in summarise(job.configs[:count])})
    if count == len(job.configs):
        job.finished.set()


@pytest.mark.usefixtures("idle")
def test_what_a_sweep_had_found_when_methods_changed_does_not_run_again() -> None:
    at = started(seed="300", compare="ffa")
    find(job_of(at), 1)
    at.multiselect(key="compare_arms").set_value(["ffa", "fedex"]).run()
    assert [c.methods for c in job_of(at).configs] == [("fedex",), ("ffa", "fedex"), ("ffa", "fedex")]
    assert any("0 of 3\u00a0seeds done" in p.proto.text for p in at.get("progress"))
    find(job_of(at), 3)
    at.run()
    assert not at.exception
    assert [set(run.arms) for run in runs_of(at)] == [{"ffa", "fedex"}] * 3


@pytest.mark.usefixtures("idle")
def test_cancel_stops_a_shared_sweep_for_this_session_only() -> None:
    one, other = started(seed="500"), started(seed="500")
    job = job_of(one)
    assert job_of(other) is job
    find(job, 1)
    one.button(key="cancel_compare").click().run()
    assert not job.cancelled
    find(job, 3)
    for at in (one, other):
        at.run()
        assert not at.exception
    assert any("Cancelled after 1 of 3\u00a0seeds" in c.value for c in one.caption)
    assert any("3 of 3\u00a0seeds done" in c.value for c in other.caption)
    one.button(key="again_compare").click().run()
    assert len(runs_of(one)) == 3  # known by now


@pytest.mark.usefixtures("idle")
def test_who_cancelled_joins_again_while_others_go_on() -> None:
    one, other = started(seed="600"), started(seed="600")
    one.button(key="cancel_compare").click().run()
    find(job_of(other), 2)
    one.button(key="again_compare").click().run()
    assert job_of(one) is job_of(other)
    assert any("2 of 3\u00a0seeds done" in p.proto.text for p in one.get("progress"))


def test_no_method_at_all_is_refused() -> None:
    at = opened(compare="ffa", seeds="1")
    at.multiselect(key="compare_arms").set_value([]).run()
    assert any("At least one method must be compared" in w.value for w in at.warning)
    assert selection_of(at).compare == ("ffa",)


def test_a_link_brings_back_methods_and_seeds_and_names_what_it_cannot_use() -> None:
    selection = Selection(compare=("ffa", "fedex"), seeds=7)
    query = to_query(FederationConfig(), selection)
    assert query == {"compare": "ffa,fedex", "seeds": "7"}
    assert from_query(query) == (FederationConfig(), selection, [])
    _, found, problems = from_query({"compare": "ffa,nobody", "seeds": "101"})
    assert found == Selection(compare=("ffa",))
    assert "seeds must be in 1..100; the link's '101'" in problems[0]
    assert "'nobody' was left out" in problems[1]
    _, found, problems = from_query({"compare": ""})
    assert found == Selection()
    assert len(problems) == 1


def summary(scores: dict[str, list[float]], seed: int) -> list[RunSummary]:
    """Made-up runs with these final scores by seed; everything else as measured in one tiny run."""
    base = FederationConfig().with_values({"arms": tuple(scores), "rounds": 2, "steps": 1, "clients": 2})
    real = summarise([base])[0]
    out = []
    for n in range(seed):
        arms: dict[str, Any] = {}
        for name, finals in scores.items():
            arm = real.arms[name]
            arms[name] = type(arm)(**{**vars(arm), "scores": np.array([0.5, finals[n]])})
        out.append(RunSummary(base.with_values({"seed": n}), arms, 0.5, real.centralised, score_name=real.score_name))
    return out


def test_the_verdict_is_honest_about_the_spread() -> None:
    close = summary({"fedit": [0.90, 0.92, 0.91] * 2, "ffa": [0.92, 0.90, 0.91] * 2}, 6)
    choice, caveats = compared(close).verdict
    assert choice.startswith("With α = 0.5, rank 4 and factors re-factorised by SVD, ")
    assert "choose FFA-LoRA: " in choice  # equal score, less traffic
    assert f"FedIT (naive) ({percent(0.91, 1)}, at least as good in 4 of 6)" in caveats
    far = summary({"fedit": [0.90, 0.92, 0.91] * 2, "ffa": [0.6] * 6}, 6)
    choice, caveats = compared(far).verdict
    assert "choose FedIT (naive): it has the best score (91.0" in choice
    assert "The other method differs from it by more than chance (sign test over 6 paired seeds" in caveats
    assert "Best exact method: FFA-LoRA" in caveats
    for n, what in ((1, "One seed is too little"), (5, "5\u00a0seeds are too few")):
        assert what in compared(far[:n]).verdict[1]


def test_json_holds_every_seed_and_table_is_plain(page: AppTest) -> None:
    runs = runs_of(page)
    content = json.loads(as_json(compared(runs).content))
    assert content["seeds"] == [0, 1, 2]
    assert content["runs"][1]["methods"]["ffa"]["scores"] == runs[1].arms["ffa"].scores.tolist()
    assert FederationConfig.from_dict(content["config"]) == runs[0].config
    assert [row["score"] for row in content["methods"]] == [
        statistics(runs, name).score.median for name in runs[0].config.methods
    ]


def test_runs_that_would_keep_the_server_busy_for_hours_are_not_begun() -> None:
    heavy = FederationConfig().with_values({"rounds": 100, "steps": 200})
    assert too_much((heavy,)) == ""
    assert re.search(r"at most about \d+ min of one core; got 'about \d+ min'. Take fewer", too_much((heavy,) * 500))
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page("../pages/02_compare.py")
    at.query_params.update({"rounds": "100", "steps": "200", "clients": "60", "seeds": "100"})
    at.run()
    assert not at.exception
    assert any("All runs of a page together must take at most" in error.value for error in at.error)
    assert session_watch(at, "compare").job is None
