"""Finished results as bytes: they come back exactly, and what is no such result is refused in one way."""

from __future__ import annotations

import json
import pickle
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fedrot_core import finished
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, StoreError
from fedrot_core.federation import Federation
from fedrot_core.finished import arm_key, arm_of, arm_row, pack_row, pack_run, run_key, unpack_row, unpack_run
from fedrot_core.shipped import MANIFEST, Shipped, write
from fedrot_core.study.summary import ArmSummary, RunSummary
from fedrot_core.study.sweep import summarise
from fedrot_core.trace import Trace

CONFIG = FederationConfig().with_values({"rounds": 2, "steps": 2, "clients": 4, "ranks": "mixed", "drop": 0.4,
                                         "arms": ("flexlora", "flora"), "device": "cpu"})  # fmt: skip


@pytest.fixture(scope="module")
def trace() -> Trace:
    return Federation(CONFIG).run()


@pytest.fixture(scope="module")
def run() -> RunSummary:
    return summarise([CONFIG])[0]


def test_a_trace_comes_back_exactly(trace: Trace) -> None:
    back = unpack_run(pack_run(trace), CONFIG)
    assert back.checksum == trace.checksum
    assert back.made_with == trace.made_with
    assert [r.server_seconds for r in back.records] == [r.server_seconds for r in trace.records]
    assert all(getattr(back, f.name) == getattr(trace, f.name) for f in fields(back) if f.name != "records")


def test_a_trace_without_any_round_comes_back(trace: Trace) -> None:
    empty = trace.upto(0)
    assert unpack_run(pack_run(empty), CONFIG).checksum == empty.checksum


def test_an_arm_comes_back_exactly(run: RunSummary) -> None:
    back = arm_of(unpack_row(pack_row(arm_row(run, "flora"))), CONFIG, "flora")
    assert list(back.arms) == ["flora"]
    for field in fields(ArmSummary):
        np.testing.assert_array_equal(getattr(back.arms["flora"], field.name), getattr(run.arms["flora"], field.name))
    np.testing.assert_array_equal(back.centralised, run.centralised)
    assert (back.start_score, back.score_name, back.error) == (run.start_score, run.score_name, "")


def test_what_is_no_number_comes_back_too() -> None:
    back = unpack_row(pack_row([float("nan"), float("inf"), -0.0, 5e-324]))
    np.testing.assert_array_equal(back, [np.nan, np.inf, -0.0, 5e-324])
    assert np.signbit(back[2])


def test_keys_tell_apart_what_gives_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {run_key(CONFIG), run_key(CONFIG.with_values({"seed": 1})), arm_key(CONFIG, "flexlora"),
            arm_key(CONFIG, "flora"), arm_key(CONFIG.with_values({"rank": 3}), "flora")}  # fmt: skip
    assert len(keys) == 5
    assert arm_key(CONFIG, "flora") == arm_key(CONFIG.with_values({"arms": ("flora",)}), "flora")
    monkeypatch.setattr(finished, "ENGINE_VERSION", "another")
    assert not keys & {run_key(CONFIG), arm_key(CONFIG, "flora")}


@pytest.mark.parametrize(
    "content",
    [b"", b"no zlib", pickle.dumps([1]), zlib.compress(b"\xff" * 40), zlib.compress(json.dumps([1]).encode())],
)
def test_foreign_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match="must be one that this app wrote"):
        unpack_run(content, CONFIG)
    with pytest.raises(StoreError, match="must be one that this app wrote"):
        arm_of(unpack_row(content), CONFIG, "flora")


def test_arrays_of_objects_are_refused(trace: Trace) -> None:
    header, body = finished._opened(pack_run(trace))
    header["arrays"][0][1] = "|O"
    with pytest.raises(StoreError, match="this app wrote"):
        unpack_run(finished._squeezed(header, [bytes(body)]), CONFIG)


def test_a_trace_of_another_config_is_refused(trace: Trace) -> None:
    with pytest.raises(StoreError, match="of the config and engine"):
        unpack_run(pack_run(trace), CONFIG.with_values({"seed": 9}))


ARMS = "arms"


def rows_of(run: RunSummary) -> dict[str, Any]:
    return {arm_key(run.config, name): arm_row(run, name) for name in run.arms}


