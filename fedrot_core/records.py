"""What is recorded of a round: NumPy arrays and plain numbers in typed groups, and the names that files call them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

T = TypeVar("T")


def stored(name: str) -> Any:
    """A field of a group that files call by another name."""
    return field(metadata={"stored": name})


@dataclass(frozen=True)
class Errors(Generic[T]):
    """How far from the ideal ``Σ w_k B_k A_k``. The last column pools all layers.

    Attributes:
        ladder: (6, L+1) relative, by :data:`fedrot_core.vocabulary.RUNGS`.
        own, absolute: (L+1,) of the arm's own method, relative and not.
        ideal_norm: (L+1,).
    """

    ladder: T
    own: T = stored("error")
    absolute: T = stored("error_abs")
    ideal_norm: T = stored("ideal_norm")


@dataclass(frozen=True)
class Turns(Generic[T]):
    """How clients' frames stand to one another and to the broadcast.

    Attributes:
        rotation: (L, S, r, r); angles: (L, K, r) their eigen-angles in degrees; reflected: (L, K) det < 0.
        retention: (L, r) shares; shared: (L,) whether all clients hold one update, so that retention is exact.
        drift: (L, K) relative.
        residual_before, residual_after, conditioning: (2, L, K), side A then side B.
    """

    rotation: T = stored("turn")
    angles: T = stored("turn_angles")
    reflected: T = stored("reflected")
    retention: T = stored("retention")
    shared: T = stored("shared_update")
    drift: T = stored("drift")
    residual_before: T = stored("residual_before")
    residual_after: T = stored("residual_after")
    conditioning: T = stored("conditioning")


@dataclass(frozen=True)
class Pairs(Generic[T]):
    """Between two clients, in degrees, (L, S, S): largest principal angle of A and of B, and the angle of their stacked
    factors as sent and turned.
    """

    principal_A: T
    principal_B: T
    factors_before: T = stored("factor_angle_before")
    factors_after: T = stored("factor_angle_after")


@dataclass(frozen=True)
class Arrows(Generic[T]):
    """What the latent arrows and the ambient plane are drawn from.

    Attributes:
        features: (L, C) column indices of A, the longest of the arm's first round.
        plane: (L, C, r, 2) in which they are drawn, to the right and up; share: (L, C) of their power, as sent and
            turned, that it holds.
        path: (P, L, S, r, C) these columns while λ goes 0..1; mean: (P, L, r, C) their mean over all clients.
        ambient_before, ambient_after: (L, S, r, 2) rows of A in one plane; ambient_share: (L, 2) of the power it shows.
    """

    features: T
    plane: T = stored("latent_plane")
    share: T = stored("latent_share")
    path: T = stored("latent_path")
    mean: T = stored("latent_mean")
    ambient_before: T = stored("ambient_before")
    ambient_after: T = stored("ambient_after")
    ambient_share: T = stored("ambient_share")


@dataclass(frozen=True)
class Checks(Generic[T]):
    """The proof strip's numbers: at rounding level, or (floor) not negative."""

    orthogonal: T = stored("check_orthogonal")
    product: T = stored("check_product")
    floor: T = stored("check_floor")
    identity: T = stored("check_identity")


@dataclass(frozen=True)
class RoundRecord:
    """One arm's round. L layers, K kept clients, S shown clients, r rank, C features, P path steps.

    Attributes:
        arm, round_index: which method, which round (from 0).
        loss, score: the global adapter on held-out data, after aggregation.
        clients: (K,) indices of the clients whose factors were used; dropped: those thrown out for NaN or Inf;
            lost: those whose upload never arrived.
        flags: numerical troubles, e.g. "reference_rank_deficient".
        applied: whether the method applied the rotations; otherwise they are what generalised Procrustes would apply.
        weights: (K,) summing to one.
        errors, turns, pairs, arrows, checks: everything measured, by what it is about.
        bytes_up, bytes_down: what one client sends and receives, on average.
        client_seconds, server_seconds: measured work of one client's preparation and of the server's rule; not part of
            the checksum.
    """

    arm: str
    round_index: int
    loss: float
    score: float
    clients: Array
    dropped: Array
    lost: Array
    flags: tuple[str, ...]
    applied: bool
    weights: Array
    errors: Errors[Array]
    turns: Turns[Array]
    pairs: Pairs[Array]
    arrows: Arrows[Array]
    checks: Checks[float]
    bytes_up: float
    bytes_down: float
    client_seconds: float
    server_seconds: float

    def stored(self) -> dict[str, Any]:
        """All numbers by the names that files call them: groups are opened."""
        found: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            found |= by_stored_name(value) if f.name in GROUPS else {f.name: value}
        return found

    @classmethod
    def of_stored(cls, row: Mapping[str, Any]) -> RoundRecord:
        """Inverse of :meth:`stored`; a row that misses a name, or has another, raises KeyError or TypeError."""
        rest = dict(row)
        groups = {
            name: group(**{f.name: rest.pop(stored_name(f)) for f in dataclasses.fields(group)})
            for name, group in GROUPS.items()
        }
        return cls(**rest, **groups)


GROUPS: dict[str, type[Any]] = {
    "errors": Errors, "turns": Turns, "pairs": Pairs, "arrows": Arrows, "checks": Checks,
}  # fmt: skip
"""Field of :class:`RoundRecord` -> what it holds."""

EXACT = frozenset({"ladder", "error", "error_abs", "ideal_norm", "weights"})
"""Stored names of arrays that stay float64: errors, where exactness is claimed. All others are kept as float32."""


def stored_name(f: dataclasses.Field[Any]) -> str:
    """What files call a field of a group."""
    return str(f.metadata.get("stored", f.name))


def stored_fields() -> dict[str, str]:
    """Stored name -> "Array", or the type of a plain value, of everything in a record."""
    found: dict[str, str] = {}
    for f in dataclasses.fields(RoundRecord):
        kind = "float" if f.name == "checks" else "Array"
        group = GROUPS.get(f.name)
        found |= {f.name: str(f.type)} if group is None else {stored_name(g): kind for g in dataclasses.fields(group)}
    return found


def by_stored_name(group: Any) -> dict[str, Any]:
    """The values of one group."""
    return {stored_name(f): getattr(group, f.name) for f in dataclasses.fields(group)}


def in_numpy(group: Any) -> Any:
    """A group of tensors with NumPy arrays in their place (float64 to float32 but for :data:`EXACT`, scalars to float).

    Whatever has ``ndim``, ``numpy()`` and ``__float__`` counts as a tensor.
    """
    return dataclasses.replace(
        group, **{f.name: array_of(stored_name(f), getattr(group, f.name)) for f in dataclasses.fields(group)}
    )


def array_of(name: str, tensor: Any) -> Any:
    """One tensor as a record keeps it under the stored ``name``."""
    if tensor.ndim == 0:
        return float(tensor)
    array = tensor.numpy()
    return array.astype(np.float32) if array.dtype == np.float64 and name not in EXACT else array


@dataclass(frozen=True)
class CentralisedRecord:
    """The ceiling after one round: one adapter trained on everyone's data."""

    round_index: int
    loss: float
    score: float


@dataclass(frozen=True)
class ArmStopped:
    """An arm that ended early, and why, in words for a person."""

    arm: str
    round_index: int
    message: str


Event = RoundRecord | CentralisedRecord | ArmStopped
