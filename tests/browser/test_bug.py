"""The game in a real browser: play a case by its link, guess, see the answer."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from fedrot_core.learn.mistakes.game import hidden
from tests.browser.lab_driver import query, settled

CASE = 2


def test_a_case_is_played_by_its_link(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/spot_the_bug?case={CASE}&rounds=2&steps=2")
    settled(page)
    expect(page.locator(".st-key-figure_errors .plot[data-version] .main-svg").first).to_be_visible()
    expect(page.locator(".fedrot-evidence")).to_be_visible()
    expect(page.locator(".fedrot-facts")).to_have_count(0)
    page.get_by_role("combobox", name="Which mistake is it?").click()
    page.get_by_role("option", name=hidden(CASE).title).click()
    page.get_by_role("button", name="That is it").click()
    expect(page.get_by_text("Right:")).to_be_visible()
    expect(page.locator(".fedrot-facts")).to_contain_text(hidden(CASE).tell)
    expect(page.get_by_text("Score: 1 of 1 case solved.")).to_be_visible()
    assert query(page)["case"] == str(CASE)
