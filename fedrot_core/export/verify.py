"""Does a run come out again? Reruns a run file's config and names the first number that differs."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.engine import pick_device, torch_threads
from fedrot_core.errors import ConfigError, rule
from fedrot_core.export.run_file import Row, RunFile
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.trace import CentralisedRecord, Trace

FIRST_ROUND = 1e-4
"""Without bit equality: how far loss (relative) and error (absolute) of round 0 may be off. Measured, AVX-512 against
plain code, one thread against two, torch 2.11 against 2.13, and CPU against an H100: 6e-6."""

FIRST_SCORE = 0.01
"""Likewise the score of round 0: a few of the test samples may fall on the other side of a decision."""

LATER_SCORE = 0.3
"""Likewise any later score. Training doubles rounding differences from step to step; in the same comparisons scores of
the digits came to lie 0.05 apart, those of a naive teacher run, which stalls, 0.15. Losses have no useful bound."""

TOLERANCE = (
    f"round 0 to {FIRST_ROUND:g} in loss (relative) and error and to {FIRST_SCORE:g} in score, "
    f"later scores to {LATER_SCORE:g}"
)

MOST_THREADS = 64

METRIC_NAMES = {
    "score": "score",
    "loss": "loss",
    "error": "error",
    "digest": "digest of the other numbers",
    "rounds": "rounds before it stopped",
}

Close = Callable[[str, int, float, float], bool]
"""(metric, round, recorded, found) -> whether they count as equal; round -1 is before any training."""


@dataclass(frozen=True)
class Difference:
    """The first number that differs; ``round_index`` -1 is before any training, ``arm`` may be the centralised run."""

    round_index: int
    arm: str
    metric: str
    recorded: float | int | str
    found: float | int | str

    def __str__(self) -> str:
        when = f"round {self.round_index}" if self.round_index >= 0 else "before training"
        who = METHODS[self.arm].card.label if self.arm in METHODS else self.arm
        return f"{when}, {who}, {METRIC_NAMES[self.metric]}: {self.recorded} in the file, {self.found} here"


@dataclass(frozen=True)
class Verdict:
    """What a rerun says.

    Attributes:
        outcome: "reproduced": every number is equal. "agrees": it cannot be compared bit for bit, for ``obstacles``,
            and agrees within :data:`TOLERANCE`. "differs": ``difference`` is the first number that does.
        recorded, found: checksums.
        obstacles: why the two need not be equal bit for bit.
        difference: the first number beyond what was asked; None where nothing differs or no numbers were recorded.
        rounding: it differs, but within the tolerance: by rounding, most likely.
    """

    outcome: Literal["reproduced", "agrees", "differs"]
    recorded: str
    found: str
    obstacles: tuple[str, ...] = ()
    difference: Difference | None = None
    rounding: bool = False

    def __str__(self) -> str:
        why = f" Its last bits may differ: {'; '.join(self.obstacles)}." if self.obstacles else ""
        if self.outcome == "reproduced":
            return f"Reproduced: every number is equal (checksum {self.found})."
        if self.outcome == "agrees":
            return f"Agrees within the tolerance ({TOLERANCE}), not bit for bit.{why}"
        if self.difference is None:
            return f"Differs: checksum {self.recorded} was recorded, {self.found} is found here.{why}"
        text = f"Differs. First difference: {self.difference}."
        if self.obstacles:
            return f"{text} That is beyond the tolerance ({TOLERANCE}).{why}"
        if self.recorded == self.found:
            return f"{text} The checksum agrees, so the file's list of rounds was changed by hand."
        if self.rounding:
            return f"{text} All is within the tolerance for rounding ({TOLERANCE}), as on another processor."
        return text


def verify(
    run: RunFile, should_stop: Callable[[], bool] = lambda: False, on_round: Callable[[int], None] = lambda done: None
) -> Verdict:
    """Rerun ``run`` on its own device type where there is one, and compare.

    Args:
        should_stop: asked before each local step; once true, :class:`fedrot_core.errors.Cancelled` is raised.
        on_round: told the number of complete rounds.

    Raises:
        ConfigError: when the config cannot run here.
    """
    device = run.config.device
    try:
        device = pick_device(run.device).type
    except ConfigError:
        device = "auto"
    threads = run.made_with.get("threads", "1")
    with torch_threads(int(threads) if threads.isdecimal() and 1 <= int(threads) <= MOST_THREADS else 1):
        trace = _rerun(run.config.with_values({"device": device}), run.rounds, should_stop, on_round)
    return compare(run, dataclasses.replace(trace, config=run.config))


def compare(run: RunFile, trace: Trace) -> Verdict:
    """What ``trace``, a rerun of ``run``, says of it."""
    found = RunFile.of(trace)
    hard, soft = obstacles(run, found)
    exact = first_difference(run, found, _equal)
    if run.checksum == found.checksum and exact is None:
        return Verdict("reproduced", run.checksum, found.checksum)
    rough = first_difference(run, found, _near)
    if hard or (soft and run.checksum != found.checksum):
        outcome: Literal["agrees", "differs"] = "differs" if rough else "agrees"
        return Verdict(outcome, run.checksum, found.checksum, (*hard, *soft), rough)
    rounding = rough is None and run.checksum != found.checksum
    return Verdict("differs", run.checksum, found.checksum, (), exact, rounding)


def obstacles(run: RunFile, found: RunFile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What rules bit equality out (another engine or device type), and what may only explain its absence."""
    hard = [
        f"it was made {how} {theirs}, this is {ours}"
        for how, theirs, ours in (("by engine", run.engine, found.engine), ("on device type", run.device, found.device))
        if theirs != ours
    ]
    soft = [
        f"{name} was {run.made_with.get(name, 'not recorded')}, here it is {found.made_with[name]}"
        for name in ("torch", "numpy", "processor", "threads", "accelerator")
        if name in found.made_with and run.made_with.get(name) != found.made_with[name]
    ]
    return tuple(hard), tuple(soft)


