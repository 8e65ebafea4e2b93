"""A sweep as one session sees it: begun, followed, cancelled, taken up again; and the row that shows how far it is.

Sessions that ask for the same runs share one job. What a session does to its view of it leaves the others' alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import streamlit as st

from app.jobs.archive import archive
from app.jobs.known_arms import KnownArms, known_arms, split
from app.jobs.sweeps import SweepJob, sweeps
from app.session.parts import mine, session_id
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.config import FederationConfig
from fedrot_core.config.fields import MOST_WORK, minutes
from fedrot_core.errors import rule
from fedrot_core.finished import merged
from fedrot_core.study.summary import RunSummary

MOST_AT_ONCE = 20 * MOST_WORK
"""Most that all runs of a page may take together, as :attr:`fedrot_core.config.FederationConfig.work` counts it: a
sweep keeps every core of the server busy, and all others wait for it."""

POLL_SECONDS = 0.6
"""How often a page looks for new results while a sweep runs."""


class Followed(Protocol):
    """Runs that a session waits for, as :func:`progress` shows them; see :class:`Watch`."""

    configs: tuple[FederationConfig, ...]

    @property
    def troubles(self) -> Sequence[str]: ...
    @property
    def runs(self) -> Sequence[Any]: ...
    @property
    def running(self) -> bool: ...
    @property
    def cancelled(self) -> bool: ...
    @property
    def error(self) -> str: ...
    @property
    def share(self) -> float: ...
    @property
    def left(self) -> str: ...
    def cancel(self) -> None: ...


class Watch:
    """A sweep over ``configs`` in the eyes of this session. Arms that are known already do not run again.

    Attributes:
        configs: the runs that the page wants.
        job: computes what was not known when the watch began; None if nothing was missing.
        cancelled: whether this session called it off; then nothing new is taken in, though others may go on.
        refused: why what is missing is not computed, in words; empty where it is.
    """

    def __init__(self, configs: tuple[FederationConfig, ...]) -> None:
        self.configs = configs
        self.cancelled = False
        asker = archive().asker()
        self._parts = {config: split(config, known_arms(), mine(Sweeping).left_over, asker) for config in configs}
        self._damaged = tuple(asker.troubles)
        missing = tuple(rest for _, rest in self._parts.values() if rest is not None)
        self.refused = too_much(missing)
        self.job: SweepJob | None = sweeps().job(missing, session_id()) if missing and not self.refused else None
        self._runs: dict[FederationConfig, RunSummary] = {}
        self._ended = False

    @property
    def troubles(self) -> Sequence[str]:
        """What was damaged where known arms were looked for, and what went wrong on the way and was mended."""
        return self._damaged if self.job is None else (*self._damaged, *self.job.troubles)

    @property
    def runs(self) -> list[RunSummary]:
        """All complete runs, in the order of ``configs``."""
        return [self._runs[config] for config in self.configs if config in self._runs]

    def result(self, config: FederationConfig) -> RunSummary | None:
        """The run of ``config``, or None while an arm of it is missing."""
        return self._runs.get(config)

    @property
    def running(self) -> bool:
        """Whether more is to come, as of the last :meth:`look`: the page must not call a sweep over that just ended."""
        return not self.cancelled and not self._ended

    @property
    def share(self) -> float:
        """How much of the work is done, known runs included."""
        known = sum(rest is None for _, rest in self._parts.values()) / len(self.configs)
        return known + (1 - known) * (float(not self.refused) if self.job is None else self.job.progress.share)

    @property
    def left(self) -> str:
        """About how long it will still take, in words."""
        return "" if self.job is None else self.job.left

    @property
    def error(self) -> str:
        """What went wrong with the sweep as a whole, in words."""
        return self.refused if self.job is None else self.job.error

    def look(self) -> None:
        """Take in what has come, and tell the job that this session follows it."""
        if self.cancelled:
            return
        if self.job is not None:
            self.job.seen_by(session_id())
        ended = self.job is None or self.job.finished.is_set()  # asked before results are taken: none is missed
        for config, (known, rest) in self._parts.items():
            if config not in self._runs:
                found = None if rest is None or self.job is None else self.job.result(rest)
                if rest is None or found is not None:
                    self._runs[config] = merged(config, known if found is None else [*known, found])
        self._ended = ended or len(self._runs) == len(self.configs)
        if self._ended:  # not earlier: a session that comes meanwhile shall ask for the same runs and so join the job
            known_arms().add(self._runs.values())

    def leave(self) -> None:
        """Go on without this sweep: its job ends unless another session follows it; this one keeps what is done."""
        if self.job is not None:
            self.job.left_by(session_id())
            mine(Sweeping).left_over.add(list(self.job.results.values()))

    def cancel(self) -> None:
        """A person's wish: this session wants no more of it."""
        self.look()
        self.cancelled = True
        self.leave()

    def resume(self) -> bool:
        """Follow the job again if others kept it running; say whether they did."""
        if self.job is None or self.job.cancelled or self.job.finished.is_set():
            return False
        self.cancelled = False
        self.look()
        return True


