"""Runs federations off the script thread: streams records, cancels, caches finished runs for everyone."""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
import torch

from app import background
from app.background import Job, Jobs
from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import TraceError
from fedrot_core.federation import Federation
from fedrot_core.methods import Method
from fedrot_core.mistakes import MISTAKES
from fedrot_core.trace import Trace

PRECOMPUTED = Path(__file__).with_name("precomputed.npz")
"""The default preset's trace, so that the first paint needs no training. Made by ``python -m app.precompute``."""

KEPT_RUNS = 24
FIRST_PAINT_SECONDS = 0.12
"""How long a run pauses after its first round, so that the page can draw it without sharing the interpreter."""

SWITCH_SECONDS = 0.0005
"""How soon a training thread hands the interpreter to a page that wants it (Python's default is ten times as long)."""

log = logging.getLogger(__name__)


class RunJob(Job):
    """One run, shared by every session that shows the same config.

    Args:
        methods: the arms, where they are not the registered methods that ``config`` names.

    Attributes:
        cancelled_by_hand: a person asked for its end.
    """

    kind = "run"
    advice = "Change a setting to go on."

    def __init__(self, config: FederationConfig, methods: Sequence[Method] | None = None) -> None:
        super().__init__()
        self.config = config
        self._methods = methods
        self.cancelled_by_hand = False
        self._trace: Trace | None = None
        self._progress = threading.Condition()
        self._painted = threading.Event()

    def trace(self) -> Trace | None:
        """All complete rounds so far; None before the first is complete."""
        trace = self._trace
        if trace is None or not trace.rounds_done:
            return None
        return trace.upto(trace.rounds_done)

    def painted(self) -> None:
        """Note that a page has drawn what there is; until then the run leaves it the interpreter after round 0."""
        self._painted.set()

    def cancel(self) -> None:
        """A person's wish: end the run at its next local step, keeping the rounds that are complete."""
        super().cancel()
        self.cancelled_by_hand = self.cancelled

    def wait_for_rounds(self, rounds: int, timeout: float) -> None:
        """Return once ``rounds`` rounds are complete, the run has ended, or ``timeout`` seconds have passed."""
        with self._progress:
            self._progress.wait_for(
                lambda: self.finished.is_set() or (self._trace is not None and self._trace.rounds_done >= rounds),
                timeout,
            )

    def work(self) -> None:
        federation = Federation(self.config, self._methods)
        self._trace = trace = federation.new_trace()
        for event in federation.rounds(self.should_stop):
            trace.add(event)
            with self._progress:
                self._progress.notify_all()
            if trace.rounds_done == 1 and not self._painted.is_set():
                self._painted.wait(FIRST_PAINT_SECONDS)

    def _run(self, slots: threading.Semaphore) -> None:
        super()._run(slots)
        with self._progress:
            self._progress.notify_all()

    @classmethod
    def done(cls, trace: Trace) -> RunJob:
        """A finished job that holds ``trace``."""
        job = cls(trace.config)
        job._trace = trace
        job.finished.set()
        return job


class Runner:
    """All runs of this server, newest kept; as many at once as there are cores."""

    def __init__(self) -> None:
        self._jobs: Jobs[str, RunJob] = Jobs(KEPT_RUNS, os.cpu_count() or 1)
        self._preload()
        sys.setswitchinterval(SWITCH_SECONDS)
        background.start("warm", _warm)

    def job(self, config: FederationConfig, session: str, mistake: str = "") -> RunJob:
        """The run of ``config``, started if nobody has yet or if it was cancelled.

        Args:
            mistake: entry of :data:`fedrot_core.mistakes.MISTAKES`, whose correct and faulty copy are then the arms.
        """

        def made() -> RunJob:
            return RunJob(config, MISTAKES[mistake].arms(config) if mistake else None)

        return self._jobs.get(config.hash + mistake, made, session)

    def _preload(self) -> None:
        try:
            with PRECOMPUTED.open("rb") as file:
                trace = Trace.load(file)
        except (OSError, TraceError) as error:
            log.warning("no precomputed run: %s", error)
            return
        if trace.engine == ENGINE_VERSION:
            self._jobs.keep(trace.config.hash, RunJob.done(trace))


def _warm() -> None:
    """Load the data and pretrain the frozen network before anybody asks."""
    torch.set_num_threads(1)
    Federation(FederationConfig())


@st.cache_resource(show_spinner=False)
def runner() -> Runner:
    """The server's one runner."""
    return Runner()
