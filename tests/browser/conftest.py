"""A running app and a real Chromium. Without a browser these tests skip on a laptop and fail in CI."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PATIENCE_MS = 120_000
"""How long a wait may last before it fails, so long that only a fault, never a busy machine, makes it fail."""

Opened = Callable[..., Page]
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="session")
def app_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the app writes to its log."""
    log = tmp_path_factory.mktemp("app") / "log"
    log.touch()
    return log


@pytest.fixture(scope="session")
def app_url(app_log: Path) -> Iterator[str]:
    """``streamlit run app`` on loopback, ended afterwards."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app", "--server.port", str(port), "--server.headless", "true"]
    with app_log.open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not healthy(url):
            assert server.poll() is None, "the app ended before it answered"
            assert time.monotonic() < deadline, "the app did not answer"
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(PATIENCE_MS / 1000)


def healthy(url: str) -> bool:
    """Whether the app answers."""
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health") as answer:
            return bool(answer.read() == b"ok")
    except OSError:
        return False


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


@pytest.fixture
def open_page(chromium: Browser, app_log: Path) -> Iterator[Opened]:
    """Opens fresh pages of any size and scheme; an error of a page's own scripts or of the app fails the test."""
    logged = app_log.stat().st_size
    errors: list[str] = []
    with ExitStack() as contexts:

        def opened(width: int = 1440, height: int = 900, **options: Any) -> Page:
            context = chromium.new_context(viewport={"width": width, "height": height}, **options)
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            context.add_init_script(path=Path(__file__).with_name("wire.js"))
            page = context.new_page()
            page.on("pageerror", lambda error: errors.append(str(error)))
            return page

        yield opened
    told = app_log.read_text()[logged:]
    assert not errors, errors
    assert "Traceback" not in told, told


@pytest.fixture
def page(open_page: Opened) -> Page:
    """A fresh 1440 x 900 page without motion."""
    return open_page(reduced_motion="reduce")
