"""Everything on the screen is right: each page, lesson step, figure tab and slide, before and after each press.

Here every place is visited once a size, light and dark in turn; ``python -m tests.browser.walk`` visits each in both,
and writes contact sheets to look through.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.browser.walk.places import GROUPS, UNSEEN
from tests.browser.walk.walk import SCHEMES, rounds, walk


def test_no_page_is_left_out() -> None:
    assert not UNSEEN


@pytest.mark.parametrize(("size", "group"), rounds())
def test_nothing_is_cut_or_overlaps_or_is_missing(chromium: Browser, app_url: str, size: str, group: str) -> None:
    schemes = SCHEMES if size == "wide" else SCHEMES[::-1]
    found = walk(chromium, app_url, size, GROUPS[group], schemes)
    assert not found, "\n".join(found)
