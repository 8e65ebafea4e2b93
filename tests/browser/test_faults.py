"""A connection that is cut, and a server that is started again: the page comes back by itself to where it was."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.conftest import wired_page
from tests.browser.lab_driver import figure_version, leaves, open_lab, query, settled, shows_round
from tests.browser.server import free_port, serving

RUN = "rounds=3&steps=3&clients=4&seed=11&round=1"


def test_a_connection_that_is_cut_in_mid_run_comes_back_and_shows_the_whole_run(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?{RUN}")
    before = figure_version(page)
    page.locator(".st-key-new_seed button").first.click()
    leaves(page, before)
    page.evaluate("window.__wire.cut()")
    page.wait_for_function("() => window.__wire.socket.readyState === WebSocket.OPEN")
    settled(page)
    assert figure_version(page).split(":")[1:] == ["3", "1"]


def test_a_server_that_is_killed_and_started_again_finds_the_page_where_it_was(
    chromium: Browser, tmp_path: Path
) -> None:
    port = free_port()
    page = wired_page(chromium)
    with ExitStack() as first:
        url = first.enter_context(serving(tmp_path / "store", port=port))
        open_lab(page, f"{url}/lab?{RUN}")
        version, place = figure_version(page), query(page)
    page.wait_for_selector('[data-testid="stApp"]:not([data-test-connection-state="CONNECTED"])')
    with serving(tmp_path / "store", port=port):
        settled(page)
        assert (figure_version(page), query(page)) == (version, place)
        page.locator(".st-key-step button").first.click()
        shows_round(page, 2)
        page.context.close()
