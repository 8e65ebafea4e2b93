"""The map of settings in a real browser: it fills in, and clicks and links land in the lab with that run."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.lab_driver import query, settled

PLOT = ".st-key-figure_when .plot"
QUICK = "/when?rounds=1&steps=1&clients=2"


def open_map(page: Page, app_url: str) -> None:
    page.goto(app_url + QUICK)
    page.wait_for_function(f"() => document.querySelector('{PLOT}')?.dataset.version?.split(':')[1] === '25'")
    settled(page)


def landed_in_the_lab(page: Page) -> dict[str, str]:
    page.wait_for_selector(".st-key-figure_latent .plot[data-version]")
    settled(page)
    return query(page)


def test_a_click_on_a_cell_opens_that_run_in_the_lab(page: Page, app_url: str) -> None:
    open_map(page, app_url)
    expect(page.locator(".fedrot-look")).to_contain_text(re.compile(r"In \d+ of 25\s+settings"))
    area = page.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    assert area is not None
    x, y = area["x"] + area["width"] * 0.93, area["y"] + area["height"] * 0.06  # a corner of the cell, not its middle
    page.mouse.move(x - 5, y)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    state = landed_in_the_lab(page)
    assert state == {"rounds": "1", "steps": "1", "clients": "2", "alpha": "10", "rank": "16"}


def test_a_link_opens_its_run_and_the_config_survives_the_navigation_bar(page: Page, app_url: str) -> None:
    open_map(page, app_url)
    link = page.locator(".st-key-worst_gain_0 a").first
    href = link.get_attribute("href")
    assert href is not None
    link.focus()
    page.keyboard.press("Enter")
    state = landed_in_the_lab(page)
    assert state["clients"] == "2"
    page.get_by_text("Diagnose", exact=True).click()
    page.get_by_role("menuitem", name="When does it matter?").click()
    page.wait_for_selector(f"{PLOT}[data-version]")
    page.wait_for_function("() => new URLSearchParams(location.search).get('clients') === '2'")


def test_the_page_does_not_scroll_sideways_on_a_phone(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_map(page, app_url)
    over = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth")
    assert over <= 0
