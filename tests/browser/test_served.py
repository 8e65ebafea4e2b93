"""The app below a path of a proxy's, started from a folder that is not its own."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, expect

from tests.browser.conftest import wired_page
from tests.browser.lab_driver import open_lab
from tests.browser.server import serving


def test_every_request_stays_below_the_base_path_and_figures_are_drawn(chromium: Browser, tmp_path: Path) -> None:
    with serving(base="fed", folder=tmp_path) as url:
        page = wired_page(chromium)
        asked = []
        page.on("request", lambda request: asked.append(urlsplit(request.url)))
        open_lab(page, f"{url}/lab?rounds=3&steps=3&clients=4")
        expect(page.locator(".js-plotly-plot").first).to_be_visible()
        expect(page).to_have_title("Lab · FedRot Lab")
        assert [u.geturl() for u in asked if u.scheme.startswith("http") and not u.path.startswith("/fed")] == []
        page.context.close()
