"""What a person does on the lab page, in words a test can use."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

HERO = ".st-key-figure_latent .plot"


def open_lab(page: Page, url: str) -> None:
    """Open a link and wait until the page rests and its hero is drawn."""
    page.goto(url)
    page.wait_for_selector(f"{HERO}[data-version]", timeout=30_000)
    settled(page)


def settled(page: Page) -> None:
    """Wait until the script rests and no run is under way."""
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=30_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0, timeout=60_000)
    page.wait_for_selector('[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=30_000)


def figure_version(page: Page, name: str = "latent") -> str:
    """What is drawn: config hash, rounds done, round shown."""
    value = page.locator(f".st-key-figure_{name} .plot").get_attribute("data-version")
    assert value is not None
    return value


def figure_title(page: Page, name: str) -> str:
    """The finding above a figure."""
    return page.locator(f".st-key-figure_{name} .title").inner_text()


def press_on_slider(page: Page, name: str, key: str) -> None:
    """Focus the slider whose label begins with these words, and press one key."""
    slider = page.get_by_role("slider", name=re.compile(rf"^{name}\b")).first
    slider.focus()
    page.keyboard.press(key)


def query(page: Page) -> dict[str, str]:
    """The link's parameters."""
    return {k: v[0] for k, v in parse_qs(urlsplit(page.url).query).items()}
