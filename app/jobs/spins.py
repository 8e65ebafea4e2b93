"""Gauge tests off the script thread: one round trained again, one client turned; shared, cancelled, kept for all."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import streamlit as st

from app.jobs import tasks
from app.jobs.background import Job, Jobs
from app.jobs.workers import workers
from fedrot_core.config import FederationConfig
from fedrot_core.gauge import Spin

KEPT_SPINS = 256


@dataclass(frozen=True)
class Question:
    """Which client of which round of which arm is turned, and by which rotation."""

    config: FederationConfig
    arm: str
    round_index: int
    client: int
    seed: int = 0

    @property
    def round_key(self) -> tuple[str, str, int]:
        """Names the factors that are turned, so that the process that has them is asked; other arms do not matter."""
        return replace(self.config, methods=(self.arm,)).hash, self.arm, self.round_index


class SpinJob(Job):
    """One question under work.

    Attributes:
        question: what was asked.
        result: the answer, once there is one.
    """

    kind = "test"
    advice = "Try another round."

    def __init__(self, question: Question) -> None:
        super().__init__()
        self.question = question
        self.result: Spin | None = None
        self._begun = time.monotonic()

    def done_within(self, seconds: float) -> bool:
        """Whether it has finished; waits until ``seconds`` after it was asked, if they are not over."""
        return self.finished.wait(max(0.0, self._begun + seconds - time.monotonic()))

    def work(self) -> None:
        asked = self.question
        self.result = workers().call(
            self, tasks.turned, asked.config, asked.arm, asked.round_index, asked.client, asked.seed,
            tell=lambda done: self.progress.told(done, asked.round_index + 1), wish=hash(asked.round_key),
        )  # fmt: skip


class Spins:
    """All gauge tests of this server, newest kept."""

    def __init__(self) -> None:
        self._jobs: Jobs[Question, SpinJob] = Jobs(KEPT_SPINS)

    def job(self, question: Question, session: str) -> SpinJob:
        """The test of ``question``, started if nobody has yet or if it was given up."""
        return self._jobs.get(question, lambda: SpinJob(question), session)


@st.cache_resource(show_spinner=False)
def spins() -> Spins:
    """The server's gauge tests."""
    return Spins()
