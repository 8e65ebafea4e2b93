"""The benchmark of a full lecture hall: it hears what a browser would hear, and judges by the targets. No server."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from tests.benchmarks.hall.house import Use
from tests.benchmarks.hall.light import Sample, Seen, read_seen
from tests.benchmarks.hall.people import POPULAR, RANKS, Person, crowds
from tests.benchmarks.hall.report import Outcome, percentile, rows, table
from tests.benchmarks.hall.tab import FIGURE, PACER, SLIDER, Tab
from tests.benchmarks.soak import growth

STAGE = "stage"


def hear(tab: Tab, *messages: ForwardMsg, now: float = 0.0) -> None:
    for message in messages:
        tab.hear(message.SerializeToString(), now)


def begins(*fragments: str) -> ForwardMsg:
    message = ForwardMsg()
    message.new_session.page_script_hash = "lab"
    message.metadata.run.fragment_ids.extend(fragments)
    return message


def ends(
    status: ForwardMsg.ScriptFinishedStatus.ValueType = ForwardMsg.FINISHED_SUCCESSFULLY,
) -> tuple[ForwardMsg, ...]:
    over, idle = ForwardMsg(script_finished=status), ForwardMsg()
    idle.session_status_changed.script_is_running = False
    return over, idle


def figure(name: str, version: str) -> ForwardMsg:
    message = ForwardMsg()
    component = message.delta.new_element.bidi_component
    component.id, component.component_name = f"$$ID-0a1b-figure_{name}", FIGURE
    component.json = json.dumps({"spec": json.dumps({"version": "of plotly"}), "version": version, "footer": "seed 0"})
    return message


def sliders() -> tuple[ForwardMsg, ForwardMsg]:
    alpha, rank = ForwardMsg(), ForwardMsg()
    for message, key in ((alpha, "alpha"), (rank, "rank")):
        component = message.delta.new_element.bidi_component
        component.id, component.component_name = f"$$ID-0a1c-control_{key}", SLIDER
    return alpha, rank


def pacer(seconds: float, look: int) -> ForwardMsg:
    message = ForwardMsg()
    message.delta.fragment_id = STAGE
    component = message.delta.new_element.bidi_component
    component.id, component.component_name = "$$ID-0a1e-pacer_page", PACER
    component.json = json.dumps({"seconds": seconds, "look": look})
    return message


def sent(content: bytes) -> tuple[dict[str, Any], BackMsg]:
    """What a request tells of the page's elements, by their keys, and all of it."""
    request = BackMsg.FromString(content)
    widgets = request.rerun_script.widget_states.widgets
    told = {
        widget.id.removesuffix("__events").rpartition("-")[2]: json.loads(widget.json_trigger_value)
        for widget in widgets
    }
    return told, request


