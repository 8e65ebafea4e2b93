"""Turn one client's frame and measure again: the test behind every metric's gauge badge.

A client's factors ``B, A`` and ``B R, Rᵀ A`` are the same update in another frame. :func:`replay` trains one arm again
up to a round and keeps what its rule saw there; :func:`spin` turns one client, lets the arm's own rule combine the
turned factors, and says of every metric in :data:`fedrot_core.vocabulary.METRICS` whether it moved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fedrot_core.alignment import Alignment, planted_rotations, random_rotations, rotation_angles
from fedrot_core.config import FederationConfig
from fedrot_core.errors import DivergedError, rule
from fedrot_core.factors import Factors
from fedrot_core.federation import Federation, Finished, lockstep
from fedrot_core.federation.server import stepped
from fedrot_core.methods.base import round_update
from fedrot_core.metrics import SHOWN_CLIENTS, measure
from fedrot_core.records import ArmStopped
from fedrot_core.rng import stream
from fedrot_core.vocabulary import METRICS, Gauge
from fedrot_core.workloads import Task

TOLERANCE = 1e-6
"""A metric has moved where it changed by more than this share of its scale: 180° for angles, its own size for the norm
of the ideal, 1 for all others. Rounding is far below, what a turn does far above."""


@dataclass(frozen=True)
class Replay:
    """One round of one arm: all that is needed to play it again. ``finished`` is the round, ``task`` scores it."""

    finished: Finished
    task: Task

    @property
    def clients(self) -> tuple[int, ...]:
        """Indices of the clients whose factors the server used."""
        return tuple(self.finished.context.clients.tolist())


@dataclass(frozen=True)
class MetricChange:
    """One metric as sent and with one client turned.

    Attributes:
        key: its name in :data:`fedrot_core.vocabulary.METRICS`; label, unit and claim are from there.
        before, after: all layers pooled where the metric is defined so; else where it changed most or, where it did
            not move, its largest value that concerns the turned client.
        where: which layer, side and clients these two are about, in words; empty where they are about everything.
        change: the largest change anywhere, in the metric's unit; moved: whether it is above ``tolerance``.
        note: why a metric that can move did not, or empty.
    """

    key: str
    label: str
    unit: str
    claim: Gauge
    before: float
    after: float
    where: str
    change: float
    tolerance: float
    note: str = ""

    @property
    def moved(self) -> bool:
        """Whether it changed by more than rounding."""
        return self.change > self.tolerance

    @property
    def holds(self) -> bool:
        """Whether the badge is right about this: an invariant metric never moves, a dependent one may."""
        return self.claim == "dependent" or not self.moved


@dataclass(frozen=True)
class Spin:
    """What one turn of one client did.

    Attributes:
        arm, label: name of the method, and what people call it; round_index, client, seed: what was turned, and which
            turn it was.
        degrees: the rotation's largest eigen-angle; 0 where the client's rank is 1, so that there is no rotation.
        rank: in how many latent directions it acts, the client's own rank.
        product_change: ``‖(B R)(Rᵀ A) - B A‖ / ‖B A‖`` of the client, the largest over layers: rounding.
        frozen: the factor that clients of this arm do not train in this round, so that all share it, or empty.
        rows: every metric, in the order of METRICS.
    """

    arm: str
    label: str
    round_index: int
    client: int
    seed: int
    degrees: float
    rank: int
    product_change: float
    frozen: str
    rows: tuple[MetricChange, ...]

    def __getitem__(self, key: str) -> MetricChange:
        """The row of one metric."""
        return next(row for row in self.rows if row.key == key)


def replay(
    config: FederationConfig,
    arm: str,
    round_index: int,
    should_stop: Callable[[], bool] = lambda: False,
    on_round: Callable[[int], None] = lambda done: None,
) -> Replay:
    """Train ``arm`` again, alone, up to ``round_index``: the same factors as in company, to the last bit.

    Args:
        arm: name of one of the methods of ``config``.
        should_stop: asked before each local step; once true, :class:`fedrot_core.errors.Cancelled` is raised.
        on_round: told how many rounds are done, after each.

    Raises:
        ConfigError: when ``config`` has no such arm or round.
        DivergedError: when the arm stops earlier.
    """
    if arm not in config.methods:
        raise rule("Arm", f"be one of {', '.join(config.methods)}", arm, "Choose an arm of the run.", "arms")
    rounds = config.train.rounds
    if not 0 <= round_index < rounds:
        raise rule("Round", f"be in 0..{rounds - 1}", round_index, "Choose a round of the run.", "rounds")
    federation = Federation(replace(config, methods=(arm,)))
    for _, event in lockstep([federation], lambda finished: finished, should_stop):
        if isinstance(event, ArmStopped):
            raise DivergedError(event.message)
        if isinstance(event, Finished):
            on_round(event.context.round_index + 1)
            if event.context.round_index == round_index:
                return Replay(event, federation.task)
    raise AssertionError("unreachable: an arm reaches its last round or says why it stopped")


def spin(replayed: Replay, client: int, seed: int, degrees: float | None = None) -> Spin:
    """Turn ``client`` in every layer by one rotation of SO(r), apply the arm's rule, and compare every metric.

    Args:
        client: index among all clients; its factors must have reached the server in this round.
        seed: says which rotation.
        degrees: turn each of ``r // 2`` random planes by this much; None draws from all rotations (Haar).

    Raises:
        ConfigError: when the client's factors did not reach the server.
    """
    if client not in replayed.clients:
        able = ", ".join(map(str, replayed.clients))
        raise rule("Client", f"be one of {able} in this round", client, "Choose a client that took part.", "client")
    finished = _in_sight(replayed.finished, client)
    context, method = finished.context, finished.method
    k = context.clients.tolist().index(client)
    own_rank, K = int(context.ranks[k]), len(context.clients)
    R = _rotation(own_rank, finished.sent.rank, stream(finished.config.seed, "spin", seed), degrees)
    turns = torch.eye(len(R), dtype=R.dtype).repeat(K, 1, 1)
    turns[k] = R
    turned = finished.sent.turned(turns)
    before, alignment = _measured(finished, finished.sent, replayed.task)
    after, _ = _measured(finished, turned, replayed.task)
    angle = float(rotation_angles(R).abs().max()) if own_rank > 1 else 0.0
    rows = tuple(_row(key, before[key], after[key], finished, k) for key in METRICS)
    rows = tuple(replace(row, where=replayed.task.score_name) if row.key == "score" else row for row in rows)
    moved = {row.key for row in rows if row.moved}
    notes = {row.key: _why_still(row.key, finished, alignment, own_rank, moved) for row in rows}
    return Spin(
        arm=method.card.name,
        label=method.card.label,
        round_index=context.round_index,
        client=client,
        seed=seed,
        degrees=angle,
        rank=own_rank,
        product_change=_product_change(finished.sent, turned, k),
        frozen={"AB": "", "A": "B", "B": "A"}[method.trains(context.round_index)],
        rows=tuple(
            replace(row, note=notes[row.key]) if row.claim == "dependent" and not row.moved else row for row in rows
        ),
    )


def _rotation(own_rank: int, rank: int, rng: np.random.Generator, degrees: float | None) -> Tensor:
    """(rank, rank): a rotation of the client's own directions, the identity beyond them."""
    R = torch.eye(rank, dtype=torch.float64)
    drawn = random_rotations(rng, 1, own_rank) if degrees is None else planted_rotations(rng, 1, own_rank, 2 * degrees)
    R[:own_rank, :own_rank] = drawn[0]
    return R


