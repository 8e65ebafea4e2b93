"""Threads that compute for pages, and their orderly end: torch aborts a process whose interpreter ends under it."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from typing import Any

PATIENCE_SECONDS = 10.0

ending = threading.Event()
"""Set when the process ends; whoever computes asks it beside its own reasons to stop."""

_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def start(name: str, target: Callable[..., None], *args: Any) -> None:
    """Run ``target(*args)`` on a daemon thread that is waited for when the process ends."""
    thread = threading.Thread(target=target, args=args, daemon=True, name=name)
    _threads.add(thread)
    thread.start()


@atexit.register
def _end() -> None:
    ending.set()
    for thread in list(_threads):
        thread.join(PATIENCE_SECONDS)
