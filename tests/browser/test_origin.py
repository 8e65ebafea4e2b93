"""No page asks anybody but its own server, and the content policy blocks nothing that a page needs.

All other browser tests hold the same of whatever they open and press (``strayed``).
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Error, expect

from app.navigation import NAME, sections
from tests.browser.conftest import Opened, strayed, wired_page
from tests.browser.lab_driver import settled

LIGHT = {"spot_the_bug": "?rounds=2&steps=2&clients=3&batch=8"}
"""Links under which a page has less to compute; what others show at first comes with the project."""

LOOKING = re.compile(r".*/_stcore/(health|host-config)")
"""How Streamlit's page finds out below which path it is served; one that is not there is told in the console."""

BACK_TO = "link => { history.pushState({}, '', link); dispatchEvent(new PopStateEvent('popstate')); }"
"""Opens another page as the browser's Back does, which is quicker than a reload."""


def test_no_page_leaves_its_origin_or_meets_its_policy(open_page: Opened, app_url: str) -> None:
    page = open_page()
    said: list[str] = []

    def listen(kind: str, text: str, source: str) -> None:
        if kind == "error" and not LOOKING.fullmatch(source):
            said.append(f"{text} ({source})")

    page.on("console", lambda message: listen(message.type, message.text, message.location["url"]))
    first, *others = [entry for entries in sections().values() for entry in entries]
    answer = page.goto(app_url)
    assert answer is not None
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; script-src 'self' blob: 'sha256-")
    expect(page).to_have_title(first.title)
    settled(page)
    for entry in others:
        page.evaluate(BACK_TO, f"{app_url}/{entry.url}{LIGHT.get(entry.url, '')}")
        expect(page).to_have_title(f"{entry.title} · {NAME}")
        settled(page)
    assert said == []


def test_what_strays_or_is_blocked_is_noticed(chromium: Browser, app_url: str) -> None:
    """Otherwise nothing would be held."""
    page = wired_page(chromium)
    noticed: list[str] = []
    strayed(page, app_url, noticed)
    page.goto(f"{app_url}/_stcore/health")
    assert noticed == []
    with page.expect_console_message():
        page.evaluate("document.body.append(Object.assign(new Image(), { src: '/favicon.png' }))")
    with pytest.raises(Error):
        page.goto("http://localhost:1/")
    page.context.close()
    assert "Content Security Policy" in noticed[0]
    assert noticed[1:] == ["a request leaves the origin: http://localhost:1/"]