def too_much(configs: Sequence[FederationConfig]) -> str:
    """Why a page does not begin these runs; empty if it does."""
    work = sum(config.work * len(config.methods) for config in configs)
    if work <= MOST_AT_ONCE:
        return ""
    remedy = "Take fewer methods, seeds, clients, rounds or local steps, or run it on the command line."
    return str(
        rule("All runs of a page together", f"take at most {minutes(MOST_AT_ONCE)} of one core", minutes(work), remedy)
    )


@dataclass
class Sweeping:
    """The session's sweeps by name, and what they had found when it left them."""

    watches: dict[str, Watch] = field(default_factory=dict)
    left_over: KnownArms = field(default_factory=KnownArms)


def begun(name: str, configs: tuple[FederationConfig, ...]) -> Watch | None:
    """The session's sweep called ``name`` if it is over ``configs``, up to date; one over other runs is left."""
    watches = mine(Sweeping).watches
    watch = watches.get(name)
    if watch is not None and watch.configs != configs:
        watch.leave()
        del watches[name]
        return None
    if watch is not None:
        watch.look()
    return watch


def start(name: str, configs: tuple[FederationConfig, ...]) -> None:
    """Begin the session's sweep called ``name``."""
    watch = mine(Sweeping).watches[name] = Watch(configs)
    watch.look()


def followed(name: str, configs: tuple[FederationConfig, ...]) -> Watch:
    """The session's sweep called ``name`` over ``configs``, begun if need be. A cancelled one stays as it is."""
    if begun(name, configs) is None:
        start(name, configs)
    return mine(Sweeping).watches[name]


def run_again(name: str) -> None:
    """Take up a sweep that ended early; what is done is not run again."""
    watch = mine(Sweeping).watches[name]
    if not watch.resume():
        start(name, watch.configs)


def pace(*names: str) -> float | None:
    """Seconds to the next look at these sweeps, as of the last one; None once none of them computes."""
    watches = mine(Sweeping).watches
    return POLL_SECONDS if any(name in watches and watches[name].running for name in names) else None


def progress(name: str, watch: Followed, unit: str, note: str = "", again: Callable[[str], None] = run_again) -> None:
    """How far a sweep is: a row that keeps its place and height, with Cancel or Run again where there is a choice.

    Args:
        unit: what is counted, in the plural, each of which is trained; note: what the page shows before they are done,
            where that needs a word; again: takes it up again, by its name.
    """
    if watch.error:
        st.error(plain(watch.error))
    for trouble in watch.troubles:
        st.caption(plain(trouble))
    done, total = len(watch.runs), len(watch.configs)
    count, rest = f"{done} of {total}\u00a0{unit}", f"; {note}" if note else ""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key=f"progress_{name}"):
        if watch.running:
            under_way(watch.share, f"Training: {count} done", f"{watch.left}{rest}", f"cancel_{name}", watch.cancel)
        elif done < total:
            how = "Cancelled" if watch.cancelled else "Stopped"
            st.caption(f"{how} after {count}{rest}.", width="content")
            if not watch.error:
                st.button("Run again", key=f"again_{name}", icon=":material/refresh:", on_click=again, args=(name,))
        else:
            st.caption(f"{count} done.", width="content")
