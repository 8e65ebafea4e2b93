"""The grid of runs behind the take-home page, and the few numbers of each that the page draws.

Only the aligned arm knows λ, so the naive arm of a setting trains once, and all λ train beside it as one batch.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from fedrot_core.compute import torch_threads
from fedrot_core.config import AlignmentConfig, FederationConfig
from fedrot_core.errors import Cancelled, rule
from fedrot_core.federation import Federation, Finished, lockstep
from fedrot_core.finished import key, sha256
from fedrot_core.methods import METHODS, RoundContext
from fedrot_core.methods.fedrot import FedRot
from fedrot_core.metrics import arrow_plane, longest_columns, relative_errors
from fedrot_core.records import ArmStopped, CentralisedRecord

NAIVE, ALIGNED = "fedit", "fedrot"
LAYER = 0
"""The arrows show the first layer, whose inputs a person can point at."""

SCORE_DIGITS = 4
"""Decimals of scores and shares: with 450 test images no two scores round alike."""

ARROW_DIGITS = 3
"""Decimals of arrow coordinates, in units of the clients' mean arrow length."""

ERROR_DIGITS = 4
"""Significant digits of errors."""

MOST_RUNS = 2000
"""Most runs of a page, six times as many as its default grid has."""

ROW_FORMAT = 1
"""Changes whenever the same runs may give another row: other fields, other digits."""

THREADS = 4
"""At most this many settings at once; each has one torch thread."""

Row = dict[str, Any]
"""Plain data as it stands in the file."""


@dataclass(frozen=True)
class Grid:
    """Which runs the page holds: every combination of θ, α, r and λ, around ``base``.

    Raises:
        ConfigError: when an axis is empty or repeats or unsorts its values, or a value is none its field takes.
    """

    thetas: tuple[float, ...] = (0.0, 30.0, 60.0, 90.0, 120.0, 150.0, 180.0)
    lams: tuple[float, ...] = (0.0, 0.2, 0.5, 0.8, 1.0)
    alphas: tuple[float, ...] = (0.1, 0.5, 10.0)
    ranks: tuple[int, ...] = (2, 4, 8)
    base: FederationConfig = field(default_factory=FederationConfig)

    def __post_init__(self) -> None:
        for name, values in (("θ", self.thetas), ("λ", self.lams), ("α", self.alphas), ("Rank r", self.ranks)):
            if not values or list(values) != sorted(set(values)):
                raise rule(f"{name} of the grid", "rise from value to value, at least one", values, "Sort them.")
        count = math.prod(map(len, (self.thetas, self.lams, self.alphas, self.ranks)))
        if count > MOST_RUNS:
            raise rule("The grid", f"hold at most {MOST_RUNS:,} runs", count, "Take fewer values.")
        for theta, alpha, rank in self.settings:
            for lam in self.lams:
                self.config(theta, alpha, rank, lam)

    @property
    def settings(self) -> list[tuple[float, float, int]]:
        """(θ, α, r) in the order of the file: θ changes slowest, r fastest."""
        return list(itertools.product(self.thetas, self.alphas, self.ranks))

    def config(self, theta: float, alpha: float, rank: int, lam: float) -> FederationConfig:
        """The run that the page shows; θ = 0 is "as trained"."""
        frames: dict[str, Any] = {"frames": "turned", "theta": theta} if theta else {"frames": "trained"}
        shown = {"alpha": alpha, "rank": rank, "lam": lam, "arms": (NAIVE, ALIGNED)}
        return self.base.with_values({**frames, **shown})


TINY = Grid(
    thetas=(0.0, 90.0),
    lams=(0.0, 0.8),
    alphas=(0.5,),
    ranks=(2, 3),
    base=FederationConfig().with_values({"rounds": 3, "steps": 4, "clients": 4}),
)
"""Small enough for tests."""


