"""The card in which the take-home page is made: what it will hold, how far it is, and the file."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.jobs import take_home
from app.jobs.take_home import PageJob
from app.session.parts import mine, session_id
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.export.take_home.build import Grid
from fedrot_core.wording import counted, size

FILE = "fedrot-take-home.html"

POLL_SECONDS = 0.6
"""How often the card looks how far the page is."""


@dataclass
class Left:
    """Whether this session called the page off; others may still wait for it."""

    on: bool = False


def contents(grid: Grid) -> str:
    """Which runs the page holds, in one sentence."""

    def listed(values: tuple[float, ...]) -> str:
        return ", ".join(f"{value:g}" for value in values)

    runs = len(grid.settings) * len(grid.lams)
    return (
        f"{counted(runs, 'run')} of {counted(grid.base.train.rounds, 'round')}, naive and aligned: "
        f"θ {listed(grid.thetas)} degrees; "
        f"λ {listed(grid.lams)}; α {listed(grid.alphas)}; rank {listed(grid.ranks)}; seed {grid.base.seed}."
    )


def pace() -> float | None:
    """Seconds to the next look at the page; None where this session awaits none."""
    return POLL_SECONDS if _waiting(_job()) else None


def _job() -> PageJob | None:
    return take_home.pages().job(take_home.grid())


def _waiting(job: PageJob | None) -> bool:
    """Whether this session follows a page in the making."""
    return job is not None and job.running and not mine(Left).on


def stage() -> None:
    """Make, follow, cancel, download; redrawn alone while the page is made."""
    grid = take_home.grid()
    if _job() is None and take_home.pages().ships(grid):
        _make()
    job = _job()
    moving = _waiting(job)
    if job is not None and moving:
        job.seen_by(session_id())
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="take_home_row"):
        if job is not None and job.page is not None:
            st.download_button(
                f"Download {FILE}", job.page, FILE, "text/html", icon=":material/download:", type="primary",
                on_click="ignore", key="take_home_file",
            )  # fmt: skip
            st.caption(f"{size(len(job.page))}, one file.", width="content")
        elif job is not None and moving:
            under_way(job.progress.share, f"Training: {_done(job)} done", job.left, "take_home_cancel", _leave, job)
        else:
            st.button(
                "Make the page", key="take_home_make", icon=":material/home_work:", type="primary", on_click=_make
            )
            if job is not None and (job.cancelled or mine(Left).on):
                st.caption(f"Cancelled after {_done(job)}.", width="content")
            else:
                runs = counted(len(grid.settings) * len(grid.lams), "run")
                st.caption(f"{runs} are trained for it, once for all who use this server.", width="content")
    if job is not None and job.error:
        st.error(plain(job.error))


def _done(job: PageJob) -> str:
    return f"{job.progress.done:.0f} of {len(job.grid.settings)}\u00a0settings"


def _make() -> None:
    mine(Left).on = False
    take_home.pages().start(take_home.grid(), session_id())


def _leave(job: PageJob) -> None:
    mine(Left).on = True
    job.left_by(session_id())
