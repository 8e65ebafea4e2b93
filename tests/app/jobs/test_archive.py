"""Pages open complete from what is shipped, a restarted server finds what an earlier one computed, damage is told."""

from __future__ import annotations

import dataclasses
import html
import json
import random
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import ship
from app.jobs import archive as place
from app.jobs import packs, take_home
from app.jobs.archive import SHIPPED, Archive
from app.jobs.known_arms import split
from app.jobs.packs import PackJob
from app.jobs.runs import Runner, runner
from app.jobs.sweeps import Sweeps
from app.jobs.workers import Workers
from app.navigation import lesson_file
from app.widgets.text import plain
from fedrot_core import finished
from fedrot_core.config import FederationConfig
from fedrot_core.export.lecture.pack import Options
from fedrot_core.export.lecture.pack_runs import runs_of
from fedrot_core.export.run.link_check import link_check, read_check
from fedrot_core.export.take_home import check, known
from fedrot_core.export.take_home import runs as take_home_runs
from fedrot_core.export.take_home.build import GRID_OF_PAGE, Grid
from fedrot_core.federation import Federation
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.base import Lesson, Scene, Step
from fedrot_core.records import Array
from fedrot_core.shipped import MANIFEST, Shipped
from fedrot_core.store import FOLDER, Store
from fedrot_core.study import when
from fedrot_core.study.presets import PRESETS, Preset
from fedrot_core.study.sweep import summarise
from tests import ROOT
from tests.app.sessions import job_of, set_config, watch_of
from tests.core.export.forging import forged

MAIN = str(ROOT / "app" / "main.py")
LAB = "../pages/01_lab.py"
SWEPT = {
    "compare": ("02_compare", "5\u00a0seeds"),
    "map": ("03_when", "25\u00a0settings"),
    "paper": ("05_paper", "42\u00a0runs"),
}
SMALL = FederationConfig().with_values({"rounds": 2, "steps": 2, "clients": 3, "arms": ("fedit", "fedrot")})
CLOSE = 1e-9
"""Relative; another processor rounds differently."""


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that has just started, with an empty store."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "store"))
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def own(tmp_path: Path) -> Archive:
    """An archive that ships nothing; its store is the folder that an app of this test uses."""
    return Archive(Shipped(tmp_path / "none"), Store(tmp_path / "store"))


def opened(page: str, **query: str) -> AppTest:
    """The page as its first script run leaves it."""
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.query_params.update(query)
    at.switch_page(page).run()
    assert not at.exception
    return at


class Packing(PackJob):
    """A pack that somebody waits for, however long it takes."""

    def should_stop(self) -> bool:
        return False


def trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, whatever is trained fails the test, here and in worker processes."""
    monkeypatch.setattr(Workers, "call", lambda *_, **__: pytest.fail("work was given to a process"))
    monkeypatch.setattr(Federation, "rounds", lambda *_: pytest.fail("a run was started"))


def prose(at: AppTest) -> str:
    parts = [*at.caption, *at.info, *at.success, *at.warning]
    return html.unescape(" ".join([*(str(p.value) for p in parts), *(str(m.proto.body) for m in at.get("html"))]))


@pytest.mark.parametrize("name", SWEPT)
def test_a_page_of_many_runs_opens_complete_and_computes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sweeps, "job", lambda *_: pytest.fail("a sweep was started"))
    page, count = SWEPT[name]
    at = opened(f"../pages/{page}.py")
    watch = watch_of(at, name)
    assert len(watch.runs) == len(watch.configs)
    assert not at.get("progress")
    assert f"{count} done" in prose(at)
    assert not watch.troubles


def test_the_search_for_counterexamples_is_shipped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sweeps, "job", lambda *_: pytest.fail("a sweep was started"))
    at = opened("../pages/03_when.py")
    at.button(key="search").click().run()
    assert not at.exception
    further = len(when.plan(FederationConfig()).search)
    assert f"{further} of {further}\u00a0settings done" in prose(at)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_every_preset_opens_complete_and_computes_nothing(preset: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    trains_nothing(monkeypatch)
    at = opened(LAB)
    set_config(at, preset.config)
    at.run()
    job = job_of(at)
    assert job.config == preset.config
    assert job.origin == "shipped"
    assert job.trace().rounds_done == preset.config.train.rounds
    assert not at.exception
    assert not any(button.key == "cancel" for button in at.button)
    assert not [p for p in at.get("progress") if "Round" not in p.proto.text]


def test_everything_that_pages_ask_for_at_first_is_shipped() -> None:
    asker = Archive(Shipped(SHIPPED), Store(None)).asker()
    for configs in ship.defaults().values():
        assert all(split(config, asker)[1] is None for config in configs)
    assert not asker.troubles


@pytest.mark.parametrize("name", LESSONS)
def test_no_step_of_a_lesson_waits_for_a_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sweeps, "job", lambda *_: pytest.fail("a sweep was started"))
    trains_nothing(monkeypatch)
    for n, step in enumerate(LESSONS[name].steps):
        if step.runs is not None:
            at = opened(f"../pages/{lesson_file(name)}", step=str(n + 1), skip="1")
            for config in step.runs(LESSONS[name].defaults()) if step.whole and step.reads is None else ():
                assert runner().job(config, "").finished.wait(120)  # recalled off the script thread
            at.run()
            assert not at.get("progress")
            assert 'fedrot-answer"' in prose(at)


def test_runs_of_every_position_of_a_lessons_knobs_are_shipped() -> None:
    known = Archive(Shipped(SHIPPED), Store(None))
    asker = known.asker()
    positions = list(ship.positions())
    assert len(positions) > sum(step.runs is not None for lesson in LESSONS.values() for step in lesson.steps)
    for step, configs in positions:
        for config in configs:
            if not step.whole:
                assert split(config, asker)[1] is None
            elif step.reads is None:
                assert known.has_run(config)
            else:
                assert asker.excerpt(config, step.reads) is not None
    assert not asker.troubles


READING = [(lesson, step) for lesson in LESSONS.values() for step in lesson.steps if step.reads is not None]


@pytest.mark.parametrize(
    ("lesson", "step"), READING, ids=lambda item: getattr(item, "name", getattr(item, "title", ""))
)
def test_a_step_shows_the_same_from_what_is_shipped_as_from_runs_made_now(lesson: Lesson, step: Step) -> None:
    """So it reads no more than it says, and what is shipped is what comes out now."""
    assert step.runs is not None
    assert step.reads is not None
    values = lesson.defaults()
    asker = Archive(Shipped(SHIPPED), Store(None)).asker()
    made = [Federation(config).run() for config in step.runs(values)]
    kept = [asker.excerpt(config, step.reads) for config in step.runs(values)]
    there = [excerpt for excerpt in kept if excerpt is not None]
    ours, theirs = step.scene(values, made), step.scene(values, there)
    assert ours.facts == theirs.facts
    assert step.predict is not None
    near = 1e-3 if "turns.angles" in step.reads else 1e-6  # an angle near 0° or 180° is known to half the digits only
    answers = step.predict.answer(values, made), step.predict.answer(values, there)
    np.testing.assert_allclose(*answers, rtol=1e-6, atol=near)
    for a, b in zip(drawn(ours), drawn(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=near)
    if step.before is not None:
        assert len(drawn(step.before(values, there))) == len(drawn(step.before(values, made)))


def drawn(scene: Scene) -> list[Array]:
    """All numbers of a scene's figure."""
    traces = [trace.to_plotly_json() for trace in scene.draw("light").data]
    found = [np.asarray(trace[axis]) for trace in traces for axis in ("x", "y", "z") if trace.get(axis) is not None]
    return [values.astype(float) for values in found if values.dtype.kind in "fiu"]


def test_the_take_home_page_is_made_from_what_is_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    trains_nothing(monkeypatch)
    at = opened("../pages/30_take_home.py")
    job = take_home.pages().job(take_home.grid())
    assert job is not None
    assert job.finished.wait(120)
    at.run()
    assert not at.exception
    assert job.page is not None
    assert check.read_page(job.page)[0] == GRID_OF_PAGE
    assert [str(d.proto.label) for d in at.get("download_button")]


def test_a_sample_of_the_take_home_page_comes_out_again() -> None:
    """Every printed digit, up to the last one's rounding."""
    setting = random.Random(9).choice(GRID_OF_PAGE.settings)
    row = known.KnownRows().row(take_home_runs.row_key(GRID_OF_PAGE, setting))
    fresh = take_home_runs.measured(GRID_OF_PAGE, setting, lambda: False)
    assert list(check.differences(row, json.loads(json.dumps(fresh)))) == []


@pytest.mark.parametrize("change", [{"engine": "1"}, {"sha256": {"settings": "0"}}])
def test_settings_of_another_engine_or_damaged_ones_are_not_used(tmp_path: Path, change: dict[str, Any]) -> None:
    manifest = json.loads((known.SHIPPED / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | change))
    (tmp_path / "settings").write_bytes((known.SHIPPED / "settings").read_bytes())
    rows = known.KnownRows(folder=tmp_path)
    assert rows.row(known.keys_of(GRID_OF_PAGE)[0]) is None
    assert rows.ships(GRID_OF_PAGE) == ("sha256" in change)


def test_other_settings_of_the_take_home_page_are_not_shipped() -> None:
    longer = Grid(base=FederationConfig().with_values({"rounds": 16}))
    assert not known.KnownRows().ships(longer)


