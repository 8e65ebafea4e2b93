"""Runs federations off the script thread: streams records, cancels, caches finished runs for everyone."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence

import streamlit as st
import torch

from app.jobs import background
from app.jobs.archive import Archive, Origin, archive
from app.jobs.background import Job, Jobs
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.learn.mistakes import MISTAKES
from fedrot_core.methods import Method
from fedrot_core.trace import Trace

KEPT_RUNS = 24
FIRST_PAINT_SECONDS = 0.12
"""How long a run pauses after its first round, so that the page can draw it without sharing the interpreter."""

SWITCH_SECONDS = 0.0005
"""How soon a training thread hands the interpreter to a page that wants it (Python's default is ten times as long)."""


class RunJob(Job):
    """One run, shared by every session that shows the same config.

    Args:
        archive: where the run may be found, and is kept once it is complete; None to do without.
        recall: whether to take what is found there; otherwise the run is computed here.
        methods: the arms, where they are not the registered methods that ``config`` names.

    Attributes:
        cancelled_by_hand: a person asked for its end.
        origin: where its numbers come from.
        troubles: what was damaged where the run was looked for, in sentences.
    """

    kind = "run"
    advice = "Change a setting to go on."

    def __init__(
        self,
        config: FederationConfig,
        archive: Archive | None = None,
        recall: bool = True,
        methods: Sequence[Method] | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self._archive, self._recall, self._methods = archive, recall, methods
        self.cancelled_by_hand = False
        self.origin: Origin = "computed"
        self.troubles: tuple[str, ...] = ()
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
        """Return once ``rounds`` rounds are complete, the run has ended, or ``timeout`` seconds have passed.

        A run with all its rounds is about to end, so its end is waited for.
        """

        def enough() -> bool:
            done = 0 if self._trace is None else self._trace.rounds_done
            return self.finished.is_set() or rounds <= done < self.config.train.rounds

        with self._progress:
            self._progress.wait_for(enough, timeout)

    def recalled(self) -> bool:
        if self._archive is None or not self._recall:
            return False
        asker = self._archive.asker()
        found = asker.run(self.config)
        self.troubles = tuple(asker.troubles)
        if found is not None:
            self._trace, self.origin = found
        return found is not None

    def work(self) -> None:
        federation = Federation(self.config, self._methods)
        self._trace = trace = federation.new_trace()
        self.progress.told(0, self.config.train.rounds)
        for event in federation.rounds(self.should_stop):
            trace.add(event)
            if trace.rounds_done > self.progress.done:
                self.progress.told(trace.rounds_done, self.config.train.rounds)
            with self._progress:
                self._progress.notify_all()
            if trace.rounds_done == 1 and not self._painted.is_set():
                self._painted.wait(FIRST_PAINT_SECONDS)

    def _run(self, slots: threading.Semaphore) -> None:
        super()._run(slots)
        with self._progress:
            self._progress.notify_all()
        complete = not self.cancelled and not self.error
        if self._archive is not None and self._trace is not None and complete and self.origin == "computed":
            self._archive.keep_run(self._trace)

    @classmethod
    def done(cls, trace: Trace) -> RunJob:
        """A finished job that holds ``trace``, which a person opened from a file."""
        job = cls(trace.config)
        job._trace, job.origin = trace, "file"
        job.finished.set()
        return job


class Runner:
    """All runs of this server, newest kept; as many at once as there are cores."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._jobs: Jobs[tuple[str, str, str], RunJob] = Jobs(KEPT_RUNS, os.cpu_count() or 1)
        sys.setswitchinterval(SWITCH_SECONDS)
        background.start("warm", _warm)

    def job(self, config: FederationConfig, session: str, mistake: str = "", anew: bool = False) -> RunJob:
        """The run of ``config``, started if nobody has yet or if it was cancelled.

        Args:
            mistake: entry of :data:`fedrot_core.learn.mistakes.MISTAKES`, whose correct and faulty copy are then the
                arms; such a run is neither recalled nor kept.
            anew: whether it must be computed for this session.
        """

        def made() -> RunJob:
            if mistake:
                return RunJob(config, methods=MISTAKES[mistake].arms(config))
            return RunJob(config, self._archive, recall=not anew)

        return self._jobs.get((config.hash, mistake, session if anew else ""), made, session)


def _warm() -> None:
    """Load the data and pretrain the frozen network before anybody asks."""
    torch.set_num_threads(1)
    Federation(FederationConfig())


@st.cache_resource(show_spinner=False)
def runner() -> Runner:
    """The server's one runner."""
    return Runner(archive())
