"""A lecture in one room: a lecturer and thirty students, each with a session of their own."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.navigation import lesson_file
from app.rooms import board as module
from app.rooms.board import Board, RoomError, board
from app.session.room import ENDED, Mind
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.store import FOLDER
from tests import ROOT
from tests.app.sessions import part_of, place_of, selection_of

MAIN = str(ROOT / "app" / "main.py")
STUDENTS = 30
LESSON = "one_update"


@pytest.fixture(autouse=True)
def own_rooms(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Rooms of this test alone, and each look reads what is there."""
    monkeypatch.setenv(FOLDER, str(tmp_path_factory.mktemp("store")))
    monkeypatch.setattr(module, "FRESH_SECONDS", 0.0)
    board.cache_clear()
    yield
    board.cache_clear()


def opened(page: str = "", **query: str) -> AppTest:
    at = AppTest.from_file(MAIN, default_timeout=60)
    if page:
        at.switch_page(f"../pages/{page}")
    for key, value in query.items():
        at.query_params[key] = value
    return ran(at.run())


def ran(at: AppTest) -> AppTest:
    assert not at.exception
    return at


def mind_of(at: AppTest) -> Mind:
    mind: Mind = part_of(at, Mind)
    return mind


def text(at: AppTest) -> str:
    return html.unescape(" ".join(str(m.proto.body) for m in at.get("html")))


def press(at: AppTest, key: str) -> AppTest:
    return ran(at.button(key=key).click().run())


def led(at: AppTest) -> str:
    """Start a room where this session is; its code."""
    press(at, "room_open")
    press(at, "room_start")
    found = mind_of(at).led
    assert found is not None
    return found.code


def figure(at: AppTest) -> Any:
    """Title of the room's figure on the page, if it is there."""
    import json

    for element in at.get("bidi_component"):
        if "figure_room" in str(element.proto.id):
            return json.loads(json.loads(element.proto.json)["spec"])["layout"]["title"]["text"]
    return None


def test_thirty_students_follow_explore_come_back_predict_and_hear_the_end() -> None:
    lecturer = opened("01_lab.py", rounds="3", steps="1", clients="3")
    code = led(lecturer)
    students = [opened(room=f" {code[:3].lower()} {code[3:]}")] + [opened(room=code) for _ in range(STUDENTS - 1)]
    for student in students:
        assert student.query_params == lecturer.query_params
        assert "Following the lecture" in text(student)
    assert board().people(code).following == STUDENTS

    lecturer.query_params["round"] = "1"
    press(lecturer, "back")
    shown = selection_of(lecturer).round_index
    for student in students:
        ran(student.run())
        assert selection_of(student).round_index == shown

    rover = students[0]
    press(rover, "back")
    assert "On your own" in text(rover)
    away = selection_of(rover).round_index
    assert away != shown
    lecturer.switch_page(f"../pages/{lesson_file(LESSON)}")
    ran(lecturer.run())
    for student in students[1:]:
        ran(student.run())
        assert place_of(student, f"lesson {LESSON}") == place_of(lecturer, f"lesson {LESSON}")
        assert f"Step 1 of {len(LESSONS[LESSON].steps)}" in text(student)
    ran(rover.run())
    assert selection_of(rover).round_index == away
    press(rover, "room_back")
    ran(rover.run())
    assert f"Step 1 of {len(LESSONS[LESSON].steps)}" in text(rover)
    assert "Following the lecture" in text(rover)

    key = f"guess_{LESSON}_0"
    for n, student in enumerate(students):
        student.radio(key=key).set_value(n % 3).run()
        press(student, f"{key}_lock")
    ran(lecturer.run())
    assert figure(lecturer).startswith(f"{STUDENTS} answers, most for")
    press(lecturer, "lesson_next")
    press(lecturer, "lesson_back")
    lecturer.radio(key=key).set_value(0).run()
    press(lecturer, f"{key}_lock")
    assert figure(lecturer) == f"{STUDENTS} answers: 33\u00a0% are right"

    press(lecturer, "room_open")
    press(lecturer, "room_end")
    for student in students:
        before = dict(student.query_params)
        ran(student.run())
        assert ENDED in text(student)
        assert student.query_params == before
        press(student, "room_told")
        assert ENDED not in text(student)
        assert "room_open" in {button.key for button in student.button}