def _in_sight(finished: Finished, client: int) -> Finished:
    """The same round with its clients reordered, if need be, so that ``client`` is among those in pairwise metrics."""
    context = finished.context
    k, last = context.clients.tolist().index(client), SHOWN_CLIENTS - 1
    if k <= last:
        return finished
    order = torch.arange(len(context.clients))
    order[k], order[last] = last, k
    reordered = replace(
        context, clients=context.clients[order], weights=context.weights[order], ranks=context.ranks[order]
    )
    return replace(finished, sent=finished.sent.select(order), context=reordered)


def _measured(finished: Finished, sent: Factors, task: Task) -> tuple[dict[str, Tensor], Alignment | None]:
    """Every metric by key, had the server got ``sent``; and what alignment was applied.

    The rule draws from named streams, so it sees the same chance each time.
    """
    method, context, before, config = finished.method, finished.context, finished.before, finished.config
    upload = method.prepare(sent, before, context)
    outcome = method.combine(upload, before, context)
    applied = upload.alignment or outcome.alignment
    found = measure(
        sent,
        context.reference,
        round_update(before, outcome.state),
        applied,
        context.weights,
        config.align,
        context.round_index,
        config.lora.scaling,
    )
    state = stepped(before, outcome.state, config.server)
    _, score = task.evaluate(method.models(state), state.base)
    values = {key: score.mean() if key == "score" else found.metric(key) for key in METRICS}
    return values, applied


