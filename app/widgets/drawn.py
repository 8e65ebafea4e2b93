"""Figures as the browser gets them, and other text that is long in the making: made once for everyone."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import cache
from typing import Any

from fedrot_core.trace import Trace

MOST_BYTES = 48_000_000
"""Of all figures that are kept: several hundred of the largest ones."""


class Same:
    """Stands for an object as a key: equal to itself alone, and alive as long as the key."""

    def __init__(self, it: object) -> None:
        self._it = it

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and other._it is self._it

    def __hash__(self) -> int:
        return id(self._it)


def state_of(trace: Trace) -> Hashable:
    """What tells the numbers of a trace from those of any other, and of itself when it had fewer rounds.

    Records are never changed, and belong to one run: the last one stands for all of them.
    """
    last = trace.records[-1] if trace.records else trace.task
    return trace.config, trace.arms, len(trace.records), trace.rounds_done, len(trace.stopped), Same(last)


class Drawn:
    """Figures by what they are made of, those used last kept; safe to use from several threads.

    Args:
        most_bytes: of all figures together.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._bytes = most_bytes, 0
        self._kept: OrderedDict[Hashable, Future[str]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, made_of: Hashable, make: Callable[[], str]) -> str:
        """The figure made of ``made_of``; the first who asks makes it, and whoever asks meanwhile waits for that."""
        with self._lock:
            known = self._kept.get(made_of)
            if known is not None:
                self._kept.move_to_end(made_of)
            else:
                made: Future[str] = Future()
                self._kept[made_of] = made
        if known is not None:
            return known.result()
        try:
            figure = make()
        except BaseException as error:  # also where Streamlit ends the script here: others try again for themselves
            with self._lock:
                self._kept.pop(made_of, None)
            made.set_exception(error if isinstance(error, Exception) else RuntimeError("nobody made this figure"))
            raise
        with self._lock:
            self._bytes += len(figure)
            made.set_result(figure)
            while self._bytes > self._most and (oldest := self._oldest_but(made_of)) is not None:
                self._bytes -= len(self._kept.pop(oldest).result())
        return figure

    def _oldest_but(self, newest: Hashable) -> Any:
        """The key of the figure that was used longest ago, of those that are made; None if there is no other."""
        return next((key for key, figure in self._kept.items() if key != newest and figure.done()), None)


@cache
def drawn() -> Drawn:
    """The server's figures."""
    return Drawn()
