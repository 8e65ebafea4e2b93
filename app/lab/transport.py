"""Play, pause, step, reset, new seed, the round scrubber, and progress with cancel. Scrubbing recomputes nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.jobs.runs import RunJob
from app.session import link, state
from app.session.parts import mine
from app.session.query import Selection, from_query
from app.session.run import Watched
from app.session.state import Playing
from fedrot_core.study.seeds import SEEDS
from fedrot_core.trace import Trace
from fedrot_core.wording import counted

TICK_SECONDS = 0.7
"""How long a round stays on screen while playing."""

POLL_SECONDS = 0.2
"""How often the page looks for new rounds while a run is computing."""

TOLD_FROM_SECONDS = 2.0
"""A shorter rest is not told: its words would be gone before anybody has read them."""


@dataclass
class Scrubber:
    """The round slider: which one it is, and where it stands; None while there is none."""

    epoch: int = 0
    shown: int | None = None


def refresh_interval(job: RunJob) -> float | None:
    """How often the stage must redraw by itself: while a run streams, while its twin is awaited, or while it plays."""
    twin, playing = mine(Watched).twin, mine(Playing)
    if not job.finished.is_set() or (twin is not None and twin.running and twin.waited_for):
        return POLL_SECONDS
    return TICK_SECONDS / 2 if playing.on else None


def time_left(job: RunJob) -> float | None:
    """Seconds until a run that computes is done, as far as that is known."""
    return None if job.finished.is_set() else job.progress.seconds_left


def is_moving(trace: Trace, job: RunJob) -> bool:
    """Whether what is shown changes by itself. The run before stands still while the next one has no round yet."""
    return mine(Playing).on or (not job.finished.is_set() and trace.config == job.config)


def shown_round(trace: Trace, selection: Selection | None = None) -> int:
    """The selected round, or the newest one."""
    wanted = (selection or state.selection()).round_index
    newest = trace.rounds_done - 1
    return newest if wanted is None else min(wanted, newest)


def advance(trace: Trace) -> None:
    """Move one round on when playing, the browser has the current one, and that was on screen long enough."""
    playing = mine(Playing)
    if not playing.on or time.monotonic() < playing.due:
        return
    if link.seen() != state.LINK.query:
        return
    following = shown_round(trace) + 1
    playing.due = time.monotonic() + TICK_SECONDS
    if following < trace.rounds_done:
        state.select(round_index=following)
    if following >= trace.config.train.rounds - 1:
        playing.on = False


def hold(trace: Trace) -> int:
    """Stop playing at the round that the person saw when they pressed, and say which.

    A round that was under way then is taken back. Where the server is too busy to take the press at once, it counts
    with the address of the page's next request: the round that came meanwhile.
    """
    if mine(Playing).on:
        state.stop_playing()
        state.select(round_index=from_query(link.seen())[1].round_index)
    return shown_round(trace)


def play_or_pause(trace: Trace) -> None:
    """What Play does; after the last round it begins again."""
    playing = mine(Playing)
    if playing.on:
        hold(trace)
        return
    playing.on, playing.due = True, time.monotonic() + TICK_SECONDS
    at = shown_round(trace)
    state.select(round_index=0 if at >= trace.rounds_done - 1 else at)


def step(trace: Trace, by: int) -> None:
    """Go ``by`` rounds on, as far as there are any; stops Play."""
    _go(min(max(0, hold(trace) + by), trace.rounds_done - 1))


def _go(round_index: int) -> None:
    state.stop_playing()
    state.select(round_index=round_index)


def transport(trace: Trace, job: RunJob, in_room: bool = False) -> None:
    """Play, steps, reset and the scrubber; belongs into a horizontal container.

    Args:
        in_room: whether the page is shown for a lecture room, which has keys of its own.
    """
    newest, shown, playing = trace.rounds_done - 1, shown_round(trace), mine(Playing)
    st.button(
        "Pause" if playing.on else "Play", icon=":material/pause:" if playing.on else ":material/play_arrow:",
        key="play", type="primary", shortcut=None if in_room else "space", on_click=play_or_pause, args=(trace,),
        help="Show the rounds one after another. Space does the same while no slider has the focus.",
    )  # fmt: skip
    st.button(
        "", icon=":material/skip_previous:", key="back", help="One round back", on_click=step,
        args=(trace, -1), disabled=shown == 0,
    )  # fmt: skip
    st.button(
        "", icon=":material/skip_next:", key="step", help="One round forward", on_click=step,
        args=(trace, 1), disabled=shown >= newest,
    )  # fmt: skip
    st.button(
        "", icon=":material/restart_alt:", key="reset", help="Back to round 0 of this run", on_click=_go, args=(0,),
        disabled=shown == 0,
    )  # fmt: skip
    if trace.config.train.rounds > 1:
        _scrubber(trace.config.train.rounds - 1, shown, playing.on or not job.finished.is_set(), in_room)


def _scrubber(last: int, shown: int, moving: bool, in_room: bool) -> None:
    """The round slider; a progress bar in its place while rounds move by themselves. In a lecture room it has no label.

    A request that is sent before the browser has the new round still carries the slider's old value, which would pull
    the round back. So no slider exists while rounds move, and one that something else than itself has moved is another.
    """
    mind = mine(Scrubber)
    if moving:
        mind.shown = None
        with st.container(key="scrubber_moving", width=280):
            st.progress(shown / last, f"Round {shown}")
        return
    if mind.shown != shown:
        mind.epoch += 1
    mind.shown = shown
    key = f"round_slider_{mind.epoch}"

    def moved() -> None:
        value = int(st.session_state[key])
        if value != shown:  # a new slider also reports the value that it was given
            mind.shown = value
            _go(value)

    st.session_state[key] = shown
    st.slider(
        "Round", 0, last, key=key, on_change=moved, width=280, format="Round %d" if in_room else None,
        label_visibility="collapsed" if in_room else "visible",
    )  # fmt: skip


def run_status(trace: Trace, job: RunJob) -> None:
    """Progress and cancel while a run computes, and a new seed; at the right end of the row."""
    total = job.config.train.rounds
    done = trace.rounds_done if trace.config == job.config else 0

    def new_seed() -> None:
        state.change_config({"seed": int(np.random.default_rng().integers(SEEDS))})

    with st.container(horizontal=True, vertical_alignment="bottom", width="stretch", horizontal_alignment="right"):
        if not job.finished.is_set():
            long = (job.progress.seconds_left or 0) >= TOLD_FROM_SECONDS
            now = f"Cancel (round {min(done + 1, total)} of {total}{f', {job.left}' if long else ''})"
            st.button(
                now,
                key="cancel",
                icon=":material/close:",
                on_click=job.cancel,
                help="Stop the run and keep the rounds that are done",
            )
            return
        if job.cancelled:
            ended = f"Cancelled after {done} of {counted(total, 'round')}."
            st.caption(f"{ended} Change a setting to run again.", width="content")
        st.button(
            f"New seed (now {job.config.seed})",
            icon=":material/casino:",
            key="new_seed",
            on_click=new_seed,
            help="Run again with another split of the data, other initial factors and other mini-batches",
        )
