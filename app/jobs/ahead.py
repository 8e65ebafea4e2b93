"""Runs that somebody may ask for next, computed while the server has nothing else to do."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic

import streamlit as st

from app.jobs import background
from app.jobs.background import SomeJob
from app.jobs.runs import RunJob, runner
from app.jobs.turns import Turns
from app.jobs.workers import workers
from fedrot_core.config import FederationConfig

SWITCH = "FEDROT_AHEAD"
"""Environment variable that turns this off where it is 0."""

NAME = "ahead"
"""Who asks for such a run; no session is called so."""

LOOK_SECONDS = 0.02
"""How often it is seen whether somebody needs the processes."""

STALE_SECONDS = 20.0
"""A guess that is older is dropped: whoever it was made for has most likely gone on."""

MOST_SECONDS = 5.0
"""A run that takes longer is not computed on the chance that somebody asks for it."""

log = logging.getLogger(__name__)


class Ahead(Generic[SomeJob]):
    """Computes guesses one after the other, each only while no process is at work for anybody else.

    As soon as anybody else takes a process or waits for one, what is computed ahead is given up, unless somebody has
    asked for it meanwhile: it would take the cores from them and from the pages.

    Args:
        turns: the queue of the processes.
        job: begins the run of a config, or finds it, for whoever is named.

    Attributes:
        guesses: session -> when they were made (monotonic seconds), and what is left of them; newest last.
    """

    def __init__(self, turns: Turns, job: Callable[[FederationConfig, str], SomeJob]) -> None:
        self._turns, self._job = turns, job
        self.guesses: OrderedDict[str, tuple[float, list[FederationConfig], Callable[[SomeJob], None]]] = OrderedDict()
        self._changed = threading.Condition()
        background.start(NAME, self._work)

    def guess(
        self, session: str, configs: Sequence[FederationConfig], then: Callable[[SomeJob], None] = lambda _: None
    ) -> None:
        """What ``session`` may ask for next, likeliest first; replaces what was guessed for it before.

        Args:
            then: called with each run that is done, on another thread than the session's.
        """
        if os.environ.get(SWITCH) == "0":
            return
        cheap = [config for config in configs if config.seconds <= MOST_SECONDS]
        with self._changed:
            self.guesses[session] = time.monotonic(), cheap, then
            self.guesses.move_to_end(session)
            self._changed.notify()

    def _work(self) -> None:
        while not background.ending.is_set():
            found = self._next()
            if found is not None:
                config, then = found
                try:
                    self._compute(self._job(config, NAME), then)
                except Exception:  # nobody asked for it; who does will hear what is wrong
                    log.exception("what was computed ahead failed")

    def _next(self) -> tuple[FederationConfig, Callable[[SomeJob], None]] | None:
        """The likeliest guess for whoever came last; None while there is none, or while others are at work."""
        with self._changed:
            for session, (since, configs, then) in reversed(self.guesses.items()):
                if not configs or time.monotonic() - since > STALE_SECONDS:
                    del self.guesses[session]
                    return None
                if not self._turns.held and not self._turns.waiting:
                    return configs.pop(0), then
                break
            self._changed.wait(LOOK_SECONDS if self.guesses else 1.0)
            return None

    def _compute(self, job: SomeJob, then: Callable[[SomeJob], None]) -> None:
        while not job.finished.wait(LOOK_SECONDS):
            if self._turns.held + self._turns.waiting > 1:  # one is the job itself
                job.left_by(NAME)
                return
            job.seen_by(NAME)
        then(job)


@st.cache_resource(show_spinner=False)
def ahead() -> Ahead[RunJob]:
    """The server's one."""
    return Ahead(workers().turns, lambda config, name: runner().job(config, name))
