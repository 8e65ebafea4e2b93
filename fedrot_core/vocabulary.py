"""Names and meanings that records, figures and pages share. Does not import torch, so that figures may use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

RUNG_LABELS = {
    "naive": "naive factor average",
    "align_A": "aligned to the reference by A",
    "align_B": "aligned to the reference by B",
    "alternate": "aligned to the reference, alternating",
    "gpa": "best turn found (generalised Procrustes, reflections allowed)",
    "floor": "rank-r floor",
}
"""The rungs of the error ladder: ways to combine the same factors, whose errors are compared."""

RUNGS = tuple(RUNG_LABELS)

FLAG_TEXTS = {
    "reference_rank_deficient": (
        "The reference does not determine every direction of the rotation (a cross matrix is rank deficient); "
        "the undetermined part is arbitrary."
    ),
    "soft_rotation_singular": (
        "Soft alignment met a turn near 180° with λ near ½, where its result is arbitrary. Move λ away from ½."
    ),
    "alignment_not_settled": (
        "Generalised Procrustes was stopped before it converged: the clients differ so much that many alignments are "
        "nearly equally good."
    ),
}
"""A text for people about each numerical flag of a record."""

CENTRALISED = (
    "One adapter that trains on the data of all clients, with as many steps as one client and batches of the same "
    "size. A reference, not an upper bound: the average of many clients smooths out the noise of their steps and can "
    "do better, most of all at a high learning rate."
)
"""What the centralised run is, and why a federation can beat it."""

Gauge = Literal["invariant", "dependent"]


@dataclass(frozen=True)
class MetricInfo:
    """What is known about one metric.

    Attributes:
        label, unit, meaning: its name, unit and meaning for people.
        gauge: whether turning one client's frame can change it ("dependent") or not ("invariant").
        axes: what the axes of its numbers stand for. The axis "pool" has one entry per layer, and a last one that pools
            all layers.
        arrays: names in files of the arrays that hold it. Several arrays are stacked along a new first axis.
        rung: the rung of the error ladder that holds it, if it is one.
    """

    label: str
    unit: str
    gauge: Gauge
    meaning: str
    axes: tuple[str, ...]
    arrays: tuple[str, ...] = ()
    rung: str = ""


METRICS: dict[str, MetricInfo] = {
    "error": MetricInfo(
        "Aggregation error",
        "relative",
        "dependent",
        "Distance of the global update from the ideal Σ w B A, relative to the norm of the ideal.",
        ("pool",),
        ("error",),
    ),
    "score": MetricInfo(
        "Score", "share", "dependent", "How well the new global adapter does on held-out data; 1 is perfect.", ()
    ),
    "naive_error": MetricInfo(
        "Naive error",
        "relative",
        "dependent",
        "How far the product of the averaged B and A, just as they were sent, is from the ideal, relative to its norm.",
        ("pool",),
        ("ladder",),
        "naive",
    ),
    "best_error": MetricInfo(
        "Error of the best turn",
        "relative",
        "invariant",
        "Relative error of the factor average after generalised Procrustes, which undoes any turn.",
        ("pool",),
        ("ladder",),
        "gpa",
    ),
    "floor": MetricInfo(
        "Rank-r floor",
        "relative",
        "invariant",
        "Relative error of the best matrix of rank r: no update of that rank comes closer to the ideal (Eckart–Young).",
        ("pool",),
        ("ladder",),
        "floor",
    ),
    "ideal_norm": MetricInfo(
        "Norm of the ideal",
        "",
        "invariant",
        "‖Σ w B A‖: the size of what the clients learned together.",
        ("pool",),
        ("ideal_norm",),
    ),
    "turn_angles": MetricInfo(
        "Rotation angles",
        "degrees",
        "dependent",
        "The angles by which each client's alignment R turns its latent axes (eigen-angles of R).",
        ("layer", "client", "angle"),
        ("turn_angles",),
    ),
    "principal_angles": MetricInfo(
        "Principal angles",
        "degrees",
        "invariant",
        "Largest angle by which the spans of two clients' factors lean apart. No rotation changes it.",
        ("side", "layer", "client", "client"),
        ("principal_A", "principal_B"),
    ),
    "factor_angles": MetricInfo(
        "Angle between factors",
        "degrees",
        "dependent",
        "How far two clients' B and A, written as one long vector each, point apart; 0° only where both hold the same "
        "numbers.",
        ("layer", "client", "client"),
        ("factor_angle_before",),
    ),
    "residual_before": MetricInfo(
        "Distance to the reference",
        "relative",
        "dependent",
        "How far a client's factor, as sent, lies from the one it will be aligned to, relative to that one's norm.",
        ("side", "layer", "client"),
        ("residual_before",),
    ),
    "residual_after": MetricInfo(
        "Procrustes residual",
        "relative",
        "invariant",
        "Relative distance from the reference that is left after the best rotation.",
        ("side", "layer", "client"),
        ("residual_after",),
    ),
    "retention": MetricInfo(
        "Retention",
        "share",
        "dependent",
        "Share of each latent direction that the naive average keeps: σ(M)², where M = Σ w R is the mean rotation.",
        ("layer", "direction"),
        ("retention",),
    ),
    "drift": MetricInfo(
        "Drift",
        "relative",
        "dependent",
        "How far a client's factors moved from the broadcast.",
        ("layer", "client"),
        ("drift",),
    ),
    "conditioning": MetricInfo(
        "Conditioning",
        "σ_min/σ_max",
        "invariant",
        "How well the cross matrix with the reference determines the rotation.",
        ("side", "layer", "client"),
        ("conditioning",),
    ),
}
