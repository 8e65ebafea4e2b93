"""What is finished already: results that come with the project, then those that the store has kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar

import streamlit as st

from fedrot_core import finished
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, StoreError
from fedrot_core.export.run.excerpt import Excerpt, Reads, excerpt_key, excerpt_of
from fedrot_core.shipped import Shipped
from fedrot_core.store import Store
from fedrot_core.study.summary import RunSummary
from fedrot_core.trace import Trace

SHIPPED = Path(__file__).parents[1] / "shipped"
"""Made by ``python -m app.ship``."""

Origin = Literal["computed", "store", "shipped", "file"]
"""Where a trace comes from: computed by this server since it started, kept from an earlier time, shipped with the
project, or opened from a person's file."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Archive:
    """Shipped and stored results, and where new ones go; safe to use from several threads.

    Attributes:
        excerpts: those that were read, by key; few, and small.
    """

    def __init__(self, shipped: Shipped, store: Store) -> None:
        self.shipped, self.store = shipped, store
        self.excerpts: dict[str, Excerpt] = {}

    def asker(self) -> Asker:
        """One who reads, and hears what was damaged."""
        return Asker(self)

    def ships(self, config: FederationConfig, name: str) -> bool:
        """Whether the arm ``name`` of ``config`` comes with the project."""
        try:
            return self.shipped.has_row(finished.arm_key(config, name))
        except ConfigError:  # no such device here
            return False

    def has_run(self, config: FederationConfig) -> bool:
        """Whether the whole run of ``config`` is finished."""
        try:
            key = finished.run_key(config)
            return self.shipped.has_run(key) or self.store.get(key) is not None
        except (ConfigError, StoreError):  # no such device here, or a damaged value, which is then computed again
            return False

    def keep_run(self, trace: Trace) -> None:
        """Store a complete run. Takes up to a fifth of a second: not for the script thread."""
        self.store.put(finished.run_key(trace.config), finished.pack_run(trace))

    def keep_arms(self, run: RunSummary) -> None:
        """Store every arm of a run."""
        finished.keep_arms(self.store, run)

    def row(self, key: str) -> Any:
        """Plain data under ``key``; None if it is not there, or damaged."""
        return self.asker().row(key)

    def keep_row(self, key: str, row: Any) -> None:
        """Store plain data."""
        self.store.put(key, finished.pack_row(row))


class Asker:
    """Reads from an archive for one page or job.

    Attributes:
        troubles: a sentence for each kind of damage that was met.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.troubles: list[str] = []

    def run(self, config: FederationConfig) -> tuple[Trace, Origin] | None:
        """The finished run of ``config``, and where it comes from."""
        key = self._tried(partial(finished.run_key, config))
        if key is None:
            return None
        places: tuple[tuple[Origin, Callable[[str], bytes | None]], ...] = (
            ("shipped", self._archive.shipped.run),
            ("store", self._archive.store.get),
        )
        for origin, read in places:
            content = self._tried(partial(read, key))
            trace = None if content is None else self._tried(partial(finished.unpack_run, content, config))
            if trace is not None:
                return trace, origin
        return None

    def get(self, config: FederationConfig, name: str) -> RunSummary | None:
        """The finished arm ``name`` of ``config``, whatever arms that names itself."""
        key = self._tried(partial(finished.arm_key, config, name))
        if key is None:
            return None
        row = self.row(key)
        return None if row is None else self._tried(partial(finished.arm_of, row, config, name))

    def excerpt(self, config: FederationConfig, reads: Reads) -> Excerpt | None:
        """What a lesson reads of the run of ``config``, where that comes with the project."""
        key = self._tried(partial(excerpt_key, config, reads))
        if key is None:
            return None
        known = self._archive.excerpts
        if key not in known and (row := self.row(key)) is not None:
            found = self._tried(partial(excerpt_of, row, config))
            if found is not None:
                known[key] = found
        return known.get(key)

    def row(self, key: str) -> Any:
        """Plain data under ``key``; None if it is not there."""
        shipped = self._tried(partial(self._archive.shipped.row, key))
        if shipped is not None:
            return shipped
        content = self._tried(partial(self._archive.store.get, key))
        return None if content is None else self._tried(partial(finished.unpack_row, content))

    def _tried(self, read: Callable[[], Answer]) -> Answer | None:
        """What ``read`` gives; None, with a note of it, where something was damaged."""
        try:
            return read()
        except ConfigError:  # no such device here: who computes it will be told
            return None
        except StoreError as error:
            log.warning("%s", error)
            if str(error) not in self.troubles:
                self.troubles.append(str(error))
            return None


@st.cache_resource(show_spinner=False)
def archive() -> Archive:
    """The server's archive."""
    return Archive(Shipped(SHIPPED), Store.usual())
