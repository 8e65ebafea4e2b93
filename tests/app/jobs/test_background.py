"""What every job off the script thread does: waits its turn, ends when nobody wants it, tells trouble in words."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from app.jobs import background
from app.jobs.background import Job, Jobs
from app.jobs.progress import Progress
from app.jobs.turns import Turns
from fedrot_core.errors import Cancelled, ConfigError

WAIT = 10.0


class Task(Job):
    """Does what it is told to; by default it goes on until it should stop."""

    kind = "task"
    advice = "Ask again."

    def __init__(self, act: Callable[[], None] | None = None, queue: Turns | None = None, seconds: float = 0.0) -> None:
        super().__init__()
        self.act, self.queue, self.seconds = act, queue, seconds
        self.working = threading.Event()

    def work(self) -> None:
        with nullcontext() if self.queue is None else self.turn(self.queue, seconds=self.seconds):
            self.working.set()
            if self.act is not None:
                return self.act()
            while not self.should_stop():
                time.sleep(0.005)
            raise Cancelled("It should stop.")


def eventually(true: Callable[[], bool]) -> None:
    """Wait until ``true()``."""
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def raising(error: Exception) -> Task:
    def act() -> None:
        raise error

    return Task(act)


def test_it_ends_when_the_last_session_leaves_and_not_before() -> None:
    job = Task().start("a")
    job.seen_by("b")
    job.left_by("a")
    assert not job.finished.wait(0.1)
    job.left_by("b")
    assert not job.running
    assert job.finished.wait(WAIT)
    assert job.cancelled


def test_it_says_that_it_waits_for_its_turn_and_then_how_long_it_will_take() -> None:
    queue = Turns(1)
    first = Task(queue=queue).start("a")
    assert first.working.wait(WAIT)
    second = Task(queue=queue).start("a")
    eventually(lambda: queue.waiting == 1)
    third = Task(queue=queue).start("a")
    eventually(lambda: queue.waiting == 2)
    assert (first.left, second.left) == ("estimating the time left", "next in turn")
    assert third.left == "waiting for its turn, 1 before it"
    first.progress = Progress(iter((0.0, 4.0, 4.0)).__next__)
    first.progress.told(0, 10)
    first.progress.told(2, 10)
    assert first.left == "about 15\u00a0s left"
    for job in (first, second, third):
        job.cancel()
        assert job.finished.wait(WAIT)


def test_of_equal_work_that_which_more_people_wait_for_comes_first() -> None:
    queue = Turns(1)
    first = Task(queue=queue).start("a")
    assert first.working.wait(WAIT)
    waiting: list[Task] = []
    for seconds, people in ((9.0, "b"), (9.0, "cde"), (1.0, "f")):
        task = Task(queue=queue, seconds=seconds)
        for person in people[1:]:
            task.seen_by(person)
        waiting.append(task.start(people[0]))
        eventually(lambda: queue.waiting == len(waiting))
    assert [queue.ahead(task) for task in waiting] == [2, 1, 0]
    for job in (first, *waiting):
        job.cancel()
        assert job.finished.wait(WAIT)


def test_it_ends_when_no_page_asks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(background, "time", SimpleNamespace(monotonic=lambda: now))
    job = Task().start("a")
    for _ in range(4):
        now += 0.9 * background.HEARTBEAT_SECONDS
        assert not job.should_stop()
        job.seen_by("a")
    assert not job.finished.wait(0.1)
    now += 1.1 * background.HEARTBEAT_SECONDS
    assert job.finished.wait(WAIT)
    assert job.cancelled


def test_it_waits_its_turn_and_may_be_cancelled_while_it_does() -> None:
    queue = Turns(1)
    first, second, third = (Task(queue=queue) for _ in range(3))
    first.start("a")
    assert first.working.wait(WAIT)
    second.start("a")
    eventually(lambda: queue.waiting == 1)
    third.start("a")
    eventually(lambda: queue.waiting == 2)
    second.cancel()
    assert second.finished.wait(WAIT)
    assert not second.working.is_set()
    assert not third.working.is_set()
    first.cancel()
    assert third.working.wait(WAIT)
    third.cancel()
    assert third.finished.wait(WAIT)


def test_it_ends_with_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = threading.Event()
    monkeypatch.setattr(background, "ending", ending)
    job = Task().start("a")
    ending.set()
    assert job.finished.wait(WAIT)


def test_what_has_ended_cannot_be_cancelled() -> None:
    job = Task(lambda: None).start("a")
    assert job.finished.wait(WAIT)
    job.cancel()
    job.left_by("a")
    assert not job.cancelled


def test_our_errors_are_told_and_others_only_named() -> None:
    job = raising(ConfigError("rank must be at most 6")).start("a")
    assert job.finished.wait(WAIT)
    assert job.error == "rank must be at most 6"
    job = raising(RuntimeError("secret path")).start("a")
    assert job.finished.wait(WAIT)
    assert job.error == "The task ended with an internal error, which is in the server's log. Ask again."


def test_sessions_share_a_job_and_a_cancelled_one_begins_again() -> None:
    jobs: Jobs[str, Task] = Jobs(kept=2)
    first = jobs.get("x", Task, "a")
    assert jobs.get("x", Task, "b") is first is jobs.known("x")
    first.cancel()
    again = jobs.get("x", Task, "a")
    assert again is not first
    again.cancel()


def test_old_jobs_that_nobody_waits_for_make_room_and_no_other_does() -> None:
    jobs: Jobs[int, Task] = Jobs(kept=2)
    awaited = jobs.get(0, Task, "a")
    left = jobs.get(1, Task, "b")
    left._viewers.clear()  # its page was closed a while ago
    done = jobs.get(2, lambda: Task(lambda: None), "c")
    assert done.finished.wait(WAIT)
    last = jobs.get(3, Task, "d")
    assert left.finished.wait(WAIT)
    assert [jobs.known(n) for n in range(4)] == [awaited, None, None, last]
    jobs.get(4, Task, "e").cancel()
    assert awaited.running
    assert len(jobs) == 3  # more than are kept, since all are awaited
    for job in (awaited, last):
        job.cancel()


class Heavy(Task):
    """Its result takes four bytes."""

    size = 4


def test_results_that_take_too_much_memory_make_room() -> None:
    jobs: Jobs[int, Heavy] = Jobs(kept=9, most_bytes=10)
    for n in range(4):
        assert jobs.get(n, lambda: Heavy(lambda: None), "a").finished.wait(WAIT)
    assert [jobs.known(n) is not None for n in range(4)] == [False, False, True, True]
