"""Lessons by keyboard alone, drawn curves, and the presenter's mode, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.base import Choice, Curve, Estimate
from tests.browser.lab_driver import (
    hold_answers,
    query,
    release_answers,
    settled,
    wait_for_a_link,
    wait_for_a_whole_run,
)

MOST_TABS = 90
CURVES = [
    (lesson.name, n) for lesson in LESSONS.values() for n, s in enumerate(lesson.steps) if isinstance(s.predict, Curve)
]
PLAYED = [
    (lesson.name, n) for lesson in LESSONS.values() for n, s in enumerate(lesson.steps) if s.play and not s.predict
]
WIDEST = [("slow_motion", 5), ("limits", 0)]
"""Steps with two knobs and two panels, whose answers are long."""

WALKED = [next(iter(LESSONS)), next(name for name in LESSONS if any(step.runs for step in LESSONS[name].steps))]
"""One lesson that answers at once, and one that waits for runs; all have one player."""


def ready(page: Page) -> None:
    """Wait until the script rests and the step's figure is drawn."""
    settled(page)
    expect(page.locator(".st-key-figure_lesson .plot[data-version]")).to_have_count(1)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus stands on ``selector``, as a person without a mouse does who has seen it."""
    expect(page.locator(selector).first).to_be_attached()
    passed: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement?.matches(s) ?? false", selector):
            return
        passed.append(page.evaluate("document.activeElement?.outerHTML.slice(0, 60) ?? ''"))
    raise AssertionError(f"{MOST_TABS} tabs do not reach {selector}, but {passed}")


def test_the_walked_lessons_ask_in_every_way() -> None:
    asked = {type(step.predict) for name in WALKED for step in LESSONS[name].steps if step.predict}
    assert asked == {Choice, Estimate, Curve}


@pytest.mark.parametrize("name", WALKED)
def test_a_lesson_can_be_taken_by_keyboard_alone(page: Page, app_url: str, name: str) -> None:
    """Answers what each step asks, reveals it, and walks on, from the first step to the last."""
    lesson = LESSONS[name]
    page.goto(f"{app_url}/{name}")
    for n, step in enumerate(lesson.steps):
        ready(page)
        expect(page.locator(".fedrot-where")).to_have_text(f"Step {n + 1} of {len(lesson.steps)}")
        asked = step.predict
        if asked is not None:
            expect(page.locator(".fedrot-answer")).to_have_count(0)
            if isinstance(asked, Choice):
                tab_to(page, '.st-key-lesson_question input[type="radio"]')
                page.keyboard.press("Space")
            elif isinstance(asked, Estimate):
                tab_to(page, '.st-key-lesson_question :is([role="slider"], input[type="range"])')
                page.keyboard.press("ArrowRight")
            else:
                for _ in asked.ticks:
                    tab_to(page, ".fedrot-draw circle")
                    page.keyboard.press("ArrowUp")
            expect(page.locator('[class*="_lock"] button').first).to_be_enabled()
            settled(page)
            tab_to(page, '[class*="_lock"] button:not([disabled])')
            page.keyboard.press("Enter")
            expect(page.locator(".fedrot-feedback")).to_be_visible()
            expect(page.locator(".fedrot-answer")).to_be_visible()
            ready(page)
        if n + 1 < len(lesson.steps):
            page.evaluate("document.activeElement?.blur()")
            page.keyboard.press("ArrowRight")
            expect(page.locator(".fedrot-where")).to_have_text(f"Step {n + 2} of {len(lesson.steps)}")


@pytest.mark.parametrize(("name", "n"), CURVES)
def test_a_curve_drawn_with_the_mouse_is_scored(page: Page, app_url: str, name: str, n: int) -> None:
    page.goto(f"{app_url}/{name}?step={n + 1}")
    ready(page)
    area = page.locator(".fedrot-draw").bounding_box()
    assert area is not None
    for label in page.locator(".fedrot-draw text").all():
        box = label.bounding_box()
        assert box is not None
        assert area["x"] <= box["x"], label.text_content()
        assert box["x"] + box["width"] <= area["x"] + area["width"], label.text_content()
    asked = LESSONS[name].steps[n].predict
    assert isinstance(asked, Curve)
    predict_a_curve(page)
    expect(page.locator(".fedrot-feedback")).to_contain_text("Score")
    expect(page.locator(".fedrot-draw rect.truth")).to_have_count(len(asked.ticks))


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080)])
def test_the_presenter_has_large_type_no_bars_and_keys(page: Page, app_url: str, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    name = next(iter(LESSONS))
    n = next(n for n, step in enumerate(LESSONS[name].steps) if step.predict is not None)
    page.goto(f"{app_url}/{name}?present=1&step={n + 1}")
    ready(page)
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(page.locator(".fedrot-answer")).to_have_count(0)
    page.keyboard.press("r")
    expect(page.locator(".fedrot-answer")).to_be_visible()
    ready(page)
    smallest = page.evaluate(
        """() => {
          const zoom = Number(getComputedStyle(document.querySelector('.stApp')).zoom);
          const shown = [...document.querySelectorAll('.stMain *')].filter((e) =>
            [...e.childNodes].some((c) => c.nodeType === 3 && c.textContent.trim())
            && e.getBoundingClientRect().width > 0
            && !e.closest('[aria-hidden=true], [data-testid=stIconMaterial], .plot, style, script'));
          return Math.min(...shown.map((e) => parseFloat(getComputedStyle(e).fontSize) * zoom));
        }"""
    )
    assert smallest >= 24
    main = page.get_by_test_id("stMain")
    over = main.evaluate("e => e.scrollWidth - e.clientWidth")
    assert over <= 1
    page.keyboard.press("PageDown")
    expect(page.locator(".fedrot-where")).to_contain_text(f"Step {n + 2}")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".fedrot-where")).to_contain_text(f"Step {n + 1}")
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()
    assert "present" not in query(page)


@pytest.mark.parametrize(("name", "n"), PLAYED[:1])
def test_play_moves_the_knob_and_pause_holds_what_was_seen(page: Page, app_url: str, name: str, n: int) -> None:
    knob = LESSONS[name].knob(LESSONS[name].steps[n].play or "")
    page.goto(f"{app_url}/{name}?step={n + 1}&{knob.key}={knob.low:g}")
    ready(page)
    page.keyboard.press("p")
    page.wait_for_function(f"() => Number(new URLSearchParams(location.search).get('{knob.key}')) > {knob.low:g}")
    hold_answers(page)
    wait_for_a_link(page, knob.key)  # the next move is computed and on its way: it is taken back
    seen = query(page)[knob.key]
    page.keyboard.press("p")
    wait_for_a_whole_run(page)
    release_answers(page)
    expect(page.get_by_role("button", name="Play").first).to_be_visible()
    ready(page)
    assert query(page)[knob.key] == seen
    version = page.locator(".st-key-figure_lesson .plot").get_attribute("data-version")
    assert f"('{knob.key}', {seen}" in (version or "")


def test_a_term_explains_itself_on_focus(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/{next(iter(LESSONS))}")
    ready(page)
    term = page.locator(".fedrot-term").first
    expect(term.locator(".fedrot-tip")).to_be_hidden()
    term.focus()
    expect(term.locator(".fedrot-tip")).to_be_visible()
    assert (term.get_attribute("aria-label") or "").endswith(".")


@pytest.mark.parametrize(
    ("name", "n", "size"), [(*step, (1280, 720)) for step in CURVES] + [(*step, (1024, 768)) for step in WIDEST]
)
def test_a_slide_fits_before_and_after_the_answer(
    page: Page, app_url: str, name: str, n: int, size: tuple[int, int]
) -> None:
    """Nothing stands below the edge, the picture is the largest thing, and its type is read from the last row."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(f"{app_url}/{name}?present=1&step={n + 1}")
    ready(page)
    fits(page, size)
    if isinstance(LESSONS[name].steps[n].predict, Curve):
        predict_a_curve(page)
    else:
        page.keyboard.press("r")
    expect(page.locator(".fedrot-answer")).to_be_visible()
    ready(page)
    fits(page, size)


