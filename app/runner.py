"""Runs federations off the script thread: streams records, cancels, caches finished runs for everyone."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import streamlit as st
import torch

from app import background
from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, FedRotError, TraceError
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

HEARTBEAT_SECONDS = 20.0
"""A run that no open page has asked about for this long is cancelled."""

log = logging.getLogger(__name__)


class Job:
    """One run, shared by every session that shows the same config.

    Args:
        methods: the arms, where they are not the registered methods that ``config`` names.

    Attributes:
        error: what went wrong, in words for a person; empty while all is well.
        cancelled, cancelled_by_hand: the run was ended early; a person asked for it.
        finished: set when the run has ended, for whatever reason.
    """

    def __init__(self, config: FederationConfig, methods: Sequence[Method] | None = None) -> None:
        self.config = config
        self._methods = methods
        self.error = ""
        self.cancelled = False
        self.cancelled_by_hand = False
        self.finished = threading.Event()
        self._trace: Trace | None = None
        self._progress = threading.Condition()
        self._painted = threading.Event()
        self._viewers: dict[str, float] = {}

    def trace(self) -> Trace | None:
        """All complete rounds so far; None before the first is complete."""
        trace = self._trace
        if trace is None or not trace.rounds_done:
            return None
        return trace.upto(trace.rounds_done)

    def seen_by(self, session: str) -> None:
        """Note that ``session`` still looks at this run."""
        self._viewers[session] = time.monotonic()

    def left_by(self, session: str) -> None:
        """Note that ``session`` went on; a run that nobody looks at ends at its next local step."""
        self._viewers.pop(session, None)

    def painted(self) -> None:
        """Note that a page has drawn what there is; until then the run leaves it the interpreter after round 0."""
        self._painted.set()

    def cancel(self) -> None:
        """A person's wish: end the run at its next local step, keeping the rounds that are complete."""
        self.cancelled = self.cancelled_by_hand = True

    def wait_for_rounds(self, rounds: int, timeout: float) -> None:
        """Return once ``rounds`` rounds are complete, the run has ended, or ``timeout`` seconds have passed."""
        with self._progress:
            self._progress.wait_for(
                lambda: self.finished.is_set() or (self._trace is not None and self._trace.rounds_done >= rounds),
                timeout,
            )

    def run(self, slots: threading.Semaphore) -> None:
        """Compute; called on a thread of its own."""
        torch.set_num_threads(1)  # counts for this thread alone: two runs on two cores must not fight for both
        try:
            with slots:
                if self._should_stop():
                    raise Cancelled("The run was cancelled before it began.")
                federation = Federation(self.config, self._methods)
                self._trace = trace = federation.new_trace()
                for event in federation.rounds(self._should_stop):
                    trace.add(event)
                    with self._progress:
                        self._progress.notify_all()
                    if trace.rounds_done == 1 and not self._painted.is_set():
                        self._painted.wait(FIRST_PAINT_SECONDS)
        except Cancelled:
            self.cancelled = True
        except FedRotError as error:
            self.error = str(error)
        except Exception:
            log.exception("run %s failed", self.config.hash)
            self.error = (
                "The run ended with an internal error, which is in the server's log. Change a setting to go on."
            )
        finally:
            self.finished.set()
            with self._progress:
                self._progress.notify_all()

    def _should_stop(self) -> bool:
        now = time.monotonic()
        return (
            self.cancelled
            or background.ending.is_set()
            or all(now - seen > HEARTBEAT_SECONDS for seen in list(self._viewers.values()))
        )

    @classmethod
    def done(cls, trace: Trace) -> Job:
        """A finished job that holds ``trace``."""
        job = cls(trace.config)
        job._trace = trace
        job.finished.set()
        return job


class Runner:
    """All runs of this server, newest kept; as many at once as there are cores."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(os.cpu_count() or 1)
        self._preload()
        sys.setswitchinterval(SWITCH_SECONDS)
        background.start("warm", _warm)

    def job(self, config: FederationConfig, session: str, mistake: str = "") -> Job:
        """The run of ``config``, started if nobody has yet or if it was cancelled.

        Args:
            mistake: entry of :data:`fedrot_core.mistakes.MISTAKES`, whose correct and faulty copy are then the arms.
        """
        key = config.hash + mistake
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.cancelled:
                job = Job(config, MISTAKES[mistake].arms(config) if mistake else None)
                job.seen_by(session)
                self._jobs[key] = job
                background.start(f"run-{key}", job.run, self._slots)
            self._jobs.move_to_end(key)
            job.seen_by(session)
            while len(self._jobs) > KEPT_RUNS:
                oldest = next(iter(self._jobs))
                self._jobs.pop(oldest).cancel()
            return job

    def _preload(self) -> None:
        try:
            with PRECOMPUTED.open("rb") as file:
                trace = Trace.load(file)
        except (OSError, TraceError) as error:
            log.warning("no precomputed run: %s", error)
            return
        if trace.engine == ENGINE_VERSION:
            self._jobs[trace.config.hash] = Job.done(trace)


def _warm() -> None:
    """Load the data and pretrain the frozen network before anybody asks."""
    torch.set_num_threads(1)
    Federation(FederationConfig())


@st.cache_resource(show_spinner=False)
def runner() -> Runner:
    """The server's one runner."""
    return Runner()
