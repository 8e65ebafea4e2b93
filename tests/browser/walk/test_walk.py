"""Everything on the screen is right: each page, lesson step, figure tab and slide, before and after each press.

A suite must be short: here every other place of pages, lab and one lesson is visited, sizes and schemes in turn.
``python -m tests.browser.walk`` visits everything at every size in both, and writes contact sheets to look through.
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

FIRST = {"wide": (0, 4), "phone": (2, 4), "room": (0, 2)}
"""Which of a group's places are visited at each size: the first of them, and each how manyth after it."""


@pytest.mark.parametrize(("size", "group"), [(size, group) for size, group in rounds() if not group.startswith(OTHERS)])
def test_nothing_is_cut_or_overlaps_or_is_missing(chromium: Browser, app_url: str, size: str, group: str) -> None:
    first, every = FIRST[size]
    found = walk(chromium, app_url, size, GROUPS[group][first::every], SCHEMES)
    assert not found, "\n".join(found)
