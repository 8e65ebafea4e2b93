"""What a run and a test bench show of a method: the same measurements for the correct one and its faulty copy.

The bench hands random factors straight to a method, without any training, and asks what a good test would ask: is the
answer the ideal, does the order of arrival matter, do weights, does twice the update give twice the answer?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fedrot_core.config import AlignmentConfig, FederationConfig
from fedrot_core.factors import Factors, LayerSpec, product_norm
from fedrot_core.learn.mistakes.base import Mistake
from fedrot_core.methods import Method, RoundContext, ServerState
from fedrot_core.methods.base import residual, round_update
from fedrot_core.records import RoundRecord
from fedrot_core.rng import stream
from fedrot_core.trace import Trace
from fedrot_core.wording import counted, degrees, percent, signed

BENCH = (LayerSpec("square", 24, 24), LayerSpec("not square", 24, 16))
CLIENTS, RANK = 5, 3
WEIGHTS = (0.4, 0.25, 0.2, 0.1, 0.05)
SAME = 1e-6
"""Shares below this are rounding."""

SKEWED = (0.05, 0.1, 0.2, 0.25, 0.4)


@dataclass(frozen=True)
class Evidence:
    """One measurement on both copies.

    Attributes:
        asked: what was measured, as a phrase; unit: "share", "factor", "points", "bytes" or "degrees".
        right, wrong: one number, or two where ``asked`` names two things.
        bench: whether it comes from the test bench and not from the run.
    """

    asked: str
    unit: str
    right: tuple[float, ...]
    wrong: tuple[float, ...]
    bench: bool

    @property
    def texts(self) -> tuple[str, str]:
        """Both measurements as text."""
        right, wrong = (" / ".join(number(v, self.unit) for v in values) for values in (self.right, self.wrong))
        return right, wrong

    @property
    def row(self) -> dict[str, Any]:
        """Plain numbers, for a table."""
        values = {
            side if n == 0 else f"{side}_{n + 1}": value
            for side, measured in (("right", self.right), ("wrong", self.wrong))
            for n, value in enumerate(measured)
        }
        where = "bench" if self.bench else "run"
        return {"asked": self.asked, "unit": self.unit, "where": where, "differs": self.differs, **values}

    @property
    def differs(self) -> bool:
        """Whether the copies differ by more than the text hides."""
        right, wrong = self.texts
        return right != wrong


def number(value: float, unit: str) -> str:
    """One measurement as text."""
    if unit == "share":
        return percent(value if abs(value) > SAME else 0.0)
    if unit == "factor":
        return f"{value:.2f}×"
    if unit == "points":
        return f"{signed(value, 1)} points"
    if unit == "bytes":
        return f"{value / 1000:.1f} kB"
    return degrees(value)


def method_note(trace: Trace) -> str:
    """How the evidence was made."""
    config = trace.config
    optimiser = next(leaf for leaf in config.leaves() if leaf.option.key == "opt").choices[config.train.optimizer]
    steps = counted(config.train.local_steps, f"{optimiser} step")
    return (
        f"Both copies: same seed ({config.seed}), same split over {counted(config.data.clients, 'client')}, "
        f"same mini-batches, {counted(config.train.rounds, 'round')} of {steps}. "
        f"{trace.task.summary} Error: ‖update − Σ wₖ Bₖ Aₖ‖ over ‖Σ wₖ Bₖ Aₖ‖. Bench: random factors of five clients "
        "of unequal weight, handed straight to the server; one layer is square, one is not."
    )


@dataclass(frozen=True)
class Bench:
    """One round of ``method`` on random clients.

    Attributes:
        order: in which clients stand; weights: (K,) by client, before ordering; scale: factor on what every client
            trained.
    """

    method: Method
    order: tuple[int, ...] = tuple(range(CLIENTS))
    weights: tuple[float, ...] = WEIGHTS
    scale: float = 1.0

    def result(self) -> tuple[Factors, Tensor]:
        """The round's update as factors, and each layer's relative error against ``Σ w_k B_k A_k``, (L,)."""
        clients = torch.tensor(self.order)
        w = torch.tensor(self.weights, dtype=torch.float64)[clients]
        state = ServerState(Factors(_draw("A", RANK, "in"), _draw("B", RANK, "out").mT))
        t = 1 if "B" in self.method.trains(1) else 0  # one in which B trains, so that methods taking turns compare
        context = RoundContext(
            round_index=t, align=AlignmentConfig(), weights=w, clients=clients, total_clients=CLIENTS, layers=BENCH,
            reference=state.factors, rng=lambda name: stream(0, "bench", name),
            ranks=torch.full((CLIENTS,), RANK), fresh_A=lambda: state.factors.A,
        )  # fmt: skip
        start, which = self.method.start(state, context), self.method.trains(t)
        A, B = start.A.clone(), start.B.clone()
        for n, k in enumerate(self.order):
            if "A" in which:
                A[:, n] += _draw(f"A of {k}", RANK, "in")
            if "B" in which:
                B[:, n] += _draw(f"B of {k}", RANK, "out").mT
        sent = Factors(A, self.scale * B) if "B" in which else Factors(self.scale * A, B)
        done = self.method.combine(self.method.prepare(sent, state, context), state, context)
        update = round_update(state, done.state)
        ideal = product_norm(residual(sent, w, Factors(torch.zeros_like(update.A), torch.zeros_like(update.B))))
        gap = _product(residual(sent, w, update))
        return update, torch.linalg.matrix_norm(gap) / ideal


def _draw(name: str, rows: int, width: str) -> Tensor:
    """(L, rows, widest) standard normal numbers, zero beyond each layer's width."""
    widths = [s.d_in if width == "in" else s.d_out for s in BENCH]
    out = torch.zeros(len(BENCH), rows, max(widths), dtype=torch.float64)
    for n, d in enumerate(widths):
        out[n, :, :d] = torch.from_numpy(stream(0, "bench", name, n).standard_normal((rows, d)))
    return out


