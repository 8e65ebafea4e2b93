"""The answer in one sentence with numbers, and what the files cannot tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fedrot_core.adapters.layer_report import SMALLEST, TURNED, LayerReport
from fedrot_core.wording import counted, degrees, percent

FINE = 0.02
"""Relative errors that differ by less than this differ in nothing that could be seen in a model."""

MOST = 0.8
"""The layers that matter are the fewest that hold this share of what the best turn removes (of squared errors)."""

LEAST_SHARE = 5e-4
"""A share below this is none."""

STILL = 10.0
"""Clients that are turned by less than this many degrees stand in one frame, as after a shared start."""

NAMES = {
    "naive": "plain averaging", "align_A": "FedRot-LoRA by A", "align_B": "FedRot-LoRA by B",
    "gpa": "generalised Procrustes", "svd": "the best rank-r approximation (SVD)", "stack": "stacking",
}  # fmt: skip
"""How methods are called in sentences."""


@dataclass(frozen=True)
class Verdict:
    """What to do, and why.

    Attributes:
        sentence: the answer with its numbers.
        method: the method to use, a key of :data:`NAMES`.
        naive: relative error of plain averaging over all layers.
        turned: the smallest relative error after turning; None if no rotation exists.
        floor: the smallest relative error at this rank.
        removed: the share of plain averaging's error that turning removes; None if no rotation exists.
        stays: the share of it that stays at this rank, whatever is done.
        matter: names of the fewest layers that hold most of what turning removes, largest first.
        notes: what cannot be known from files, and what is to be expected.
    """

    sentence: str
    method: str
    naive: float
    turned: float | None
    floor: float
    removed: float | None
    stays: float
    matter: tuple[str, ...]
    notes: tuple[str, ...]


def verdict(
    layers: Sequence[LayerReport], totals: Mapping[str, float], clients: int, more: Sequence[str] = ()
) -> Verdict:
    """Judge the errors of all layers together.

    Args:
        layers: one report a module.
        totals: relative errors over all layers, by rung.
        clients: how many clients there are; more: names of those whose update is more than ``B A``.
    """
    naive, floor = totals["naive"], totals["floor"]
    turns = [rung for rung in reversed(TURNED) if rung in totals]
    best = min(turns, key=lambda rung: totals[rung]) if turns else None
    if best and totals["gpa"] <= totals[best] + FINE / 10:  # it needs no reference
        best = "gpa"
    turned = totals[best] if best else None
    removed = None if turned is None else 1 - turned / naive if naive > SMALLEST else 0.0
    stays = floor / naive if naive > SMALLEST else 0.0
    method = _method(totals, best)
    matter = _matter(layers) if turned is not None and naive - turned > FINE else ()
    sentence = _nothing(layers, clients) or _sentence(method, naive, turned, removed, stays, matter, layers, more)
    return Verdict(
        sentence,
        method, naive, turned, floor, removed, stays, matter, _notes(layers, turned, floor, clients),
    )  # fmt: skip


def _method(totals: Mapping[str, float], best: str | None) -> str:
    """The simplest method whose error is as small as it gets at this rank, up to :data:`FINE`."""
    enough = totals["floor"] + FINE
    if totals["naive"] <= enough:
        return "naive"
    return best if best is not None and totals[best] <= enough else "svd"


def _nothing(layers: Sequence[LayerReport], clients: int) -> str:
    """Why there is nothing to average; empty if there is something."""
    if clients == 1:
        return "There is one client, so there is nothing to average."
    if any(layer.size > 0 for layer in layers):
        return ""
    if any(np.trace(layer.products) > 0 for layer in layers):
        return "The clients' updates cancel one another: their mean is zero, and no method can keep what is not there."
    return "All updates are zero: nothing was trained, so there is nothing to average."


def _sentence(
    method: str, naive: float, turned: float | None, removed: float | None, stays: float, matter: Sequence[str],
    layers: Sequence[LayerReport], more: Sequence[str],
) -> str:  # fmt: skip
    if naive <= FINE:
        return (
            f"Plain averaging is fine: it misses {percent(naive)} of the update, and nothing else would do much better."
        )
    told = f"Plain averaging misses {percent(naive)} of the update. "
    if removed is None or turned is None:
        told += "No rotation exists between clients of different ranks"
    elif removed < LEAST_SHARE:
        told += "Turning the clients removes none of this error"
    else:
        told += f"Turning the clients removes {percent(removed)} of this error"
    if 0 < len(matter) < len(layers):
        told += f", most of that in {len(matter)} of {counted(len(layers), 'layer')}"
    told += f"; {percent(stays)} of it stays at this rank, whatever is done. "
    if more:
        return f"{told}Some adapters are more than B A, so they cannot be merged here."
    if method == "naive":
        return f"{told}Plain averaging is as good as any method at this rank."
    return f"{told}Use {NAMES[method]}."


def _matter(layers: Sequence[LayerReport]) -> tuple[str, ...]:
    won = {layer.name: layer.size**2 * (layer.errors["naive"] ** 2 - layer.turned**2) for layer in layers}
    gains = sorted(((gain, name) for name, gain in won.items() if gain > 0), reverse=True)
    total, held, names = sum(gain for gain, _ in gains), 0.0, []
    for gain, name in gains:
        if held >= MOST * total:
            break
        held += gain
        names.append(name)
    return tuple(names)


def _notes(layers: Sequence[LayerReport], turned: float | None, floor: float, clients: int) -> tuple[str, ...]:
    notes = ["How accurate a model will be, these files cannot tell: errors here are distances from the exact average."]
    if turned is not None and clients > 1 and any(layer.size > 0 for layer in layers):
        angle = float(np.median([layer.turn for layer in layers if layer.angles.size]))
        if angle < STILL:
            notes.append(
                f"In most layers no client is turned by more than {degrees(angle)} on average, as after a shared "
                "start, which leaves little to turn."
            )
        if not all(layer.settled for layer in layers):
            notes.append("Generalised Procrustes did not settle in some layers, so a little more could be removed.")
    if floor > FINE:
        notes.append(f"No adapter of this rank comes closer than {percent(floor)}. Stacking all ranks loses nothing.")
    return tuple(notes)
