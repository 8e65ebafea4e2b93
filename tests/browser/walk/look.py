"""What is wrong with what is on the screen, in sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, TimeoutError

from tests.browser.conftest import wired_page
from tests.browser.lab_driver import settled

MOST_SHIFT = 0.1
"""Layout shift that a page may show while it builds up."""

SIZES = {"wide": (1440, 900), "room": (1280, 720), "phone": (390, 844)}

SPACING = {
    r"\d%": "a percent sign close to its number",
    r"(?<![\w.,;:)\]/–-])-\d": "a hyphen for a minus",
    r"\d(?:rounds?|points?|clients?|seeds?|steps?|kB|MB|ms)\b": "a number and its unit run together",
    r"\{\w*\}|\bNone\b|\bnan\b|\bNaN %|undefined|\[\[|\]\]": "what no reader should see",
}
"""What no text on the screen may hold, and what that is."""

SAID = re.compile(r"(?:[Pp]ress|[Cc]lick|[Pp]ush)(?: on)? (?:the )?[“\"]?([A-Z][\w ’'-]*)")
QUOTED = re.compile(r"(?:[Pp]ress|[Cc]lick|[Cc]hoose|[Oo]pen|[Ss]et|[Tt]ick|out of|under|with) “([^”]+)”")
"""How texts name what is to be pressed."""

KEYS = {"Space": " ", "→": "ArrowRight", "←": "ArrowLeft", "Esc": "Escape"}
PROMISED = re.compile(r"^(Space|Esc)$|([→←]) (?:next|back)|\b(Esc) (?:leaves?|closes?)")
"""How texts promise that a key does something."""


def opened(browser: Browser, size: str) -> Page:
    """A fresh page that can be looked at; the phone has a touch screen."""
    touch = size == "phone"
    page = wired_page(browser, *SIZES[size], has_touch=touch, is_mobile=touch, reduced_motion="reduce")
    page.add_init_script(path=Path(__file__).with_name("look.js"))
    return page


def faults(page: Page, size: str, slide: bool) -> list[str]:
    """All that is wrong with what is on the screen now."""
    found: list[str] = page.evaluate("touch => __look.faults(touch)", size == "phone")
    said: list[str] = page.evaluate("__look.said()")
    for line in said:
        found += [f"{what}: “{line[:80]}”" for pattern, what in SPACING.items() if re.search(pattern, line)]
    found += missing(said, page.evaluate("__look.controls()"))
    if slide and (below := page.evaluate("__look.below()")) > 1:
        found.append(f"the slide reaches {below} px below the window")
    return found


def missing(said: list[str], controls: list[str]) -> list[str]:
    """Controls that a text names and the page does not have."""
    names = [name.lower() for name in controls]
    whole = " ".join(said)
    found = []
    for match in [*SAID.finditer(whole), *QUOTED.finditer(whole)]:
        name = match[1].lower()
        if not any(own and (name.startswith(own) or own.startswith(name)) for own in names):
            found.append(f"“{match[1]}” is named, but no control has that name")
    return found


def shift(page: Page) -> list[str]:
    """How far the page moved while it built up, if that was too far."""
    moved: float = page.evaluate("__look.shift")
    return [f"layout shift {moved:.2f}"] if moved > MOST_SHIFT else []


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical: rule, place, and what is wrong."""
    violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for v in violations
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


def unkept(page: Page, tried: set[str]) -> list[str]:
    """Keys that a text on the screen promises and nobody answers. It presses them: look at everything else before.

    Args:
        tried: promises that were tried before; those found here are added.
    """
    found = []
    for line in page.evaluate("__look.said()"):
        if line in tried:
            continue
        for match in PROMISED.finditer(line):
            tried.add(line)
            key = next(group for group in match.groups() if group)
            asked = page.evaluate("__wire.asked")
            page.evaluate("document.activeElement?.blur()")
            page.keyboard.press(KEYS[key])
            try:
                page.wait_for_function("asked => __look.taken || __wire.asked > asked", arg=asked)
            except TimeoutError:
                found.append(f"the key {key} is promised (“{line[:60]}”), but nothing answers it")
            settled(page)
    return found
