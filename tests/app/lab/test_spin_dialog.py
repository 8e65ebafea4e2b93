"""The gauge test without a browser: what the badge asks, what the dialog answers, and who computes it when."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app.jobs import tasks
from app.jobs.spins import Question, SpinJob, Spins
from app.lab.spin_dialog import Asked, Dialog, ask
from app.lab.spin_table import concluded, table
from app.session.parts import mine
from app.widgets.live_figure import Badge
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.figures import FIGURES, View
from fedrot_core.gauge import Spin, replay, spin
from fedrot_core.study.spin import number, pair, rounding, what_is_done
from fedrot_core.vocabulary import METRICS
from tests.app.lab.test_lab_page import QUICK, opened, text
from tests.app.sessions import config_of, job_of, part_of, set_config

SMALL = FederationConfig().with_values({"rounds": 3, "steps": 2, "clients": 4, "arms": ("fedit", "gpa")})
LONG = SMALL.with_values({"rounds": 100, "steps": 200})


def asked(at: AppTest, figure: str = "ladder", client: int = 1) -> AppTest:
    """Press the badge of a figure: AppTest cannot reach into a component, so do what its trigger does."""
    trace = job_of(at).trace()
    view = View(trace.arms[0].name, trace.rounds_done - 1, client=client)
    record = trace.at(view.arm, view.round_index)
    question = Question(trace.config, view.arm, record.round_index, client)
    part_of(at, Dialog).asked = Asked(figure, question, trace.arms[0].label, tuple(record.clients.tolist()))
    return answered(at)


def answered(at: AppTest) -> AppTest:
    """Draw until there is an answer: AppTest has no timer."""
    for _ in range(60):
        at.run()
        assert not at.exception
        if "Did it move?" in text(at) or at.error or at.info:
            return at
        time.sleep(0.5)
    raise AssertionError("no answer within 30 s")


def found(arm: str = "fedit", client: int = 1, **values: object) -> Spin:
    config = SMALL.with_values({"arms": (arm,), **values})
    return spin(replay(config, arm, 2), client, 0)


def test_the_dialog_says_what_moved_with_the_numbers() -> None:
    at = asked(opened(**QUICK, arms="fedit,fedrot"))
    said = text(at)
    assert re.search(r"Client 1 was turned by \d+° \(largest eigen-angle\)", said)
    assert re.search(r"<b>Naive error moved from [\d.]+\s% to [\d.]+\s%</b>", said)
    assert "Error of the best turn did not move" in said
    rows = re.findall(r'<tr class="(\w+)"><th scope="row"><span class="shape (\w+)">', said)
    assert len(rows) == len(METRICS)
    assert [kind for kind, claim in rows if claim == "invariant"] == ["still"] * 6
    in_figure, others = said.split("In this figure")[1].split("Other metrics")
    assert [METRICS[key].label in in_figure for key in FIGURES["ladder"].metrics] == [True] * 4
    assert "Principal angles" in others


def test_spin_again_turns_by_another_rotation_and_shows_it() -> None:
    at = asked(opened(**QUICK))
    before = text(at)
    at.button(key="spin_again").click()
    after = text(answered(at))
    assert part_of(at, Dialog).asked.question.seed == 1
    angles = [re.search(r"turned by (\d+)°", said).group(1) for said in (before, after)]  # type: ignore[union-attr]
    assert angles[0] != angles[1]


def test_rank_one_offers_no_other_turn() -> None:
    at = asked(opened(**QUICK, rank="1"))
    assert "Nothing can move" in text(at)
    assert not [button for button in at.button if button.key == "spin_again"]


def test_a_client_that_did_not_take_part_is_told_so() -> None:
    at = opened(**{**QUICK, "clients": "8", "part": "0.25"})
    took_part = job_of(at).trace().records[-1].clients.tolist()
    absent = next(k for k in range(8) if k not in took_part)
    at = asked(at, client=absent)
    assert f"client {absent} did not reach the server" in at.info[0].value
    assert ", ".join(map(str, took_part)) in at.info[0].value


def test_another_run_drops_the_test() -> None:
    at = asked(opened(**QUICK))
    set_config(at, config_of(at).with_values({"seed": 3}))
    at.run()
    assert job_of(at).finished.wait(120)
    at.run()
    assert not at.exception
    assert part_of(at, Dialog).asked is None
    assert "Did it move?" not in text(at)


def test_the_badge_asks_for_the_round_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arm that stopped shows its last round, and that one is turned."""
    monkeypatch.setattr("streamlit.session_state", {})
    trace = Federation(SMALL).run().upto(2)
    ask(trace, View("gpa", 2, client=3), "errors")
    assert mine(Dialog).asked == Asked("errors", Question(SMALL, "gpa", 1, 3), "Generalised Procrustes", (0, 1, 2, 3))
    mine(Dialog).asked = None
    ask(trace.upto(0), View("gpa", 2), "errors")
    assert mine(Dialog).asked is None


