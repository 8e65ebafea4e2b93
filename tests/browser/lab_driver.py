"""What a person does on a page, in words a test can use, and when the page is at rest."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect

HERO = ".st-key-figure_latent .plot"
SMALL = {
    "compare": "?compare=fedit,fedrot&seeds=1&rounds=2&steps=2&clients=3",
    "when": "?rounds=1&steps=1&clients=2",
    "paper": "?rounds=1&steps=1",
    "spot_the_bug": "?rounds=2&steps=2",
    "quiz": "?quiz_seed=7&n=14",
}
"""Page -> a link that keeps its runs short, or to a question with matrices."""

AT_REST = """() => {
    const seen = (selector) => document.querySelector(selector) !== null;
    const wire = window.__wire;
    const rests = !wire.unanswered && !wire.held
        && seen('[data-testid="stApp"][data-test-script-state="notRunning"][data-test-connection-state="CONNECTED"]')
        && !seen('[aria-busy="true"], [data-testid="stSkeleton"]')
        && !seen('[class*="st-key-pacer_"]:not([class*="st-key-pacer_room"])')
        && document.getAnimations().every((a) => a.playState !== "running"
            || a.effect.getComputedTiming().endTime === Infinity);
    wire.restful = rests ? wire.restful + 1 : 0;
    return wire.restful > 3;  // frames, since what has come may not be drawn yet
}"""
"""Every request was answered by a run, that run has ended, no pacer asks but a room's (so no work is under way),
all charts are drawn, no part is still being loaded, and no animation runs."""


def settled(page: Page) -> None:
    """Wait until the page is at rest: it changes no more unless somebody acts."""
    page.evaluate("window.__wire.restful = 0")
    page.wait_for_function(AT_REST)


def open_lab(page: Page, url: str) -> None:
    """Open a link and wait until the page is at rest and its hero is drawn."""
    page.goto(url)
    page.wait_for_selector(f"{HERO}[data-version]")
    settled(page)


def figure_version(page: Page, name: str = "latent") -> str:
    """What is drawn: config hash, rounds done, round shown."""
    value = page.locator(f".st-key-figure_{name} .plot").get_attribute("data-version")
    assert value is not None
    return value


def shows_round(page: Page, round_index: int) -> None:
    """Wait until the hero shows this round."""
    expect(page.locator(HERO)).to_have_attribute("data-version", re.compile(rf":{round_index}$"))


def passes_round(page: Page, round_index: int) -> None:
    """Wait until the hero shows a later round than this; while rounds play, any one of them may be gone in a moment."""
    page.wait_for_function(
        "([hero, n]) => Number(document.querySelector(hero)?.dataset.version?.split(':')[2]) > n",
        arg=[HERO, round_index],
    )


def leaves(page: Page, version: str) -> None:
    """Wait until the hero shows something else than ``version``."""
    expect(page.locator(HERO)).not_to_have_attribute("data-version", version)


def figure_title(page: Page, name: str) -> str:
    """The finding above a figure."""
    return page.locator(f".st-key-figure_{name} .title").inner_text()


def press_on_slider(page: Page, name: str, key: str) -> None:
    """Focus the slider whose label begins with these words, and press one key."""
    slider = page.get_by_role("slider", name=re.compile(rf"^{name}\b")).first
    slider.focus()
    page.keyboard.press(key)


def query(page: Page) -> dict[str, str]:
    """The link's parameters."""
    address: str = page.evaluate("location.href")  # the driver's own page.url may lag
    return {k: v[0] for k, v in parse_qs(urlsplit(address).query).items()}


def turn_the_lights(page: Page, scheme: Literal["dark", "light"]) -> None:
    """Change the system's colour scheme and wait until the page has followed; charts do with its next run."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(
        """(dark) => {
            const [red, green, blue] = getComputedStyle(document.querySelector(".stApp"))
                .backgroundColor.match(/[0-9.]+/g).map(Number);
            return (red + green + blue < 384) === dark;
        }""",
        arg=scheme == "dark",
    )
    settled(page)


def hold_answers(page: Page) -> None:
    """Keep what the server sends from now on from the page, until :func:`release_answers`."""
    page.evaluate("window.__wire.hold()")


def wait_for_a_link(page: Page, key: str) -> None:
    """Wait until the server has sent a link, held back, in which ``key`` has another value than in the address bar."""
    page.wait_for_function(
        """(key) => {
            const seen = new URLSearchParams(location.search).get(key);
            return window.__wire.links.some((link) => new URLSearchParams(link).get(key) !== seen);
        }""",
        arg=key,
    )


def wait_for_a_whole_run(page: Page) -> None:
    """Wait until the server, while answers are held back, runs the whole page again: it has taken a press on Pause.

    Else the press could wait at the server for the next request, and be taken with that one's address.
    """
    page.wait_for_function("() => window.__wire.anew")


def release_answers(page: Page) -> None:
    """Hand the page all that was held back, in order."""
    page.evaluate("window.__wire.release()")