def predict_a_curve(page: Page) -> None:
    """Draw a level line with the mouse, and lock it in."""
    area = page.locator(".fedrot-draw").bounding_box()
    assert area is not None
    page.mouse.move(area["x"] + area["width"] * 0.16, area["y"] + area["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.95, area["y"] + area["height"] * 0.3, steps=40)
    page.mouse.up()
    settled(page)
    page.get_by_role("button", name="Lock in my prediction").first.click()


def fits(page: Page, size: tuple[int, int]) -> None:
    """What a slide must be."""
    width, height = size
    low = page.evaluate(
        """() => Math.max(...[...document.querySelectorAll('.stMain :is(button, p, h2, svg text)')]
          .filter((e) => e.checkVisibility() && !e.closest('.fedrot-tip'))
          .map((e) => e.getBoundingClientRect().bottom))"""
    )
    assert low <= height
    plot = page.locator(".st-key-figure_lesson .plot").bounding_box()
    assert plot is not None
    assert plot["width"] * plot["height"] >= 0.38 * width * height
    smallest = page.evaluate(
        """() => {
          const zoom = Number(getComputedStyle(document.querySelector('.stApp')).zoom);
          const texts = [...document.querySelectorAll('.st-key-figure_lesson .plot text')];
          return Math.min(...texts.map((text) => parseFloat(getComputedStyle(text).fontSize) * zoom));
        }"""
    )
    assert smallest >= 18
