"""What a person does on the comparison page, in a real browser."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import query, settled

LINK = "compare?rounds=3&steps=4&clients=4&batch=8&seeds=3&compare=fedit,fedrot,fedex"
COST = ".st-key-figure_compare_cost .plot"


def rested(page: Page, seeds: int, arms: int) -> None:
    """Wait until all seeds are drawn and the page rests."""
    page.wait_for_function(
        "([s, n]) => { const p = document.querySelector('.st-key-figure_compare_cost .plot');"
        " return p?.dataset.version?.split(':')[1] === s && p.querySelectorAll('.scatterlayer .trace').length === n; }",
        arg=[str(seeds), arms],
    )  # fmt: skip
    settled(page)
    expect(page.get_by_role("button", name="Table as CSV")).to_be_visible()


def test_choose_methods_read_the_answer_and_take_the_table(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/{LINK}")
    rested(page, 3, 3)
    answer = page.locator(".fedrot-look").inner_text()
    assert re.search(r"(?:choose|the first pick would be) (FedIT|FedRot-LoRA|FedEx-LoRA)", answer)
    assert "median of 3\u00a0seeds" in answer
    for name in ("learning", "errors", "cost"):
        expect(page.locator(f".st-key-figure_compare_{name} .title")).not_to_be_empty()
        assert page.locator(f".st-key-figure_compare_{name} .plot").get_attribute("aria-label")

    page.locator(".st-key-compare_arms input").click()
    page.get_by_role("option", name="FFA-LoRA").click()
    page.keyboard.press("Escape")
    rested(page, 3, 4)
    assert query(page)["compare"] == "fedit,fedrot,fedex,ffa"

    with page.expect_download() as download:
        page.get_by_role("button", name="Table as CSV").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text())))
    assert [row["label"] for row in rows] == ["FedIT (naive)", "FedRot-LoRA", "FedEx-LoRA", "FFA-LoRA"]
    assert [row["exact"] for row in rows] == ["False", "False", "True", "True"]

    page.locator(".st-key-figure_compare_learning").get_by_role("button", name="Show the numbers").click()
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (768, "light")])
def test_no_width_scrolls_sideways(open_page: Opened, app_url: str, width: int, scheme: str) -> None:
    page = open_page(width, color_scheme=scheme)
    page.goto(f"{app_url}/{LINK}")
    rested(page, 3, 3)
    over = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth")
    assert over <= 0


TOGETHER = r"""
  window.together = [];
  const look = () => {
    const row = document.querySelector('.st-key-progress_compare');
    const said = row ? row.innerText : '';  // as it is rendered: what is hidden is not said
    if (said.includes('Cancel') && /(\d+) of \1\s/.test(said)) window.together.push(said);
  };
  new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true});
"""
"""Notes whenever the row says that all seeds are done while Cancel stands beside it."""


def test_all_done_never_stands_beside_cancel(page: Page, app_url: str) -> None:
    page.add_init_script(TOGETHER)
    page.goto(f"{app_url}/{LINK}&seed=900")
    expect(page.locator(".st-key-progress_compare")).to_contain_text("3 of 3\u00a0seeds done.")
    rested(page, 3, 3)
    page.locator(".st-key-compare_arms input").click()
    page.get_by_role("option", name="FFA-LoRA").click()
    page.keyboard.press("Escape")
    rested(page, 3, 4)
    assert page.evaluate("window.together") == []
