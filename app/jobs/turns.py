"""A fair queue: a few places, and who waits for one."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

LOOK_SECONDS = 0.1
"""How often somebody who waits asks whether to give up."""


class Waiting(NamedTuple):
    """A piece of work in the queue.

    Attributes:
        owner: whose it is.
        since: when it came, in seconds.
        patience: for how many seconds it is fair to let it wait, as things are when this is asked.
    """

    owner: object
    since: float
    patience: Callable[[], float]


class Turns:
    """Equal places that are taken in turn; safe to use from several threads.

    A free place goes to whoever holds fewest: somebody with a hundred pieces of work does not keep others from their
    only one. Among equals it goes to whose wait becomes unfair first, which for equal work is who came first: something
    long lets what is short go before it, but not for ever.

    Args:
        places: how many there are, numbered from 0.
    """

    def __init__(self, places: int) -> None:
        self._free = list(range(places))
        self._held: Counter[object] = Counter()
        self._waiting: dict[int, Waiting] = {}
        self._tickets = count()
        self._changed = threading.Condition()

    @contextmanager
    def turn(
        self,
        owner: object,
        go_on: Callable[[], None] = lambda: None,
        wish: int = 0,
        patience: Callable[[], float] = lambda: 0.0,
    ) -> Iterator[int]:
        """Wait for a place, and hold it.

        Args:
            owner: who holds it; hashable.
            go_on: called now and then while waiting; what it raises ends the wait.
            wish: number of the place that is taken if it is free, modulo their number.
            patience: for how many seconds it is fair to let this wait; asked again whenever a place is free.
        """
        ticket = next(self._tickets)
        place = self._taken(ticket, Waiting(owner, time.monotonic(), patience), go_on, wish)
        try:
            yield place
        finally:
            with self._changed:
                self._free.append(place)
                self._held[owner] -= 1
                if not self._held[owner]:
                    del self._held[owner]
                self._changed.notify_all()

    def ahead(self, owner: object) -> int:
        """How many waiting pieces of work will begin before the first of ``owner``; 0 if it waits for nothing."""
        with self._changed:
            order = [self._waiting[ticket].owner for ticket in sorted(self._waiting, key=self._rank)]
        return order.index(owner) if owner in order else 0

    @property
    def held(self) -> int:
        """How many places are taken."""
        with self._changed:
            return sum(self._held.values())

    @property
    def waiting(self) -> int:
        """How many pieces of work wait."""
        return len(self._waiting)

    def _taken(self, ticket: int, waiting: Waiting, go_on: Callable[[], None], wish: int) -> int:
        with self._changed:
            self._waiting[ticket] = waiting
            try:
                while not self._free or min(self._waiting, key=self._rank) != ticket:
                    self._changed.wait(LOOK_SECONDS)
                    go_on()
            except BaseException:
                del self._waiting[ticket]
                self._changed.notify_all()
                raise
            del self._waiting[ticket]
            places = len(self._free) + sum(self._held.values())
            place = wish % places if wish % places in self._free else min(self._free)
            self._free.remove(place)
            self._held[waiting.owner] += 1
            self._changed.notify_all()
            return place

    def _rank(self, ticket: int) -> tuple[int, float, int]:
        waiting = self._waiting[ticket]
        return self._held[waiting.owner], waiting.since + waiting.patience(), ticket
