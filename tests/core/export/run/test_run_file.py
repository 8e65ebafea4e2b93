"""Run files survive writing and reading, and nothing, however broken or hostile, gets past ``read`` unexplained."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.export.run import run_file
from fedrot_core.export.run.run_file import CENTRALISED, RunFile, read, write
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.records import ArmStopped, CentralisedRecord, RoundRecord
from fedrot_core.trace import Trace
from tests.core.export.small import config

fixtures = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def plain(trace: Trace) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(write(trace))
    return data


def encoded(data: Any) -> bytes:
    return json.dumps(data).encode()


def refused(content: bytes, match: str) -> None:
    """Refused in the one sentence shape: rule, value, remedy."""
    with pytest.raises(ConfigError, match=match) as caught:
        read(content)
    text = str(caught.value)
    assert len(text) < 1000
    assert text.endswith((".", "run.json."))


def test_what_is_written_is_read(trace: Trace) -> None:
    run = read(write(trace))
    assert repr(run) == repr(RunFile.of(trace))  # NaN is equal to itself in text only
    assert run.config == trace.config
    assert run.checksum == trace.checksum
    assert (run.engine, run.device, run.rounds) == (ENGINE_VERSION, "cpu", 3)
    assert set(run.made_with) >= {"python", "torch", "numpy", "processor", "threads"}
    assert list(run.rows) == [*trace.config.methods, CENTRALISED]
    for name in trace.config.methods:
        for row, record in zip(run.rows[name], trace.arm(name), strict=True):
            assert (row.loss, row.score, row.error) == (record.loss, record.score, float(record.errors.own[-1]))
    assert [row.score for row in run.rows[CENTRALISED]] == [c.score for c in trace.centralised]
    assert (run.start_loss, run.start_score) == (trace.task.start_loss, trace.task.start_score)


def test_a_run_file_is_strict_json_and_small(trace: Trace) -> None:
    content = write(trace)
    json.loads(content, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(content) < 4000
    data = json.loads(content)
    assert data["seed"] == data["config"]["seed"] == 0


def test_the_largest_run_file_is_within_the_limit(trace: Trace) -> None:
    record = trace.records[0]
    methods = tuple(METHODS)
    big = dataclasses.replace(
        trace,
        config=config(arms=methods, rounds=100),
        arms=tuple(m.card for m in METHODS.values()),
        records=[dataclasses.replace(record, arm=a, round_index=t) for t in range(100) for a in methods],
        centralised=[CentralisedRecord(t, 0.1234567890123456, 0.1234567890123456) for t in range(100)],
    )
    content = write(big)
    assert len(content) < run_file.MAX_BYTES / 4
    assert read(content).rounds == 100


def test_numbers_that_are_not_finite_survive(trace: Trace) -> None:
    odd = dataclasses.replace(trace, centralised=[CentralisedRecord(t, float("nan"), float("-inf")) for t in range(3)])
    run = read(write(odd))
    assert np.isnan(run.rows[CENTRALISED][1].loss)
    assert run.rows[CENTRALISED][2].score == float("-inf")


def test_an_unfinished_run_holds_its_whole_rounds_only(trace: Trace) -> None:
    cut = dataclasses.replace(trace, records=trace.records[:3], centralised=trace.centralised[:1])
    run = read(write(cut))
    assert run.rounds == 1
    assert [len(rows) for rows in run.rows.values()] == [1, 1, 1]
    assert run.checksum == trace.upto(1).checksum


def test_an_arm_that_stopped_keeps_its_rounds_and_where_it_stopped() -> None:
    wild = Federation(config(opt="sgd", lr=1.0, steps=40, frames="trained", arms=("fedit", "ffa"))).run()
    assert wild.stopped
    run = read(write(wild))
    assert run.stopped == {s.arm: s.round_index for s in wild.stopped}
    assert all(len(run.rows[arm]) == t for arm, t in run.stopped.items())


def test_runs_that_cannot_be_named_are_not_written(trace: Trace) -> None:
    with pytest.raises(ConfigError, match="at least one whole round"):
        write(dataclasses.replace(trace, centralised=[]))
    with pytest.raises(ConfigError, match="registered methods"):
        write(dataclasses.replace(trace, arms=trace.arms[::-1]))


def test_the_rest_sees_every_array_of_a_record(trace: Trace) -> None:
    record = trace.records[0]

    def rest(**fields: Any) -> float:
        changed = dataclasses.replace(
            trace, records=[RoundRecord.of_stored(record.stored() | fields), *trace.records[1:]]
        )
        return RunFile.of(changed).rows["fedit"][0].rest

    base = rest()
    assert rest(client_seconds=9.0, server_seconds=9.0) == base
    for name, value in record.stored().items():
        if isinstance(value, np.ndarray) and value.size:
            other = value.copy()
            other.flat[-1] = ~other.flat[-1] if value.dtype == bool else other.flat[-1] + 1
            assert rest(**{name: other}) != base, name


Change = Callable[[dict[str, Any]], Any]

BROKEN: dict[str, tuple[Change, str]] = {
    "other kind": (lambda d: d.update(kind="recipe"), "kind 'fedrot run'; got 'recipe'"),
    "no kind": (lambda d: d.pop("kind"), "kind"),
    "newer format": (lambda d: d.update(format=3), r"format must be 2; got 3\. It is of another version"),
    "format as text": (lambda d: d.update(format="1"), "format must be 2; got '1'"),
    "unknown field": (lambda d: d.update(run="rm -rf"), r"only; got \['run'\]\. Remove what is unknown"),
    "missing field": (lambda d: d.pop("checksum"), r"got \"none of \['checksum'\]\""),
    "unknown setting": (lambda d: d["config"].update(momentum=0.9), "momentum"),
    "missing setting": (lambda d: d["config"]["lora"].pop("rank"), "rank"),
    "rank out of range": (lambda d: d["config"]["lora"].update(rank=99), r"Rank r must be in 1\.\.32; got 99\. Use 32"),
    "rank as text": (lambda d: d["config"]["lora"].update(rank="2"), "Rank r"),
    "config as list": (lambda d: d.update(config=[1]), "config must be a JSON object"),
    "unknown method": (lambda d: d["config"].update(methods=["fedsgd"]), "Method must be one of"),
    "other seed": (lambda d: d.update(seed=7), "seed must be its config's, 0; got 7"),
    "short checksum": (lambda d: d.update(checksum="abc"), "checksum must be text"),
    "checksum as number": (lambda d: d.update(checksum=12), "checksum must be text"),
    "strange engine": (lambda d: d.update(engine="2\n<script>"), "engine must be text"),
    "strange device": (lambda d: d.update(device="tpu"), "device must be text of the form cpu"),
    "made with a list": (lambda d: d.update(made_with=[]), "made_with must be a JSON object"),
    "made with markup": (lambda d: d["made_with"].update(torch="x\u202e"), "made_with must be text"),
    "made with a link": (lambda d: d["made_with"].update(torch="[x](http://h)"), "made_with must be text"),
    "made with too much": (lambda d: d.update(made_with={f"a{'b' * n}": "c" for n in range(20)}), "at most 16 names"),
    "arm missing": (lambda d: d["rounds"].pop("fedrot"), "rounds must hold"),
    "arm unknown": (lambda d: d["rounds"].update(x={}), "rounds must hold"),
    "rounds as list": (lambda d: d.update(rounds=[]), "rounds must be a JSON object"),
    "rows as list": (lambda d: d["rounds"].update(fedit=[]), "Rounds of fedit must be a JSON object"),
    "column missing": (lambda d: d["rounds"]["fedit"].pop("error"), "Rounds of fedit must hold"),
    "column unknown": (lambda d: d["rounds"][CENTRALISED].update(error=[0, 0, 0]), "only"),
    "column as text": (lambda d: d["rounds"]["fedit"].update(loss="123"), "loss of fedit must list"),
    "column too long": (lambda d: d["rounds"]["fedit"]["loss"].extend([0.1] * 200), r"at most 3; got '203 entries'"),
    "column too short": (lambda d: d["rounds"]["fedit"]["score"].pop(), "score of fedit must list"),
    "fewer rounds of one arm": (lambda d: [c.pop() for c in d["rounds"]["fedit"].values()], "Rounds of fedit must num"),
    "no rounds": (
        lambda d: [c.clear() for arm in d["rounds"].values() for c in arm.values()],
        "at least one whole round",
    ),
    "a loss as text": (lambda d: d["rounds"]["fedit"]["loss"].__setitem__(1, "0.5"), "loss of fedit in round 1 must"),
    "a loss as null": (lambda d: d["rounds"]["fedit"]["loss"].__setitem__(1, None), "loss of fedit in round 1 must"),
    "a loss as truth": (lambda d: d["rounds"]["fedit"]["loss"].__setitem__(0, True), "must be a finite number"),
    "a huge whole number": (lambda d: d["rounds"]["fedit"]["loss"].__setitem__(0, 10**400), "must be a finite number"),
    "a rest as text": (lambda d: d["rounds"]["fedit"]["rest"].__setitem__(2, "0" * 9), "rest of fedit in"),
    "stopped elsewhere": (lambda d: d.update(stopped={"fedit": 1}), "Rounds of fedit must number 3, as listed; got 1"),
    "stopped unknown": (lambda d: d.update(stopped={"x": 1}), "stopped must name arms"),
    "stopped as list": (lambda d: d.update(stopped=["fedit"]), "stopped must be a JSON object"),
    "start without score": (lambda d: d["start"].pop("score"), "start must hold"),
    "start as truth": (lambda d: d["start"].update(loss=False), "start loss must be a finite number"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_part_is_named_with_rule_value_and_remedy(trace: Trace, name: str) -> None:
    change, match = BROKEN[name]
    data = plain(trace)
    change(data)
    refused(encoded(data), match)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "be JSON text"),
        (b"{", "be JSON text"),
        (b"\xff\xfe\x00", "be JSON text"),
        (b"PK\x03\x04zip", "be JSON text"),
        (b"null", "be a JSON object"),
        (b"[" * 100_000, "be JSON text"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "be JSON text|kind"),
        (b'{"kind": "fedrot run", "kind": "x"}', "a name occurs twice"),
        (b'{"kind": NaN}', "NaN is no JSON number"),
        (b'{"kind": Infinity}', "Infinity is no JSON number"),
        (b'{"kind": ' + b"9" * 5000 + b"}", "be JSON text|kind"),
        (b'{"' + b"k" * 1000 + b'": 1}', "have the kind"),
    ],
)
def test_text_that_is_no_run_file_is_refused(content: bytes, match: str) -> None:
    refused(content, match)


def test_a_number_that_overflows_to_infinity_is_refused(trace: Trace) -> None:
    content = write(trace).replace(b'"loss": [', b'"loss": [1e999, ', 1)
    refused(content, "must")


def test_too_large_a_file_is_refused_unread() -> None:
    refused(b" " * (run_file.MAX_BYTES + 1), "have at most 2,097,152 bytes; got 2097153")


def test_pickles_are_never_opened() -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("unpickled",))

    refused(pickle.dumps(Bomb()), "be JSON text")


def test_a_file_of_another_engine_whose_settings_changed_says_so(trace: Trace) -> None:
    data = plain(trace) | {"engine": "1"}
    del data["config"]["server"]["staleness"]
    refused(encoded(data), f"of engine 1, this is engine {ENGINE_VERSION}")


def test_a_byte_order_mark_of_an_editor_does_no_harm(trace: Trace) -> None:
    assert read(b"\xef\xbb\xbf" + write(trace)).checksum == trace.checksum


@fixtures
@given(st.binary(max_size=200))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(ConfigError):
        read(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@fixtures
@given(st.data(), JSON)
def test_any_value_in_any_place_is_read_or_refused(trace: Trace, data: st.DataObject, value: Any) -> None:
    """Nothing but ConfigError comes out."""
    content = plain(trace)
    node: Any = content
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(node[key], (dict, list)) or not node[key] or data.draw(st.booleans()):
            node[key] = value
            break
        node = node[key]
    with contextlib.suppress(ConfigError):
        assert isinstance(read(encoded(content)).config, FederationConfig)


def test_reading_changes_nothing(trace: Trace) -> None:
    data = plain(trace)
    before = copy.deepcopy(data)
    read(encoded(data))
    assert data == before


def test_messages_of_stopped_arms_do_not_enter_the_file(trace: Trace) -> None:
    odd = dataclasses.replace(trace, stopped=[ArmStopped("fedit", 3, "<b>")])
    assert b"<b>" not in write(odd)
