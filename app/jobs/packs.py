"""Lecture packs, made off the script thread: one at a time, cancellable, held by the session that asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.jobs import tasks
from app.jobs.archive import Archive, archive
from app.jobs.background import Job
from app.jobs.known_arms import split
from app.jobs.turns import Turns
from app.jobs.workers import workers
from fedrot_core.adapters.report import Report
from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled
from fedrot_core.export.lecture.outline_diagnosis import diagnosis_outline
from fedrot_core.export.lecture.outline_lesson import lesson_outline
from fedrot_core.export.lecture.outlines import comparison_outline, run_outline
from fedrot_core.export.lecture.pack import Options, build
from fedrot_core.export.lecture.pack_runs import runs_of, trained
from fedrot_core.export.lecture.slides import Outline
from fedrot_core.export.run.excerpt import Excerpt, Reads
from fedrot_core.figures import View
from fedrot_core.finished import merged
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.records import Event
from fedrot_core.study.comparison import Comparison
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import OnRounds, ShouldStop, summarise
from fedrot_core.trace import Trace


class _Known:
    """What the archive knows of whole runs."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.keep_run, self.keep_arms = archive.keep_run, archive.keep_arms

    def trace(self, config: FederationConfig) -> Trace | None:
        found = self._archive.asker().run(config)
        return None if found is None else found[0]

    def excerpt(self, config: FederationConfig, reads: Reads) -> Excerpt | None:
        return self._archive.asker().excerpt(config, reads)

    def summary(self, config: FederationConfig) -> RunSummary | None:
        parts, missing = split(config, self._archive.asker())
        return merged(config, parts) if missing is None else None

    def has(self, config: FederationConfig, whole: bool, reads: Reads | None) -> bool:
        """Whether a step of a lesson finds what it asks for."""
        if not whole:
            return self.summary(config) is not None
        return (reads is not None and self.excerpt(config, reads) is not None) or self._archive.has_run(config)


@dataclass(frozen=True)
class LessonSource:
    """A lesson with its knobs as they stand."""

    name: str
    values: dict[str, Any]

    def missing(self) -> int:
        """How many runs that its steps ask for are not known yet."""
        known = _Known(archive())
        asked = {
            (config, step.whole, step.reads)
            for step in LESSONS[self.name].steps
            if step.runs is not None
            for config in step.runs(self.values)
        }
        return sum(not known.has(*run) for run in asked)

    def outline(self, job: PackJob) -> Outline:
        """Trains what its steps ask for."""
        runs = runs_of(self.values, job.should_stop, job.tell, _Known(archive()), job.train, job.summarise)
        return lesson_outline(LESSONS[self.name], self.values, runs, job.should_stop)


@dataclass(frozen=True)
class RunSource:
    """The lab's run; trained unless it is done already."""

    config: FederationConfig
    trace: Trace | None = None
    view: View | None = None

    def outline(self, job: PackJob) -> Outline:
        """Title, figures, numbers."""
        known = _Known(archive())
        found = self.trace or trained(self.config, job.should_stop, job.tell, known=known, train=job.train)
        return run_outline(found, self.view)


@dataclass(frozen=True)
class ComparisonSource:
    """The comparison on screen, as far as it is done."""

    comparison: Comparison

    def outline(self, job: PackJob) -> Outline:
        """Verdict, figures, table."""
        return comparison_outline(self.comparison)


@dataclass(frozen=True)
class DiagnosisSource:
    """The diagnosis on screen, with what is selected in it."""

    found: Report
    layer: int
    client: int

    def outline(self, job: PackJob) -> Outline:
        """Verdict, figures, table."""
        return diagnosis_outline(self.found, self.layer, self.client)


Source = LessonSource | RunSource | ComparisonSource | DiagnosisSource


class PackJob(Job):
    """One making of a pack, for the session that asked.

    Attributes:
        what: what is being made.
        content: the zip, once it is made; name: of the zip, without ending.
    """

    kind = "lecture pack"
    advice = "Build it again."

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__()
        self.source, self.options = source, options
        self.what = "The pack"
        self.content: bytes | None = None
        self.name = ""

    @classmethod
    def begun(cls, source: Source, options: Options, session: str) -> PackJob:
        """A job under way."""
        return cls(source, options).start(session)

    def work(self) -> None:
        with self.turn(_one()):
            self.tell(0, 1, "Reading the numbers")
            outline = self.source.outline(self)
            self.name = outline.name
            self.content = build(outline, self.options, self.tell, self.should_stop)

    def tell(self, done: int, total: int, what: str) -> None:
        """Note how far it is, and what is being done."""
        if self.should_stop():
            raise Cancelled("The lecture pack was cancelled.")
        self.progress.told(done, max(total, 1))
        self.what = what

    def train(self, config: FederationConfig, _: ShouldStop, on_event: Callable[[Trace], None]) -> Trace:
        """Play a run in a process of the server."""
        traces: list[Trace] = []

        def take(news: Trace | Event) -> None:
            if isinstance(news, Trace):
                traces[:] = [news]
            else:
                traces[0].add(news)
                on_event(traces[0])

        workers().call(self, tasks.run, config, "", tell=take)
        return traces[0]

    def summarise(self, configs: Sequence[FederationConfig], _: ShouldStop, on_rounds: OnRounds) -> list[RunSummary]:
        """Play a batch in a process of the server."""
        return workers().call(self, summarise, configs, tell=on_rounds)


@st.cache_resource(show_spinner=False)
def _one() -> Turns:
    """One pack at a time on this server: all share one browser."""
    return Turns(1)
