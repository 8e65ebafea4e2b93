"""The way through the app: every place of a group, before and after each press, and what is wrong there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Literal

from playwright.sync_api import Browser, Error, Page

from tests.browser.lab_driver import settled
from tests.browser.walk.look import SIZES, faults, opened, serious, shift, unkept
from tests.browser.walk.places import GROUPS, Place

Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
Seen = Callable[[Page, str], None]
"""Called with the page and what is on it, each time something was looked at."""


def rounds() -> list[tuple[str, str]]:
    """(size, group of places): slides are for a room, everything else is for a desk and a phone."""
    slides = {group: all(place.slide for place in places) for group, places in GROUPS.items()}
    return [(size, group) for size in SIZES for group in GROUPS if slides[group] == (size == "room")]


def walk(
    browser: Browser, url: str, size: str, places: Sequence[Place], schemes: Sequence[Scheme], seen: Seen | None = None
) -> list[str]:
    """Everything that is wrong in some places, in sentences.

    Args:
        url: the app's address; size: of the window, one of :data:`tests.browser.walk.look.SIZES`.
        places: visited in order, under one of ``schemes`` after the other.
        seen: told of every look.
    """
    found: list[str] = []
    tried: set[str] = set()
    page = opened(browser, size)
    for place, scheme in zip(places, cycle(schemes), strict=False):
        page.emulate_media(color_scheme=scheme)
        at = f"{place.link or 'home'} [{size}, {scheme}]"

        def opening(page: Page, link: str = place.link) -> None:
            page.goto(f"{url}/{link}")
            settled(page)

        for n, (name, press) in enumerate((("opening", opening), *place.presses)):
            where = f"{at} after {name}" if n else at
            try:
                press(page)
            except (Error, AssertionError) as error:  # whatever keeps a person from going on is a fault of the page
                found.append(f"{where}: {str(error).splitlines()[0]}")
                break
            found += [f"{where}: {what}" for what in ([] if n else shift(page)) + faults(page, size, place.slide)]
            if size == "wide" and not n:
                found += [f"{where}: {what}" for what in serious(page)]
            if seen is not None:
                seen(page, where)
        found += [f"{at}: {what}" for what in unkept(page, tried)]
    page.context.close()
    return found
