"""Results by arm, so that a change of methods runs only what is missing.

An arm's result does not depend on which arms run beside it: its mini-batches follow from seed, round and client, all
else from named streams of the seed, and training keeps rows apart. Only the centralised run's length does: it ends with
the last arm that runs, so the longest one is the one to keep.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

import streamlit as st

from app.jobs.archive import archive
from fedrot_core.config import FederationConfig
from fedrot_core.finished import but_arms
from fedrot_core.study.summary import RunSummary

KEPT_ARMS = 4000
"""About 3 kB each at 15 rounds."""


class KnownArms:
    """Summaries of single arms, newest kept; safe to use from several threads."""

    def __init__(self) -> None:
        self._runs: OrderedDict[tuple[FederationConfig, str], RunSummary] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, runs: Iterable[RunSummary]) -> None:
        """Keep each arm of each run; an impossible run is kept as the error of all arms that it asked for."""
        with self._lock:
            for run in runs:
                bare, _ = but_arms(run.config)
                for name in run.config.methods:
                    if (bare, name) not in self._runs:
                        arm = {name: run.arms[name]} if name in run.arms else {}
                        self._runs[bare, name] = replace(run, arms=arm)
            while len(self._runs) > KEPT_ARMS:
                self._runs.popitem(last=False)

    def get(self, config: FederationConfig, name: str) -> RunSummary | None:
        """The arm ``name`` of ``config``, whatever arms that names itself; None if it is not known."""
        key = (but_arms(config)[0], name)
        with self._lock:
            if key in self._runs:
                self._runs.move_to_end(key)
            return self._runs.get(key)


class Arms(Protocol):
    """Whoever may know an arm of a run."""

    def get(self, config: FederationConfig, name: str) -> RunSummary | None:
        """The arm ``name`` of ``config``, whatever arms that names itself; None if it is not known."""


def split(config: FederationConfig, *stores: Arms) -> tuple[list[RunSummary], FederationConfig | None]:
    """What ``stores`` know of ``config``, arm by arm, and the run of the arms that are missing, or None."""
    known: dict[str, RunSummary] = {}
    for name in config.methods:
        found = (store.get(config, name) for store in stores)
        if (run := next((run for run in found if run is not None), None)) is not None:
            known[name] = run
    missing = tuple(name for name in config.methods if name not in known)
    return list(known.values()), replace(config, methods=missing) if missing else None


@st.cache_resource(show_spinner=False)
def known_arms() -> KnownArms:
    """What finished sweeps have found, for the whole server."""
    return KnownArms()


def ran(config: FederationConfig, name: str) -> bool:
    """Whether a result shows that the arm ``name`` of ``config`` is possible. Reads nothing but a list of keys."""
    found = known_arms().get(config, name)
    return archive().ships(config, name) if found is None else name in found.arms
