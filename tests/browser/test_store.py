"""A server that is started again gets a finished run back from its store, and pages say so only where it matters."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import wired_page
from tests.browser.lab_driver import figure_title, figure_version, open_lab
from tests.browser.server import serving

RUN = "rounds=3&steps=3&clients=4&seed=11"


def test_a_restarted_server_gets_a_run_back_without_computing(chromium: Browser, tmp_path: Path) -> None:
    with serving(tmp_path / "store") as url:
        page = wired_page(chromium)
        open_lab(page, f"{url}/lab?{RUN}")
        before = figure_version(page), figure_title(page, "latent")
        link = shared(page)
        page.context.close()
    with serving(tmp_path / "store") as url:
        page = wired_page(chromium)
        open_lab(page, f"{url}/lab?{link}")
        assert (figure_version(page), figure_title(page, "latent")) == before
        told = page.get_by_test_id("stAlert")
        expect(told).to_contain_text("Nothing was computed for you: these numbers were kept from an earlier run")
        expect(told).to_contain_text("They equal those of the link")
        page.get_by_role("button", name="Run it here and compare").click()
        expect(page.get_by_test_id("stAlert")).to_contain_text("Reproduced")
        page.context.close()


def shared(page: Page) -> str:
    """The query of the link that the lab offers."""
    page.get_by_role("button", name="Take away, or open").click()
    text = page.get_by_test_id("stCode").first.inner_text()
    return text.strip().split("?", 1)[1]
