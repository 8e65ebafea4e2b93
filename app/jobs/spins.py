"""Gauge tests off the script thread: one round trained again, one client turned; shared, cancelled, kept for all."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

import streamlit as st

from app.jobs.background import Job, Jobs
from fedrot_core.config import FederationConfig
from fedrot_core.gauge import Replay, Spin, replay, spin

KEPT_ROUNDS = 4
"""A round's factors are kept, so that another turn of it needs no training; up to about 50 MB each."""

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
        """Names the factors that are turned; the arms beside this one do not matter."""
        return replace(self.config, methods=(self.arm,)).hash, self.arm, self.round_index


class _Rounds:
    """Rounds that were trained again, the last few used; safe to use from several threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str, int], Replay] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str, int]) -> Replay | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def add(self, key: tuple[str, str, int], found: Replay) -> None:
        with self._lock:
            self._kept[key] = found
            while len(self._kept) > KEPT_ROUNDS:
                self._kept.popitem(last=False)


class SpinJob(Job):
    """One question under work.

    Attributes:
        question: what was asked.
        result: the answer, once there is one.
    """

    kind = "test"
    advice = "Try another round."

    def __init__(self, question: Question, rounds: _Rounds) -> None:
        super().__init__()
        self.question = question
        self.result: Spin | None = None
        self._rounds = rounds
        self._begun = time.monotonic()

    def done_within(self, seconds: float) -> bool:
        """Whether it has finished; waits until ``seconds`` after it was asked, if they are not over."""
        return self.finished.wait(max(0.0, self._begun + seconds - time.monotonic()))

    def work(self) -> None:
        self.result = spin(self._round(), self.question.client, self.question.seed)

    def _round(self) -> Replay:
        """The round to turn: kept, or trained again."""
        asked = self.question
        found = self._rounds.get(asked.round_key)
        if found is None:
            self._count(0)
            found = replay(asked.config, asked.arm, asked.round_index, self.should_stop, self._count)
            self._rounds.add(asked.round_key, found)
        return found

    def _count(self, done: int) -> None:
        self.progress.told(done, self.question.round_index + 1)


class Spins:
    """All gauge tests of this server, newest kept; as many at once as there are cores."""

    def __init__(self) -> None:
        self._jobs: Jobs[Question, SpinJob] = Jobs(KEPT_SPINS, os.cpu_count() or 1)
        self._rounds = _Rounds()

    def job(self, question: Question, session: str) -> SpinJob:
        """The test of ``question``, started if nobody has yet or if it was given up."""
        return self._jobs.get(question, lambda: SpinJob(question, self._rounds), session)


@st.cache_resource(show_spinner=False)
def spins() -> Spins:
    """The server's gauge tests."""
    return Spins()
