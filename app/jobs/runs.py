"""Runs federations off the script thread: streams records, cancels, caches finished runs for everyone."""

from __future__ import annotations

import threading

import streamlit as st

from app.jobs import background, tasks
from app.jobs.archive import Archive, Origin, archive
from app.jobs.background import Job, Jobs
from app.jobs.workers import workers
from fedrot_core.config import FederationConfig
from fedrot_core.records import Event
from fedrot_core.trace import Trace

ENDING_SECONDS = 0.05
"""How long at most a run takes to end after its last round."""

KEPT_RUNS = 200
KEPT_BYTES = 300_000_000
"""Of all runs that are kept in memory, whichever bound is met first; a run of the default size takes about 1 MB."""


class RunJob(Job):
    """One run, shared by every session that shows the same config.

    Args:
        archive: where the run may be found, and is kept once it is complete; None to do without.
        recall: whether to take what is found there; otherwise the run is computed.
        mistake: entry of :data:`fedrot_core.learn.mistakes.MISTAKES`, whose correct and faulty copy are then the arms.

    Attributes:
        cancelled_by_hand: a person asked for its end.
        origin: where its numbers come from.
    """

    kind = "run"
    advice = "Change a setting to go on."

    def __init__(
        self,
        config: FederationConfig,
        archive: Archive | None = None,
        recall: bool = True,
        mistake: str = "",
    ) -> None:
        super().__init__()
        self.config = config
        self._archive, self._recall, self._mistake = archive, recall, mistake
        self.cancelled_by_hand = False
        self.origin: Origin = "computed"
        self._trace: Trace | None = None
        self._weighed = 0, 0  # how many records there were when they were last weighed, and what they weighed
        self._progress = threading.Condition()

    def trace(self) -> Trace | None:
        """All complete rounds so far; None before the first is complete."""
        trace = self._trace
        if trace is None or not trace.rounds_done:
            return None
        if trace.rounds_done == self.config.train.rounds:
            self.finished.wait(ENDING_SECONDS)  # so that whoever sees the last round sees the end with it
        return trace.upto(trace.rounds_done)

    @property
    def size(self) -> int:
        """Bytes of its records."""
        if self._trace is None:
            return 0
        if len(self._trace.records) != self._weighed[0]:
            self._weighed = len(self._trace.records), self._trace.nbytes
        return self._weighed[1]

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
        for sentence in asker.troubles:
            self.trouble(sentence)
        if found is not None:
            self._trace, self.origin = found
        return found is not None

    def work(self) -> None:
        workers().call(self, tasks.run, self.config, self._mistake, tell=self._take, seconds=self.config.seconds)

    def _take(self, news: Trace | Event) -> None:
        """Take what the run tells: an empty trace at its beginning, then its events."""
        if isinstance(news, Trace):  # the beginning; another one, where a process has died
            self._trace = news
            self.progress.told(0, self.config.train.rounds)
            return
        assert self._trace is not None
        self._trace.add(news)
        if self._trace.rounds_done > self.progress.done:
            self.progress.told(self._trace.rounds_done, self.config.train.rounds)
            with self._progress:
                self._progress.notify_all()

    def _run(self) -> None:
        super()._run()
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
    """All runs of this server, newest kept."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._jobs: Jobs[tuple[str, str, str], RunJob] = Jobs(KEPT_RUNS, KEPT_BYTES)
        background.start("warm", workers().warm)

    @property
    def kept(self) -> int:
        """How many runs are kept in memory."""
        return len(self._jobs)

    def job(self, config: FederationConfig, session: str, mistake: str = "", anew: bool = False) -> RunJob:
        """The run of ``config``, started if nobody has yet or if it was cancelled.

        Args:
            mistake: entry of :data:`fedrot_core.learn.mistakes.MISTAKES`, whose correct and faulty copy are then the
                arms; such a run is neither recalled nor kept.
            anew: whether it must be computed for this session.
        """

        def made() -> RunJob:
            if mistake:
                return RunJob(config, mistake=mistake)
            return RunJob(config, self._archive, recall=not anew)

        return self._jobs.get((config.hash, mistake, session if anew else ""), made, session)


@st.cache_resource(show_spinner=False)
def runner() -> Runner:
    """The server's one runner."""
    return Runner(archive())
