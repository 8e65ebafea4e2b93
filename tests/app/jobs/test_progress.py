"""An estimate follows from what was measured, forgets a slow start, counts down between two pieces, and begins anew."""

from __future__ import annotations

import pytest

from app.jobs.progress import Progress


class Clock:
    """A time that tests set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(progress: Progress, clock: Clock, *moments: tuple[float, float], total: float = 10) -> None:
    for clock.now, done in moments:
        progress.told(done, total)


def test_nothing_is_estimated_before_anything_is_done(clock: Clock) -> None:
    progress = Progress(clock)
    assert progress.seconds_left is None
    told(progress, clock, (3.0, 0))
    clock.now = 5.0
    assert progress.seconds_left is None
    assert progress.share == 0


def test_the_rest_takes_as_long_as_what_is_done(clock: Clock) -> None:
    progress = Progress(clock)
    told(progress, clock, (1.0, 0), (3.0, 1), (5.0, 2), (7.0, 3))
    assert progress.seconds_left == pytest.approx(14.0)
    assert progress.share == pytest.approx(0.3)


def test_it_counts_down_between_two_pieces_and_never_below_nothing(clock: Clock) -> None:
    progress = Progress(clock)
    told(progress, clock, (0.0, 8), (2.0, 9))
    clock.now = 3.5
    assert progress.seconds_left == pytest.approx(0.5)
    clock.now = 9.0
    assert progress.seconds_left == 0


def test_a_slow_start_is_forgotten(clock: Clock) -> None:
    progress = Progress(clock)
    told(progress, clock, (0.0, 0), (20.0, 1), (21.0, 2), (22.0, 3), (23.0, 4))
    assert progress.seconds_left == pytest.approx(6.0)


@pytest.mark.parametrize(("done", "total"), [(0, 10), (0, 4)])
def test_another_stretch_of_work_is_measured_by_itself(clock: Clock, done: float, total: float) -> None:
    progress = Progress(clock)
    told(progress, clock, (0.0, 0), (50.0, 5))
    told(progress, clock, (60.0, done), total=total)
    assert progress.seconds_left is None
    told(progress, clock, (61.0, 1), total=total)
    assert progress.seconds_left == pytest.approx(total - 1)
