"""The kept browser without one: what a missing, slow or broken Chrome does. Real pictures are in test_pictures.py."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fedrot_core.errors import Cancelled, ExportError
from fedrot_core.export.picture import browser as module
from fedrot_core.export.picture.browser import Browser, chrome_available, chrome_path
from fedrot_core.export.picture.files import write
from fedrot_core.export.picture.sizes import FORMATS
from fedrot_core.figures.kit.theme import base_figure

SHORT = 0.3
"""Seconds that these tests let a browser take."""


class Fake:
    """In place of Kaleido: draws, or does what it is told to in place of that."""

    def __init__(self, draw: Callable[[], Awaitable[bytes]] | None = None) -> None:
        self._draw = draw
        self.closed = 0
        self.drawn: list[dict[str, Any]] = []

    async def calc_fig(self, spec: dict[str, Any], opts: dict[str, Any]) -> bytes:
        self.drawn.append(opts)
        return await self._draw() if self._draw else b"picture"

    async def close(self) -> None:
        self.closed += 1


async def forever() -> bytes:
    await asyncio.sleep(60)
    raise AssertionError("nobody waits that long")


async def broken() -> bytes:
    raise RuntimeError("the page crashed")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Fake]:
    """Every browser that was opened; append to ``plan`` what the next ones do."""
    fakes: list[Fake] = []

    async def opening() -> Fake:
        fakes.append(plan.pop(0) if plan else Fake())
        return fakes[-1]

    monkeypatch.setattr(module, "_opened", opening)
    monkeypatch.setattr(module, "chrome_path", lambda: "chrome")
    plan.clear()
    return fakes


plan: list[Fake] = []


def render(by: Browser, **more: Any) -> bytes:
    return by.render({"data": [], "layout": {}}, "svg", 800, 450, 1.6, **more)


def test_one_browser_serves_many_pictures_and_closes_once(opened: list[Fake]) -> None:
    by = Browser()
    assert not by.running
    assert [render(by) for _ in range(5)] == [b"picture"] * 5
    assert len(opened) == 1
    assert opened[0].drawn[0] == {"format": "svg", "width": 800, "height": 450, "scale": 1.6}
    by.close()
    by.close()
    assert opened[0].closed == 1
    assert not by.running
    assert render(by) == b"picture", "a closed one opens again"
    by.close()


def test_many_threads_share_the_browser(opened: list[Fake]) -> None:
    by, found = Browser(), []
    threads = [threading.Thread(target=lambda: found.append(render(by))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [b"picture"] * 8
    assert len(opened) == 1
    by.close()


@pytest.mark.parametrize("trouble", [forever, broken])
def test_after_a_failure_a_new_browser_tries_once_more(opened: list[Fake], trouble: Any) -> None:
    plan.append(Fake(trouble))
    by = Browser(render_seconds=SHORT)
    assert render(by) == b"picture"
    assert [fake.closed for fake in opened] == [1, 0]
    by.close()


def test_a_picture_that_takes_too_long_twice_is_an_error_that_says_what_to_do(opened: list[Fake]) -> None:
    plan.extend([Fake(forever), Fake(forever)])
    by = Browser(render_seconds=SHORT)
    start = time.monotonic()
    with pytest.raises(ExportError, match=r"SVG; got nothing in 0\.3 s, twice\. .*HTML"):
        render(by)
    assert time.monotonic() - start < 10
    assert [fake.closed for fake in opened] == [1, 1]
    assert not by.running


def test_a_picture_that_fails_twice_names_the_reason(opened: list[Fake]) -> None:
    plan.extend([Fake(broken), Fake(broken)])
    with pytest.raises(ExportError, match="got the page crashed, twice"):
        render(Browser())


def test_a_browser_that_does_not_start_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_opened", forever)
    monkeypatch.setattr(module, "chrome_path", lambda: "chrome")
    with pytest.raises(ExportError, match="twice"):
        render(Browser(start_seconds=SHORT))


def test_a_close_that_hangs_does_not_hang_the_caller(opened: list[Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", SHORT)
    killed = []

    class Process:
        pid = 0

        def poll(self) -> None:
            return None

    class Stuck(Fake):
        subprocess = Process()

        async def close(self) -> None:
            await forever()

    monkeypatch.setattr("os.killpg", lambda pid, signal: killed.append(signal))
    plan.append(Stuck(broken))
    assert render(Browser()) == b"picture"
    assert len(killed) == 1


def test_cancelling_ends_the_wait_and_the_browser(opened: list[Fake]) -> None:
    plan.append(Fake(forever))
    by, stop = Browser(), threading.Event()
    steps: list[str] = []
    threading.Timer(SHORT, stop.set).start()
    start = time.monotonic()
    with pytest.raises(Cancelled):
        render(by, should_stop=stop.is_set, on_step=steps.append)
    assert time.monotonic() - start < 5
    assert opened[0].closed == 1
    assert steps == ["Waiting for another picture", "Starting the browser", "Drawing the picture"]


def test_who_waits_for_another_picture_can_cancel_and_leaves_it_alone(opened: list[Fake]) -> None:
    free = threading.Event()

    async def slow() -> bytes:
        while not free.is_set():
            await asyncio.sleep(0.02)
        return b"slow"

    plan.append(Fake(slow))
    by, found = Browser(), []
    thread = threading.Thread(target=lambda: found.append(render(by)))
    thread.start()
    while not opened or not opened[0].drawn:
        time.sleep(0.01)
    with pytest.raises(Cancelled):
        render(by, should_stop=lambda: True)
    free.set()
    thread.join()
    assert found == [b"slow"]
    by.close()


def test_an_idle_browser_is_closed(opened: list[Fake]) -> None:
    by = Browser(idle_seconds=SHORT)
    render(by)
    assert by.running
    for _ in range(100):
        if opened[0].closed:
            break
        time.sleep(0.05)
    assert opened[0].closed == 1
    assert not by.running


def test_without_chrome_pictures_say_what_to_install_and_the_rest_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER_PATH", "/nowhere/chrome")
    assert chrome_path() is None
    assert not chrome_available()

    def draw(mode: str) -> Any:
        return base_figure(mode, "Title", "Alt.").add_scatter(x=[1, 2], y=[2, 1], name="a")

    for kind in FORMATS.values():
        if kind.browser:
            with pytest.raises(ExportError) as error:
                write(draw, kind.name, by=Browser())
            text = str(error.value)
            for part in ("Chrome or Chromium; got none at BROWSER_PATH=/nowhere/chrome", "apt install chromium",
                         "plotly_get_chrome", "HTML, CSV and JSON need no browser"):  # fmt: skip
                assert part in text
        else:
            assert write(draw, kind.name)


def test_without_the_extra_pictures_say_which_one_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "kaleido_installed", lambda: False)
    assert not chrome_available()
    with pytest.raises(
        ExportError, match=r'through the package kaleido; got none.*pip install "fedrot-lab\[pictures\]"'
    ):
        render(Browser())
