"""Everything on the screen is right: each page, lesson step, figure tab and slide, before and after each press.

Here pages, the lab and one lesson are visited, light and dark in turn, since the suite must be short;
``python -m tests.browser.walk`` visits everything in both, and writes contact sheets to look through.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from fedrot_core.learn.lessons import LESSONS
from tests.browser.walk.places import GROUPS, UNSEEN
from tests.browser.walk.walk import SCHEMES, rounds, walk


def test_no_page_is_left_out() -> None:
    assert not UNSEEN


OTHERS = tuple(LESSONS)[1:]
"""Lessons that only the command walks through."""


@pytest.mark.parametrize(("size", "group"), [(size, group) for size, group in rounds() if not group.startswith(OTHERS)])
def test_nothing_is_cut_or_overlaps_or_is_missing(chromium: Browser, app_url: str, size: str, group: str) -> None:
    schemes = SCHEMES if size == "wide" else SCHEMES[::-1]
    found = walk(chromium, app_url, size, GROUPS[group], schemes)
    assert not found, "\n".join(found)
