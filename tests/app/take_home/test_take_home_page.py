"""The page that makes the take-home page: it starts, shows how far it is, cancels, and hands the file to everybody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from streamlit.testing.v1 import AppTest

from app.jobs import take_home
from app.jobs.archive import archive
from app.jobs.take_home import PageJob, Pages
from app.jobs.workers import Workers
from app.take_home.parts import FILE, contents
from fedrot_core.errors import Cancelled
from fedrot_core.export.take_home.build import TINY, Grid
from fedrot_core.export.take_home.known import KnownRows
from tests import ROOT

PAGE = str(ROOT / "pages" / "30_take_home.py")


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The tiny grid, and a server that has made nothing yet."""
    take_home.pages.clear()
    monkeypatch.setattr(take_home, "GRID_OF_PAGE", TINY)
    yield
    if (job := take_home.pages().job(TINY)) is not None:
        job.cancel()
        job.finished.wait(120)
    take_home.pages.clear()


def opened() -> AppTest:
    at = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not at.exception
    return at


def job() -> PageJob:
    found = take_home.pages().job(TINY)
    assert found is not None
    return found


def keys(at: AppTest) -> set[str]:
    return {str(b.key) for b in at.button} | {str(d.proto.id).split("-")[-1] for d in at.get("download_button")}


def test_it_says_what_the_page_holds_and_makes_nothing_by_itself() -> None:
    at = opened()
    assert contents(TINY) in [c.value for c in at.caption]
    assert keys(at) == {"take_home_make"}
    assert take_home.pages().job(TINY) is None


def test_the_file_is_made_once_for_all_sessions() -> None:
    at = opened()
    at.button(key="take_home_make").click().run()
    assert job().finished.wait(120)
    at.run()
    assert not at.exception
    assert keys(at) == {"take_home_file"}
    page = job().page
    assert page is not None
    assert page.startswith(b"<!doctype html>")
    assert any("MB, one file" in c.value for c in at.caption)
    assert FILE in at.get("download_button")[0].proto.label
    assert keys(opened()) == {"take_home_file"}  # another session


def slow(grid: Grid, should_stop: Callable[[], bool], on_progress: Callable[[int, int], None], *_: object) -> bytes:
    on_progress(1, len(grid.settings))
    for _step in range(1200):
        if should_stop():
            raise Cancelled("stopped")
        time.sleep(0.05)
    return b"late"


def test_cancel_ends_it_and_it_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_home, "build", slow)
    at = opened()
    at.button(key="take_home_make").click().run()
    assert keys(at) == {"take_home_cancel"}
    first = job()
    at.button(key="take_home_cancel").click().run()
    assert first.finished.wait(120)
    assert first.cancelled
    at.run()
    assert keys(at) == {"take_home_make"}
    assert any(c.value.startswith("Cancelled after") for c in at.caption)
    monkeypatch.setattr(take_home, "build", lambda *_: b"<!doctype html>")
    at.button(key="take_home_make").click().run()
    assert job() is not first
    assert job().finished.wait(120)
    assert keys(at.run()) == {"take_home_file"}


def test_one_session_cancels_for_itself_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_home, "build", slow)
    one, other = opened(), opened()
    one.button(key="take_home_make").click().run()
    job().seen_by("other")  # AppTest's sessions would both have a session id of their own in the browser
    other.run()
    one.button(key="take_home_cancel").click().run()
    assert not job().cancelled
    assert keys(one) == {"take_home_make"}
    assert keys(other.run()) == {"take_home_cancel"}


def test_an_internal_error_is_told_and_it_can_be_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bytes:
        raise RuntimeError("boom")

    monkeypatch.setattr(take_home, "build", fails)
    at = opened()
    at.button(key="take_home_make").click().run()
    assert job().finished.wait(120)
    at.run()
    assert not at.exception
    assert "internal error" in at.error[0].value
    assert "take_home_make" in keys(at)


def test_two_who_ask_share_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_home, "build", slow)
    pages = Pages(KnownRows(archive()))
    first = pages.start(TINY, "one")
    assert pages.start(TINY, "two") is first
    first.left_by("one")
    assert not first.cancelled
    first.left_by("two")
    assert first.cancelled
    assert first.finished.wait(120)
    assert pages.start(TINY, "three") is not first
    again = pages.job(TINY)
    assert again is not None
    again.left_by("three")
    assert again.finished.wait(120)


def test_another_server_trains_nothing_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Pages(KnownRows(archive())).start(TINY, "one")
    assert first.finished.wait(120)
    monkeypatch.setattr(Workers, "call", lambda *_, **__: pytest.fail("a setting was trained"))
    again = Pages(KnownRows(archive())).start(TINY, "one")
    assert again.finished.wait(120)
    assert again.page is not None
    assert again.page == first.page