@pytest.mark.parametrize("name", [name for name, lesson in LESSONS.items() if any(step.runs for step in lesson.steps)])
def test_the_pack_of_a_lesson_trains_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trains_nothing(monkeypatch)
    source = packs.LessonSource(name, LESSONS[name].defaults())
    assert source.missing() == 0
    outline = source.outline(Packing(source, Options()))
    listed = json.loads(outline.run)["runs"]
    files = {file: content for file, content in outline.data.items() if file.startswith("run_")}
    assert {json.loads(content)["checksum"] for content in files.values()} == {run["checksum"] for run in listed}


def test_shipped_files_stay_small() -> None:
    files = [*SHIPPED.iterdir(), *known.SHIPPED.iterdir()]
    assert sum(file.stat().st_size for file in files) < 11_000_000


def test_a_sample_of_what_is_shipped_comes_out_again() -> None:
    """Not bit for bit, as another processor may round differently."""
    asker, rng = Archive(Shipped(SHIPPED), Store(None)).asker(), random.Random(9)
    wanted = [config for configs in ship.defaults().values() for config in configs]
    for config in rng.sample(wanted, 6):
        (fresh,) = summarise([config])
        for name in config.methods:
            found = asker.get(config, name)
            assert found is not None
            ours, theirs = fresh.arms[name], found.arms[name]
            np.testing.assert_array_equal(ours.scores, theirs.scores)
            np.testing.assert_allclose(ours.losses, theirs.losses, rtol=CLOSE)
            np.testing.assert_allclose(ours.errors, theirs.errors, rtol=CLOSE, atol=1e-12)
            np.testing.assert_array_equal(ours.bytes_up, theirs.bytes_up)
    for preset in rng.sample(PRESETS, 2):
        run, kept = Federation(preset.config).run(), asker.run(preset.config)
        assert kept is not None
        assert kept[0].task.summary == run.task.summary
        for arm in preset.config.methods:
            pairs = list(zip(run.arm(arm), kept[0].arm(arm), strict=True))
            assert all(a.score == b.score for a, b in pairs)
            np.testing.assert_allclose([a.loss for a, _ in pairs], [b.loss for _, b in pairs], rtol=CLOSE)
            np.testing.assert_allclose(
                [a.errors.own for a, _ in pairs], [b.errors.own for _, b in pairs], rtol=CLOSE, atol=1e-12
            )


def test_a_run_is_found_by_the_next_server_and_says_where_it_comes_from(own: Archive) -> None:
    first = Runner(own).job(SMALL, "a")
    assert first.finished.wait(120)
    assert first.origin == "computed"
    stored()
    again = Runner(own).job(SMALL, "b")
    assert again.finished.wait(120)
    assert again.origin == "store"
    ours, theirs = again.trace(), first.trace()
    assert ours is not None
    assert theirs is not None
    assert ours.checksum == theirs.checksum
    anew = Runner(own).job(SMALL, "c", anew=True)
    assert anew.finished.wait(120)
    assert anew.origin == "computed"


def stored() -> None:
    """Wait until finished runs are on disk, which each does on its own thread after its end."""
    for thread in threading.enumerate():
        if thread.name == "run":
            thread.join(30)


def damage(folder: Path, key: str) -> None:
    """Put bytes that no checksum fits under ``key``."""
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ? WHERE key = ?", (b"x" * 99, key))
    database.close()


def test_mistakes_and_cancelled_runs_are_not_kept(own: Archive) -> None:
    runs = Runner(own)
    wrong = runs.job(SMALL, "a", "transposed")
    assert wrong.finished.wait(120)
    long = SMALL.with_values({"rounds": 100, "steps": 200})
    cut = runs.job(long, "a")
    cut.wait_for_rounds(1, 120)
    cut.cancel()
    assert cut.finished.wait(120)
    stored()
    asker = own.asker()
    assert asker.run(SMALL) is None
    assert asker.run(long) is None


def test_arms_of_a_sweep_are_found_by_the_next_server(own: Archive) -> None:
    configs = (SMALL, SMALL.with_values({"seed": 1}))
    job = Sweeps(own.keep_arms).job(configs, "a")
    assert job.finished.wait(120)
    asker = own.asker()
    known, missing = split(SMALL.with_values({"arms": ("fedrot", "fedex")}), asker)
    assert [list(run.arms) for run in known] == [["fedrot"]]
    assert missing is not None
    assert missing.methods == ("fedex",)
    np.testing.assert_array_equal(known[0].arms["fedrot"].losses, job.results[SMALL.hash].arms["fedrot"].losses)


