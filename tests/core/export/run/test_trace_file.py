"""Reopened traces: what a run gives is taken, what no run gives is refused, whatever its checksum says."""

from __future__ import annotations

import dataclasses
import io
import math
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fedrot_core.errors import TraceError
from fedrot_core.export.run import trace_file
from fedrot_core.export.run.trace_file import FLOATS, SHAPES, read
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.records import ArmStopped, CentralisedRecord, RoundRecord
from fedrot_core.trace import Trace
from tests.core.export.small import config


def saved(trace: Trace) -> bytes:
    file = io.BytesIO()
    trace.save(file)
    return file.getvalue()


def refused(trace: Trace, match: str) -> None:
    """Refused although its checksum is right."""
    content = saved(trace)
    with pytest.raises(TraceError, match=match) as caught:
        read(content)
    assert str(caught.value).endswith("Run the config again.") or "must hold every field" in str(caught.value)
    assert len(str(caught.value)) < 400


def edited(trace: Trace, n: int = 0, **fields: Any) -> Trace:
    """A copy with some fields of record n replaced; its checksum follows when it is saved."""
    records = list(trace.records)
    records[n] = RoundRecord.of_stored(records[n].stored() | fields)
    return dataclasses.replace(trace, records=records)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"rank": 1},
        {"task": "digits", "batch": 8, "arms": tuple(METHODS), "rounds": 1},
        {"part": 0.7, "drop": 0.5, "clients": 6},
        {"ranks": "mixed", "arms": ("flora", "hetlora")},
        {"opt": "sgd", "lr": 1.0, "steps": 40, "frames": "trained"},
        {"clients": 40, "rounds": 1},
    ],
    ids=str,
)
def test_every_real_run_is_taken_with_every_number(values: dict[str, Any]) -> None:
    trace = Federation(config(**values)).run()
    again = read(saved(trace))
    assert again.checksum == trace.checksum
    assert again.made_with == trace.made_with


def test_the_table_of_shapes_covers_the_record(trace: Trace) -> None:
    row = trace.records[0].stored()
    arrays = {name for name, value in row.items() if isinstance(value, np.ndarray)}
    assert arrays == set(SHAPES)
    assert set(row) - arrays - FLOATS == {
        "arm", "round_index", "flags", "applied",
    }  # fmt: skip


def test_an_unfinished_run_is_taken(trace: Trace) -> None:
    cut = dataclasses.replace(trace, records=trace.records[:3], centralised=trace.centralised[:1])
    assert read(saved(cut)).rounds_done == 1
    assert read(saved(dataclasses.replace(trace, records=[], centralised=[]))).records == []


@pytest.mark.parametrize("name", SHAPES)
def test_arrays_of_a_wrong_shape_or_kind_are_refused(trace: Trace, name: str) -> None:
    value = trace.records[1].stored()[name]
    refused(edited(trace, 1, **{name: value[None]}), f"{name} of a wrong kind in round 0 of fedrot")
    refused(edited(trace, 1, **{name: value.astype(complex)}), f"{name} of a wrong kind")
    refused(edited(trace, 1, **{name: np.full(value.shape, "x")}), f"{name} of a wrong kind")
    if value.size:
        refused(edited(trace, 1, **{name: value[..., :0]}), "of a wrong shape|twice")
        refused(edited(trace, 1, **{name: np.concatenate([value, value])}), "of a wrong shape|twice")


@pytest.mark.parametrize("name", [n for n, spec in SHAPES.items() if spec.startswith("f")])
def test_arrays_that_are_not_finite_are_refused(trace: Trace, name: str) -> None:
    for bad in (np.nan, np.inf):
        value = trace.records[0].stored()[name].copy()
        value.flat[-1] = bad
        refused(edited(trace, **{name: value}), f"{name} that is not finite")


