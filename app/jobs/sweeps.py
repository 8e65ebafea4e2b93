"""Sweeps off the script thread: results as they come, cancellable, kept for all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import streamlit as st

from app.jobs.archive import archive
from app.jobs.background import Job, Jobs
from app.jobs.workers import workers
from fedrot_core.config import FederationConfig
from fedrot_core.study.sweep import OnRounds, RunSummary, ShouldStop, summarise, sweep

KEPT_SWEEPS = 12


class SweepJob(Job):
    """One sweep. A single impossible run tells its own error in its summary.

    Args:
        keep: told each summary, off the script thread.

    Attributes:
        configs: the runs asked for.
        results: config hash -> summary, as they come.
    """

    kind = "sweep"
    advice = "Change a setting to go on."

    def __init__(self, configs: tuple[FederationConfig, ...], keep: Callable[[RunSummary], None]) -> None:
        super().__init__()
        self.configs = configs
        self._keep = keep
        self.results: dict[str, RunSummary] = {}
        self._rounds, self._all_rounds = 0, sum(c.train.rounds * len(c.methods) for c in configs)
        self._counting = threading.Lock()

    def result(self, config: FederationConfig) -> RunSummary | None:
        """The summary of ``config``, or None while it is missing."""
        return self.results.get(config.hash)

    def work(self) -> None:
        self._count(0)
        for summary in sweep(self.configs, self.should_stop, workers().count, self._count, self._summarise):
            self.results[summary.config.hash] = summary
            self._keep(summary)

    def _summarise(self, configs: Sequence[FederationConfig], _: ShouldStop, on_rounds: OnRounds) -> list[RunSummary]:
        """One batch in a process of the server."""
        return workers().call(
            self, summarise, configs, tell=on_rounds, seconds=sum(config.seconds for config in configs)
        )

    def _count(self, rounds: int) -> None:
        """Note that so many rounds of single arms are done; called from the threads that wait for batches."""
        with self._counting:
            self._rounds += rounds
            self.progress.told(self._rounds, self._all_rounds)


class Sweeps:
    """All sweeps of this server, newest kept."""

    def __init__(self, keep: Callable[[RunSummary], None]) -> None:
        self._keep = keep
        self._jobs: Jobs[tuple[str, ...], SweepJob] = Jobs(KEPT_SWEEPS)

    def job(self, configs: tuple[FederationConfig, ...], session: str) -> SweepJob:
        """The sweep over ``configs``, started if it has not been, or again if it was cancelled."""
        return self._jobs.get(tuple(config.hash for config in configs), lambda: SweepJob(configs, self._keep), session)


@st.cache_resource(show_spinner=False)
def sweeps() -> Sweeps:
    """The server's sweeps."""
    return Sweeps(archive().keep_arms)