def first_difference(run: RunFile, found: RunFile, close: Close) -> Difference | None:
    """The first in order of rounds, then arms, then metrics."""
    for metric in ("loss", "score"):
        a, b = getattr(run, f"start_{metric}"), getattr(found, f"start_{metric}")
        if not close(metric, -1, a, b):
            return Difference(-1, "the untrained model", metric, a, b)
    for t in range(max(run.rounds, found.rounds)):
        for arm in run.rows:
            ours, theirs = (r.rows[arm][t : t + 1] for r in (run, found))
            if len(ours) != len(theirs):
                lengths = len(run.rows[arm]), len(found.rows[arm])
                if close is _near and arm in run.stopped and arm in found.stopped:
                    continue  # both stopped: rounding may move the round
                return Difference(t, arm, "rounds", *lengths)
            for a, b in zip(ours, theirs, strict=True):
                if difference := _row_difference(t, arm, a, b, close):
                    return difference
    return None


def _row_difference(t: int, arm: str, a: Row, b: Row, close: Close) -> Difference | None:
    for metric in ("loss", "score", "error"):
        x, y = getattr(a, metric), getattr(b, metric)
        if not close(metric, t, x, y):
            return Difference(t, arm, metric, x, y)
    return Difference(t, arm, "digest", a.digest, b.digest) if close is _equal and a.digest != b.digest else None


def _equal(metric: str, t: int, a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _near(metric: str, t: int, a: float, b: float) -> bool:
    if _equal(metric, t, a, b):
        return True
    if t > 0:
        return metric != "score" or abs(a - b) <= LATER_SCORE
    if metric == "score":
        return abs(a - b) <= FIRST_SCORE
    return abs(a - b) <= FIRST_ROUND * (abs(a) if metric == "loss" else 1)


def _rerun(
    config: FederationConfig, rounds: int, should_stop: Callable[[], bool], on_round: Callable[[int], None]
) -> Trace:
    """The first ``rounds`` rounds of ``config``."""
    federation = Federation(config)
    trace = federation.new_trace()
    for event in federation.rounds(should_stop):
        trace.add(event)
        if isinstance(event, CentralisedRecord):
            on_round(trace.rounds_done)
            if trace.rounds_done == rounds:
                break
    return trace


def link_check(trace: Trace) -> str:
    """What a shared link says of its numbers, ``engine-device-checksum``: the value of its ``check``."""
    return f"{trace.engine}-{trace.device}-{trace.checksum}"


def compare_link(check: str, trace: Trace) -> Verdict:
    """What ``trace``, the run of a link's config, says of the link's ``check``. A link holds no numbers to name.

    Raises:
        ConfigError: when ``check`` is not of the form that :func:`link_check` writes.
    """
    parts = re.fullmatch(r"([0-9A-Za-z.+]{1,16})-(cpu|cuda|mps)-([0-9a-f]{16})", check)
    if parts is None:
        raise rule("check", "read engine-device-checksum", check, "Copy the whole link again.", "check")
    engine, device, checksum = parts.groups()
    if checksum == trace.checksum:
        return Verdict("reproduced", checksum, trace.checksum)
    why = [f"it was made by engine {engine}, this is {ENGINE_VERSION}"] * (engine != trace.engine)
    why += [f"it was made on device type {device}, this is {trace.device}"] * (device != trace.device)
    return Verdict("differs", checksum, trace.checksum, tuple(why))
