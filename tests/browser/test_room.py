"""Lab and Compare as they are shown in a lecture room, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from fedrot_core.figures import FIGURES
from tests.browser.conftest import Opened
from tests.browser.lab_driver import HERO, figure_version, leaves, open_lab, query, settled, shows_round
from tests.browser.walk.look import serious

COMPARE = "compare?rounds=3&steps=4&clients=4&batch=8&seeds=2&compare=fedit,fedrot,fedex"
SIZES = [(1280, 720), (1920, 1080)]
SMALLEST = """() => {
    const height = (node) => node.getBoundingClientRect().height;
    const size = (node) => parseFloat(getComputedStyle(node).fontSize);
    const plot = document.querySelector('.fedrot-figure .drawn');
    const factor = plot.getBoundingClientRect().width / plot.offsetWidth;
    const shown = [...plot.querySelectorAll('text')].filter((text) => text.textContent.trim() && height(text) > 0);
    return {
        figure: Math.min(...shown.map((text) => factor * size(text))),
        prose: Math.min(...[...document.querySelectorAll('.fedrot-look, .fedrot-figure .title')].map(size)),
    };
}"""
"""Smallest type, in px of the screen, in the figure and in what stands around it."""


def fills_the_window(page: Page) -> None:
    """Nothing scrolls, and the figure ends near the window's lower edge."""
    size = page.viewport_size
    assert size is not None
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => [e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight]") == [0, 0]
    box = page.locator(".fedrot-figure .plot").bounding_box()
    assert box is not None
    assert size["height"] - 30 < box["y"] + box["height"] <= size["height"]
    assert box["height"] > 0.6 * size["height"]


def is_large(page: Page, height: int) -> None:
    """All type can be read from the last row: at 720 px of height, 18 px or more in the figure and 20 around it."""
    smallest = page.evaluate(SMALLEST)
    assert smallest["figure"] >= 18 * height / 720 - 0.1
    assert smallest["prose"] >= 20 * height / 720 - 0.1


@pytest.mark.parametrize(("width", "height"), SIZES[:1])
def test_every_figure_of_the_lab_fills_the_room(open_page: Opened, app_url: str, width: int, height: int) -> None:
    page = open_page(width, height, reduced_motion="reduce")
    open_lab(page, f"{app_url}/lab?present=1")
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.locator(".fedrot-look")).to_contain_text("after round 14")
    for n in range(1, len(FIGURES) + 1):
        page.keyboard.press(str(n))
        page.wait_for_function("n => (new URLSearchParams(location.search).get('slide') ?? '1') === n", arg=str(n))
        settled(page)
        expect(page.locator(".fedrot-figure")).to_have_count(1)
        fills_the_window(page)
        is_large(page, height)


def test_the_lab_is_led_by_keys(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?round=3")
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_role("button", name="Leave")).to_be_visible()
    settled(page)
    assert query(page) == {"round": "3", "present": "1"}
    for key, then in (("ArrowRight", 4), ("ArrowLeft", 3)):
        page.keyboard.press(key)
        shows_round(page, then)
        settled(page)
    for key in ("p", "Space"):
        version = figure_version(page)
        page.keyboard.press(key)
        leaves(page, version)
        page.keyboard.press(key)
        expect(page.get_by_role("button", name="Play")).to_be_visible()
        settled(page)
    page.evaluate("document.querySelector('.turn').addEventListener('click', () => { window.turned = true; })")
    page.keyboard.press("t")
    page.wait_for_function("() => window.turned")
    page.keyboard.press("2")
    settled(page)
    expect(page.locator(".st-key-figure_learning .plot")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()
    settled(page)
    assert query(page).keys() == {"round"}
    expect(page.locator(HERO)).to_be_visible()


@pytest.mark.parametrize(("width", "height"), SIZES[1:])
def test_compare_shows_its_answer_and_one_figure_at_a_time(
    open_page: Opened, app_url: str, width: int, height: int
) -> None:
    page = open_page(width, height, reduced_motion="reduce")
    page.goto(f"{app_url}/{COMPARE}")
    expect(page.locator(".st-key-figure_compare_cost .plot[data-version]")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Present").click()
    for n, name in enumerate(("learning", "errors", "cost"), start=1):
        expect(page.locator(f".st-key-figure_compare_{name} .plot[data-version]")).to_be_visible()
        settled(page)
        expect(page.locator(".fedrot-figure")).to_have_count(1)
        assert query(page).get("slide", "1") == str(n)
        expect(page.locator(".fedrot-look")).to_contain_text(re.compile("choose|the first pick would be"))
        fills_the_window(page)
        is_large(page, height)
        page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".st-key-figure_compare_errors .plot[data-version]")).to_be_visible()
    settled(page)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("stHeader")).to_be_visible()
    settled(page)
    assert not query(page).keys() & {"present", "slide"}


def test_axe_finds_nothing_serious_in_the_room(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?present=1")
    assert not serious(page)
