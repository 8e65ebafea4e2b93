"""A person presses a gauge badge, reads what moved, spins again, and closes the test, in a real browser."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import open_lab, settled, shows_round


def badge(page: Page, figure: str) -> Locator:
    return page.locator(f".st-key-figure_{figure}").get_by_role("button", name=re.compile("^gauge-"))


def verdict(page: Page) -> Locator:
    return page.get_by_role("dialog").locator(".fedrot-look")


def row(page: Page, metric: str) -> Locator:
    return page.get_by_role("dialog").locator("tr", has=page.get_by_role("rowheader", name=re.compile(rf"^{metric}")))


def test_the_badge_opens_a_test_that_says_what_moved(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?client=3&show=fedit")
    expect(badge(page, "latent")).to_have_text("gauge-dependent")
    badge(page, "errors").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Turn client 3 in round 14: what moves?")
    expect(verdict(page)).to_contain_text(re.compile(r"Client 3 was turned by \d+°"))
    expect(verdict(page)).to_contain_text(re.compile(r"Aggregation error moved from [\d.]+\s% to [\d.]+\s%"))
    expect(verdict(page)).to_contain_text("Rank-r floor did not move")
    expect(row(page, "Aggregation error")).to_have_class("moved")
    expect(row(page, "Principal angles")).to_have_class("still")
    expect(dialog.locator("tr.wrong")).to_have_count(0)

    first = verdict(page).inner_text()
    dialog.get_by_role("button", name="Spin again").click()
    expect(verdict(page)).not_to_have_text(first)
    expect(verdict(page)).to_contain_text("Aggregation error moved")

    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    settled(page)
    page.locator(".st-key-back button").first.click()
    shows_round(page, 13)
    settled(page)
    expect(dialog).to_have_count(0)  # a rerun of the page does not open it again


def test_a_long_test_shows_its_progress_and_closing_gives_it_up(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?rounds=12&clients=100&steps=50&arms=fedit&seed=23")
    badge(page, "ladder").click()
    dialog = page.get_by_role("dialog")
    said = re.compile(r"Training FedIT \(naive\) again: \d+ of 12\s+rounds done.*A run does not keep", re.DOTALL)
    expect(dialog).to_contain_text(said)  # both in one look: on a fast machine they do not stand for long
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    settled(page)


def test_badges_do_not_crowd_a_phone(open_page: Opened, app_url: str) -> None:
    page = open_page(390, 844)
    open_lab(page, f"{app_url}/lab")
    for figure in ("latent", "learning", "ladder", "errors"):
        tools = page.locator(f".st-key-figure_{figure} .tools")
        boxes = [button.bounding_box() for button in tools.get_by_role("button").all()]
        assert len({round(box["y"]) for box in boxes if box}) == 1, f"the buttons of {figure} stand in two rows"
        assert all(box and box["x"] + box["width"] <= 390 for box in boxes)
    badge(page, "latent").click()
    expect(verdict(page)).to_be_visible()
    over = page.get_by_role("dialog").evaluate("d => d.querySelector('.fedrot-spin').scrollWidth - d.clientWidth")
    assert over <= 0
