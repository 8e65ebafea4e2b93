"""The board of rooms: shared by processes, bounded, and gone when a room ends; junk and full disks stop nobody."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from app.rooms import board as module
from app.rooms.board import MOST_QUESTIONS, MOST_ROOMS, Board, People, RoomError
from app.rooms.codes import ALPHABET, LENGTH, new_code, read, shown
from app.rooms.rows import HERE_SECONDS, LONGEST, MOST_KEYS, MOST_NUMBERS, Spot
from fedrot_core.store import FOLDER
from tests import ROOT

PAGE, QUERY = "lab", {"round": "3", "client": "2"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rooms"


@pytest.fixture
def board(folder: Path) -> Board:
    return Board(folder)


def rows(folder: Path) -> int:
    with sqlite3.connect(folder / "cache.db") as database:
        (count,) = database.execute("SELECT COUNT(*) FROM Cache").fetchone()
    database.close()
    return int(count)


def test_a_code_is_read_as_people_write_it() -> None:
    code = new_code()
    assert len(code) == LENGTH
    assert set(code) <= set(ALPHABET)
    for text in (code, code.lower(), shown(code), f" {code[:3]} - {code[3:].lower()}\n"):
        assert read(text) == code
    for text in ("", code[:-1], code + "B", "OIL015", "BCD34é", "<b>x</", "B" * 10**6):
        assert read(text) is None
    assert len({new_code() for _ in range(200)}) > 190


def test_a_room_is_where_its_lecturer_is(board: Board) -> None:
    code, secret = board.start(PAGE, QUERY)
    assert board.look(code) == Spot(0, PAGE, QUERY)
    assert board.move(code, secret, "quiz", {"n": "2"})
    assert board.look(code) == Spot(1, "quiz", {"n": "2"})
    assert board.look("BBBBBB") is None


def test_only_the_secret_moves_and_ends_a_room(board: Board) -> None:
    code, secret = board.start(PAGE, QUERY)
    other, others_secret = board.start(PAGE, {})
    for wrong in ("", "x", others_secret):
        assert not board.move(code, wrong, "quiz", {})
        assert not board.live_on(code, wrong)
        assert not board.end(code, wrong)
    assert board.look(code) == Spot(0, PAGE, QUERY)
    assert board.live_on(code, secret)
    assert board.end(code, secret)
    assert not board.move(code, secret, "quiz", {})
    assert board.look(code) is None
    assert board.look(other) is not None


def test_a_room_that_ends_leaves_nothing(board: Board, folder: Path) -> None:
    code, secret = board.start(PAGE, QUERY)
    board.here(code, "a", True)
    board.answer(code, "a", "q", 1)
    board.answer(code, "a", "r", [1.0, 2.0])
    assert rows(folder) == 5
    assert board.end(code, secret)
    assert rows(folder) == 0
    assert not board.here(code, "a", True)
    assert not board.answer(code, "a", "q", 1)
    assert rows(folder) == 0


def test_a_room_outlives_its_lecturer_by_its_lifetime_with_all_it_holds(folder: Path) -> None:
    board = Board(folder, lifetime=1.2)
    code, secret = board.start(PAGE, QUERY)
    for _ in range(3):
        time.sleep(0.5)
        assert board.answer(code, "a", "q", 1)
        assert board.live_on(code, secret)
    time.sleep(0.5)
    assert board.look(code) is not None
    assert board.answers(code, "q") == [1]
    time.sleep(1.0)
    assert board.look(code) is None
    assert board.answers(code, "q") == []
    assert not board.live_on(code, secret)
    board.start(PAGE, {})
    assert rows(folder) == 2


def test_one_answer_a_person_and_the_last_one_counts(board: Board) -> None:
    code, _ = board.start(PAGE, QUERY)
    for who, said in (("a", 0), ("b", 1), ("a", 2)):
        assert board.answer(code, who, "q", said)
    assert sorted(map(str, board.answers(code, "q"))) == ["1", "2"]
    assert board.answers(code, "another") == []
    assert board.answer(code, "a", "curve", [0.5, 1.0])
    assert board.answers(code, "curve") == [[0.5, 1.0]]


def test_who_is_there_is_counted_while_they_give_signs_of_life(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = board.start(PAGE, QUERY)
    assert board.people(code) == People()
    board.here(code, "a", True)
    board.here(code, "b", True)
    board.here(code, "b", False)
    assert board.people(code) == People(1, 1)
    board.gone(code, "b")
    assert board.people(code) == People(1, 0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + HERE_SECONDS + 1)
    assert board.people(code) == People()


def test_everything_is_bounded(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PEOPLE", 3)
    code, secret = board.start(PAGE, QUERY)
    assert [board.answer(code, str(n), "q", n) for n in range(5)] == [True] * 3 + [False] * 2
    assert board.answer(code, "0", "q", 7)
    assert [board.here(code, str(n), True) for n in range(5)] == [True] * 3 + [False] * 2
    for bad in ([], [1.0] * (MOST_NUMBERS + 1), float("nan"), float("inf"), True, "<b>", None, [None]):
        assert not board.answer(code, "0", "q", bad)  # type: ignore[arg-type]
    assert not board.answer(code, "0", "q" * 1000, 1)
    asked = [board.answer(code, "0", f"q{n}", 1) for n in range(MOST_QUESTIONS)]
    assert asked == [True] * (MOST_QUESTIONS - 1) + [False]
    assert board.move(code, secret, "p" * 10**5, {str(n): "v" * 10**5 for n in range(1000)})
    spot = board.look(code)
    assert spot is not None
    assert len(spot.page) == len(spot.query["0"]) == LONGEST
    assert len(spot.query) == MOST_KEYS
    for _ in range(MOST_ROOMS - 1):
        board.start(PAGE, {})
    with pytest.raises(RoomError, match="rooms already"):
        board.start(PAGE, {})


ACT = """
import sys
from pathlib import Path
from app.rooms.board import Board
board, (code, start) = Board(Path(sys.argv[1])), sys.argv[2:4]
for n in range(int(start), int(start) + 20):
    assert board.here(code, f"p{n}", True)
    assert board.answer(code, f"p{n}", "q", n)
