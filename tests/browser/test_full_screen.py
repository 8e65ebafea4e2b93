"""A figure's buttons Full screen and Copy, in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import SMALL, figure_title, open_lab, query, settled
from tests.browser.walk.look import serious

CARD = ".st-key-figure_learning"
CLIPBOARD = """async () => {
    const [item] = await navigator.clipboard.read();
    const picture = await createImageBitmap(await item.getType("image/png"));
    const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
    pen.drawImage(picture, 0, 0);
    const at = (x, y) => [...pen.getImageData(x, y, 1, 1).data].join();
    const { data } = pen.getImageData(0, 0, picture.width, picture.height);
    const colours = new Set(new Uint32Array(data.buffer));
    return { size: [picture.width, picture.height], corner: at(0, 0), colours: colours.size };
}"""


def full_screen(page: Page, card: str) -> None:
    """Press the card's Full screen button and wait until the figure is drawn."""
    page.locator(card).first.get_by_role("button", name="Full screen").click()
    expect(page.locator(".fedrot-full .main-svg").first).to_be_visible()
    settled(page)


@pytest.mark.parametrize("refused", [False, True])
def test_the_figure_alone_fills_the_window_with_large_type(open_page: Opened, app_url: str, refused: bool) -> None:
    page = open_page(1280, 720, reduced_motion="reduce")
    if refused:
        page.add_init_script("delete Element.prototype.requestFullscreen")
    open_lab(page, f"{app_url}/lab")
    title = figure_title(page, "learning")
    full_screen(page, CARD)
    dialog = page.get_by_role("dialog")
    assert page.evaluate("document.fullscreenElement !== null") is not refused
    expect(dialog.get_by_role("heading", name=title)).to_be_visible()
    assert dialog.evaluate("e => [e.clientWidth, e.clientHeight]") == [1280, 720]
    drawn = dialog.locator(".drawn").bounding_box()
    assert drawn is not None
    assert drawn["width"] > 1200
    assert 690 < drawn["y"] + drawn["height"] <= 720
    sizes = dialog.locator(".drawn").evaluate(
        """e => {
            const factor = e.getBoundingClientRect().width / e.offsetWidth;
            const texts = [...e.querySelectorAll("text")].filter((text) => text.textContent.trim());
            return texts.map((text) => factor * parseFloat(getComputedStyle(text).fontSize));
        }"""
    )
    assert min(sizes) >= 17.9
    point = dialog.locator(".scatterlayer .point").nth(20).bounding_box()
    assert point is not None
    page.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    expect(dialog.locator(".hovertext")).to_contain_text("round")
    assert not serious(page)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.wait_for_function("() => document.fullscreenElement === null")
    assert "Full screen" in page.evaluate("document.activeElement.ariaLabel")


def test_no_server_is_asked_and_the_pages_keys_rest(page: Page, app_url: str) -> None:
    sent: list[Any] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    open_lab(page, f"{app_url}/lab")
    settled(page)
    before = len(sent)
    full_screen(page, ".st-key-figure_latent")
    page.get_by_role("dialog").get_by_role("button", name="Turn").click()
    settled(page)
    page.get_by_role("dialog").locator(".room").click(position={"x": 3, "y": 3})
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    settled(page)
    page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(sent) == before
    assert query(page) == {}


@pytest.mark.parametrize(
    ("name", "width"), [("compare", 390), ("when", 1280), ("paper", 390), ("spot_the_bug", 1280), ("one_update", 390)]
)
def test_every_page_has_it_and_no_figure_is_cut(open_page: Opened, app_url: str, name: str, width: int) -> None:
    page = open_page(width, 720, reduced_motion="reduce", color_scheme="dark", has_touch=width < 640)
    page.goto(f"{app_url}/{name}{SMALL.get(name, '')}")
    expect(page.locator(".plot[data-version]").first).to_be_visible()
    settled(page)
    full_screen(page, ".fedrot-figure")
    dialog = page.get_by_role("dialog")
    assert dialog.locator(".room").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
    if width < 640:
        box = dialog.get_by_role("button", name="Leave").bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 44
    dialog.get_by_role("button", name="Leave").click()
    expect(dialog).to_have_count(0)


def test_a_figure_that_leaves_the_page_leaves_the_screen(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/when{SMALL['when']}")
    expect(page.locator(".plot[data-version]")).to_be_visible()
    settled(page)
    full_screen(page, ".st-key-figure_when")
    page.get_by_role("dialog").locator(".scatterlayer .point").first.click(force=True)
    page.wait_for_url("**/lab**")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.wait_for_function("() => document.fullscreenElement === null")


@pytest.mark.parametrize(("scheme", "paper"), [("light", "255,255,255,255"), ("dark", "18,22,29,255")])
def test_copy_puts_a_picture_on_the_clipboard(open_page: Opened, app_url: str, scheme: str, paper: str) -> None:
    page = open_page(
        reduced_motion="reduce", color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"]
    )  # fmt: skip
    open_lab(page, f"{app_url}/lab")
    page.locator(CARD).get_by_role("button", name="Copy").click()
    expect(page.locator(CARD).get_by_role("status")).to_have_text("Copied as a picture.")
    reader = page.context.new_page()  # our pages may write to the clipboard, not read it
    reader.route("**/reader", lambda asked: asked.fulfill(body="reads the clipboard"))
    reader.goto(f"{app_url}/reader")
    picture = reader.evaluate(CLIPBOARD)
    assert picture["size"] == [2200, 1238]
    assert picture["corner"] == paper
    assert picture["colours"] > 50


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ("Object.defineProperty(navigator, 'clipboard', { value: undefined })", "only over https or on localhost"),
        ("Clipboard.prototype.write = () => Promise.reject(new DOMException('', 'NotAllowedError'))", "did not allow"),
        ("Clipboard.prototype.write = () => Promise.reject(new Error('x'))", "Copying failed."),
    ],
)
def test_where_copying_is_refused_the_card_says_so_and_names_save(
    page: Page, app_url: str, broken: str, words: str
) -> None:
    page.add_init_script(broken)
    open_lab(page, f"{app_url}/lab")
    page.locator(CARD).get_by_role("button", name="Copy").click()
    told = page.locator(CARD).get_by_role("status")
    expect(told).to_contain_text(words)
    expect(told).to_contain_text("Press Save instead")


def test_drawing_elsewhere_leaves_a_figure_as_it_is(page: Page, app_url: str) -> None:
    """Plotly writes into the layout that it is given: panels would shrink a little with every drawing."""
    panel = "document.querySelector('.st-key-figure_latent .drawn')._fullLayout.xaxis._length"
    open_lab(page, f"{app_url}/lab")
    before = page.evaluate(panel)
    for width in (700, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
    assert page.evaluate(panel) == before