@pytest.mark.parametrize("name", ["clients", "features"])
@pytest.mark.parametrize("bad", [-1, 10**6])
def test_indices_out_of_range_are_refused(trace: Trace, name: str, bad: int) -> None:
    value = trace.records[0].stored()[name].copy()
    value.flat[-1] = bad
    refused(edited(trace, **{name: value}), f"{name} out of range|twice")


@pytest.mark.parametrize("name", sorted(FLOATS))
def test_plain_numbers_must_be_finite_numbers(trace: Trace, name: str) -> None:
    bads: tuple[Any, ...] = (float("nan"), "1.0", None, [1.0], 10**30)
    for bad in bads:
        refused(edited(trace, **{name: bad}), f"{name} that is no finite number")


HOSTILE: dict[str, tuple[Callable[[Trace], dict[str, Any]], str]] = {
    "markup as engine": (lambda t: {"engine": "<b>2"}, "unknown engine"),
    "a number as engine": (lambda t: {"engine": 2}, "field of a wrong kind"),
    "unknown device": (lambda t: {"device": "tpu"}, "unknown engine or device"),
    "a link as processor": (lambda t: {"made_with": {"processor": "[x](http://h)"}}, "strange names of software"),
    "an address as processor": (
        lambda t: {"made_with": {"processor": "see www.x.example"}},
        "strange names of software",
    ),
    "emphasis as processor": (lambda t: {"made_with": {"processor": "an _x_"}}, "strange names of software"),
    "a long engine": (lambda t: {"engine": "9" * 5000}, "unknown engine"),
    "a message with a tag": (
        lambda t: {"stopped": [ArmStopped("fedit", 3, "<a href='http://h'>x</a>")]},
        "a message of fedit that holds markup",
    ),
    "control characters": (lambda t: {"made_with": {"torch": "\x1b[31m"}}, "strange names of software"),
    "much software": (lambda t: {"made_with": {str(n): "x" for n in range(50)}}, "strange names of software"),
    "arms of a mistake": (lambda t: {"arms": t.arms[::-1]}, "arms that its config does not name"),
    "no arms": (lambda t: {"arms": ()}, "arms that its config does not name"),
    "another task": (lambda t: {"task": dataclasses.replace(t.task, summary="<img>")}, "another summary of the task"),
    "more layers": (lambda t: {"task": dataclasses.replace(t.task, layers=("a",) * 9)}, "another layers of the task"),
    "other samples": (lambda t: {"task": dataclasses.replace(t.task, sample_counts=(1, 2))}, "another sample counts"),
    "start": (lambda t: {"task": dataclasses.replace(t.task, start_loss=math.inf)}, "start score that is no number"),
    "rounds twice": (lambda t: {"records": [*t.records, t.records[0]]}, "rounds of fedit out of order"),
    "a round missing": (lambda t: {"records": t.records[2:]}, "rounds of fedit out of order"),
    "an arm missing": (lambda t: {"records": t.arm("fedit")}, "rounds of fedrot out of order"),
    "centralised out of order": (lambda t: {"centralised": t.centralised[::-1]}, "rounds out of order"),
    "too many rounds": (lambda t: {"config": config(rounds=2)}, "more rounds than its config asks for"),
    "a centralised as text": (
        lambda t: {"centralised": [CentralisedRecord(n, "x", 0.0) for n in range(3)]},  # type: ignore[arg-type]
        "centralised score",
    ),
    "an unknown arm stops": (lambda t: {"stopped": [ArmStopped("x", 1, "why")]}, "arm that its config does not name"),
    "stops and goes on": (lambda t: {"stopped": [ArmStopped("fedit", 1, "why")]}, "rounds of fedit out of order"),
    "stops twice": (lambda t: {"stopped": [ArmStopped("fedit", 3, "a")] * 2}, "an arm that stops twice"),
    "a long message": (
        lambda t: {"stopped": [ArmStopped("fedit", 3, "a" * 9999)]},
        "of fedit that is too long",
    ),
    "a message in colour": (lambda t: {"stopped": [ArmStopped("fedit", 3, "\x1b[31m")]}, "cannot be printed"),
    "another rank": (lambda t: {"config": config(rank=3)}, "of a wrong shape"),
    "another number of clients": (lambda t: {"config": config(clients=2)}, "another|out of range"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_run_gives_is_refused_though_its_checksum_is_right(trace: Trace, name: str) -> None:
    change, match = HOSTILE[name]
    refused(dataclasses.replace(trace, **change(trace)), match)


def test_unknown_flags_and_clients_that_occur_twice_are_refused(trace: Trace) -> None:
    refused(edited(trace, flags=("on fire",)), "unknown flags")
    refused(edited(trace, applied=1), "unknown flags")
    refused(edited(trace, clients=np.zeros(3, dtype=np.int64)), "clients that occur twice")
    refused(edited(trace, arm="gpa"), "records of an arm that its config does not name")
    refused(edited(trace, round_index="0"), "rounds of fedit out of order|wrong kind")


def test_labels_and_colours_come_from_the_registry_not_from_the_file(trace: Trace) -> None:
    cards = tuple(dataclasses.replace(c, label="<script>", hue="none", dash="x", symbol="y") for c in trace.arms)
    assert read(saved(dataclasses.replace(trace, arms=cards))).arms == trace.arms


def test_a_config_that_cannot_run_is_refused(trace: Trace) -> None:
    for other in (config(arms=("nobody",)), config(arms=("flora",), server="adam")):
        with pytest.raises(TraceError, match="config must be one that can run; this one cannot"):
            read(saved(dataclasses.replace(trace, config=other)))


def test_a_trace_of_an_older_engine_is_taken_or_says_that_it_is_older(trace: Trace) -> None:
    older = dataclasses.replace(trace, engine="1")
    assert read(saved(older)).engine == "1"
    refused(
        dataclasses.replace(older, task=dataclasses.replace(trace.task, loss_name="x")), "It is of engine '1', this"
    )


def test_size_limits_hold_packed_and_unpacked(trace: Trace, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(trace)
    monkeypatch.setattr(trace_file, "MAX_UNPACKED", 10_000)
    with pytest.raises(TraceError, match=r"unpack to at most 10,000 bytes; got [\d,]+\. Run fewer rounds"):
        read(content)
    monkeypatch.setattr(trace_file, "MAX_BYTES", len(content) - 1)
    with pytest.raises(TraceError, match=r"must have at most [\d,]+ bytes; got [\d,]+\."):
        read(content)


def test_a_small_file_that_unpacks_to_gigabytes_is_refused_unread() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        block = b"\0" * 2**20
        with archive.open("header.npy", "w", force_zip64=True) as entry:
            for _ in range(300):
                entry.write(block)
    assert len(file.getvalue()) < 2**20
    with pytest.raises(TraceError, match="unpack to at most 268,435,456 bytes"):
        read(file.getvalue())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x05\x06" + b"\0" * 18, b"{}", b"\x93NUMPY", b"\x80\x04."])
def test_files_that_are_no_traces_are_refused(content: bytes) -> None:
    with pytest.raises(TraceError, match="must be an NPZ file written by this app"):
        read(content)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused_or_the_same(trace: Trace, data: st.DataObject) -> None:
    content = bytearray(saved(trace))
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    try:
        again = read(bytes(content))
    except TraceError:
        return
    assert again.checksum == trace.checksum


@pytest.mark.parametrize(
    "name",
    ["x86_64 AVX512", "arm64 DEFAULT", "NVIDIA H100 80GB HBM3", "2.13.0+cpu", "Intel(R) Xeon(R) CPU @ 2.20GHz", "4"],
)
def test_names_of_software_and_processors_are_taken(trace: Trace, name: str) -> None:
    assert read(saved(dataclasses.replace(trace, made_with={"processor": name}))).made_with == {"processor": name}
