"""How far work is, and how long the rest of it will take at the speed that was measured on what is done."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable


class Progress:
    """Pieces of work that take about equally long.

    The speed is that of the later half of what is done, so that a slow start, such as that of a browser, is soon
    forgotten.

    Args:
        clock: gives the time in seconds.

    Attributes:
        done, total: pieces.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.done, self.total = 0.0, 1.0
        self._clock = clock
        self._times: list[float] = []
        self._counts: list[float] = []

    def told(self, done: float, total: float) -> None:
        """Note how far it is. Fewer pieces than before, or another total, begin a new stretch of work."""
        if not self._counts or total != self.total or done < self.done:
            self._times, self._counts = [], []
        self.done, self.total = done, total
        self._times.append(self._clock())
        self._counts.append(done)

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0

    @property
    def seconds_left(self) -> float | None:
        """About how long it will still take; None until enough is done to tell."""
        times, counts = list(self._times), list(self._counts)
        if not counts or len(times) != len(counts):  # another thread is about to tell
            return None
        half = bisect_right(counts, (counts[0] + counts[-1]) / 2) - 1
        passed, pieces = times[-1] - times[half], counts[-1] - counts[half]
        if passed <= 0 or pieces <= 0:
            return None
        return max(0.0, passed / pieces * (self.total - counts[-1]) - (self._clock() - times[-1]))
