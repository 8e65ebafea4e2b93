"""Traces survive saving, and no file, however broken or hostile, gets past ``load`` or raises anything odd."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import zipfile
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fedrot_core.trace as trace_module
from fedrot_core.config import FederationConfig
from fedrot_core.errors import TraceError
from fedrot_core.federation import Federation
from fedrot_core.records import ArmStopped, CentralisedRecord, RoundRecord, array_of
from fedrot_core.trace import MEASURED_WORK, Trace


def make(**values: object) -> Trace:
    small = {"task": "teacher", "clients": 3, "rounds": 2, "steps": 3, "rank": 2, "device": "cpu"}
    return Federation(FederationConfig().with_values({**small, **values})).run()


TRACE = make()
TRACE.add(ArmStopped("fedit", 2, "stopped, with a μ in its message"))
TRACE.add(CentralisedRecord(2, float("nan"), float("inf")))


def saved(trace: Trace) -> bytes:
    file = io.BytesIO()
    trace.save(file)
    return file.getvalue()


BYTES = saved(TRACE)


def load(content: bytes) -> Trace:
    return Trace.load(io.BytesIO(content))


def refused(content: bytes, match: str) -> None:
    with pytest.raises(TraceError, match=match) as caught:
        load(content)
    assert str(caught.value).endswith((".", ")."))


def rewritten(arrays: dict[str, Any] | None = None, header: dict[str, Any] | None = None, drop: str = "") -> bytes:
    """The saved file with some arrays and header entries replaced, and one array dropped."""
    with np.load(io.BytesIO(BYTES)) as npz:
        content = {name: npz[name] for name in npz.files}
    plain = json.loads(bytes(content.pop("header"))) | (header or {})
    content |= arrays or {}
    content = {name: value for name, value in content.items() if name != drop}
    file = io.BytesIO()
    np.savez_compressed(file, header=np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8), **content)
    return file.getvalue()


def test_a_saved_trace_loads_with_every_number() -> None:
    again = load(BYTES)
    assert again.checksum == TRACE.checksum
    assert again.config == TRACE.config
    assert again.task == TRACE.task
    assert again.arms == TRACE.arms
    assert again.device == TRACE.device
    assert again.stopped == TRACE.stopped
    assert [c.round_index for c in again.centralised] == [0, 1, 2]
    assert np.isnan(again.centralised[-1].loss)
    assert len(again.records) == len(TRACE.records) == 4
    for a, b in zip(again.records, TRACE.records, strict=True):
        for name, y in b.stored().items():
            x = a.stored()[name]
            if isinstance(y, np.ndarray):
                assert x.dtype == y.dtype
                assert np.array_equal(x, y), name
            else:
                assert x == y
                assert type(x) is type(y)
    assert load(saved(again)).checksum == TRACE.checksum


def test_an_empty_trace_loads() -> None:
    federation = Federation(FederationConfig().with_values({"clients": 3, "device": "cpu"}))
    empty = federation.new_trace()
    again = load(saved(empty))
    assert again.records == []
    assert again.task == empty.task
    assert again.checksum == empty.checksum


def test_files_hold_no_pickle() -> None:
    with np.load(io.BytesIO(BYTES), allow_pickle=False) as npz:
        assert all(npz[name].dtype != object for name in npz.files)


def test_checksum_sees_every_part() -> None:
    base = TRACE.checksum

    def changed(**fields: Any) -> str:
        return dataclasses.replace(TRACE, **fields).checksum

    record = TRACE.records[0]

    def with_field(name: str, value: Any) -> str:
        return changed(records=[RoundRecord.of_stored(record.stored() | {name: value}), *TRACE.records[1:]])

    assert changed() == base
    assert changed(device="cuda") != base
    assert changed(config=TRACE.config.with_values({"seed": 5})) != base
    assert changed(records=TRACE.records[:-1]) != base
    assert changed(records=TRACE.records[::-1]) != base
    assert changed(stopped=[]) != base
    assert changed(centralised=[]) != base
    assert changed(task=dataclasses.replace(TRACE.task, start_loss=0.5)) != base
    for name, value in record.stored().items():
        if isinstance(value, np.ndarray) and value.size:
            other = value.copy()
            other.flat[-1] = ~other.flat[-1] if value.dtype == bool else other.flat[-1] + 1
            assert with_field(name, other) != base
            flat = value.reshape(-1, 1)
            if flat.shape != value.shape:
                assert with_field(name, flat) != base
        elif isinstance(value, float):
            assert (with_field(name, 9.5) == base) == (name in MEASURED_WORK)
    assert set(MEASURED_WORK) == {"client_seconds", "server_seconds"}  # what no two runs have in common


def test_other_format_versions_are_refused_by_number() -> None:
    refused(rewritten(header={"format": 99}), r"format must be 4; got 99\. Run the config again")
    refused(rewritten(header={"format": "1"}), r"format must be 4; got '1'")


def test_a_trace_of_an_older_engine_still_loads_and_says_so() -> None:
    older = dataclasses.replace(TRACE, engine="0")
    again = load(saved(older))
    assert again.engine == "0"
    assert again.checksum == older.checksum != TRACE.checksum


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.99, 0.9999])
def test_truncated_files_are_refused(share: float) -> None:
    refused(BYTES[: int(share * len(BYTES))], "must be an NPZ file written by this app")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x80\x04", b"PK\x05\x06"]))
def test_random_bytes_are_refused(content: bytes, start: bytes) -> None:
    refused(start + content, "must be an NPZ file written by this app")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(BYTES) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_harmless(position: int, flip: int) -> None:
    """Some bytes of a zip carry no data; any other is caught, and nothing but TraceError comes out."""
    content = bytearray(BYTES)
    content[position] ^= flip
    try:
        again = load(bytes(content))
    except TraceError:
        return
    assert again.checksum == TRACE.checksum


class Bomb:
    """Leaves a mark if it is ever unpickled."""

    exploded = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Bomb, "exploded", True))


def test_pickles_are_never_opened() -> None:
    refused(pickle.dumps(Bomb()), "must be an NPZ file")
    single, member = io.BytesIO(), io.BytesIO()
    np.save(single, np.array([Bomb()], dtype=object), allow_pickle=True)
    refused(single.getvalue(), "must be an NPZ file")
    np.savez(member, header=np.array([Bomb()], dtype=object))
    refused(member.getvalue(), "must be an NPZ file")
    refused(rewritten(arrays={"0.error": np.array([Bomb()], dtype=object)}), "must be an NPZ file")
    assert not Bomb.exploded


def test_a_plain_array_or_a_foreign_archive_is_refused() -> None:
    single, foreign, text = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(single, np.arange(3))
    refused(single.getvalue(), "must be an NPZ file")
    np.savez(foreign, x=np.arange(3))
    refused(foreign.getvalue(), "must be an NPZ file")
    with zipfile.ZipFile(text, "w") as archive:
        archive.writestr("header.npy", "no array")
        archive.writestr("notes.txt", "hello")
    refused(text.getvalue(), "must be an NPZ file")
    for header in (b"[1, 2]", b"3", b"{", b"\xff\xfe", b'"format"', b"[" * 100_000):
        file = io.BytesIO()
        np.savez(file, header=np.frombuffer(header, dtype=np.uint8))
        refused(file.getvalue(), "must be an NPZ file")


def test_archives_that_unpack_to_too_much_are_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "MAX_BYTES", 10_000)
    refused(BYTES, r"at most 10,000 bytes; got [\d,]+\.")
    claims = io.BytesIO()
    with zipfile.ZipFile(claims, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.npy", b"\0" * 1_000_000)
    refused(claims.getvalue(), "at most 10,000 bytes; got 1,000,000")


def test_an_array_that_claims_an_absurd_shape_is_refused() -> None:
    file = io.BytesIO()
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000000,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("header.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)
    refused(file.getvalue(), "must be an NPZ file")


@pytest.mark.parametrize("name", ["0.error", "1.ladder", "3.latent_path", "2.weights"])
def test_tampered_numbers_are_refused(name: str) -> None:
    with np.load(io.BytesIO(BYTES)) as npz:
        value = npz[name]
    other = value.copy()
    other.flat[0] += 1e-7
    refused(rewritten(arrays={name: other}), r"must match their checksum '[0-9a-f]{16}'; they give '[0-9a-f]{16}'")
    refused(rewritten(arrays={name: value.reshape(-1, 1)}), "must match their checksum")
    refused(rewritten(arrays={name: value.astype(np.complex128)}), "must match their checksum")
    assert load(rewritten()).checksum == TRACE.checksum


def test_tampered_headers_are_refused() -> None:
    other = TRACE.config.with_values({"seed": 5}).to_dict()
    refused(rewritten(header={"config": other}), "must match their checksum")
    refused(rewritten(header={"device": "cuda"}), "must match their checksum")
    refused(rewritten(header={"checksum": None}), "must match their checksum")
    refused(rewritten(header={"stopped": []}), "must match their checksum")


@pytest.mark.parametrize("part", ["config", "task", "arms", "records", "centralised", "stopped", "device", "engine"])
@pytest.mark.parametrize("value", [None, 3, "x", [], [[]], [None], {}, {"x": 1}, [{"x": 1}], [3]])
def test_headers_of_wrong_shape_are_refused(part: str, value: Any) -> None:
    refused(rewritten(header={part: value}), "must hold every field|must match their checksum")


def test_missing_and_strange_arrays_are_refused() -> None:
    refused(rewritten(drop="0.error"), "must hold every field")
    for name in ("error", "x.error", "0.surprise", "0.", ".", "-", "0.loss"):
        refused(rewritten(arrays={name: np.zeros(1)}), "must hold every field|must match their checksum")


def test_at_gives_the_latest_earlier_record() -> None:
    first, second = TRACE.arm("fedrot")
    assert TRACE.at("fedrot", 0) is first
    assert TRACE.at("fedrot", 1) is second
    assert TRACE.at("fedrot", 50) is second
    assert TRACE.at("fedrot", -1) is None
    assert TRACE.at("gpa", 3) is None


def test_add_sorts_events_by_kind_and_rounds_done_counts_whole_rounds() -> None:
    trace = dataclasses.replace(TRACE, records=[], centralised=[], stopped=[])
    assert trace.rounds_done == 0
    trace.add(TRACE.records[0])
    assert (len(trace.records), trace.rounds_done) == (1, 0)
    trace.add(CentralisedRecord(0, 0.5, 0.5))
    assert (len(trace.records), trace.rounds_done) == (1, 1)
    trace.add(ArmStopped("fedit", 1, "why"))
    assert len(trace.stopped) == 1


def test_upto_keeps_the_first_rounds_only() -> None:
    one = TRACE.upto(1)
    assert [r.round_index for r in one.records] == [0, 0]
    assert one.rounds_done == 1
    assert one.stopped == []
    assert len(TRACE.records) == 4
    assert TRACE.upto(99).checksum == TRACE.checksum


def test_arrays_keep_exact_numbers_in_float64() -> None:
    x = torch.tensor([1 / 3], dtype=torch.float64)
    out = {name: array_of(name, v) for name, v in {"error": x, "drift": x, "reflected": x > 0, "floor": x[0]}.items()}
    assert out["error"].dtype == np.float64
    assert out["drift"].dtype == np.float32
    assert out["reflected"].dtype == np.bool_
    assert type(out["floor"]) is float


def packed(header: bytes, arrays: int = 0) -> io.BytesIO:
    """An archive with this header and so many empty arrays."""
    file = io.BytesIO()
    nothing = {f"{n}.turn": np.zeros(0) for n in range(arrays)}
    np.savez_compressed(file, allow_pickle=False, **{"header": np.frombuffer(header, np.uint8), **nothing})  # type: ignore[arg-type]
    file.seek(0)
    return file


def test_a_header_that_would_fill_the_memory_is_refused_unread() -> None:
    bomb = packed(b"[" + b"[]," * 3 * 2**20 + b"[]]")
    assert len(bomb.getvalue()) < 2**16
    with pytest.raises(TraceError, match=r"header must have at most 8,388,608 bytes; got 9,43\d,\d+"):
        Trace.load(bomb)


def test_an_archive_of_too_many_arrays_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "MAX_ARRAYS", 10)
    with pytest.raises(TraceError, match="at most 10 arrays; got 13"):
        Trace.load(packed(b"{}", 12))


@pytest.mark.parametrize(
    "header",
    [
        {"format": "x" * 10**5},
        {"x" * 10**5: 1},
        {"format": 4, "task": {"x" * 10**5: 1}},
        {"format": list(range(10**5))},
    ],
)
def test_what_is_told_of_a_header_is_short(header: dict[str, Any]) -> None:
    with pytest.raises(TraceError) as caught:
        Trace.load(packed(json.dumps(header).encode()))
    assert len(str(caught.value)) < 400