print(board.look(code).page)
"""


def test_two_processes_share_it(board: Board, folder: Path) -> None:
    code, secret = board.start(PAGE, QUERY)
    others = [
        subprocess.Popen([sys.executable, "-c", ACT, str(folder), code, str(start)], cwd=ROOT, stdout=subprocess.PIPE)
        for start in (0, 20)
    ]
    for n in range(10):
        assert board.move(code, secret, PAGE, {"round": str(n)})
    assert [other.communicate()[0] for other in others] == [b"lab\n"] * 2
    assert sorted(map(float, board.answers(code, "q"))) == list(map(float, range(40)))  # type: ignore[arg-type]
    assert board.people(code) == People(40, 0)
    other = Board(folder)
    assert other.look(code) == Spot(10, PAGE, {"round": "9"})
    assert other.end(code, secret)
    time.sleep(module.FRESH_SECONDS)
    assert board.look(code) is None


def test_thirty_threads_answer_at_once(board: Board) -> None:
    code, _ = board.start(PAGE, QUERY)
    people = [threading.Thread(target=board.answer, args=(code, str(n), "q", n % 3)) for n in range(30)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert len(board.answers(code, "q")) == 30


def test_a_look_reads_next_to_nothing(board: Board) -> None:
    code, _ = board.start(PAGE, QUERY)
    board.look(code)
    began = time.perf_counter()
    for _ in range(1000):
        board.look(code)
    assert time.perf_counter() - began < 0.2  # 30 people look 30 times a second


JUNK = [b"", b"{", b"[1]", b"\x80", b'{"number": "1"}', b'{"number": null, "page": [], "query": {}}']


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_dropped(board: Board, folder: Path, junk: bytes) -> None:
    code, secret = board.start(PAGE, QUERY)
    board.answer(code, "a", "q", 1)
    board.here(code, "a", True)
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ? WHERE key != ?", (junk, code))
    database.close()
    assert board.people(code) == People()
    assert board.answers(code, "q") == []
    assert not board.move(code, secret, PAGE, {})
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ?", (junk,))
    database.close()
    assert Board(folder).look(code) is None


def test_a_pickle_in_the_database_is_not_opened(board: Board, folder: Path) -> None:
    code, _ = board.start(PAGE, QUERY)
    with sqlite3.connect(folder / "cache.db") as database:
        database.execute("UPDATE Cache SET value = ?, mode = 4", (b"cos\nsystem\n(S'false'\ntR.",))
    database.close()
    assert Board(folder).look(code) is None


def test_a_damaged_database_is_dropped_with_its_rooms(board: Board, folder: Path) -> None:
    code, _ = board.start(PAGE, QUERY)
    board.close()
    (folder / "cache.db").write_bytes(b"junk" * 5000)
    other = Board(folder)
    assert other.look(code) is None
    assert other.look(other.start(PAGE, {})[0]) is not None


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    board = Board(tmp_path / "file" / "rooms")
    for ask in (lambda: board.start(PAGE, {}), lambda: board.look("BBBBBB"), lambda: board.people("BBBBBB")):
        with pytest.raises(RoomError, match="full or read-only"):
            ask()


def test_a_full_disk_is_told_in_words(board: Board, folder: Path) -> None:
    code, secret = board.start(PAGE, QUERY)
    full = board._database.opened()._con
    (pages,) = full.execute("PRAGMA page_count").fetchone()
    full.execute(f"PRAGMA max_page_count = {pages}")
    long = {str(k): "v" * 700 for k in range(60)}
    with pytest.raises(RoomError, match="full or read-only"):
        board.move(code, secret, PAGE, long)
    assert Board(folder).look(code) is not None


def test_without_a_store_rooms_stand_in_a_folder_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, "")
    module.board.cache_clear()
    try:
        here = module.board()
        code, _ = here.start(PAGE, QUERY)
        assert here.look(code) == Spot(0, PAGE, QUERY)
    finally:
        module.board.cache_clear()