def test_an_impossible_run_is_not_kept(own: Archive) -> None:
    impossible = FederationConfig().with_values({"clients": 200, "min": 32, "arms": ("fedit",)})
    job = Sweeps(own.keep_arms).job((impossible,), "a")
    assert job.finished.wait(120)
    assert split(impossible, own.asker())[1] == impossible


def test_a_damaged_run_is_computed_again_and_the_page_says_so(own: Archive, tmp_path: Path) -> None:
    own.keep_run(Federation(SMALL).run())
    damage(tmp_path / "store", finished.run_key(SMALL))
    at = opened(LAB, rounds="2", steps="2", clients="3")
    job = job_of(at)
    assert job.config == SMALL
    assert job.finished.wait(120)
    at.run()
    assert job.origin == "computed"
    assert "was damaged" in prose(at)
    assert str(tmp_path) not in prose(at)


def test_damaged_arms_are_computed_again_and_the_page_says_so(own: Archive, tmp_path: Path) -> None:
    own.keep_arms(summarise([SMALL])[0])
    damage(tmp_path / "store", finished.arm_key(SMALL, "fedit"))
    at = opened("../pages/02_compare.py", rounds="2", steps="2", clients="3", compare="fedit,fedrot", seeds="1")
    assert "was damaged" in prose(at)
    job = watch_of(at, "compare").job
    assert [config.methods for config in job.configs] == [("fedit",)]
    assert job.finished.wait(120)


def test_a_link_to_stored_numbers_does_not_say_reproduced_until_they_were_run() -> None:
    at = opened(LAB)
    assert job_of(at).finished.wait(120)  # recalled off the script thread
    at.run()
    link = next(code.value for code in at.code if "check=" in code.value)
    query = dict(parse_qsl(urlsplit(link).query))
    at = opened(LAB, **query)
    assert job_of(at).finished.wait(120)
    at.run()
    assert job_of(at).origin == "shipped"
    assert "Nothing was computed for you" in prose(at)
    assert plain(f"came with the project, made on {job_of(at).trace().made_on}. They equal those") in prose(at)
    assert "Reproduced" not in prose(at)
    at.button(key="run_anew").click().run()
    job = job_of(at)
    assert job.origin == "computed"
    assert job.finished.wait(120)
    at.run()
    assert "Nothing was computed for you" not in prose(at)
    assert ("Reproduced" in prose(at)) == (job.trace().checksum == read_check(query["check"]).checksum)
    assert "Reproduced" in prose(at) or "The same numbers, up to rounding" in prose(at)


def test_a_false_link_to_stored_numbers_is_found_out() -> None:
    trace = place.archive().asker().run(FederationConfig())
    assert trace is not None
    at = opened(LAB, check=forged(link_check(trace[0]), 1 + 1e-5))
    assert "Nothing was computed for you" in prose(at)
    assert "Differs" in prose(at)
    assert "Whether rounding explains it, as between two processors, only a run here can tell." in prose(at)


def test_a_link_of_another_processor_to_shipped_numbers_speaks_of_processors_and_alarms_nobody() -> None:
    found = place.archive().asker().run(FederationConfig())
    assert found is not None
    trace = found[0]
    assert trace.made_on.startswith("cpu in float64 (")
    at = opened(LAB, check=forged(link_check(trace), 1 + 3e-10))
    assert plain(trace.made_on) in prose(at)
    assert "The same numbers, up to rounding (largest difference 3e-10" in prose(at)
    assert "as another processor or library gives them" in prose(at)
    assert "Differs" not in prose(at)
    assert not at.warning


def test_an_outdated_folder_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = json.loads((SHIPPED / MANIFEST).read_text())
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | {"engine": "1"}))
    monkeypatch.setattr(place, "SHIPPED", tmp_path)
    assert place.archive().asker().run(FederationConfig()) is None


def test_lecture_packs_take_runs_that_are_known(own: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    step = next(step for lesson in LESSONS.values() for step in lesson.steps if step.runs and not step.whole)
    lesson = next(lesson for lesson in LESSONS.values() if step in lesson.steps)
    assert step.runs is not None
    configs = tuple(c.with_values({"rounds": 1, "steps": 1}) for c in step.runs(lesson.defaults())[:2])
    small = dataclasses.replace(step, runs=lambda values: configs)
    finds = packs._Known(own)
    first = runs_of({}, lambda: False, lambda *_: None, finds)(small)
    monkeypatch.setattr(Federation, "__init__", lambda *_: pytest.fail("a run was started"))
    again = runs_of({}, lambda: False, lambda *_: None, finds)(small)
    assert [run.config for run in again] == [run.config for run in first] == list(configs)


def test_the_pack_of_a_shipped_run_trains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    trains_nothing(monkeypatch)
    source = packs.RunSource(FederationConfig())
    assert source.outline(Packing(source, Options())).name
