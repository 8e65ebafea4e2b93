"""One question of the quiz by keyboard: answered, judged, explained, and the next one asked."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from app.quiz.place import Place
from fedrot_core.learn.quiz import Pick
from tests.browser.lab_driver import query, settled

SEED = 7
PICKED = next(n for n in range(50) if isinstance(Place(SEED, n=n).question.answer, Pick))


def test_a_question_is_answered_by_keyboard_and_explained(page: Page, app_url: str) -> None:
    right = Place(SEED, n=PICKED).question.answer
    assert isinstance(right, Pick)
    page.goto(f"{app_url}/quiz?quiz_seed={SEED}&n={PICKED + 1}")
    settled(page)
    check = page.get_by_role("button", name="Check")
    expect(check).to_be_disabled()
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    for _ in range(right.right):
        page.keyboard.press("ArrowDown")
    expect(check).to_be_enabled()
    settled(page)
    check.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Right: {right.options[right.right]}")).to_be_visible()
    expect(page.locator(".fedrot-answer")).to_be_visible()
    expect(page.get_by_text("Score: 1 of 1")).to_be_visible()
    page.get_by_role("button", name="Next question").press("Enter")
    expect(page.get_by_text(f"Question {PICKED + 2}", exact=True)).to_be_visible()
    assert query(page)["n"] == str(PICKED + 2)  # at once: the link is written before the page is drawn
