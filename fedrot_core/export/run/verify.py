"""Verification of a run: its config is run again, and the first number that differs is named."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

from fedrot_core.compute import pick_compute
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.export.run.run_file import METRICS, Row, RunFile
from fedrot_core.export.run.verdict import SAME, Difference, Verdict, gap, judged, made_elsewhere
from fedrot_core.federation import Federation
from fedrot_core.records import CentralisedRecord
from fedrot_core.trace import Trace

NUDGE = 1e-14
"""Share by which the gradients of a twin run are changed, ten times what processors differ by. If a run and its twin
drift apart, the settings amplify rounding errors."""


def verify(
    run: RunFile, should_stop: Callable[[], bool] = lambda: False, on_round: Callable[[int], None] = lambda done: None
) -> Verdict:
    """Run the config of a run file again, on the same type of device if there is one, and compare the numbers.

    If numbers differ, a twin run tells whether the settings amplify rounding errors.

    Args:
        run: the run file.
        should_stop: asked before each local step. Once it returns true, :class:`fedrot_core.errors.Cancelled` is
            raised.
        on_round: called after each round with the number of rounds that are done.

    Raises:
        ConfigError: if the config cannot run on this machine.
    """
    trace = replace(rerun(_here(run), run.rounds, should_stop, on_round), config=run.config)
    verdict = compare(run, trace)
    return compare(run, trace, steady_rounds(trace, should_stop)) if verdict.may_be_rounding else verdict


def _here(run: RunFile) -> FederationConfig:
    """The run's config on its own device type and in its own precision, or on what this machine has instead."""
    for device, precision in ((run.device, run.precision), ("auto", run.precision)):
        try:
            pick_compute(device, precision)
        except ConfigError:
            continue
        return run.config.with_values({"device": device, "precision": precision})
    return run.config.with_values({"device": "auto"})


def compare(run: RunFile, trace: Trace, steady: int | None = None) -> Verdict:
    """Compare a rerun with a run file.

    Args:
        run: the run file.
        trace: the rerun.
        steady: how many rounds can be compared, see :func:`steady_rounds`; None for all.
    """
    found = RunFile.of(trace)
    float32 = "float32" in (run.precision, found.precision)
    gaps = list(differences(run, found))
    return judged(run.checksum, found.checksum, gaps, obstacles(run, found), steady, float32)


def obstacles(run: RunFile, found: RunFile) -> tuple[str, ...]:
    """What is different from when ``run`` was made, in words."""
    pairs = ((run.engine, found.engine), (run.device, found.device), (run.precision, found.precision))
    soft = [
        f"{name} was {run.made_with.get(name, 'not recorded')}, for these numbers {found.made_with[name]}"
        for name in ("torch", "numpy", "processor", "threads", "accelerator")
        if name in found.made_with and run.made_with.get(name) != found.made_with[name]
    ]
    return (*made_elsewhere(pairs), *soft)


def differences(run: RunFile, found: RunFile) -> Iterator[Difference]:
    """Yield all numbers that are not equal, in order of rounds, then arms, then metrics."""
    for metric in ("loss", "score"):
        a, b = getattr(run, f"start_{metric}"), getattr(found, f"start_{metric}")
        if apart := gap(metric, a, b):
            yield Difference(-1, "the untrained model", metric, a, b, apart)
    for t in range(max(run.rounds, found.rounds)):
        for arm in run.rows:
            ours, theirs = (r.rows[arm][t : t + 1] for r in (run, found))
            if len(ours) != len(theirs):
                yield Difference(t, arm, "rounds", len(run.rows[arm]), len(found.rows[arm]), math.inf)
            for a_row, b_row in zip(ours, theirs, strict=False):
                yield from _of_row(t, arm, a_row, b_row)


def _of_row(t: int, arm: str, a: Row, b: Row) -> Iterator[Difference]:
    for metric in METRICS:
        x, y = getattr(a, metric), getattr(b, metric)
        if apart := gap(metric, x, y):
            yield Difference(t, arm, metric, x, y, apart)


def rerun(
    config: FederationConfig,
    rounds: int,
    should_stop: Callable[[], bool] = lambda: False,
    on_round: Callable[[int], None] = lambda done: None,
    nudge: float = 0.0,
) -> Trace:
    """Run the first ``rounds`` rounds of ``config``. ``nudge`` is as for :class:`fedrot_core.federation.Federation`."""
    federation = Federation(config, nudge=nudge)
    trace = federation.new_trace()
    for event in federation.rounds(should_stop):
        trace.add(event)
        if isinstance(event, CentralisedRecord):
            on_round(trace.rounds_done)
            if trace.rounds_done == rounds:
                break
    return trace


def steady_rounds(trace: Trace, should_stop: Callable[[], bool] = lambda: False) -> int:
    """In how many rounds two processors can be expected to agree: those before a twin run drifts away from this one.

    The gradients of the twin are changed by up to :data:`NUDGE`.
    """
    twin = rerun(
        trace.config.with_values({"device": trace.device, "precision": trace.precision}),
        trace.rounds_done,
        should_stop,
        nudge=NUDGE,
    )
    apart = (d.round_index for d in differences(RunFile.of(trace), RunFile.of(twin)) if d.gap > SAME)
    return max(0, next(apart, trace.rounds_done))
