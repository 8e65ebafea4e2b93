"""The slider of a setting, as a person uses it: by key, by mouse, with its help, and while the page answers."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.lab_driver import open_lab, settled

SMALL = "rounds=2&steps=1&clients=3"


def slider(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=re.compile(rf"^{name}")).first


def shown(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-control_{key} output")


def address_says(page: Page, key: str, value: str) -> None:
    """Wait until the page has taken in a move, and rests."""
    says = "([key, value]) => new URLSearchParams(location.search).get(key) === value"
    page.wait_for_function(says, arg=[key, value])
    settled(page)


def test_presses_of_keys_move_it_and_the_page_and_no_answer_pulls_it_back(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?{SMALL}")
    rank = slider(page, "Rank r")
    rank.focus()
    seen = page.evaluate_handle(
        """() => {
            const output = document.querySelector(".st-key-control_rank output"), seen = [];
            const watch = new MutationObserver(() => seen.push(output.value));
            watch.observe(output, { childList: true, characterData: true, subtree: true });
            return seen;
        }"""
    )
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(shown(page, "rank")).to_have_text("8")
    address_says(page, "rank", "8")
    expect(shown(page, "rank")).to_have_text("8")
    values = [int(value) for value in page.evaluate("seen => [...seen]", seen)]
    assert values == sorted(values)
    page.keyboard.press("Home")
    address_says(page, "rank", "1")
    expect(rank).to_have_attribute("aria-valuetext", "1")
    expect(rank).to_be_focused()


def test_a_drag_counts_where_it_ends_and_a_preset_moves_the_thumb(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?{SMALL}")
    box = slider(page, "Heterogeneity").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 40, middle, steps=12)
    expect(shown(page, "alpha")).to_have_text("100")
    page.mouse.up()
    address_says(page, "alpha", "100")
    page.get_by_role("button", name="Strong skew, high rank").or_(
        page.get_by_role("radio", name="Strong skew, high rank")
    ).first.click()
    expect(shown(page, "alpha")).to_have_text("0.1")
    expect(shown(page, "rank")).to_have_text("16")


def test_its_help_comes_by_pointer_key_and_touch_and_goes_again(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?{SMALL}")
    button = page.get_by_role("button", name="What is Rank r?")
    tip = page.locator(".fedrot-slider-tip:popover-open")

    def told() -> None:
        expect(tip).to_contain_text("Inner dimension of the LoRA factors")
        expect(tip).to_be_in_viewport(ratio=1)

    button.hover()
    told()
    page.mouse.move(700, 500)
    expect(tip).to_have_count(0)
    button.focus()
    told()
    page.keyboard.press("Escape")
    expect(tip).to_have_count(0)
    button.blur()
    button.click()
    told()
    page.keyboard.press("Tab")
    expect(tip).to_have_count(0)
