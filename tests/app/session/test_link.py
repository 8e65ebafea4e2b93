"""The address bar: read when a person means it, and written before anything is drawn, on every page that has a link."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import ScriptRunContext
from streamlit.testing.v1 import AppTest

from app.session.link import LONGEST, MOST_KEYS, MOST_TOLD, cut, told
from app.session.query import Selection, to_query
from app.widgets.text import plain
from fedrot_core.config import FederationConfig
from fedrot_core.export.run.link_check import link_check
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from tests import ROOT
from tests.app.sessions import config_of

MAIN = str(ROOT / "app" / "main.py")
LINKED = {
    "01_lab": {"rounds": "1", "steps": "1", "clients": "3"},
    "02_compare": {"rounds": "1", "steps": "1", "clients": "2", "seeds": "1", "compare": "fedit"},
    "03_when": {"rounds": "1", "steps": "1", "clients": "2"},
    "04_spot_the_bug": {"bug": "order", "rounds": "1", "steps": "1"},
    "05_paper": {"rounds": "1", "steps": "1", "seeds": "1"},
    "06_diagnose": {"set": "shared"},
    "one_update": {"step": "2"},
    "20_quiz": {"quiz_seed": "7", "topic": "all", "n": "3"},
    "31_lecture_pack": {"rounds": "1"},
}


def opened(page: str, **more: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(f"../pages/{page}.py")
    at.query_params.update(LINKED[page] | more)
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("page", LINKED)
def test_the_link_is_sent_before_anything_is_drawn(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []
    passed_on = ScriptRunContext.enqueue

    def enqueue(context: ScriptRunContext, message: ForwardMsg) -> None:
        sent.append(message.WhichOneof("type"))
        passed_on(context, message)

    monkeypatch.setattr(ScriptRunContext, "enqueue", enqueue)
    opened(page)
    assert sent.index("page_info_changed") < sent.index("delta")


@pytest.mark.parametrize("page", LINKED)
def test_what_other_sites_add_to_a_link_is_dropped_in_silence(page: str) -> None:
    at = opened(page, fbclid="x", utm_source="mail")
    assert not [w for w in at.warning if "link" in w.value]
    assert not {"fbclid", "utm_source"} & set(at.query_params)


@pytest.mark.parametrize("page", LINKED)
def test_a_value_of_any_length_is_told_and_ends_no_page(page: str) -> None:
    keys = [key for key, text in LINKED[page].items() if text.isdecimal()]
    at = opened(page, **dict.fromkeys(keys, "9" * 5000), **{"k" * 5000: "v"})
    told = [w.value for w in at.warning]
    assert len(told) > len(keys)
    assert max(map(len, told)) < 4 * LONGEST
    assert all(at.query_params.get(key) != ["9" * 5000] for key in keys)


@pytest.mark.parametrize("page", LINKED)
def test_a_request_that_carries_an_old_address_does_not_pull_the_page_back(page: str) -> None:
    """Only a walk through the browser's history does: a request may have been sent before the newest link came."""
    at = opened(page)
    link = dict(at.query_params)
    at.query_params.clear()
    at.run()
    assert not at.exception
    assert dict(at.query_params) == link


def test_an_old_value_in_a_request_that_carries_an_old_address_is_no_wish_and_a_new_one_is() -> None:
    """A preset moves the frames from "svd" to "trained"; requests sent before the browser knows still say "svd"."""
    at = opened("01_lab")
    old = dict(at.query_params)
    at.segmented_control(key="preset").set_value("trained").run()
    assert at.selectbox(key="control_frames").value == "trained"

    def sent(value: str, address: dict[str, Any]) -> str:
        at.query_params.clear()
        at.query_params.update(address)
        at.selectbox(key="control_frames").set_value(value).run()
        assert not at.exception
        return config_of(at).frames.kind

    now = dict(at.query_params)
    assert sent("svd", old) == "trained"
    assert dict(at.query_params) == now
    assert sent("turned", old) == "turned"
    assert sent("trained", dict(at.query_params)) == "trained"
    assert sent("svd", dict(at.query_params)) == "svd"


def test_walking_back_takes_the_place_of_that_address(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened("20_quiz")
    at.query_params["n"] = "1"
    monkeypatch.setattr(ScriptRunContext, "is_history_navigation", property(lambda _: True, lambda *_: None))
    at.run()
    assert at.query_params["n"] == "1"


def test_a_link_to_another_page_is_taken_and_the_navigation_bar_keeps_the_place() -> None:
    at = opened("01_lab")
    at.switch_page("../pages/05_paper.py")
    at.query_params.clear()
    at.run()
    at.switch_page("../pages/01_lab.py")
    at.query_params.clear()
    at.run()
    assert {key: at.query_params[key] for key in LINKED["01_lab"]} == LINKED["01_lab"]
    at.switch_page("../pages/02_compare.py")
    at.query_params.clear()
    at.query_params["rank"] = "7"
    at.run()
    assert config_of(at).lora.rank == 7


@pytest.mark.parametrize("page", LINKED)
def test_nothing_in_a_link_becomes_markup(page: str) -> None:
    at = AppTest.from_file(MAIN, default_timeout=60)
    at.switch_page(f"../pages/{page}.py")
    at.query_params["foo"] = "[Log in](http://x.example)"
    at.run()
    assert not at.exception
    (told,) = [warning.value for warning in at.warning if "Log in" in warning.value]
    assert plain("[Log in](http://x.example)") in told


def test_the_longest_link_of_ours_is_not_cut() -> None:
    small = {"task": "teacher", "clients": 3, "rounds": 1, "steps": 1, "frames": "trained", "arms": tuple(METHODS)}
    trace = Federation(FederationConfig().with_values(small)).run()
    selection = Selection(compare=tuple(METHODS), check=link_check(trace))
    assert max(map(len, to_query(trace.config, selection).values())) <= LONGEST


def test_what_a_long_link_has_too_much_of_is_cut_and_told() -> None:
    query = {f"k{n}": "v" for n in range(MOST_KEYS + 5)} | {"utm_x": "v"}
    assert list(cut(query)) == [f"k{n}" for n in range(MOST_KEYS)]
    assert told(["a"], {"k": "v"}) == ["a"]
    *first, rest, most = told(["a"] * (MOST_TOLD + 3), query)
    assert len(first) == MOST_TOLD
    assert "3 further notes" in rest
    assert f"at most {MOST_KEYS} settings; this one has {len(query)}" in most
