"""``deploy.serve``: two workers behind Caddy, below a path and with TLS. Without Caddy skipped, and failed in CI."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from fedrot_core.store import FOLDER
from tests import ROOT
from tests.browser.conftest import strayed, wired_page
from tests.browser.lab_driver import figure_version, leaves, open_lab, press_on_slider, query, settled
from tests.browser.server import PATIENCE_SECONDS, free_port

COOKIE = "fedrot_worker"
SECRET = "tests"
RUN = "rounds=3&steps=3&clients=4&seed=12&round=1"


@dataclass(frozen=True)
class Served:
    """Two workers behind Caddy.

    Attributes:
        url: of the app; root: of the site, whose ``/fed`` the app is.
        log: what ``deploy.serve`` says.
    """

    root: str
    log: Path

    @property
    def url(self) -> str:
        return f"{self.root}/fed"

    def workers(self) -> list[tuple[str, int]]:
        """Address and process of each start of a worker, in order."""
        found = re.findall(r"worker (\S+) is process (\d+)", self.log.read_text())
        return [(address, int(pid)) for address, pid in found]

    def answer(self, path: str, method: str = "GET", data: bytes | None = None) -> tuple[int, Message]:
        """Status and headers of an answer; redirects are not followed."""
        unchecked = ssl._create_unverified_context()
        opener = urllib.request.build_opener(Stay, urllib.request.HTTPSHandler(context=unchecked))
        try:
            with opener.open(urllib.request.Request(self.root + path, data, method=method)) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_: object) -> None:
        return None


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """``python -m deploy.serve``, ended afterwards with all that it started."""
    if shutil.which("caddy") is None:
        message = "no caddy found; install Debian's package caddy to run the tests of the proxy"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("served")
    site = Served(f"https://localhost:{free_port()}", folder / "log")
    command = [
        sys.executable,
        "-m",
        "deploy.serve",
        "--workers",
        "2",
        "--site",
        site.root,
        "--base",
        "fed",
        "--internal",
    ]
    env = os.environ | {FOLDER: str(folder / "store"), "XDG_DATA_HOME": str(folder), "FEDROT_SECRET": SECRET}
    env |= {"XDG_CONFIG_HOME": str(folder)}
    with site.log.open("w") as log:
        serve = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not up(site):
            assert serve.poll() is None, site.log.read_text()
            assert time.monotonic() < deadline, site.log.read_text()
            time.sleep(0.05)
        yield site
    finally:
        serve.terminate()
        ended = serve.wait(PATIENCE_SECONDS)
    assert ended == 0, site.log.read_text()
    assert [pid for _, pid in site.workers() if Path(f"/proc/{pid}").exists()] == []
    assert "Traceback" not in site.log.read_text()


def up(site: Served) -> bool:
    try:
        return site.answer("/fed/_stcore/health")[0] == 200
    except OSError:
        return False


def opened_on(browser: Browser, site: Served, address: str, errors: list[str]) -> Page:
    """A page of a browser that belongs to the worker at ``address``. Whatever leaves the site's path is an error."""
    page = wired_page(browser, 1000, 600, ignore_https_errors=True, reduced_motion="reduce")
    page.context.add_cookies([{"name": COOKIE, "value": cookie_of(address), "url": site.root}])
    strayed(page, site.root, errors)
    page.on("request", lambda asked: errors.extend([asked.url] * (outside(asked.url))))
    page.on("pageerror", lambda error: errors.append(str(error)))
    return page


def outside(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and not parts.path.startswith("/fed/")


def cookie_of(address: str) -> str:
    """What Caddy makes of a worker's address."""
    return hmac.new(SECRET.encode(), address.encode(), hashlib.sha256).hexdigest()


def cookie(page: Page) -> str:
    return next(str(kept["value"]) for kept in page.context.cookies() if kept["name"] == COOKIE)


def test_two_workers_are_one_site_and_one_that_dies_is_replaced(chromium: Browser, served: Served) -> None:
    (first, pid), (second, _) = served.workers()
    errors: list[str] = []
    one, two = opened_on(chromium, served, first, errors), opened_on(chromium, served, second, errors)
    with one.expect_websocket(lambda socket: socket.url == f"wss{served.url.removeprefix('https')}/_stcore/stream"):
        open_lab(one, f"{served.url}/lab?{RUN}")
    shown = figure_version(one)
    one.get_by_role("button", name="Take away, or open").click()
    link = one.get_by_test_id("stCode").first.inner_text().strip()
    assert link.startswith(f"{served.url}/lab?")  # as a person copies it
    with one.expect_download() as download:
        one.get_by_role("button", name="Run file", exact=True).click()
    assert b'"seed": 12' in download.value.path().read_bytes()

    open_lab(two, link)
    assert (cookie(one), cookie(two)) == (cookie_of(first), cookie_of(second))
    assert figure_version(two) == shown
    told = two.get_by_test_id("stAlert")
    expect(told).to_contain_text("Nothing was computed for you: these numbers were kept from an earlier run")
    expect(told).to_contain_text("They equal those of the link")
    two.get_by_role("button", name="Take away, or open").click()
    broken: FilePayload = {"name": "broken.json", "mimeType": "application/json", "buffer": b"{"}
    two.get_by_test_id("stFileUploaderDropzone").locator("input").set_input_files(broken)
    expect(two.get_by_text("broken.json was not opened")).to_be_visible()  # so it has arrived

    one.keyboard.press("Escape")
    settled(one)
    before = query(one)
    with one.expect_websocket():
        os.kill(pid, signal.SIGKILL)
    settled(one)
    assert cookie(one) == cookie_of(second)
    assert (query(one), figure_version(one)) == (before, shown)
    press_on_slider(one, "Rank r", "ArrowRight")
    leaves(one, shown)
    settled(one)
    assert query(one) == before | {"rank": "5"}
    assert [address for address, _ in served.workers()] == [first, second, first]  # it was started again
    assert errors == []
    for page in (one, two):
        page.context.close()


def test_the_proxy_shows_the_app_and_nothing_else(served: Served) -> None:
    status, headers = served.answer("/fed/")
    assert status == 200
    assert headers["content-security-policy"]
    cookies = headers.get_all("set-cookie") or []
    assert cookies
    assert all("; Secure" in text for text in cookies)
    assert served.answer("/fed?rank=5")[1]["location"] == "/fed/?rank=5"
    for path in ("/", "/fedx/", "/other", "/fed/_stcore/metrics", "/fed/_stcore/agent/openapi.json"):
        assert served.answer(path)[0] == 404, path
