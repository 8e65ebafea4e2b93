"""Lecture packs, made off the script thread: one at a time, cancellable, held by the session that asked."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
import torch

from app import background
from app.comparison import Plan, as_json, table, verdict
from app.runner import HEARTBEAT_SECONDS
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, FedRotError
from fedrot_core.export.outline_lesson import lesson_outline
from fedrot_core.export.outlines import comparison_outline, run_outline
from fedrot_core.export.pack import Options, build
from fedrot_core.export.pack_runs import ShouldStop, Tell, runs_of, trained
from fedrot_core.export.slides import Outline
from fedrot_core.figures import View
from fedrot_core.lessons import LESSONS
from fedrot_core.summary import RunSummary
from fedrot_core.trace import Trace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LessonSource:
    """A lesson with its knobs as they stand."""

    name: str
    values: dict[str, Any]

    def outline(self, should_stop: ShouldStop, tell: Tell) -> Outline:
        """Trains what its steps ask for."""
        runs = runs_of(self.values, should_stop, tell)
        return lesson_outline(LESSONS[self.name], self.values, runs, should_stop)


@dataclass(frozen=True)
class RunSource:
    """The lab's run; trained here unless it is done already."""

    config: FederationConfig
    trace: Trace | None = None
    view: View | None = None

    def outline(self, should_stop: ShouldStop, tell: Tell) -> Outline:
        """Title, figures, numbers."""
        return run_outline(self.trace or trained(self.config, should_stop, tell), self.view)


@dataclass(frozen=True)
class ComparisonSource:
    """The comparison on screen, as far as it is done."""

    plan: Plan
    runs: tuple[RunSummary, ...]

    def outline(self, should_stop: ShouldStop, tell: Tell) -> Outline:
        """Verdict, figures, table."""
        cards = self.plan.cards
        return comparison_outline(
            self.runs, cards, verdict(self.runs, cards), table(self.runs, cards), as_json(self.runs, cards)
        )


Source = LessonSource | RunSource | ComparisonSource


@dataclass
class PackJob:
    """One making of a pack.

    Attributes:
        done, total, what: how far it is, and what is being made.
        content: the zip, once it is made; name: of the zip, without ending.
        error: what went wrong, in words; cancelled: it was ended early.
    """

    source: Source
    options: Options
    done: int = 0
    total: int = 1
    what: str = "Waiting for another pack"
    content: bytes | None = None
    name: str = ""
    error: str = ""
    cancelled: bool = False
    finished: threading.Event = field(default_factory=threading.Event)
    _seen: float = field(default_factory=time.monotonic)

    @property
    def running(self) -> bool:
        """Whether it is still under way, and has not been called off."""
        return not self.finished.is_set() and not self.cancelled

    def seen(self) -> None:
        """Note that its session still waits; a pack that nobody waits for is given up."""
        self._seen = time.monotonic()

    def cancel(self) -> None:
        """A person's wish."""
        self.cancelled = True

    def start(self) -> PackJob:
        """Begin, on a thread of its own."""
        background.start("lecture-pack", self._run, _slot())
        return self

    def _run(self, slot: threading.Semaphore) -> None:
        torch.set_num_threads(1)
        try:
            while not slot.acquire(timeout=0.1):
                if self._should_stop():
                    raise Cancelled("Nobody waited for it.")
            try:
                self._tell(0, 1, "Reading the numbers")
                outline = self.source.outline(self._should_stop, self._tell)
                self.name = outline.name
                self.content = build(outline, self.options, self._tell, self._should_stop)
            finally:
                slot.release()
        except Cancelled:
            self.cancelled = True
        except FedRotError as error:
            self.error = str(error)
        except Exception:
            log.exception("a lecture pack failed")
            self.error = "The pack ended with an internal error, which is in the server's log. Build it again."
        finally:
            self.finished.set()

    def _tell(self, done: int, total: int, what: str) -> None:
        if self._should_stop():
            raise Cancelled("The lecture pack was cancelled.")
        self.done, self.total, self.what = done, max(total, 1), what

    def _should_stop(self) -> bool:
        left = time.monotonic() - self._seen > HEARTBEAT_SECONDS
        return self.cancelled or left or background.ending.is_set()


@st.cache_resource(show_spinner=False)
def _slot() -> threading.Semaphore:
    """One pack at a time on this server: all share one browser."""
    return threading.Semaphore(1)
