"""The runs that a lecture pack shows. Those that are not known yet are trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fedrot_core.config import FederationConfig
from fedrot_core.export.run.excerpt import Excerpt, Reads
from fedrot_core.federation import Federation
from fedrot_core.learn.lessons.base import Runs, Step
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import ShouldStop, Summarise, summarise, sweep
from fedrot_core.trace import Trace

Tell = Callable[[int, int, str], None]
"""A function that is told how many pieces are done, how many there are, and what is being done, in words."""

Train = Callable[[FederationConfig, ShouldStop, Callable[[Trace], None]], Trace]
"""Plays a run, telling its trace after every event."""


class Known(Protocol):
    """A place where finished runs may be found, and where new ones are kept."""

    def trace(self, config: FederationConfig) -> Trace | None:
        """The run of ``config``; None if it is not known."""

    def excerpt(self, config: FederationConfig, reads: Reads) -> Excerpt | None:
        """The arrays ``reads`` of the run of ``config``; None if they are not known."""

    def summary(self, config: FederationConfig) -> RunSummary | None:
        """The summary of the run of ``config``; None if it is not known."""

    def keep_run(self, trace: Trace) -> None:
        """Keep a complete run."""

    def keep_arms(self, run: RunSummary) -> None:
        """Keep the arms of a run's summary."""


def train_here(config: FederationConfig, should_stop: ShouldStop, on_event: Callable[[Trace], None]) -> Trace:
    """Play a run on this thread."""
    federation = Federation(config)
    trace = federation.new_trace()
    for event in federation.rounds(should_stop):
        trace.add(event)
        on_event(trace)
    return trace


def trained(
    config: FederationConfig,
    should_stop: ShouldStop,
    tell: Tell,
    before: str = "Training",
    known: Known | None = None,
    train: Train = train_here,
) -> Trace:
    """The run of ``config``, which is trained if it is not in ``known``."""
    if known is not None and (found := known.trace(config)) is not None:
        return found

    def on_event(trace: Trace) -> None:
        tell(trace.rounds_done, config.train.rounds, f"{before}, round {trace.rounds_done} of {config.train.rounds}")

    trace = train(config, should_stop, on_event)
    if known is not None:
        known.keep_run(trace)
    return trace


def runs_of(
    values: Mapping[str, Any],
    should_stop: ShouldStop,
    tell: Tell,
    known: Known | None = None,
    train: Train = train_here,
    batch: Summarise = summarise,
) -> Callable[[Step], Runs]:
    """Make a function that gives the steps of a lesson their runs. Steps that need the same runs share them.

    Args:
        values: values of all knobs of the lesson.
        should_stop: asked whether to cancel.
        tell: told of the progress.
        known: where finished runs are found and kept; with None all runs are trained.
        train: plays a run; batch: plays a batch of runs that only their summaries are wanted of.
    """
    traces: dict[tuple[str, Reads | None], Trace] = {}
    summaries: dict[str, RunSummary] = {}

    def runs(step: Step) -> Runs:
        configs = step.runs(values) if step.runs else ()
        if step.whole:
            for n, config in enumerate(configs, 1):
                if (config.hash, step.reads) not in traces:
                    before = f"{step.title}: run {n} of {len(configs)}"
                    found = known.excerpt(config, step.reads) if known is not None and step.reads is not None else None
                    traces[config.hash, step.reads] = found or trained(config, should_stop, tell, before, known, train)
            return [traces[config.hash, step.reads] for config in configs]
        if known is not None:
            asked = [known.summary(config) for config in configs if config.hash not in summaries]
            summaries.update({run.config.hash: run for run in asked if run is not None})
        missing = [config for config in configs if config.hash not in summaries]
        if missing:
            tell(0, len(missing), f"{step.title}: training {len(missing)} runs")
            for n, run in enumerate(sweep(missing, should_stop, run=batch), 1):
                summaries[run.config.hash] = run
                if known is not None:
                    known.keep_arms(run)
                tell(n, len(missing), f"{step.title}: {n} of {len(missing)} runs trained")
        return [summaries[config.hash] for config in configs]

    return runs
