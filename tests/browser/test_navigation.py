"""Every page that has a place: back, forward, reload, and two tabs that leave each other alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Opened
from tests.browser.lab_driver import press_on_slider, query, settled

SMALL = "rounds=2&steps=2&clients=3&batch=8"


@dataclass(frozen=True)
class Walk:
    """A page, and one thing to do on it.

    Attributes:
        start: its link; change: what a person does; then: what the link says afterwards, by key.
        says: what the page shows at the start, and after the change.
    """

    start: str
    change: Callable[[Page], None]
    then: tuple[str, str]
    says: tuple[str, str]


WALKS = {
    "lab": Walk(
        f"lab?{SMALL}&show=fedit", lambda page: press_on_slider(page, "Rank r", "ArrowRight"), ("rank", "5"),
        ("FedIT", "FedIT"),
    ),
    "compare": Walk(
        f"compare?{SMALL}&compare=ffa,fedex&seeds=1", lambda page: press_on_slider(page, "Rank r", "ArrowRight"),
        ("rank", "5"), ("rank 4 and", "rank 5 and"),
    ),
    "when": Walk(
        f"when?{SMALL}", lambda page: page.get_by_role("radio", name="turn θ").click(), ("grid", "theta"),
        ("α 0.05, r 1", "α 0.05, θ 0°"),
    ),
    "bug": Walk(
        "spot_the_bug?rounds=2&steps=2&clients=3&bug=order",
        lambda page: page.get_by_role("radio", name="Find the hidden one").click(), ("case", ""),
        ("What gives it away", "Which mistake is it?"),
    ),
    "quiz": Walk(
        "quiz?quiz_seed=3&topic=all&n=1", lambda page: page.get_by_role("button", name="New quiz").click(),
        ("quiz_seed", ""), ("Quiz 3.", "Question 1"),
    ),
    "lesson": Walk(
        "one_update?step=2", lambda page: page.get_by_role("button", name="Next").click(), ("step", "3"),
        ("Step 2 of", "Step 3 of"),
    ),
    "paper": Walk(
        "paper?rounds=2&steps=1&batch=4&seeds=1",
        lambda page: page.get_by_role("radio", name="Re-factorised by SVD").click(), ("frames", "svd"),
        ("as trained (shared start)", "re-factorised by SVD"),
    ),
    "diagnose": Walk(
        "diagnose?client=news", lambda page: page.get_by_role("radio", name="Shared start").click(), ("set", "shared"),
        ("each from random factors of its own", "all from the same random factors"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WALKS)
def test_back_forward_and_reload_keep_the_place_and_another_tab_has_its_own(
    name: str, open_page: Opened, app_url: str
) -> None:
    walk = WALKS[name]
    page = open_page()
    at(page, f"{app_url}/{walk.start}", walk.says[0])
    first = query(page)
    walk.change(page)
    key, value = walk.then
    page.wait_for_function(
        "([key, value]) => { const v = new URLSearchParams(location.search).get(key);"
        " return value ? v === value : v !== null; }", arg=[key, value],
    )  # fmt: skip
    expect(page.get_by_text(walk.says[1]).first).to_be_visible()
    settled(page)
    second = query(page)
    assert second != first
    other = page.context.new_page()
    at(other, f"{app_url}/{walk.start}", walk.says[0])
    assert query(other) == first
    assert query(page) == second
    page.reload()
    shows(page, walk.says[1])
    assert query(page) == second
    page.go_back()
    shows(page, walk.says[0])
    assert query(page) == first
    page.go_forward()
    shows(page, walk.says[1])
    assert query(page) == second
    assert query(other) == first


def at(page: Page, url: str, text: str) -> None:
    page.goto(url)
    shows(page, text)


def shows(page: Page, text: str) -> None:
    page.bring_to_front()  # a tab behind another one draws once a second
    expect(page.get_by_text(re.compile(re.escape(text))).first).to_be_visible()
    settled(page)
