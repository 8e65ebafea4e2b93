"""The page that makes lecture packs: it builds off the script thread, cancels, and hands over a zip."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.jobs import packs
from app.jobs.diagnoses import SAMPLES
from app.jobs.packs import LessonSource, PackJob, RunSource
from app.pack import parts as pack_parts
from app.pack.parts import Making
from app.session.compared import Compared
from app.session.diagnosed import Diagnosed
from fedrot_core.adapters.diagnosis import diagnose
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, ConfigError
from fedrot_core.export.lecture import pack
from fedrot_core.export.lecture.pack import Options
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.study.comparison import Comparison, plan
from fedrot_core.study.sweep import sweep
from tests import ROOT
from tests.app.sessions import part_of

PAGE = str(ROOT / "pages" / "31_lecture_pack.py")
SMALL = {"task": "teacher", "clients": 3, "rounds": 2, "steps": 2, "rank": 2, "device": "cpu"}


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "chrome_available", lambda: False)
    monkeypatch.setattr(pack_parts, "chrome_available", lambda: False)


def opened(**query: str) -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60)
    at.query_params.update(query)
    at.run()
    assert not at.exception
    return at


def keys(at: AppTest) -> set[str]:
    return {str(b.key) for b in at.button} | {str(d.proto.id).split("-")[-1] for d in at.get("download_button")}


def built(at: AppTest) -> PackJob:
    job: PackJob = part_of(at, Making).job
    assert job.finished.wait(120)
    at.run()
    assert not at.exception
    return job


def names(content: bytes | None) -> set[str]:
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.split("/", 1)[1] for name in archive.namelist()}


def test_it_makes_nothing_by_itself_and_says_what_is_missing() -> None:
    at = opened()
    assert keys(at) == {"pack_build"}
    assert "This server makes no SVG, PDF or PNG files" in at.warning[0].value


def test_a_lesson_becomes_a_zip() -> None:
    at = opened()
    at.number_input(key="pack_questions").set_value(2).run()
    at.button(key="pack_build").click().run()
    job = built(at)
    assert not job.error
    assert {"slides.pptx", "slides.html", "slides.tex", "worksheet.html", "run.json"} <= names(job.content)
    assert keys(at) == {"pack_build", "pack_file"}
    assert "fedrot-one_update.zip" in at.get("download_button")[0].proto.label
    assert any("MB" in c.value for c in at.caption)


def test_a_choice_and_a_press_in_one_breath_build_the_new_choice() -> None:
    at = opened()
    at.selectbox(key="pack_what").set_value("procrustes")
    at.number_input(key="pack_questions").set_value(0)
    at.button(key="pack_build").click().run()
    job: PackJob = part_of(at, Making).job
    job.cancel()
    assert isinstance(job.source, LessonSource)
    assert (job.source.name, job.options.questions) == ("procrustes", 0)


def test_the_labs_run_is_trained_where_it_is_not_at_hand() -> None:
    at = opened(**{key: str(value) for key, value in SMALL.items()})
    at.selectbox(key="pack_what").set_value(pack_parts.RUN).run()
    at.button(key="pack_build").click().run()
    job = built(at)
    assert isinstance(job.source, RunSource)
    assert job.source.config == FederationConfig().with_values(SMALL)
    assert {"data/trace.npz", "figures/latent.csv"} <= names(job.content)


def test_the_comparison_on_screen_is_offered() -> None:
    chosen = plan(FederationConfig().with_values(SMALL), ("fedit", "fedrot"), 2)
    at = AppTest.from_file(PAGE, default_timeout=60)
    part_of(at, Compared).last = Comparison(chosen, tuple(sweep(chosen.configs)))
    at.run()
    at.selectbox(key="pack_what").set_value(pack_parts.COMPARISON).run()
    at.button(key="pack_build").click().run()
    job = built(at)
    assert not job.error
    assert {"data/comparison.json", "figures/compare_cost.csv"} <= names(job.content)


def test_the_diagnosis_on_screen_is_offered() -> None:
    at = AppTest.from_file(PAGE, default_timeout=60)
    seen = part_of(at, Diagnosed)
    seen.last, seen.layer, seen.client = diagnose(SAMPLES / "shared.zip"), 3, 1
    at.run()
    at.selectbox(key="pack_what").set_value(pack_parts.DIAGNOSIS).run()
    at.button(key="pack_build").click().run()
    job = built(at)
    assert not job.error
    assert {"data/diagnosis.json", "data/layers.csv", "figures/adapter_ladder.csv"} <= names(job.content)


def slow(outline: Any, options: Any, on_progress: Callable[..., None], should_stop: Callable[[], bool]) -> bytes:
    on_progress(1, 9, "Figure 1 of 2, SVG")
    for _ in range(1200):
        if should_stop():
            raise Cancelled("stopped")
        time.sleep(0.05)
    return b"late"


def test_cancel_ends_it_and_it_can_be_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "build", slow)
    at = opened()
    at.button(key="pack_build").click().run()
    assert keys(at) == {"pack_cancel"}
    first: PackJob = part_of(at, Making).job
    at.button(key="pack_cancel").click().run()
    assert first.finished.wait(120)
    at.run()
    assert first.cancelled
    assert keys(at) == {"pack_build"}
    assert any(c.value.startswith("Cancelled at") for c in at.caption)
    monkeypatch.setattr(packs, "build", lambda *_: b"zip")
    at.button(key="pack_build").click().run()
    assert built(at) is not first
    assert "pack_file" in keys(at)


def test_one_pack_at_a_time_and_a_waiting_one_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packs, "build", slow)
    source = LessonSource("one_update", dict(LESSONS["one_update"].defaults()))
    first = PackJob.begun(source, Options(), "")
    while not first.at_work or first.what == "Reading the numbers":
        time.sleep(0.02)
    second = PackJob.begun(source, Options(), "")
    time.sleep(0.2)
    assert second.left == "next in turn"
    second.cancel()
    assert second.finished.wait(5)
    first.cancel()
    assert first.finished.wait(5)


@pytest.mark.parametrize(
    ("error", "told"), [(RuntimeError("boom"), "internal error"), (ConfigError("rank must"), "rank")]
)
def test_errors_are_told(monkeypatch: pytest.MonkeyPatch, error: Exception, told: str) -> None:
    def fails(*_: object) -> bytes:
        raise error

    monkeypatch.setattr(packs, "build", fails)
    at = opened()
    at.button(key="pack_build").click().run()
    built(at)
    assert told in at.error[0].value
    assert keys(at) == {"pack_build"}
