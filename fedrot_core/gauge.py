"""Turn one client's frame and measure again: the test behind the gauge badge of every metric.

A client's factors ``B, A`` and ``B R, Rᵀ A`` are the same update in two frames. :func:`replay` trains one arm again up
to a round and keeps what its method got there. :func:`spin` turns one client, lets the method combine the factors once
more, and tells for every metric in :data:`fedrot_core.vocabulary.METRICS` whether it moved.
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
"""A metric has moved if it changed by more than this share of its scale, which is 180° for angles, its own size for the
norm of the ideal, and 1 for all other metrics. Rounding stays far below, and the effect of a turn is far above."""


@dataclass(frozen=True)
class Replay:
    """One round of one arm, with all that is needed to play it again.

    Attributes:
        finished: the round as it was played.
        task: the task, which scores it.
    """

    finished: Finished
    task: Task

    @property
    def clients(self) -> tuple[int, ...]:
        """Indices of the clients whose factors the server used."""
        return tuple(self.finished.context.clients.tolist())


@dataclass(frozen=True)
class MetricChange:
    """One metric before and after one client was turned.

    Attributes:
        key: the metric's key in :data:`fedrot_core.vocabulary.METRICS`.
        label, unit: the metric's label and unit.
        claim: what the metric's gauge badge claims, "invariant" or "dependent".
        before, after: the two values. They pool all layers if the metric is defined that way; otherwise they are taken
            where the metric changed most or, if it did not move, where it is largest for the turned client.
        where: which layer, side and clients the two values are about, in words; empty if they are about all.
        change: the largest change anywhere, in the metric's unit.
        tolerance: the largest change that counts as rounding.
        note: why a metric that can move did not; otherwise empty.
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
        """Whether the badge is right here: an invariant metric must not move, a dependent one may."""
        return self.claim == "dependent" or not self.moved


@dataclass(frozen=True)
class Spin:
    """What one turn of one client did.

    Attributes:
        arm: name of the method.
        label: the method's name for people.
        round_index: the round in which the client was turned.
        client: index of the client.
        seed: number of the rotation.
        degrees: the rotation's largest eigen-angle; 0 if the client has rank 1, where there is no rotation.
        rank: the client's own rank, which is the number of latent directions that the rotation acts on.
        product_change: ``‖(B R)(Rᵀ A) - B A‖ / ‖B A‖`` of the client, the largest over layers; this is rounding.
        frozen: the factor that clients of this arm do not train in this round and therefore share; otherwise empty.
        rows: every metric, in the order of :data:`fedrot_core.vocabulary.METRICS`.
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
    """Train one arm of a run again, alone, up to a round. It gets the same factors as in the run, to the last bit.

    Args:
        config: config of the run.
        arm: name of one of its methods.
        round_index: the round, from 0.
        should_stop: asked before each local step. Once it returns true, :class:`fedrot_core.errors.Cancelled` is
            raised.
        on_round: called after each round with the number of rounds that are done.

    Raises:
        ConfigError: if ``config`` has no such arm or round.
        DivergedError: if the arm stops before the end of that round.
    """
    if arm not in config.methods:
        raise rule("Method", f"be one of {', '.join(config.methods)}", arm, "Choose a method of the run.", "arms")
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
    """Turn one client by the same rotation in every layer, apply the arm's method again, and compare every metric.

    Args:
        replayed: the round.
        client: index among all clients. The client's factors must have reached the server in this round.
        seed: number of the rotation, which is drawn from SO(r).
        degrees: angle by which each of ``r // 2`` random planes is turned; None draws from all rotations (Haar).

    Raises:
        ConfigError: if the client's factors did not reach the server.
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
