"""Every metric of one arm and round."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fedrot_core.alignment import Alignment, generalised_procrustes
from fedrot_core.config import AlignmentConfig
from fedrot_core.factors import Factors, compressed
from fedrot_core.metrics.arrows import arrows
from fedrot_core.metrics.checks import checks
from fedrot_core.metrics.errors import errors
from fedrot_core.metrics.pairs import pairs
from fedrot_core.metrics.turns import turns
from fedrot_core.records import Arrows, Checks, Errors, Pairs, Turns, by_stored_name
from fedrot_core.vocabulary import METRICS, RUNGS

SHOWN_CLIENTS = 24
"""Pairwise and drawn quantities cover at most this many clients of a round, the first ones."""


@dataclass(frozen=True)
class Measured:
    """Every metric of one arm and round, grouped by what it is about, and the flags of numerical trouble."""

    errors: Errors[Tensor]
    turns: Turns[Tensor]
    pairs: Pairs[Tensor]
    arrows: Arrows[Tensor]
    checks: Checks[Tensor]
    flags: tuple[str, ...]

    def metric(self, key: str) -> Tensor:
        """The metric of this key in :data:`fedrot_core.vocabulary.METRICS`, with the axes that are listed there."""
        info, arrays = METRICS[key], self.stored()
        if info.rung:
            return self.errors.ladder[RUNGS.index(info.rung)]
        if key == "turn_angles":  # ±180° are one turn
            return self.turns.angles.abs().sort(dim=-1, descending=True).values
        found = [arrays[name] for name in info.arrays]
        return found[0] if len(found) == 1 else torch.stack(found)

    def stored(self) -> dict[str, Tensor]:
        """Every number, by its name in files."""
        return {
            name: value
            for group in (self.errors, self.turns, self.pairs, self.arrows, self.checks)
            for name, value in by_stored_name(group).items()
        }


def measure(
    sent: Factors,
    received: Factors,
    result: Factors,
    applied: Alignment | None,
    weights: Tensor,
    align: AlignmentConfig,
    round_index: int,
    scaling: float,
    columns: Tensor | None = None,
) -> Measured:
    """Measure all metrics of one arm and round.

    Args:
        sent: (L, K, r, i) and (L, K, o, r), the clients' factors, in the frames in which the server gets them.
        received: (L, r, i) and (L, o, r), the broadcast that serves as the reference.
        result: (L, p, i) and (L, o, p), the method's update, of some inner dimension p.
        applied: the rotations that the method applied; None if it applied none.
        weights: (K,), weights of the clients, which sum to one.
        align: settings of the rungs of the error ladder that align to the reference.
        round_index: index of the round, from 0.
        scaling: factor in front of ``B A``, for absolute errors.
        columns: (L, C), the columns that the latent arrows showed in earlier rounds; None in the first.
    """
    clients, reference, outcome = compressed(sent, received, result)
    best = generalised_procrustes(clients, weights)
    turn = applied or best
    S = min(SHOWN_CLIENTS, sent.A.shape[-3])
    shown = torch.arange(S)
    found, naive_gap = errors(clients, reference, outcome, best, weights, align, round_index, scaling)
    return Measured(
        found,
        turns(clients, reference, best, turn, weights, S),
        pairs(clients.select(shown), turn.R[:, :S]),
        arrows(sent, turn.R, weights, S, columns),
        checks(clients, turn.R, weights, naive_gap, found.ladder),
        applied.flags() if applied is not None else (),
    )
