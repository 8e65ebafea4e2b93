"""The take-home page, made off the script thread: one at a time, cancellable, kept for all sessions."""

from __future__ import annotations

import logging
import threading
import time

import streamlit as st

from app import background
from app.runner import HEARTBEAT_SECONDS
from fedrot_core.errors import Cancelled, FedRotError
from fedrot_core.export.take_home import GRID_OF_PAGE, Grid, build

log = logging.getLogger(__name__)


class PageJob:
    """One making of the page, shared by every session that waits for it.

    Attributes:
        done, total: settings trained, and in all.
        page: the file, once it is made.
        error: what went wrong, in words for a person; empty while all is well.
        cancelled: it was ended early.
        finished: set when it has ended, for whatever reason.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.done, self.total = 0, len(grid.settings)
        self.page: bytes | None = None
        self.error = ""
        self.cancelled = False
        self.finished = threading.Event()
        self._viewers: dict[str, float] = {}

    @property
    def running(self) -> bool:
        """Whether it is still under way, and nobody has called it off."""
        return not self.finished.is_set() and not self.cancelled

    def seen_by(self, session: str) -> None:
        """Note that ``session`` still waits; a page that nobody waits for is given up."""
        self._viewers[session] = time.monotonic()

    def left_by(self, session: str) -> None:
        """Note that ``session`` called it off; unless another one waits, it ends at its next local step."""
        self._viewers.pop(session, None)
        self.cancelled = self.cancelled or not self._waited_for()

    def run(self, slot: threading.Semaphore) -> None:
        """Compute; called on a thread of its own."""
        try:
            with slot:
                if self._should_stop():
                    raise Cancelled("Nobody waited for it.")
                self.page = build(self.grid, self._should_stop, self._count)
        except Cancelled:
            self.cancelled = True
        except FedRotError as error:
            self.error = str(error)
        except Exception:
            log.exception("the take-home page failed")
            self.error = "The page ended with an internal error, which is in the server's log. Make it again."
        finally:
            self.finished.set()

    def _count(self, done: int, total: int) -> None:
        self.done, self.total = done, total

    def _waited_for(self) -> bool:
        now = time.monotonic()
        return any(now - seen <= HEARTBEAT_SECONDS for seen in list(self._viewers.values()))

    def _should_stop(self) -> bool:
        return self.cancelled or background.ending.is_set() or not self._waited_for()


class Pages:
    """The server's page: made once, then kept."""

    def __init__(self) -> None:
        self._jobs: dict[Grid, PageJob] = {}
        self._lock = threading.Lock()
        self._slot = threading.Semaphore(1)

    def job(self, grid: Grid) -> PageJob | None:
        """The page over ``grid``, made or in the making; None if nobody has asked for it."""
        return self._jobs.get(grid)

    def start(self, grid: Grid, session: str) -> PageJob:
        """The page over ``grid``, begun if it has not been, or again if it was cancelled or failed."""
        with self._lock:
            job = self._jobs.get(grid)
            if job is None or job.cancelled or job.error:
                job = PageJob(grid)
                job.seen_by(session)
                self._jobs[grid] = job
                background.start("take-home", job.run, self._slot)
            job.seen_by(session)
            return job


@st.cache_resource(show_spinner=False)
def pages() -> Pages:
    """The server's pages."""
    return Pages()


def grid() -> Grid:
    """What the page holds."""
    return GRID_OF_PAGE
