"""The store on disk: shared by processes, bounded, and no damage or missing folder stops who asks."""

from __future__ import annotations

import logging
import pickle
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from fedrot_core.errors import StoreError
from fedrot_core.store import FOLDER, MEGABYTES, USUAL_MEGABYTES, Store
from tests import ROOT


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


def rows(folder: Path, statement: str, *values: object) -> None:
    """Change the database behind the store's back."""
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute(statement, values)
    database.close()


def other_table(path: Path) -> None:
    rows(path.parent, "DROP TABLE Cache")
    rows(path.parent, "CREATE TABLE Cache (x)")


def strange_settings(path: Path) -> None:
    rows(path.parent, "UPDATE Settings SET value = 'x' WHERE key = 'eviction_policy'")
    rows(path.parent, "INSERT INTO Settings VALUES ('get', 'x')")


def test_what_was_kept_comes_back_to_another_server(folder: Path) -> None:
    Store(folder).put("a", b"one")
    Store(folder).put("a", b"two")
    assert Store(folder).get("a") == b"two"
    assert Store(folder).get("b") is None


def test_nobody_else_may_read_the_folder(folder: Path) -> None:
    Store(folder).put("a", b"one")
    assert folder.stat().st_mode & 0o077 == 0


def test_processes_and_threads_share_it(folder: Path) -> None:
    """Four processes write at once, each with two threads; all values of all are there, and whole."""
    program = """
import sys, threading
from pathlib import Path
from fedrot_core.store import Store
store, me = Store(Path(sys.argv[1])), sys.argv[2]
def write(part):
    for n in range(20):
        store.put(f"{me}/{part}/{n}", f"{me}/{part}/{n}".encode() * 5000)
        store.put("shared", me.encode() * 5000)
threads = [threading.Thread(target=write, args=(part,)) for part in "xy"]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    writers = [subprocess.Popen([sys.executable, "-c", program, str(folder), name], cwd=ROOT) for name in "abcd"]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    store = Store(folder)
    for key in (f"{me}/{part}/{n}" for me in "abcd" for part in "xy" for n in range(20)):
        assert store.get(key) == key.encode() * 5000
    assert store.get("shared") in [name.encode() * 5000 for name in "abcd"]


def test_a_damaged_value_is_dropped_and_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(folder)
    store.put("a", b"one")
    store.put("b", b"two")
    rows(folder, "UPDATE Cache SET value = ? WHERE key = 'a'", b"x" * 19)
    with pytest.raises(StoreError, match="was damaged"):
        store.get("a")
    assert "damaged" in caplog.text
    assert store.get("a") is None
    assert store.get("b") == b"two"
    store.put("a", b"anew")
    assert store.get("a") == b"anew"


def test_a_value_under_another_key_counts_as_damaged(folder: Path) -> None:
    store = Store(folder)
    store.put("a", b"one")
    rows(folder, "UPDATE Cache SET key = 'b'")
    with pytest.raises(StoreError):
        store.get("b")


@pytest.mark.parametrize(
    "harm",
    [
        lambda path: path.write_bytes(b"no database at all" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:100] + b"\xff" * 20_000),
        other_table,
        strange_settings,
    ],
    ids=["foreign", "overwritten", "another table", "strange settings"],
)
def test_a_damaged_database_is_emptied_told_and_used_again(
    folder: Path, harm: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    first = Store(folder)
    first.put("a", b"one")
    first.close()
    for left in ("cache.db-wal", "cache.db-shm"):
        (folder / left).unlink(missing_ok=True)
    harm(folder / "cache.db")
    store = Store(folder)
    with pytest.raises(StoreError, match="emptied"):
        store.get("a")
    assert "damaged" in caplog.text
    assert store.get("a") is None
    store.put("a", b"anew")
    assert Store(folder).get("a") == b"anew"


def test_a_database_damaged_under_a_running_server_is_found_by_its_next_thread(folder: Path) -> None:
    store = Store(folder)
    store.put("a", b"one" * 10_000)
    store.close()
    (folder / "cache.db").write_bytes(b"no database at all" * 1000)
    found: list[object] = []

    def ask() -> None:
        try:
            found.append(store.get("a"))
        except StoreError as error:
            found.append(error)

    for _ in range(2):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert isinstance(found[0], StoreError)
    assert found[1] is None


@pytest.mark.parametrize("place", ["a file in its place", "a file above it", "a read-only database", "off"])
def test_without_a_usable_folder_all_goes_on_and_the_log_says_so_once(
    tmp_path: Path, place: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING)
    folder: Path | None = tmp_path / "store"
    assert folder is not None
    if place == "a file in its place":
        folder.write_text("in the way")
    elif place == "a file above it":
        folder.write_text("in the way")
        folder = folder / "deeper"
    elif place == "a read-only database":  # root may write whatever the file's mode says, so SQLite has to refuse
        connect = sqlite3.connect
        Store(folder).put("a", b"one")

        def read_only(path: str, **options: object) -> sqlite3.Connection:
            return connect(f"file:{path}?mode=ro", uri=True, **options)  # type: ignore[call-overload,no-any-return]

        monkeypatch.setattr(sqlite3, "connect", read_only)
    else:
        folder = None
    store = Store(folder)
    for _ in range(3):
        store.put("b", b"two")
        assert store.get("b") is None
    assert len(caplog.records) == (place != "off")


def test_its_size_is_bounded_and_the_oldest_go_first(folder: Path) -> None:
    limit = 2_000_000
    store = Store(folder, limit)
    for n in range(200):
        store.put(str(n), bytes([n]) * 50_000)
    store.close()
    size = sum(file.stat().st_size for file in folder.iterdir())
    assert size <= 1.5 * limit  # the database itself, its index, and what was written last
    assert store.get("199") is not None
    assert store.get("0") is None
    store.put("huge", b"x" * limit)
    assert store.get("huge") is None
    assert store.get("199") is not None


class Bomb:
    """What must never be unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("where", ["value", "key", "file"])