class AtStrength(FedRot):
    """FedRot-LoRA at its own λ, so that several λ can be arms of one run. Its arm is named by :func:`arm_name`."""

    def __init__(self, lam: float) -> None:
        self.lam = lam
        self.card = dataclasses.replace(FedRot.card, name=arm_name(lam))  # type: ignore[misc]  # one of each λ

    def settings(self, context: RoundContext) -> AlignmentConfig:
        return dataclasses.replace(context.align, strength=self.lam)


def arm_name(lam: float) -> str:
    """What the arm at this λ is called."""
    return f"{ALIGNED} {lam:g}"


@dataclass(frozen=True)
class RoundNumbers:
    """What the page needs of one arm's round.

    Attributes:
        arm: its name; score: of the new global model; error: of the arm's own rule, relative, all layers pooled.
        arrows: of the aligned arms; empty for the naive one.
    """

    arm: str
    score: float
    error: float
    arrows: Row


def numbers_of(finished: Finished, columns: dict[str, int]) -> RoundNumbers:
    """From a finished round; ``columns``: the column of A that each arm's arrows show, by name, once it is chosen."""
    context, name = finished.context, finished.name
    error, _ = relative_errors(finished.sent, context.reference, finished.update, context.weights)
    shown = {} if name == NAIVE else arrows(finished, columns)
    score = round(finished.score, SCORE_DIGITS)
    return RoundNumbers(name, score, float(f"{error:.{ERROR_DIGITS}g}"), shown)


def arrows(finished: Finished, columns: dict[str, int]) -> Row:
    """One column of every client's A, as sent and turned, in the plane that shows most of both, and their means.

    The column is the longest of the arm's first round. Coordinates are in units of the clients' mean arrow length, and
    the turned mean points up; shares are over all r latent axes. In round 0 nobody turns.
    """
    A, weights = finished.sent.A[LAYER], finished.context.weights  # (K, r, i), (K,)
    turned = A if finished.alignment is None else finished.alignment.R[LAYER].mT @ A
    if finished.name not in columns:
        columns[finished.name] = int(longest_columns(A[None], weights)[0, 0])
    column = columns[finished.name]
    X, Y = A[..., column], turned[..., column]  # (K, r)
    length = (weights * X.norm(dim=-1)).sum().clamp_min(torch.finfo(X.dtype).tiny)
    X, Y = X / length, Y / length
    naive, aligned = weights @ X, weights @ Y
    plane, share = arrow_plane(X, Y, aligned, weights)  # (r, 2)
    return {
        "column": column,
        "sent": _rounded(X @ plane, ARROW_DIGITS),
        "turned": _rounded(Y @ plane, ARROW_DIGITS),
        "means": _rounded(torch.stack([naive, aligned]) @ plane, ARROW_DIGITS),
        "kept": _rounded(torch.stack([naive.norm(), aligned.norm()]), SCORE_DIGITS),
        "shown": round(float(share), SCORE_DIGITS),
    }


def _rounded(values: Tensor, digits: int) -> Any:
    """Plain numbers; a rounded minus zero is zero."""
    return (torch.round(values.double(), decimals=digits) + 0.0).tolist()


def measured(grid: Grid, setting: tuple[float, float, int], should_stop: Callable[[], bool]) -> Row:
    """Train one setting with every λ: its entry of the file.

    Raises:
        Cancelled: as soon as ``should_stop()`` is true; it is asked before each local step.
    """
    shown = [grid.config(*setting, lam) for lam in grid.lams]
    methods = [METHODS[NAIVE], *(AtStrength(lam) for lam in grid.lams)]
    arms: dict[str, Row] = {m.card.name: {"score": [], "error": []} for m in methods}
    centralised: list[float] = []
    with torch_threads(1):
        federation = Federation(shown[0], methods)
        start = federation.new_trace().task
        for _, event in lockstep([federation], functools.partial(numbers_of, columns={}), should_stop):
            if isinstance(event, RoundNumbers):
                arm = arms[event.arm]
                arm["score"].append(event.score)
                arm["error"].append(event.error)
                for name, values in event.arrows.items():
                    arm.setdefault(name, []).append(values)
            elif isinstance(event, CentralisedRecord):
                centralised.append(round(event.score, SCORE_DIGITS))
            elif isinstance(event, ArmStopped):
                arms[event.arm]["stopped"] = event.message
    return {
        "start": round(start.start_score, SCORE_DIGITS),
        "centralised": centralised,
        "naive": arms[NAIVE],
        "aligned": [arms[arm_name(lam)] for lam in grid.lams],
        "hash": [config.hash for config in shown],
    }


