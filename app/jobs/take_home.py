"""The take-home page, made off the script thread: one at a time, cancellable, kept for all sessions."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.jobs.archive import archive
from app.jobs.background import Job, Jobs
from app.jobs.turns import Turns
from app.jobs.workers import workers
from fedrot_core.export.take_home.build import GRID_OF_PAGE, Grid, build
from fedrot_core.export.take_home.known import KnownRows
from fedrot_core.export.take_home.runs import Row, Rows, measured

KEPT_PAGES = 4


class PageJob(Job):
    """One making of the page, shared by every session that waits for it.

    Args:
        rows: where trained settings are found and kept.

    Attributes:
        page: the file, once it is made.
    """

    kind = "take-home page"
    advice = "Make it again."

    def __init__(self, grid: Grid, rows: Rows) -> None:
        super().__init__()
        self.grid, self._rows = grid, rows
        self.page: bytes | None = None

    @property
    def to_be_redone(self) -> bool:
        return self.cancelled or bool(self.error)

    def work(self) -> None:
        with self.turn(_one()):
            self.page = build(self.grid, self.should_stop, self.progress.told, self._rows, self._measure)

    def _measure(self, grid: Grid, setting: tuple[float, float, int], _: Callable[[], bool]) -> Row:
        """One setting in a process of the server."""
        return workers().call(self, measured, grid, setting)


class Pages:
    """All take-home pages of this server, one in the making at a time."""

    def __init__(self, rows: KnownRows) -> None:
        self._rows = rows
        self._jobs: Jobs[Grid, PageJob] = Jobs(KEPT_PAGES)

    def job(self, grid: Grid) -> PageJob | None:
        """The page over ``grid``, made or in the making; None if nobody has asked for it."""
        return self._jobs.known(grid)

    def ships(self, grid: Grid) -> bool:
        """Whether all settings of the page over ``grid`` come with the project, so that it is made in no time."""
        return self._rows.ships(grid)

    def start(self, grid: Grid, session: str) -> PageJob:
        """The page over ``grid``, begun if it has not been, or again if it was cancelled or failed."""
        return self._jobs.get(grid, lambda: PageJob(grid, self._rows), session)


@st.cache_resource(show_spinner=False)
def _one() -> Turns:
    """One page at a time on this server."""
    return Turns(1)


@st.cache_resource(show_spinner=False)
def pages() -> Pages:
    """The server's pages."""
    return Pages(KnownRows(archive()))


def grid() -> Grid:
    """What the page holds."""
    return GRID_OF_PAGE
