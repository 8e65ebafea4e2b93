"""The runs that a step of a lesson waits for: what comes with the project, else what is computed now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from app.jobs.archive import archive
from app.jobs.progress import Progress
from app.jobs.runs import RunJob, runner
from app.session.parts import mine, session_id
from app.widgets.sweep_progress import Followed, followed
from fedrot_core.config import FederationConfig
from fedrot_core.learn.lessons.base import Lesson, Runs, Step, Values
from fedrot_core.trace import Trace
from fedrot_core.wording import time_left


@dataclass
class Computing:
    """The whole runs that this session computes for a step.

    Attributes:
        configs: of the runs that are missing; progress: how far they are, in rounds.
        off: whether this session called them off.
    """

    configs: tuple[FederationConfig, ...] = ()
    progress: Progress = field(default_factory=Progress)
    off: bool = False


class Traces:
    """Whole runs in the eyes of this session, or what ``reads`` names of them.

    Attributes:
        configs: the runs that a step wants.
    """

    def __init__(self, configs: tuple[FederationConfig, ...], reads: tuple[str, ...] | None) -> None:
        self.configs = configs
        asker = archive().asker()
        found = {c: None if reads is None else asker.excerpt(c, reads) for c in configs}
        self._found: dict[FederationConfig, Trace] = {c: trace for c, trace in found.items() if trace is not None}
        self._damaged = tuple(asker.troubles)
        missing = tuple(c for c in configs if c not in self._found)
        mind = mine(Computing)
        if mind.configs != missing:
            mind.configs, mind.progress, mind.off = missing, Progress(), False
        self._jobs: dict[FederationConfig, RunJob] = {}
        if not mind.off:
            self._jobs = {c: runner().job(c, session_id()) for c in missing}
        for config, job in self._jobs.items():
            if job.finished.is_set() and (trace := job.trace()) is not None and not job.cancelled:
                self._found[config] = trace
        if self.running:
            mind.progress.told(
                sum(job.progress.done for job in self._jobs.values()), sum(c.train.rounds for c in missing)
            )

    @property
    def troubles(self) -> Sequence[str]:
        """What was damaged where they were looked for, and what went wrong on the way and was mended, in sentences."""
        mended = (sentence for job in self._jobs.values() for sentence in job.troubles)
        return tuple(dict.fromkeys((*self._damaged, *mended)))

    @property
    def runs(self) -> list[Trace]:
        """All complete runs, in the order of ``configs``."""
        return [self._found[config] for config in self.configs if config in self._found]

    @property
    def cancelled(self) -> bool:
        """Whether this session called them off."""
        return mine(Computing).off

    @property
    def running(self) -> bool:
        """Whether more is to come."""
        return not self.cancelled and len(self._found) < len(self.configs) and not self.error

    @property
    def error(self) -> str:
        """What went wrong, in words."""
        return next((job.error for job in self._jobs.values() if job.error), "")

    @property
    def share(self) -> float:
        """How much of the work is done."""
        return mine(Computing).progress.share

    @property
    def left(self) -> str:
        """About how long it will still take, in words."""
        return time_left(mine(Computing).progress.seconds_left)

    def cancel(self) -> None:
        """A person's wish: this session wants no more of them."""
        mine(Computing).off = True
        for job in self._jobs.values():
            job.left_by(session_id())


def run_again(name: str) -> None:
    """Take the runs up again."""
    mine(Computing).off = False


@dataclass(frozen=True)
class Needed:
    """What a step waits for.

    Attributes:
        runs: in the order asked, once all are complete; else None.
        failed: what went wrong, in words.
        watch: who computes them; None where the step needs none.
    """

    runs: Runs | None
    failed: str = ""
    watch: Followed | None = None


def needed(lesson: Lesson, step: Step, values: Values) -> Needed:
    """The runs of a step, begun if they are neither known nor under way."""
    if step.runs is None:
        return Needed(())
    configs = step.runs(values)
    if step.whole:
        traces = Traces(configs, step.reads)
        return Needed(traces.runs if len(traces.runs) == len(configs) else None, traces.error, traces)
    watch = followed(sweep_name(lesson), configs)
    failed = watch.error or next((run.error for run in watch.runs if run.error), "")
    return Needed(watch.runs if len(watch.runs) == len(configs) else None, failed, watch)


def sweep_name(lesson: Lesson) -> str:
    """What the lesson's runs are called among those of the session."""
    return f"lesson_{lesson.name}"