@pytest.fixture
def folder(tmp_path: Path, trace: Trace, run: RunSummary) -> Path:
    write(tmp_path / "shipped", [trace], {ARMS: rows_of(run)}, {"python": "3"})
    return tmp_path / "shipped"


def test_what_is_shipped_is_found_by_key(folder: Path, trace: Trace, run: RunSummary) -> None:
    found = Shipped(folder)
    content = found.run(run_key(CONFIG))
    assert content is not None
    assert unpack_run(content, CONFIG).checksum == trace.checksum
    assert found.row(arm_key(CONFIG, "flora")) == arm_row(run, "flora")
    other = CONFIG.with_values({"seed": 1})
    assert found.run(run_key(other)) is None
    assert found.row(arm_key(other, "flora")) is None


def test_writing_again_leaves_nothing_old(folder: Path, run: RunSummary) -> None:
    write(folder, [], {ARMS: rows_of(run)}, {})
    assert {file.name for file in folder.iterdir()} == {ARMS, MANIFEST}


def test_shipped_results_of_another_engine_are_not_used_and_the_log_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"engine": "0"}))
    found = Shipped(folder)
    assert found.run(run_key(CONFIG)) is None
    assert found.row(arm_key(CONFIG, "flora")) is None
    assert "of engine 0" in caplog.text


@pytest.mark.parametrize("content", [None, b"", b"[1]", b'{"engine": 1}'])
def test_a_missing_or_damaged_manifest_ships_nothing(folder: Path, content: bytes | None) -> None:
    if content is None:
        (folder / MANIFEST).unlink()
    else:
        (folder / MANIFEST).write_bytes(content)
    assert Shipped(folder).run(run_key(CONFIG)) is None
    assert Shipped(folder).row(arm_key(CONFIG, "flora")) is None


@pytest.mark.parametrize("name", [False, None, "../secret", "/etc/passwd", "a\0b", "", "x" * 1000])
def test_a_manifest_names_files_of_its_folder_only(folder: Path, name: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | {"runs": {run_key(CONFIG): name}}))
    assert Shipped(folder).run(run_key(CONFIG)) is None


def test_changed_files_are_told(folder: Path, trace: Trace) -> None:
    run_file = folder / trace.config.hash
    run_file.write_bytes(run_file.read_bytes()[:-1] + b"x")
    (folder / ARMS).unlink()
    found = Shipped(folder)
    with pytest.raises(StoreError, match="was damaged"):
        found.run(run_key(CONFIG))
    with pytest.raises(StoreError, match="was damaged"):
        found.row(arm_key(CONFIG, "flora"))
    assert found.row(arm_key(CONFIG.with_values({"seed": 1}), "flora")) is None


def test_a_device_that_is_missing_has_no_key() -> None:
    missing = "cuda" if not torch.cuda.is_available() else "mps"  # no machine has both
    with pytest.raises(ConfigError):
        finished.key("run", "x", CONFIG.with_values({"device": missing}))


@pytest.mark.parametrize("content", [b"[" * 10**5, b'{"a":' * 10**5, b"[" + b"[]," * 10])
def test_rows_that_are_nested_or_cut_are_refused(content: bytes) -> None:
    with pytest.raises(StoreError, match="must be one that this app wrote"):
        unpack_row(zlib.compress(content))


def test_rows_and_headers_have_a_limit(monkeypatch: pytest.MonkeyPatch, trace: Trace) -> None:
    monkeypatch.setattr(finished, "MAX_ROW_BYTES", 100)
    with pytest.raises(StoreError, match="must be one that this app wrote"):
        unpack_row(pack_row(list(range(1000))))
    monkeypatch.setattr(finished, "MAX_HEADER_BYTES", 100)
    with pytest.raises(StoreError, match="a header of"):
        unpack_run(pack_run(trace), CONFIG)


def test_what_is_told_of_a_foreign_run_is_short() -> None:
    head = json.dumps({"arrays": [["a", "x" * 10**5, {}]]}).encode()
    with pytest.raises(StoreError) as caught:
        unpack_run(zlib.compress(len(head).to_bytes(8, "big") + head), CONFIG)
    assert len(str(caught.value)) < 400
