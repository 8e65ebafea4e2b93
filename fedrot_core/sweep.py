"""Many runs: each in a process of its own on this machine's cores, results as they come.

Uses joblib, so that a caller who has outgrown one machine can wrap :func:`sweep` in ``joblib.parallel_config``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import joblib
import numpy as np
import torch

from fedrot_core.config import FederationConfig
from fedrot_core.errors import Cancelled, FedRotError
from fedrot_core.federation import Federation
from fedrot_core.summary import ArmSummary, RunSummary
from fedrot_core.vocabulary import RUNGS

__all__ = ["ArmSummary", "RunSummary", "summarise", "sweep"]


def summarise(config: FederationConfig) -> RunSummary:
    """Run ``config`` on one thread and keep its summary; an impossible config gives its error, not an exception."""
    torch.set_num_threads(1)
    try:
        trace = Federation(config).run()
    except FedRotError as error:
        return RunSummary(config, {}, float("nan"), np.zeros(0), str(error))
    stops = {s.arm: s.message for s in trace.stopped}
    arms = {}
    for name in config.methods:
        records = trace.arm(name)
        arms[name] = ArmSummary(
            scores=np.array([r.score for r in records]),
            losses=np.array([r.loss for r in records]),
            errors=np.array([r.error[-1] for r in records]),
            ladder=np.array([r.ladder[:, -1] for r in records]).reshape(len(records), len(RUNGS)),
            bytes_up=np.array([r.bytes_up for r in records]),
            bytes_down=np.array([r.bytes_down for r in records]),
            seconds=sum(r.client_seconds + r.server_seconds for r in records),
            stopped=stops.get(name, ""),
        )
    return RunSummary(
        config,
        arms,
        trace.task.start_score,
        np.array([c.score for c in trace.centralised]),
        score_name=trace.task.score_name,
    )


def sweep(
    configs: Sequence[FederationConfig], should_stop: Callable[[], bool] = lambda: False, jobs: int | None = None
) -> Iterator[RunSummary]:
    """Summaries of all ``configs``, in order of completion.

    Args:
        should_stop: asked after each finished run; once true, :class:`fedrot_core.errors.Cancelled` is raised and
            what still runs is dropped.
        jobs: processes at once; the machine's cores by default. 1 runs in this process.
    """
    parallel = joblib.Parallel(
        n_jobs=jobs or os.cpu_count() or 1, return_as="generator_unordered", pre_dispatch="n_jobs"
    )
    for summary in parallel(joblib.delayed(summarise)(config) for config in configs):
        if should_stop():
            raise Cancelled("The sweep was cancelled.")
        yield summary