def test_nothing_is_unpickled(folder: Path, tmp_path: Path, where: str) -> None:
    payload = pickle.dumps(Bomb(tmp_path / "exploded"))
    store = Store(folder)
    store.put("a", b"one")
    if where == "value":
        rows(folder, "UPDATE Cache SET mode = 4, value = ?", payload)
    elif where == "key":
        rows(folder, "UPDATE Cache SET raw = 0, key = ?", payload)
    else:
        (folder / "evil.val").write_bytes(payload)
        rows(folder, "UPDATE Cache SET mode = 4, value = NULL, filename = 'evil.val'")
    if where == "key":
        assert store.get("a") is None  # a changed key is another key
    else:
        with pytest.raises(StoreError, match="was dropped"):
            store.get("a")
        assert store.get("a") is None
    store.put("b", b"two")
    assert not (tmp_path / "exploded").exists()


def test_no_file_is_read_or_removed_because_a_row_names_it(folder: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep me")
    store = Store(folder)
    store.put("a", b"one")
    rows(folder, "UPDATE Cache SET mode = 2, value = NULL, filename = ?", str(precious))
    with pytest.raises(StoreError):
        store.get("a")
    store.put("a", b"two")
    assert precious.read_bytes() == b"keep me"
    assert store.get("a") == b"two"


def test_the_environment_moves_bounds_and_stops_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path / "here"))
    monkeypatch.setenv(MEGABYTES, "1")
    store = Store.usual()
    for n in range(60):
        store.put(str(n), bytes(100_000))
    store.close()
    assert sum(file.stat().st_size for file in (tmp_path / "here").iterdir()) < 3_000_000
    monkeypatch.setenv(FOLDER, "")
    store = Store.usual()
    store.put("a", b"one")
    assert store.get("a") is None
    monkeypatch.setenv(MEGABYTES, "much")
    Store.usual()
    assert f"{USUAL_MEGABYTES} is used" in caplog.text
