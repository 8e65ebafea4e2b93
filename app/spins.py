"""Gauge tests off the script thread: one round trained again, one client turned; shared, cancelled, kept for all."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, replace

import streamlit as st
import torch

from app import background
from app.runner import HEARTBEAT_SECONDS
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, FedRotError
from fedrot_core.gauge import Replay, Spin, replay, spin

KEPT_ROUNDS = 4
"""A round's factors are kept, so that another turn of it needs no training; up to about 50 MB each."""

KEPT_SPINS = 256

log = logging.getLogger(__name__)


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


class SpinJob:
    """One question under work.

    Attributes:
        question: what was asked.
        rounds_done: of ``question.round_index + 1`` rounds that must be trained again.
        result: the answer, once there is one.
        error: what went wrong, in words for a person; empty while all is well.
        cancelled: it ended because nobody looked any more.
        finished: set when it has ended, for whatever reason.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.rounds_done = 0
        self.result: Spin | None = None
        self.error = ""
        self.cancelled = False
        self.finished = threading.Event()
        self._begun = time.monotonic()
        self._viewers: dict[str, float] = {}

    def done_within(self, seconds: float) -> bool:
        """Whether it has finished; waits until ``seconds`` after it was asked, if they are not over."""
        return self.finished.wait(max(0.0, self._begun + seconds - time.monotonic()))

    def seen_by(self, session: str) -> None:
        """Note that ``session`` still waits."""
        self._viewers[session] = time.monotonic()

    def left_by(self, session: str) -> None:
        """Note that ``session`` went on; a job that nobody waits for ends at its next local step."""
        self._viewers.pop(session, None)

    def run(self, slots: threading.Semaphore, rounds: _Rounds) -> None:
        """Compute; called on a thread of its own."""
        torch.set_num_threads(1)
        try:
            with slots:
                if self._should_stop():
                    raise Cancelled("Nobody waited for it.")
                self.result = spin(self._round(rounds), self.question.client, self.question.seed)
        except Cancelled:
            self.cancelled = True
        except FedRotError as error:
            self.error = str(error)
        except Exception:
            log.exception("the gauge test of run %s failed", self.question.config.hash)
            self.error = "The test ended with an internal error, which is in the server's log. Try another round."
        finally:
            self.finished.set()

    def _round(self, rounds: _Rounds) -> Replay:
        """The round to turn: kept, or trained again."""
        asked = self.question
        found = rounds.get(asked.round_key)
        if found is None:
            found = replay(asked.config, asked.arm, asked.round_index, self._should_stop, self._count)
            rounds.add(asked.round_key, found)
        return found

    def _count(self, done: int) -> None:
        self.rounds_done = done

    def _should_stop(self) -> bool:
        now = time.monotonic()
        alone = all(now - seen > HEARTBEAT_SECONDS for seen in list(self._viewers.values()))
        return alone or background.ending.is_set()


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


class Spins:
    """All gauge tests of this server, newest kept; as many at once as there are cores."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Question, SpinJob] = OrderedDict()
        self._rounds = _Rounds()
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(os.cpu_count() or 1)

    def job(self, question: Question, session: str) -> SpinJob:
        """The test of ``question``, started if nobody has yet or if it was given up."""
        with self._lock:
            job = self._jobs.get(question)
            if job is None or job.cancelled:
                job = SpinJob(question)
                job.seen_by(session)
                self._jobs[question] = job
                background.start("spin", job.run, self._slots, self._rounds)
            self._jobs.move_to_end(question)
            job.seen_by(session)
            while len(self._jobs) > KEPT_SPINS:
                self._jobs.popitem(last=False)
            return job


@st.cache_resource(show_spinner=False)
def spins() -> Spins:
    """The server's gauge tests."""
    return Spins()
