"""Sweeps off the script thread: runs in processes of their own, results as they come, cancellable, kept for all."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict

import streamlit as st

from app import background
from app.runner import HEARTBEAT_SECONDS
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled
from fedrot_core.sweep import RunSummary, sweep

KEPT_SWEEPS = 12

log = logging.getLogger(__name__)


class SweepJob:
    """One sweep: what it was asked, what it has found, and whether anybody still waits for it.

    Attributes:
        configs: the runs asked for.
        results: config hash -> summary, as they come.
        error: what went wrong as a whole, in words; a single impossible run tells its own error in its summary.
    """

    def __init__(self, configs: tuple[FederationConfig, ...]) -> None:
        self.configs = configs
        self.results: dict[str, RunSummary] = {}
        self.error = ""
        self.cancelled = False
        self.finished = threading.Event()
        self._viewers = {"": time.monotonic()}

    def seen(self, session: str = "") -> None:
        """Note that ``session`` still looks; a sweep that nobody looks at ends."""
        self._viewers[session] = time.monotonic()

    def left_by(self, session: str) -> None:
        """Note that ``session`` went on; unless another one looks, the sweep ends at its next local step."""
        self._viewers.pop(session, None)
        self._viewers.pop("", None)
        self.cancelled = self.cancelled or not self._viewers

    def cancel(self) -> None:
        """End the sweep; what is done stays."""
        self.cancelled = True

    def result(self, config: FederationConfig) -> RunSummary | None:
        """The summary of ``config``, or None while it is missing."""
        return self.results.get(config.hash)

    def run(self, slot: threading.Semaphore) -> None:
        """Compute; called on a thread of its own."""
        try:
            with slot:
                for summary in sweep(self.configs, self._should_stop):
                    self.results[summary.config.hash] = summary
        except Cancelled:
            self.cancelled = True
        except Exception:
            log.exception("a sweep of %d runs failed", len(self.configs))
            self.error = (
                "The sweep ended with an internal error, which is in the server's log. Change a setting to go on."
            )
        finally:
            self.finished.set()

    def _should_stop(self) -> bool:
        now = time.monotonic()
        return (
            self.cancelled
            or background.ending.is_set()
            or all(now - seen > HEARTBEAT_SECONDS for seen in list(self._viewers.values()))
        )


class Sweeps:
    """All sweeps of this server, newest kept, one at a time: each already uses every core."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[tuple[str, ...], SweepJob] = OrderedDict()
        self._lock = threading.Lock()
        self._slot = threading.Semaphore(1)

    def job(self, configs: tuple[FederationConfig, ...]) -> SweepJob:
        """The sweep over ``configs``, started if it has not been, or again if it was cancelled."""
        key = tuple(config.hash for config in configs)
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.cancelled:
                job = SweepJob(configs)
                self._jobs[key] = job
                background.start("sweep", job.run, self._slot)
            self._jobs.move_to_end(key)
            job.seen()
            while len(self._jobs) > KEPT_SWEEPS:
                self._jobs.pop(next(iter(self._jobs))).cancel()
            return job


@st.cache_resource(show_spinner=False)
def sweeps() -> Sweeps:
    """The server's sweeps."""
    return Sweeps()
