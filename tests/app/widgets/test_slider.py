"""The slider of a setting, as far as Python goes; what a person does with it is in the browser's tests."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.app.session.test_link import opened
from tests.app.sessions import config_of, slide, slider_of


def test_it_shows_what_may_be_chosen_and_says_which_move_it_took_in() -> None:
    at = opened("01_lab")
    shown = slider_of(at, "rank")
    assert (shown["low"], shown["high"], shown["heard"]) == (1, 32, None)
    at = slide(at, "rank", 6)
    assert config_of(at).lora.rank == 6
    assert (slider_of(at, "rank")["value"], slider_of(at, "rank")["heard"]) == (6, 1)
    at = slide(at, "alpha", 1)
    assert (slider_of(at, "alpha")["value"], slider_of(at, "rank")["heard"]) == (1.0, 1)


@pytest.mark.parametrize(("key", "value"), [("alpha", 0.42), ("lam", 0.83)])
def test_a_value_between_two_stops_that_a_link_asks_for_has_a_stop_of_its_own(key: str, value: float) -> None:
    at: AppTest = opened("01_lab", **{key: str(value)})
    shown = slider_of(at, key)
    assert shown["value"] == value
    assert value in shown["stops"]
    assert shown["stops"] == sorted(shown["stops"])


@pytest.mark.parametrize("value", [33, -1, 2.5, 1e300])
def test_what_no_slider_could_say_is_refused_in_words_and_the_thumb_goes_back(value: float) -> None:
    at = slide(opened("01_lab"), "rank", value)
    assert "Rank r must" in at.warning[0].value
    assert (slider_of(at, "rank")["value"], slider_of(at, "rank")["heard"]) == (4, 1)


@pytest.mark.parametrize("value", ["7", None, True, [7], {"value": 7}])
def test_what_is_no_number_is_dropped(value: Any) -> None:
    at = slide(opened("01_lab"), "rank", value)
    assert not at.exception
    assert not at.warning
    assert (config_of(at).lora.rank, slider_of(at, "rank")["heard"]) == (4, None)