@pytest.mark.parametrize("name", FIGURES)
def test_badges_say_what_a_turn_does(name: str) -> None:
    entry = FIGURES[name]
    for mode in ("light", "dark"):
        badge = Badge.of(entry, mode)
        if entry.gauge is None:
            assert badge is None
        else:
            assert badge is not None
            assert badge.kind == entry.gauge
            assert badge.hint.startswith(f"gauge-{entry.gauge}: ")  # begins with what is seen
            for key in entry.metrics:
                if METRICS[key].gauge == "invariant":
                    assert METRICS[key].label.lower() in badge.hint.lower().partition("but not")[2]


def test_the_conclusion_names_a_metric_of_each_kind() -> None:
    naive = found()
    said = concluded(naive, FIGURES["retention"].metrics)
    assert "Retention moved from" in said
    assert "Principal angles did not move" in said
    said = concluded(naive, ("principal_angles",))
    assert "Aggregation error moved from" in said
    assert concluded(naive, FIGURES["angles"].metrics).count("<b>") == 2
    assert "rank 1" in concluded(found(rank=1), ("error",))


def test_a_gauge_invariant_rule_is_named_as_the_reason() -> None:
    said = concluded(found("gpa"), FIGURES["errors"].metrics)
    assert "Aggregation error did not move" in said
    assert "Generalised Procrustes is gauge-invariant" in said


def test_a_shared_factor_is_explained() -> None:
    assert "share A in this round" in what_is_done(found("ffa"), 3)
    assert "share" not in what_is_done(found(), 3)
    assert "all 3 layers" in what_is_done(found(), 3)
    assert "layers" not in what_is_done(found(), 1)


def test_a_broken_claim_would_be_shown() -> None:
    good = found()
    bad = replace(good, rows=tuple(replace(r, change=1.0) if r.key == "floor" else r for r in good.rows))
    assert "against its badge" in table(bad, (), "light")
    assert "against its badge" not in table(good, (), "light")


def test_numbers_show_a_movement() -> None:
    assert number(0.123, "relative") == "12\u00a0%"
    assert number(12.34, "degrees") == "12.3°"
    assert number(12.3456, "") == "12.3"
    assert rounding(2.1e-15, "degrees") == "2e-15°"
    assert rounding(0.0) == "0"
    for row in found().rows:
        before, after = pair(row)
        assert (before != after) == (row.moved and row.before != row.after), row


@pytest.fixture
def jobs() -> Spins:
    return Spins()


def done(job: SpinJob) -> SpinJob:
    assert job.finished.wait(120)
    assert job.error == ""
    return job


def test_two_sessions_share_one_test_and_arms_beside_it_do_not_matter(jobs: Spins) -> None:
    question = Question(SMALL, "fedit", 1, 0)
    job = jobs.job(question, "a")
    assert jobs.job(question, "b") is job
    assert done(job).result is not None
    other = Question(SMALL.with_values({"arms": ("fedit", "fedex")}), "fedit", 1, 0)
    assert other.round_key == question.round_key


def test_another_turn_of_a_kept_round_trains_nothing(jobs: Spins) -> None:
    own = SMALL.with_values({"seed": 77})  # which no process has trained yet
    first = done(jobs.job(Question(own, "fedit", 1, 0), "a"))
    second = done(jobs.job(Question(own, "fedit", 1, 2, seed=4), "a"))
    assert first.progress.done == 2
    assert second.progress.done == 0
    assert second.result is not None
    assert (second.result.client, second.result.seed) == (2, 4)


def test_a_test_that_nobody_waits_for_ends_and_a_later_one_starts_again(jobs: Spins) -> None:
    question = Question(LONG, "fedit", 99, 0)
    job = jobs.job(question, "a")
    job.left_by("a")
    assert job.finished.wait(120)
    assert job.cancelled
    assert job.result is None
    again = jobs.job(question, "a")
    assert again is not job
    again.left_by("a")
    assert again.finished.wait(120)


def test_an_arm_that_stops_says_why(jobs: Spins) -> None:
    wild = SMALL.with_values({"opt": "sgd", "lr": 1.0, "lora_alpha": 64.0, "steps": 200, "task": "teacher"})
    job = jobs.job(Question(wild, "fedit", 2, 0), "a")
    assert job.finished.wait(120)
    assert "Lower the learning rate" in job.error


def test_an_unforeseen_error_is_told_and_logged(jobs: Spins, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "turned", lambda *_: 1 / 0)
    job = jobs.job(Question(SMALL, "fedit", 0, 0), "a")
    assert job.finished.wait(120)
    assert "internal error" in job.error
