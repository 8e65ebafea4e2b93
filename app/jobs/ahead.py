"""Runs that somebody may ask for next, computed while the server has nothing else to do."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import streamlit as st

from app.jobs import background
from app.jobs.background import Job
from app.jobs.runs import runner
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


class Ahead:
    """Computes guesses one after the other, each only while no process is at work for anybody else.

    As soon as anybody waits for a process, what is computed ahead is given up, unless it has been asked for meanwhile.

    Args:
        turns: the queue of the processes.
        job: begins the run of a config, or finds it, for whoever is named.

    Attributes:
        guesses: session -> when they were made (monotonic seconds), and what is left of them; newest last.
    """

    def __init__(self, turns: Turns, job: Callable[[FederationConfig, str], Job]) -> None:
        self._turns, self._job = turns, job
        self.guesses: OrderedDict[str, tuple[float, list[FederationConfig]]] = OrderedDict()
        self._changed = threading.Condition()
        background.start(NAME, self._work)

    def guess(self, session: str, configs: Sequence[FederationConfig]) -> None:
        """What ``session`` may ask for next, likeliest first; replaces what was guessed for it before."""
        if os.environ.get(SWITCH) == "0":
            return
        cheap = [config for config in configs if config.seconds <= MOST_SECONDS]
        with self._changed:
            self.guesses[session] = time.monotonic(), cheap
            self.guesses.move_to_end(session)
            self._changed.notify()

    def _work(self) -> None:
        while not background.ending.is_set():
            config = self._next()
            if config is not None:
                self._compute(self._job(config, NAME))

    def _next(self) -> FederationConfig | None:
        """The likeliest guess for whoever came last; None while there is none, or while others are at work."""
        with self._changed:
            for session, (since, configs) in reversed(self.guesses.items()):
                if not configs or time.monotonic() - since > STALE_SECONDS:
                    del self.guesses[session]
                    return None
                if not self._turns.held and not self._turns.waiting:
                    return configs.pop(0)
                break
            self._changed.wait(LOOK_SECONDS if self.guesses else 1.0)
            return None

    def _compute(self, job: Job) -> None:
        while not job.finished.wait(LOOK_SECONDS):
            if self._turns.waiting and job.at_work:
                job.left_by(NAME)
                return
            job.seen_by(NAME)


@st.cache_resource(show_spinner=False)
def ahead() -> Ahead:
    """The server's one."""
    return Ahead(workers().turns, lambda config, name: runner().job(config, name))
