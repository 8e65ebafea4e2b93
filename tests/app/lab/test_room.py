"""The lab and Compare for a lecture room, without a browser: what stands on the page, and how it lives in the link."""

from __future__ import annotations

import pytest

from app.session.query import MOST_SLIDES, Selection, from_query, to_query
from fedrot_core.config import FederationConfig
from fedrot_core.figures import FIGURES
from tests.app.lab.test_lab_page import QUICK, opened, text
from tests.app.sessions import selection_of


def test_the_room_has_the_sentence_and_the_transport_but_no_settings() -> None:
    at = opened(**QUICK, present="1")
    assert "after round 1" in text(at)
    assert not at.sidebar.children
    assert {button.key for button in at.button} == {"play", "back", "step", "reset", "leave", "room_open"}
    at.button(key="leave").click().run()
    assert selection_of(at) == Selection()
    assert at.sidebar.children


def test_every_figure_has_a_key() -> None:
    at = opened(**QUICK, present="1")
    assert len(at.selectbox(key="slide").options) == len(FIGURES) <= MOST_SLIDES


@pytest.mark.parametrize(("present", "slide"), [(True, 1), (True, 9), (False, 1)])
def test_the_room_comes_back_from_its_link(present: bool, slide: int) -> None:
    shown = Selection(present=present, slide=slide)
    query = to_query(FederationConfig(), shown)
    assert query == ({"present": "1"} if present else {}) | ({"slide": str(slide)} if slide > 1 else {})
    assert from_query(query)[1:] == (shown, [])


@pytest.mark.parametrize("query", [{"present": "yes"}, {"slide": "0"}, {"slide": "10"}, {"slide": "x"}])
def test_what_a_link_says_wrong_of_the_room_is_told(query: dict[str, str]) -> None:
    _, selection, problems = from_query(query)
    assert selection == Selection()
    assert next(iter(query.values())) in problems[0]
