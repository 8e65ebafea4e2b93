"""axe-core finds nothing serious on any page, in either theme."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from app.navigation import sections
from tests.browser.lab_driver import settled, turn_the_lights

PAGES = [entry.url for entries in sections().values() for entry in entries]
SMALL = {
    "compare": "?compare=fedit,fedrot&seeds=1&rounds=2&steps=2&clients=3",
    "when": "?rounds=1&steps=1&clients=2",
    "paper": "?rounds=1&steps=1",
    "spot_the_bug": "?rounds=2&steps=2",
    "quiz": "?quiz_seed=7&n=14",
}
"""Links that keep the runs of heavy pages short, and one to a question with matrices."""


def serious(page: Page) -> list[str]:
    """Findings of impact serious or critical: rule, place, and what is wrong."""
    violations: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]} {node['any'][0]['message'] if node['any'] else ''}"
        for v in violations
        if v["impact"] in ("serious", "critical")
        for node in v["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(page: Page, app_url: str, name: str) -> None:
    page.goto(f"{app_url}/{'' if name == 'home' else name}{SMALL.get(name, '')}")
    settled(page)
    findings = [f"light: {found}" for found in serious(page)]
    turn_the_lights(page, "dark")
    findings += [f"dark: {found}" for found in serious(page)]
    assert not findings, "\n".join(findings)
