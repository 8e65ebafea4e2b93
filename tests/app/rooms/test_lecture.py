"""A lecture in one room: a lecturer and thirty students, each with a session of their own; and what can go wrong."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.navigation import lesson_file
from app.rooms import board as module
from app.rooms.board import Board, RoomError, board
from app.session.room import ENDED, Joined, Mind
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.quiz import Pick
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
    for element in at.get("bidi_component"):
        if "figure_room" in str(element.proto.id):
            return json.loads(json.loads(element.proto.json)["spec"])["layout"]["title"]["text"]
    return None


def test_thirty_students_follow_explore_come_back_predict_and_hear_the_end() -> None:
    lecturer = opened("01_lab.py", round="5", client="3")
    code = led(lecturer)
    students = [opened(room=f" {code[:3].lower()} {code[3:]}")] + [opened(room=code) for _ in range(STUDENTS - 1)]
    for student in students:
        assert student.query_params == lecturer.query_params
        assert "Following the lecture" in text(student)
    assert board().people(code).following == STUDENTS

    press(lecturer, "back")
    for student in students:
        ran(student.run())
        assert (selection_of(student).round_index, selection_of(student).client) == (4, 3)

    rover = students[0]
    press(rover, "back")
    assert "On your own" in text(rover)
    assert selection_of(rover).round_index == 3
    lecturer.switch_page(f"../pages/{lesson_file(LESSON)}")
    ran(lecturer.run())
    for student in students[1:]:
        ran(student.run())
        assert place_of(student, f"lesson {LESSON}") == place_of(lecturer, f"lesson {LESSON}")
        assert f"Step 1 of {len(LESSONS[LESSON].steps)}" in text(student)
    ran(rover.run())
    assert selection_of(rover).round_index == 3
    press(rover, "room_back")
    ran(rover.run())
    assert f"Step 1 of {len(LESSONS[LESSON].steps)}" in text(rover)
    assert "Following the lecture" in text(rover)

    key = f"guess_{LESSON}_0"
    for n, student in enumerate(students):
        student.radio(key=key).set_value(n % 3).run()
        press(student, f"{key}_lock")
    ran(lecturer.run())
    assert figure(lecturer).startswith(f"{STUDENTS}\u00a0answers, most for")
    press(lecturer, "lesson_next")
    press(lecturer, "lesson_back")
    lecturer.radio(key=key).set_value(0).run()
    press(lecturer, f"{key}_lock")
    assert figure(lecturer) == f"{STUDENTS}\u00a0answers: 33\u00a0% are right"

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


def test_a_room_does_not_say_how_a_screen_is_set() -> None:
    lecturer = opened(f"{LESSON}.py", step="2", present="1", skip="1", hide="1")
    student = opened(room=led_by_hand(lecturer))
    assert student.query_params == {"step": "2"}
    press(student, "lesson_present")
    assert joined_of(student).following
    board().move(*led_of(lecturer), LESSON, {"step": "3"})
    ran(student.run())
    assert student.query_params == {"step": "3", "present": "1"}
    assert joined_of(student).following


@pytest.mark.parametrize("page", ["00_home", "05_paper", "20_quiz", "30_take_home"])
def test_whoever_goes_to_another_page_explores_and_may_come_back(page: str) -> None:
    lecturer = opened("01_lab.py")
    student = opened(room=led(lecturer))
    student.switch_page(f"../pages/{page}.py")
    ran(student.run())
    assert not part_of(student, Mind).joined.following
    assert "On your own" in text(student)
    press(student, "room_back")
    assert "Following the lecture" in text(student)


def test_whoever_opens_another_page_or_moves_a_control_is_not_pulled_back() -> None:
    code, secret = board().start(LESSON, {"step": "2"})
    for away in ("page", "control"):
        student = opened(room=code)
        assert joined_of(student).following
        if away == "page":
            student.switch_page("../pages/20_quiz.py")
        else:
            student.button(key="lesson_next").click()
        board().move(code, secret, LESSON, {"step": "4" if away == "page" else "6"})
        ran(student.run())
        assert not joined_of(student).following
        if away == "page":
            assert "topic" in student.query_params
        else:
            assert student.query_params == {"step": "5"}
        ran(student.run())
        assert "On your own" in text(student)


def test_a_default_place_is_reached_though_its_query_is_empty() -> None:
    code, secret = board().start(LESSON, {"step": "2", "theta": "90"})
    student = opened(room=code)
    board().move(code, secret, LESSON, {})
    ran(student.run())
    assert student.query_params == {}
    assert place_of(student, f"lesson {LESSON}").step == 0
    board().move(code, secret, "", {})
    ran(student.run())
    assert "See what averaging does" in text(student)
    assert joined_of(student).following
    board().move(code, secret, "20_quiz", {})
    ran(student.run())
    assert joined_of(student).following


@pytest.mark.parametrize("code", ["", "BCD347", "<b>hi</b>", "[x](javascript:alert(1))", "B" * 5000, "0"])
def test_a_wrong_code_is_told_and_nothing_else_happens(code: str) -> None:
    by_link = opened("20_quiz.py", quiz_seed="7", topic="all", n="3", room=code)
    assert by_link.query_params == {"quiz_seed": "7", "topic": "all", "n": "3"}
    assert "code" in text(by_link)
    assert not [m for m in by_link.get("html") if "<b>hi" in m.proto.body]
    assert not by_link.warning
    by_hand = press(opened("20_quiz.py"), "room_open")
    by_hand.text_input(key="room_code").set_value(code[:20])
    by_hand.button(key="FormSubmitter:room_join-Join").click()
    ran(by_hand.run())
    assert "code" in by_hand.error[0].value
    assert mind_of(by_hand).joined is None


def test_a_code_can_be_typed_and_left() -> None:
    code, _ = board().start("quiz", {"quiz_seed": "7", "topic": "all", "n": "2"})
    student = press(opened(), "room_open")
    student.text_input(key="room_code").set_value(f"{code[:3].lower()} {code[3:]}")
    student.button(key="FormSubmitter:room_join-Join").click()
    ran(student.run())
    assert student.query_params["n"] == "2"
    assert board().people(code).following == 1
    press(student, "room_leave")
    assert mind_of(student).joined is None
    assert board().people(code).following == 0
    ran(student.run())
    assert student.query_params["n"] == "2"


def test_answers_to_the_quiz_are_counted_once_for_each_session() -> None:
    seeded = {"quiz_seed": "7", "topic": "sources", "n": "1"}
    lecturer = opened("20_quiz.py", **seeded)
    code = led_by_hand(lecturer)
    place = place_of(lecturer, "quiz")
    answer = place.question.answer
    for n in range(3):
        student = opened(room=code)
        key = "quiz_answer_7_sources_0"
        if isinstance(answer, Pick):
            student.radio(key=key).set_value(n % 2)
        else:
            student.number_input(key=key).set_value(int(answer.low) if answer.tolerance == 0 else float(answer.low))
        ran(student.run())
        press(student, "quiz_check")
    assert len(board().answers(code, place.asked)) == 3
    ran(lecturer.run())
    assert figure(lecturer).startswith("3\u00a0answers")
    assert "right" not in figure(lecturer)
    assert "it is" not in figure(lecturer)


def test_a_full_disk_is_told_and_the_page_stays_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise RoomError("Rooms cannot be used now.")

    lecturer = opened(f"{LESSON}.py")
    code = led_by_hand(lecturer)
    student = opened(room=code)
    for name in ("start", "move", "live_on", "here", "answer", "answers", "people", "gone", "look"):
        monkeypatch.setattr(Board, name, full)
    press(lecturer, "lesson_next")
    assert "Rooms cannot be used now." in text(lecturer)
    assert "Step 2 of" in text(lecturer)
    ran(student.run())
    assert "Step 1 of" in text(student)
    press(student, "room_leave")
    other = press(press(opened(), "room_open"), "room_start")
    assert "Rooms cannot be used now" in other.error[0].value
    assert mind_of(other).led is None


def test_a_reload_takes_the_room_up_again_and_junk_of_the_tab_does_not() -> None:
    code, secret = board().start(LESSON, {"step": "2"})
    strangers = (
        {"code": code, "secret": "x"},
        {"code": code, "who": "x" * 99, "following": True},
        {"code": "BBBBBB", "who": "a", "following": True},
    )
    junk: list[object] = [None, 1, [], {}, {"code": code}, {"code": 1, "secret": None}, *strangers]
    for found in junk:
        assert taken_up(found) == Mind(left=True)
    assert taken_up({"code": code, "secret": secret}).led is not None
    again = taken_up({"code": code, "who": "abc", "following": False}).joined
    assert again is not None
    assert not again.following


def taken_up(found: object) -> Mind:
    """What a session makes of what its tab kept."""

    def script(found: object) -> None:
        from app.session import room

        room.take_up(found)

    return mind_of(ran(AppTest.from_function(script, kwargs={"found": found}).run()))


def led_by_hand(at: AppTest) -> str:
    """Start a room where this session is, and shut the dialog; its code."""
    code = led(at)
    press(at, "room_close")
    return code


def led_of(at: AppTest) -> tuple[str, str]:
    found = mind_of(at).led
    assert found is not None
    return found.code, found.secret


def joined_of(at: AppTest) -> Joined:
    found = mind_of(at).joined
    assert found is not None
    return found
