"""A running app and a real Chromium. Without a browser these tests skip on a laptop and fail in CI."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import ROOT
from tests.browser.server import PATIENCE_SECONDS, serving

FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--process-per-site",  # pages of one context share a process, and with it all scripts that it has compiled
]
PATIENCE_MS = 1000 * PATIENCE_SECONDS
"""How long a wait may last before it fails, so long that only a fault, never a busy machine, makes it fail."""

Opened = Callable[..., Page]
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def app_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the app writes to its log."""
    log = tmp_path_factory.mktemp("app") / "log"
    log.touch()
    return log


LEFT = re.compile(
    r"Exception in ASGI application\n"
    rf"(?:(?!{re.escape(str(ROOT))}/(?:app|fedrot_core|pages)/|\nException in ASGI)[\s\S])*?"  # no line of our code
    r'WebSocketDisconnected: Cannot call "send" once a close message has been sent\.\n'
)
"""A traceback of the web server's own: a browser left while Streamlit was about to close its connection."""


@pytest.fixture(scope="session")
def app_url(app_log: Path) -> Iterator[str]:
    """``streamlit run app`` on loopback, ended afterwards."""
    with app_log.open("w") as log, serving(log=log) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Headless Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no chromium found; install Debian's package chromium to run the browser tests"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


def wired_page(browser: Browser, width: int = 1440, height: int = 900, **options: Any) -> Page:
    """A page in a context of its own that can tell when it is at rest."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(path=Path(__file__).with_name("wire.js"))
    return context.new_page()


@pytest.fixture(scope="session")
def kept(chromium: Browser, app_url: str) -> Iterator[Page]:
    """A page that stays open, so that its context's process, which has compiled the app's scripts, lives on."""
    page = wired_page(chromium)
    page.goto(f"{app_url}/_stcore/health")
    yield page
    page.context.close()


def emptied(kept: Page) -> None:
    """Leave nothing of a test in the shared context: no page, nothing stored, no break in the connection."""
    for page in kept.context.pages:
        if page is not kept:
            page.close()
    kept.context.set_offline(False)
    kept.context.clear_cookies()
    kept.evaluate("localStorage.clear()")


def strayed(page: Page, url: str, errors: list[str]) -> None:
    """Add to ``errors`` what leaves the origin of ``url``, or is blocked by the page's content policy.

    The policy holds for tests too: ``wait_for_function`` takes a function, since an expression would be an ``eval``.
    """
    own = urlsplit(url).netloc

    def leaves(kind: str, address: str) -> None:
        parts = urlsplit(address)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != own:
            errors.append(f"{kind} leaves the origin: {address}")

    page.on("request", lambda request: leaves("a request", request.url))
    page.on("websocket", lambda socket: leaves("a web socket", socket.url))
    page.on("console", lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None)


@pytest.fixture
def open_page(chromium: Browser, kept: Page, app_url: str, app_log: Path) -> Iterator[Opened]:
    """Opens fresh pages of any size and scheme.

    An error of a page's own scripts or of the app fails the test, and so does what leaves the origin or is blocked by
    the content policy. Pages share one context, which starts empty; one that needs other options gets one of its own.
    """
    logged = app_log.stat().st_size
    errors: list[str] = []
    with ExitStack() as leaving:
        leaving.callback(emptied, kept)

        def opened(
            width: int = 1440,
            height: int = 900,
            color_scheme: Literal["light", "dark"] = "light",
            reduced_motion: Literal["reduce", "no-preference"] = "no-preference",
            **options: Any,
        ) -> Page:
            if options:
                page = wired_page(chromium, **options)
                leaving.callback(page.context.close)
            else:
                page = kept.context.new_page()
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
            page.on("pageerror", lambda error: errors.append(str(error)))
            strayed(page, app_url, errors)
            return page

        yield opened
    told = LEFT.sub("", app_log.read_text()[logged:])
    assert not errors, errors
    assert "Traceback" not in told, told


@pytest.fixture
def page(open_page: Opened) -> Page:
    """A fresh 1440 x 900 page without motion."""
    return open_page(reduced_motion="reduce")