Measure = Callable[[Grid, tuple[float, float, int], Callable[[], bool]], Row]
"""Trains one setting, see :func:`measured`."""


class Rows(Protocol):
    """Where settings that are trained already may be found, and new ones go; used from several threads."""

    def row(self, key: str) -> Row | None:
        """What is kept under ``key``."""

    def keep_row(self, key: str, row: Row) -> None:
        """Keep ``row`` under ``key``."""


def row_key(grid: Grid, setting: tuple[float, float, int]) -> str:
    """What a setting's row is kept under.

    Raises:
        ConfigError: when the device is not available.
    """
    runs = ",".join(grid.config(*setting, lam).hash for lam in grid.lams)
    return key("take-home", f"{ROW_FORMAT}/{sha256(runs.encode())[:16]}", grid.base)


def all_measured(
    grid: Grid,
    should_stop: Callable[[], bool],
    on_progress: Callable[[int, int], None],
    jobs: int | None = None,
    rows: Rows | None = None,
    measure: Measure = measured,
) -> list[Row]:
    """Every setting of the grid, in its order, on up to :data:`THREADS` threads.

    Args:
        on_progress: told (settings done, settings in all), at the start and after each.
        rows: asked before a setting is trained, and told what was; None to train all.
        measure: trains one setting; called from several threads.

    Raises:
        Cancelled: when ``should_stop()`` becomes true.
    """
    settings, over = grid.settings, threading.Event()
    found: dict[int, Row] = {}
    on_progress(0, len(settings))

    def stop() -> bool:
        return over.is_set() or should_stop()

    def one(n: int) -> tuple[int, Row]:
        if stop():
            raise Cancelled("The page was cancelled.")
        if rows is None:
            return n, measure(grid, settings[n], stop)
        own = row_key(grid, settings[n])
        row = rows.row(own)
        if row is None:
            rows.keep_row(own, row := measure(grid, settings[n], stop))
        return n, row

    with ThreadPoolExecutor(jobs or min(THREADS, os.cpu_count() or 1), "take-home") as pool:
        futures = [pool.submit(one, n) for n in range(len(settings))]
        try:
            for future in as_completed(futures):
                n, row = future.result()
                found[n] = row
                on_progress(len(found), len(settings))
        except BaseException:  # whatever it was, what still runs or waits must end before the pool is left
            over.set()
            for future in futures:
                future.cancel()
            raise
    return [found[n] for n in range(len(settings))]


def common_flags(grid: Grid) -> str:
    """Flags of ``fedrot_core run`` for what ``grid.base`` sets apart from the defaults: `` --rounds 3``, or nothing."""
    default, own = FederationConfig().values(), grid.base.values()
    varied = ("frames", "theta", "lam", "alpha", "rank", "arms")
    flags = ((key, value) for key, value in own.items() if value != default[key] and key not in varied)
    return "".join(f" --{key.replace('_', '-')} {value:g}" if isinstance(value, float) else
                   f" --{key.replace('_', '-')} {value}" for key, value in flags)  # fmt: skip


def ahead(rows: Sequence[Row], lams: Sequence[float], tie: int) -> tuple[int, int, int]:
    """In how many runs with λ > 0 the aligned arm ends ahead, level within ``tie`` whole points, and behind."""
    counts = [0, 0, 0]
    for row in rows:
        for lam, arm in zip(lams, row["aligned"], strict=True):
            if lam > 0 and arm["score"] and row["naive"]["score"]:
                gain = round(100 * arm["score"][-1]) - round(100 * row["naive"]["score"][-1])
                counts[0 if gain > tie else 1 if gain >= -tie else 2] += 1
    return counts[0], counts[1], counts[2]