def test_a_tab_rests_once_its_figures_show_the_last_round_and_nothing_asks_again() -> None:
    tab = Tab("http://127.0.0.1:1", "lab", "rank=4")
    _, first = sent(tab.opened())
    assert (first.rerun_script.page_name, first.rerun_script.query_string) == ("lab", "rank=4")
    hear(tab, begins(), *sliders(), figure("latent", "a:15:14"), figure("ladder", "a:15:14"), *ends())
    assert tab.at_rest
    assert tab.shows("a:15:14")

    told, request = sent(tab.slid("control_alpha", 0.1))
    assert told == {"control_alpha": [{"event": "moved", "value": {"value": 0.1, "number": 1}}]}
    assert request.rerun_script.page_script_hash == "lab"
    assert not request.rerun_script.fragment_id
    assert not tab.at_rest

    shown = figure("latent", "b:1:0"), figure("errors", "b:1:0")
    hear(tab, begins(), *sliders(), *shown, pacer(0.25, 7), *ends(), now=5.0)
    assert not tab.at_rest  # the page asks again
    assert set(tab.figures) == {"figure_latent", "figure_errors"}
    assert tab.pace.asks(5.2) == []
    hear(tab, *[figure("latent", "b:1:0")] * 12, now=5.2)
    assert tab.pace.asks(5.6) == []  # it still paints
    (look,) = tab.pace.asks(5.7)
    assert tab.pace.asks(9.0) == []  # once
    _, request = sent(tab.looked(look))
    assert request.rerun_script.fragment_id == STAGE
    (event,) = [w for w in request.rerun_script.widget_states.widgets if w.json_trigger_value]
    assert event.id == "$$STREAMLIT_INTERNAL_KEY_$$ID-0a1e-pacer_page__events"
    assert json.loads(event.json_trigger_value) == [{"event": "look", "value": 7}]
    told, _ = sent(tab.slid("control_rank", 4))
    assert told["control_rank"][0]["value"] == {"value": 4, "number": 2}

    part = ends(ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
    hear(tab, begins(STAGE), figure("latent", "b:15:14"), *part)
    assert not tab.shows("b:15:14")  # one figure is left behind
    hear(tab, begins(), *sliders(), figure("latent", "b:15:14"), figure("errors", "b:15:14"), *ends())
    assert tab.at_rest
    assert tab.shows("b:15:14")


def test_a_tab_follows_the_address_the_menu_and_what_the_page_sets() -> None:
    tab = Tab("http://127.0.0.1:1", "lab", "")
    tab.opened()
    menu, address = ForwardMsg(), ForwardMsg()
    menu.navigation.app_pages.add(url_pathname="quiz", page_script_hash="q")
    menu.navigation.page_script_hash = "lab"
    address.page_info_changed.query_string = "rank=8"
    hear(tab, begins(), menu, address, *sliders(), *ends())
    assert tab.query == "rank=8"
    _, request = sent(tab.walked("rank=2"))
    assert request.rerun_script.query_string == "rank=2"
    assert request.rerun_script.is_history_navigation
    _, request = sent(tab.turned_to("quiz"))
    assert (request.rerun_script.page_script_hash, request.rerun_script.query_string) == ("q", "")


def test_a_tab_notes_errors_and_no_warnings() -> None:
    tab = Tab("http://127.0.0.1:1", "lab", "")
    broken, wrong, warned = ForwardMsg(), ForwardMsg(), ForwardMsg()
    broken.delta.new_element.exception.type, broken.delta.new_element.exception.message = "KeyError", "rank"
    wrong.delta.new_element.alert.body, wrong.delta.new_element.alert.format = "It failed.", Alert.ERROR
    warned.delta.new_element.alert.body, warned.delta.new_element.alert.format = "Mind this.", Alert.WARNING
    hear(tab, begins(), broken, wrong, warned)
    assert tab.errors == ["KeyError: rank", "It failed."]


def test_people_choose_what_their_crowd_chooses() -> None:
    assert [crowds(30).count(crowd) for crowd in ("popular", "own", "others")] == [12, 12, 6]
    for keyboard in (False, True):
        many = [act.config for act in itertools.islice(Person(0, "popular", keyboard).acts(), 60) if act.config]
        assert {(c.values()["alpha"], c.values()["rank"], c.seed) for c in many} <= {
            (setting["alpha"], setting["rank"], 0) for setting in POPULAR
        }
    mine = [act.config for act in itertools.islice(Person(1, "own").acts(), 40) if act.config]
    assert len(set(mine)) == 40
    assert not {c.seed for c in mine} & {
        act.config.seed for act in itertools.islice(Person(2, "own").acts(), 9) if act.config
    }
    stops: dict[str, list[float]] = {"rank": list(RANKS)}
    stops["alpha"] = [0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0]
    by_key = list(itertools.islice(Person(3, "own", keyboard=True).acts(), 30))
    for before, act in itertools.pairwise(by_key):
        assert act.slider is not None
        assert before.config is not None
        key, value = act.slider
        assert abs(stops[key].index(value) - stops[key].index(before.config.values()[key])) == 1


def outcome(took: float | None, computed: int = 1, memory_after: float = 400.0, sessions: int = 30) -> Outcome:
    samples = [Sample("popular", False, 0.1, 0.5, "a")] * 90 + [Sample("popular", False, 0.2, took, "b")] * 10
    light = Seen([Sample("popular", True, 1.0, 2.0, "a"), *samples], pings=9, slowest=0.3)
    return Outcome(
        sessions, 180, 0, light, Seen(), Use(400, 9, 20, 1), Use(memory_after, 9, 20, 1),
        [(2.0, Use(1400, 30, 40, 1))], 30, {"server": 1.5}, {"a": 1, "b": computed, "warmed": 1},
    )  # fmt: skip


def verdict(one: Outcome, name: str) -> bool | None:
    return next(row.met for row in rows(one) if row.name.startswith(name))


def test_targets_judge_the_95th_percentile_and_what_must_never_be() -> None:
    assert percentile([3.0, 1.0, 2.0, None], 0.5) == 2.0
    assert percentile([1.0, None], 0.95) == math.inf
    assert math.isnan(percentile([], 0.5))
    assert verdict(outcome(1.0), "popular, to rest") is True
    assert verdict(outcome(1.1), "popular, to rest") is False
    assert verdict(outcome(1.1, sessions=100), "popular, to rest") is True
    assert verdict(outcome(1.0), "own, to rest") is None  # nobody did
    assert verdict(outcome(None), "never at rest") is False
    assert verdict(outcome(1.0), "popular settings") is True
    assert verdict(outcome(1.0, computed=2), "popular settings") is False
    assert verdict(outcome(1.0, memory_after=430), "memory 30 s after") is True
    assert verdict(outcome(1.0, memory_after=450), "memory 30 s after") is False
    lines = table([outcome(1.0), outcome(1.1)]).splitlines()
    assert not any("Chromium, popular" in line for line in lines)
    assert "0.50, 1.00, 1.00 (100)  met" in lines[1]
    assert "0.50, 1.10, 1.10 (100)  NOT MET" in lines[1]
    assert lines[1].endswith("p95 at most 1 s")


def test_what_a_load_writes_can_be_read_and_growth_is_from_the_middle_third_to_the_last() -> None:
    seen = read_seen(
        '{"samples": [{"crowd": "own", "opening": true, "first": null, "rest": 1.5, "config": "a"}], "pings": 3}'
    )
    assert seen == Seen([Sample("own", True, None, 1.5, "a")], pings=3)
    history = [(float(n), Use(memory, 9, 20, 1)) for n, memory in enumerate([10, 20, 100, 100, 120, 120])]
    assert math.isclose(growth(history, "memory"), 0.2)
    assert growth(history, "threads") == 0
