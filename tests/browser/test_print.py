"""Pages on paper, in a real browser: figures and their text, black on white, whole."""

from __future__ import annotations

import re
from itertools import cycle

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import SMALL, settled

PAGES = ["lab", "compare", "when", "one_update", "one_update?step=2&skip=1"]
A4 = {"width": 794 - 91, "height": 1123 - 91}
"""What the margins of 12 mm leave of a page, in px."""

BARS = ".stAppHeader, .stSidebar, .fedrot-figure .tools, .stButton, .stSlider, .stButtonGroup, [data-testid=stPopover]"
CUT = """() => [...document.querySelectorAll(".fedrot-figure")].filter((figure) => {
    for (let node = figure.parentElement; node; node = node.parentElement) {
        if (/flex|grid/.test(getComputedStyle(node).display)) return true;  // no page breaks as it should in those
    }
    const box = figure.getBoundingClientRect();
    const charts = [...figure.querySelectorAll(".main-svg")].map((svg) => svg.getBoundingClientRect());
    return getComputedStyle(figure).breakInside !== "avoid" || box.height > innerHeight
        || charts.some((chart) => chart.right > innerWidth || chart.bottom > box.bottom + 1);
}).map((figure) => figure.querySelector(".title").textContent)"""
PALE = """() => {
    const dark = (colour) => Math.max(...colour.match(/[0-9.]+/g).slice(0, 3).map(Number)) < 140;
    const said = [...document.querySelectorAll(".stMain :is(p, h1, h2, h3, li, .title)")];
    return said.filter((node) => node.getClientRects().length && !dark(getComputedStyle(node).color))
        .map((node) => node.outerHTML.slice(0, 90));
}"""


def on_paper(page: Page) -> None:
    """Lay the page out as the browser does to print it."""
    page.set_viewport_size({"width": A4["width"], "height": A4["height"]})
    settled(page)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")


@pytest.mark.parametrize(("name", "scheme"), zip(PAGES, cycle(("dark", "light"))))
def test_figures_are_whole_and_black_on_white(open_page: Opened, app_url: str, name: str, scheme: str) -> None:
    page = open_page(reduced_motion="reduce", color_scheme=scheme)
    page.goto(f"{app_url}/{name}{SMALL.get(name, '')}")
    expect(page.locator(".plot[data-version]").first).to_be_visible()
    settled(page)
    on_paper(page)
    for node in page.locator(BARS).all():
        expect(node).to_be_hidden()
    assert page.evaluate(CUT) == []
    assert page.evaluate(PALE) == []
    for place in ("html", "body", ".stApp"):
        expect(page.locator(place)).to_have_css("background-color", "rgb(255, 255, 255)")
    for chart in page.locator(".fedrot-figure .main-svg:first-child").all():
        expect(chart).to_have_css("background", re.compile(r"rgb\(255, 255, 255\)"))
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    settled(page)
    paper = "rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 22, 29)"
    expect(page.locator(".fedrot-figure .main-svg").first).to_have_css("background", re.compile(re.escape(paper)))


def test_the_browser_prints_it_so(page: Page, app_url: str) -> None:
    """The charts are changed in time: before the browser takes the page to paper, and not a moment later."""
    page.goto(f"{app_url}/lab?rounds=3&steps=3&clients=4")
    expect(page.locator(".plot[data-version]").first).to_be_visible()
    settled(page)
    page.evaluate(
        """() => addEventListener("beforeprint", () => {
            window.printed = [...document.querySelectorAll(".fedrot-figure .main-svg")].map((svg) => svg.clientWidth);
        })"""
    )
    content = page.pdf(format="A4")
    assert set(page.evaluate("window.printed")) == {853}
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 3
