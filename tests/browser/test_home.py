"""The front door's moving picture: it moves, it obeys, and it needs no server."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import settled

SEEN = """
new MutationObserver(() => {
  const said = document.querySelector(".fedrot-moving label span")?.textContent;
  if (said) (window.angles ??= new Set()).add(said);
  const kept = [...document.querySelectorAll(".fedrot-moving b")].map((b) => b.textContent);
  const told = document.querySelector(".fedrot-moving .sentence")?.textContent;
  if (said && !kept.every((share) => told.includes(share))) window.stale = `${said}: ${kept} but ${told}`;
}).observe(document, { subtree: true, childList: true, characterData: true });
"""
"""Notes every angle that the page has shown, however long the test looks away."""


def test_the_slider_and_play_work_without_the_server(page: Page, app_url: str) -> None:
    page.goto(app_url)
    picture = page.locator(".fedrot-moving")
    expect(picture).to_contain_text("Angle between their frames: 90°")
    expect(picture.locator("figure").nth(1)).to_have_text("Averaged as sentkeeps 50\u00a0% of the update")
    settled(page)
    page.context.set_offline(True)
    picture.get_by_role("slider").focus()
    page.keyboard.press("End")
    expect(picture.locator("figure").nth(1)).to_contain_text("keeps 0\u00a0% of the update")
    expect(picture.locator("figure").nth(2)).to_contain_text("keeps 100\u00a0% of the update")
    expect(picture.get_by_role("status")).to_contain_text("keeps 0\u00a0% of it")
    picture.get_by_role("button", name="Play").click()
    expect(picture).to_contain_text("Angle between their frames: 90°")
    expect(picture.get_by_role("button", name="Play")).to_be_visible()


def test_it_moves_by_itself_once_and_comes_to_rest(open_page: Opened, app_url: str) -> None:
    page = open_page(390, 844, reduced_motion="no-preference")
    page.add_init_script(SEEN)
    page.goto(app_url)
    page.wait_for_function(
        "() => ['0°', '180°'].every((end) => window.angles?.has(`Angle between their frames: ${end}`))"
    )
    picture = page.locator(".fedrot-moving")
    expect(picture).to_contain_text("Angle between their frames: 90°")
    expect(picture.get_by_role("button", name="Play")).to_be_visible()
    assert page.evaluate("window.stale") is None
