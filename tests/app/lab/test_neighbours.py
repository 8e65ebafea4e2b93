"""What is computed ahead is what a further move of the same slider asks for."""

from __future__ import annotations

from typing import Any

import pytest

from app.lab.neighbours import Steps, beside
from fedrot_core.config import FederationConfig
from tests.app.lab.test_lab_page import QUICK, finished, opened
from tests.app.sessions import config_of, part_of, slide


@pytest.mark.parametrize(
    ("key", "value", "up", "wanted"),
    [
        ("alpha", 0.5, True, 1.0),
        ("alpha", 0.42, True, 0.5),
        ("alpha", 0.42, False, 0.3),
        ("alpha", 100.0, True, None),
        ("rank", 4, False, 3),
        ("rank", 1, False, None),
        ("lam", 0.8, True, 0.85),
    ],
)
def test_a_stop_further_is_the_next_value_of_the_slider(key: str, value: Any, up: bool, wanted: Any) -> None:
    found = beside(FederationConfig().with_values({key: value}), key, up)
    assert (None if found is None else found.values()[key]) == wanted


def test_the_last_move_tells_where_the_next_may_lead() -> None:
    at = opened(**QUICK)
    finished(slide(at, "rank", 5))
    steps = part_of(at, Steps)
    assert (steps.config, steps.key, steps.up) == (config_of(at), "rank", True)
    finished(slide(at, "rank", 3))
    assert (steps.key, steps.up) == ("rank", False)
    finished(at.selectbox(key="control_opt").set_value("sgd").run())
    assert steps.key is None
