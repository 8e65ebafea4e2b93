"""Sweeps of many runs. Runs of one setting train together as one batched program, and batches run in parallel.

Batches are dispatched by joblib, so a caller who needs more than one machine can wrap :func:`sweep` in
``joblib.parallel_config``.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import torch

from fedrot_core.compute import pick_compute
from fedrot_core.config import FederationConfig
from fedrot_core.errors import FedRotError
from fedrot_core.factors import Factors
from fedrot_core.federation import Federation, Finished, lockstep
from fedrot_core.metrics import relative_errors
from fedrot_core.records import CentralisedRecord
from fedrot_core.study.summary import ArmSummary, RunSummary

__all__ = ["ArmSummary", "RunSummary", "batches", "summarise", "sweep"]

ROWS_AT_ONCE = {"cpu": 32, "cuda": 8192, "mps": 4096}
"""Most rows in one batch, by device. A CPU gains nothing from larger batches; results of small ones come sooner, and
more of them are left after an interrupt. A GPU needs many rows to be busy."""

MOST_JOBS = 4
"""Most batches at once by default. They are threads of one process; more would only wait for its interpreter."""

CANCEL_SECONDS = 0.1
"""Seconds between two checks whether a sweep should stop."""


ShouldStop = Callable[[], bool]

OnRounds = Callable[[int], None]
"""Is told that so many rounds are over."""


def unheard(rounds: int) -> None:
    """Tell nobody."""


Summarise = Callable[[Sequence[FederationConfig], ShouldStop, OnRounds], list[RunSummary]]
"""Runs one batch, see :func:`summarise`."""


@dataclass(frozen=True)
class RoundNumbers:
    """What a sweep keeps of one round of one arm. The fields mean the same as in :class:`ArmSummary`."""

    arm: str
    score: float
    loss: float
    error: float
    naive_error: float
    bytes_up: float
    bytes_down: float
    seconds: float

    @classmethod
    def of(cls, finished: Finished) -> RoundNumbers:
        """Take the numbers from a finished round, and measure its errors but no other metric."""
        context = finished.context
        errors = relative_errors(finished.sent, context.reference, finished.update, context.weights)
        return cls(
            finished.name,
            finished.score,
            finished.loss,
            *errors,
            finished.bytes_up,
            finished.bytes_down,
            finished.client_seconds + finished.server_seconds,
        )


def summarise(
    configs: Sequence[FederationConfig],
    should_stop: Callable[[], bool] = lambda: False,
    on_rounds: OnRounds = unheard,
) -> list[RunSummary]:
    """Run ``configs`` as one batch and summarise each run.

    A config that cannot run does not disturb the others: its summary holds the error message.

    Args:
        configs: configs that differ in seed and methods only.
        should_stop: asked before each local step whether to cancel.
        on_rounds: told how many more rounds of single arms are over; all together, the rounds of every arm that
            ``configs`` name, also where an arm stops early.

    Returns:
        One summary per config, in the same order.

    Raises:
        Cancelled: once ``should_stop()`` returns true.
    """
    able: dict[int, Federation] = {}
    found: dict[int, RunSummary] = {}
    for n, config in enumerate(configs):
        try:
            able[n] = Federation(config)
        except FedRotError as error:
            found[n] = RunSummary(config, {}, float("nan"), np.zeros(0), str(error))
            on_rounds(config.train.rounds * len(config.methods))
    numbers: dict[int, dict[str, list[RoundNumbers]]] = {
        n: {m.card.name: [] for m in f.methods} for n, f in able.items()
    }
    centralised: dict[int, list[float]] = defaultdict(list)
    stops: dict[int, dict[str, str]] = defaultdict(dict)
    order = list(able)
    if able:
        for place, event in lockstep(list(able.values()), RoundNumbers.of, should_stop):
            n = order[place]
            if isinstance(event, RoundNumbers):
                numbers[n][event.arm].append(event)
                on_rounds(1)
            elif isinstance(event, CentralisedRecord):
                centralised[n].append(event.score)
            else:
                stops[n][event.arm] = event.message
                on_rounds(configs[n].train.rounds - len(numbers[n][event.arm]))
    for n, federation in able.items():
        arms = {name: _arm(rounds, stops[n].get(name, "")) for name, rounds in numbers[n].items()}
        start = federation.task.evaluate(Factors(federation.start_A[:, :1], federation.zero_B[:, None]))[1]
        found[n] = RunSummary(
            configs[n], arms, float(start[0]), np.array(centralised[n]), score_name=federation.task.score_name
        )
    return [found[n] for n in range(len(configs))]


def _arm(rounds: Sequence[RoundNumbers], stopped: str) -> ArmSummary:
    return ArmSummary(
        scores=np.array([r.score for r in rounds]),
        losses=np.array([r.loss for r in rounds]),
        errors=np.array([r.error for r in rounds]),
        naive_errors=np.array([r.naive_error for r in rounds]),
        bytes_up=np.array([r.bytes_up for r in rounds]),
        bytes_down=np.array([r.bytes_down for r in rounds]),
        seconds=sum(r.seconds for r in rounds),
        stopped=stopped,
    )


def batches(configs: Sequence[FederationConfig], jobs: int) -> list[list[FederationConfig]]:
    """Runs that may train together, up to :data:`ROWS_AT_ONCE` rows. Fewer groups than ``jobs`` are split further."""
    groups: dict[str, list[FederationConfig]] = defaultdict(list)
    for config in configs:
        groups[json.dumps(config.conditions, sort_keys=True)].append(config)
    found = []
    for runs in groups.values():
        rows = max(len(run.methods) for run in runs) * runs[0].participants + 1
        device = pick_compute(runs[0].device, runs[0].precision).device.type
        parts = math.ceil(len(runs) / max(1, ROWS_AT_ONCE[device] // rows))
        if len(groups) < jobs:
            parts = min(len(runs), math.ceil(parts / jobs) * jobs)
        found += [runs[part::parts] for part in range(parts)]
    return found


def sweep(
    configs: Sequence[FederationConfig],
    should_stop: Callable[[], bool] = lambda: False,
    jobs: int | None = None,
    on_rounds: OnRounds = unheard,
    run: Summarise = summarise,
) -> Iterator[RunSummary]:
    """Run all ``configs`` and yield their summaries as they are done.

    Args:
        configs: the runs. They need not share any setting.
        should_stop: asked ten times a second. Once it returns true, every run under way ends within a local step and
            :class:`fedrot_core.errors.Cancelled` is raised.
        jobs: how many batches run at once, each in one thread. The default is the number of cores, at most
            :data:`MOST_JOBS`, or 1 if runs use an accelerator. For many cores or several machines, select processes
            with ``joblib.parallel_config``.
        on_rounds: see :func:`summarise`; called from the threads that train. Processes must be able to pickle it.
        run: runs one batch; called from several threads.

    Yields:
        One summary per config, in order of completion.
    """
    on_cpu = all(
        pick_compute(*how).device.type == "cpu" for how in {(config.device, config.precision) for config in configs}
    )
    jobs = jobs or (min(os.cpu_count() or 1, MOST_JOBS) if on_cpu else 1)
    parallel = joblib.Parallel(n_jobs=jobs, prefer="threads", return_as="generator_unordered", pre_dispatch="n_jobs")
    with tempfile.TemporaryDirectory(prefix="fedrot-") as folder:
        going, over = Path(folder) / "going", threading.Event()
        going.touch()

        def watch() -> None:
            while not over.wait(CANCEL_SECONDS):
                if should_stop():
                    going.unlink()
                    return

        watcher = threading.Thread(target=watch, daemon=True, name="sweep-cancel")
        watcher.start()
        try:
            one = joblib.delayed(_one_thread)
            for found in parallel(one(batch, going, on_rounds, run) for batch in batches(configs, jobs)):
                yield from found
        finally:  # a caller who stopped listening ends the runs under way too
            over.set()
            watcher.join()
            going.unlink(missing_ok=True)


def _one_thread(
    configs: Sequence[FederationConfig], going: Path, on_rounds: OnRounds, run: Summarise
) -> list[RunSummary]:
    """``run`` with one torch thread, until the file ``going`` is gone; a file reaches other processes too."""
    torch.set_num_threads(1)
    return run(configs, lambda: not going.exists(), on_rounds)
