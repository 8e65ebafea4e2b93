"""How numbers become words."""

from __future__ import annotations

import pytest

from fedrot_core.wording import time_left


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "estimating the time left"),
        (0.0, "about 1_s left"),
        (3.6, "about 4_s left"),
        (9.4, "about 9_s left"),
        (9.6, "about 10_s left"),
        (22.4, "about 20_s left"),
        (57.0, "about 55_s left"),
        (57.5, "about 1_min left"),
        (140.0, "about 2_min left"),
    ],
)
def test_time_left_is_no_finer_than_an_estimate_can_be(seconds: float | None, text: str) -> None:
    assert time_left(seconds) == text.replace("_", "\u00a0")