def _row(key: str, before: Tensor, after: Tensor, finished: Finished, k: int) -> MetricChange:
    """One metric compared; ``k`` is the turned client's place in the round."""
    info = METRICS[key]
    axes = info.axes
    change = (after - before).abs()
    largest = float(change.max())
    if info.unit == "degrees":
        scale = 180.0
    else:
        scale = float(before.abs().max()) if key == "ideal_norm" else 1.0
    tolerance = TOLERANCE * scale
    if axes == ("pool",):
        place: tuple[int, ...] = (len(before) - 1,)
    elif largest > tolerance:
        place = _largest(change)
    else:
        place = _largest(_of_client(before, axes, k))
    return MetricChange(
        key=key,
        label=info.label,
        unit=info.unit,
        claim=info.gauge,
        before=float(before[place]),
        after=float(after[place]),
        where=_where(place, axes, finished),
        change=largest,
        tolerance=tolerance,
    )


def _largest(values: Tensor) -> tuple[int, ...]:
    """Where the largest entry stands; () for a single number."""
    return tuple(int(n) for n in torch.unravel_index(values.argmax(), values.shape)) if values.ndim else ()


def _of_client(values: Tensor, axes: tuple[str, ...], k: int) -> Tensor:
    """``values`` with -1 wherever they are not about client ``k``; metrics are never negative."""
    sizes = values.abs()
    if "client" in axes:
        axis = axes.index("client")
        others = torch.arange(values.shape[axis]) != k
        sizes = sizes.index_fill(axis, torch.nonzero(others).flatten(), -1.0)
    return sizes


def _where(place: tuple[int, ...], axes: tuple[str, ...], finished: Finished) -> str:
    """``A, hidden 1, clients 0 and 3``: what one entry is about."""
    layers, clients = finished.context.layers, finished.context.clients.tolist()
    words = []
    who = sorted({int(clients[n]) for n, axis in zip(place, axes, strict=True) if axis == "client"})
    for n, axis in zip(place, axes, strict=True):
        if axis == "side":
            words.append("AB"[n])
        elif axis == "layer" and len(layers) > 1:
            words.append(layers[n].name)
        elif axis == "direction":
            words.append(f"direction {n + 1}")
    if who:
        words.append(f"client {who[0]}" if len(who) == 1 else f"clients {who[0]} and {who[1]}")
    return ", ".join(words)


def _why_still(key: str, finished: Finished, alignment: Alignment | None, own_rank: int, moved: Collection[str]) -> str:
    """Why a metric that can move did not, as far as that is known."""
    method = finished.method
    if own_rank == 1:
        return "at rank 1 there is no rotation"
    if len(finished.context.clients) == 1:
        return "only one client took part"
    if key in ("error", "score") and method.gauge_invariant:
        return f"{method.card.label} is gauge-invariant"
    if key in ("error", "score") and alignment is not None and "error" not in moved:
        return "the alignment undid the turn"
    if key == "score" and "error" in moved:
        return "the update moved too little to show in it"
    return "it can move, but did not here"


def _product_change(sent: Factors, turned: Factors, k: int) -> float:
    """How much client ``k``'s update itself changed, relative, the largest over layers: rounding."""
    one, other = (f.B[:, k] @ f.A[:, k] for f in (sent, turned))
    size = torch.linalg.matrix_norm(one).clamp_min(torch.finfo(one.dtype).tiny)
    return float((torch.linalg.matrix_norm(other - one) / size).max())
