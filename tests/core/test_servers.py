"""What servers say of themselves is heard as long as they say it, and nothing else is."""

from __future__ import annotations

import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from fedrot_core.servers import FOLDER, FORGOTTEN_SECONDS, STALE_SECONDS, ServerStatus, gone, heard, report, say

ONE = ServerStatus(
    name="ab7", pid=7, port=8501, said_at=0.0, up_seconds=600.0, sessions=3, working=1, waiting=0, processes=2,
    replaced=0, runs=5, memory=400_000_000, store=8_000_000, threads=12, files=40,
)  # fmt: skip


def now(**changes: Any) -> ServerStatus:
    return dataclasses.replace(ONE, said_at=time.monotonic(), **changes)


def test_all_servers_of_a_store_are_heard_by_port_until_they_are_gone(tmp_path: Path) -> None:
    second, first = now(name="ab8", port=8502), now()
    for status in (second, first):
        say(tmp_path, status)
    assert heard(tmp_path) == [first, second]
    gone(tmp_path, "ab7")
    gone(tmp_path, "ab7")
    assert heard(tmp_path) == [second]


@pytest.mark.parametrize("age", [STALE_SECONDS + 1, -1000.0])
def test_one_that_fell_silent_or_spoke_before_the_machine_started_is_not_heard(tmp_path: Path, age: float) -> None:
    say(tmp_path, dataclasses.replace(ONE, said_at=time.monotonic() - age))
    assert heard(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff\xfe", b'"x"', b"9" * 100_000])
def test_damaged_files_are_left_out(tmp_path: Path, content: bytes) -> None:
    say(tmp_path, status := now())
    (tmp_path / FOLDER / "9.json").write_bytes(content)
    assert heard(tmp_path) == [status]


def test_a_folder_that_is_not_there_holds_no_server(tmp_path: Path) -> None:
    assert heard(tmp_path / "none") == []


def test_the_report_counts_each_and_all() -> None:
    text = report([now(), now(port=8502, sessions=1, waiting=2, replaced=1)]).replace("\u00a0", " ")
    assert "port 8501, up 10 min: 3 open pages; 1 at work, 0 waiting, 2 training processes; memory 400 MB" in text
    assert "1 open page; 1 at work, 2 waiting, 2 training processes (1 replaced)" in text
    assert "together: 4 open pages; 2 at work, 2 waiting; memory 800 MB" in text
    assert "store of finished runs: 8 MB" in text
    assert report([]) == ""


def test_what_is_said_holds_numbers_and_a_random_name_only() -> None:
    said = json.loads(json.dumps(dataclasses.asdict(ONE)))
    assert said.pop("name") == "ab7"
    assert all(isinstance(value, (int, float)) for value in said.values())


def test_what_killed_servers_said_long_ago_is_removed_by_the_next_that_ends(tmp_path: Path) -> None:
    for name, age in (("old", FORGOTTEN_SECONDS + 60), ("new", 60.0)):
        say(tmp_path, now(name=name))
        os.utime(tmp_path / FOLDER / f"{name}.json", (0, time.time() - age))
    gone(tmp_path, "mine")
    assert [file.stem for file in (tmp_path / FOLDER).glob("*.json")] == ["new"]