def _product(f: Factors) -> Tensor:
    return f.B @ f.A


def _change(one: Factors, other: Factors) -> float:
    return float((_product(one) - _product(other)).norm() / _product(one).norm())


def on_bench(mistake: Mistake, config: FederationConfig) -> list[Evidence]:
    """What the bench shows."""
    scaled, unscaled = (config.with_values({"rank": RANK, "lora_alpha": s * RANK, "rounds": 1}) for s in (2.0, 1.0))

    def both(
        measure: Callable[[Method], tuple[float, ...]], c: FederationConfig = scaled
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        right, wrong = mistake.arms(c)
        return measure(right), measure(wrong)

    def by_layer(method: Method) -> tuple[float, ...]:
        return tuple(float(e) for e in Bench(method).result()[1])

    def worst(method: Method) -> tuple[float, ...]:
        return (float(Bench(method).result()[1].max()),)

    def equal(method: Method) -> tuple[float, ...]:
        return (float(Bench(method, weights=(1 / CLIENTS,) * CLIENTS).result()[1].max()),)

    def reversed_(method: Method) -> tuple[float, ...]:
        return (_change(Bench(method).result()[0], Bench(method, order=tuple(range(CLIENTS))[::-1]).result()[0]),)

    def skewed(method: Method) -> tuple[float, ...]:
        return (_change(Bench(method).result()[0], Bench(method, weights=SKEWED).result()[0]),)

    def growth(method: Method) -> tuple[float, ...]:
        one, two = (_product(Bench(method, scale=d).result()[0]).norm() for d in (1.0, 2.0))
        return (float(two / one),)

    return [
        Evidence("error on a square layer, on one that is not square", "share", *both(by_layer), True),
        Evidence("error when all clients have equal weight", "share", *both(equal), True),
        Evidence("error when lora_alpha = r, so that s = 1", "share", *both(worst, unscaled), True),
        Evidence("change of the server's answer when uploads arrive in reverse order", "share", *both(reversed_), True),
        Evidence("change of the server's answer when other clients weigh most", "share", *both(skewed), True),
        Evidence("growth of the server's answer when every update is doubled", "factor", *both(growth), True),
    ]  # fmt: skip


def in_run(trace: Trace) -> list[Evidence]:
    """What the first and the latest round of both runs, correct and faulty, show; empty until both have a record."""
    right, wrong = (trace.arm(card.name) for card in trace.arms)
    if not right or not wrong:
        return []
    start, name = trace.task.start_score, trace.task.score_name

    def row(asked: str, unit: str, measure: Callable[[list[RoundRecord]], tuple[float, ...]]) -> Evidence:
        return Evidence(asked, unit, measure(right), measure(wrong), False)

    def angle(records: list[RoundRecord]) -> tuple[float, ...]:
        angles = records[0].pairs.principal_A
        pairs = angles[:, *np.triu_indices(angles.shape[-1], 1)]
        return (float(np.median(pairs)) if pairs.size else 0.0,)

    return [
        row(f"{name} after the last round", "share", lambda rs: (rs[-1].score,)),
        row(f"{name} gained in round 0", "points", lambda rs: (100 * (rs[0].score - start),)),
        row("largest error in any round", "share", lambda rs: (max(float(r.errors.own[-1]) for r in rs),)),
        row("what a client sends, and receives, in round 0", "bytes", lambda rs: (rs[0].bytes_up, rs[0].bytes_down)),
        row("angle between two clients' A in round 0 (median)", "degrees", angle),
        row(
            "distance of the first, and of the last, client from the broadcast in round 0", "share",
            lambda rs: (float(rs[0].turns.drift[:, 0].mean()), float(rs[0].turns.drift[:, -1].mean())),
        ),
    ]  # fmt: skip
