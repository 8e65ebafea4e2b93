"""What is recorded of a round: NumPy arrays and plain numbers in typed groups, and their names in files."""

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
    """A field of a group that has another name in files."""
    return field(metadata={"stored": name})


@dataclass(frozen=True)
class Errors(Generic[T]):
    """Distances from the ideal update ``Σ w_k B_k A_k``. The last column pools all layers.

    Attributes:
        ladder: (6, L+1), relative errors, one row for each of :data:`fedrot_core.vocabulary.RUNGS`.
        own: (L+1,), relative error of the arm's own method.
        absolute: (L+1,), the same error without division by the norm of the ideal.
        ideal_norm: (L+1,), norm of the ideal.
    """

    ladder: T
    own: T = stored("error")
    absolute: T = stored("error_abs")
    ideal_norm: T = stored("ideal_norm")


@dataclass(frozen=True)
class Turns(Generic[T]):
    """How the clients' frames differ from one another and from the broadcast.

    Attributes:
        rotation: (L, S, r, r), the rotation that aligns each client.
        angles: (L, K, r), eigen-angles of the rotations in degrees.
        reflected: (L, K), whether the determinant of a rotation is negative.
        retention: (L, r), the share that the naive average keeps of each direction.
        shared: (L,), whether all clients hold the same update, so that ``retention`` is exact.
        drift: (L, K), relative distance of each client's factors from the broadcast.
        residual_before, residual_after: (2, L, K), distance of each client's A, then of its B, from the broadcast as
            sent, and after the best rotation.
        conditioning: (2, L, K), how well the cross matrix of A, then of B, determines that rotation.
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
    """Angles between any two clients in degrees, (L, S, S) each.

    Attributes:
        principal_A, principal_B: largest principal angle between their A and between their B.
        factors_before, factors_after: angle between their stacked factors, as sent and as turned.
    """

    principal_A: T
    principal_B: T
    factors_before: T = stored("factor_angle_before")
    factors_after: T = stored("factor_angle_after")


def mean_pair(angles: Array) -> float:
    """Mean over pairs of different clients of (S, S) angles; 0 where there is one client."""
    above = angles[np.triu_indices(len(angles), 1)]
    return float(above.mean()) if above.size else 0.0


@dataclass(frozen=True)
class Arrows(Generic[T]):
    """What the latent arrows and the ambient plane are drawn from.

    Attributes:
        features: (L, C), indices of the columns of A that were longest in the arm's first round.
        plane: (L, C, r, 2), orthonormal columns that point right and up in the plane in which the arrows are drawn.
        share: (L, C), the share of the arrows' power, as sent and as turned, that this plane holds.
        path: (P, L, S, r, C), the columns as λ goes from 0 to 1.
        mean: (P, L, r, C), mean of the columns over all clients.
        ambient_before, ambient_after: (L, S, r, 2), rows of A as sent and as turned, projected onto one plane.
        ambient_share: (L, 2), the share of the rows' power that each axis of the plane shows.
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
    """Checks of the theory in numbers. All should be at rounding level, except that ``floor`` should not be negative.

    Attributes:
        orthogonal: largest entry of ``Rᵀ R - I``.
        product: largest relative change of a client's ``B A`` by its turn.
        floor: smallest distance of any rung of the error ladder from the floor.
        identity: difference between the naive error and ``Σ w (B_k - B̄)(A_k - Ā)``, relative to the ideal.
    """

    orthogonal: T = stored("check_orthogonal")
    product: T = stored("check_product")
    floor: T = stored("check_floor")
    identity: T = stored("check_identity")


@dataclass(frozen=True)
class RoundRecord:
    """The record of one round of one arm.

    Letters: L layers, K clients whose factors were used, S clients that are shown, r rank, C columns, P path steps.

    Attributes:
        arm: name of the method.
        round_index: index of the round, from 0.
        loss, score: loss and score of the global adapter on held-out data, after aggregation.
        clients: (K,), indices of the clients whose factors were used.
        dropped: indices of the clients whose factors were left out because they held NaN or Inf.
        lost: indices of the clients whose upload never arrived.
        flags: numerical troubles, such as "reference_rank_deficient".
        applied: whether the method applied the rotations in ``turns``. If not, they are those that generalised
            Procrustes would apply.
        weights: (K,), weights of the clients, which sum to one.
        errors, turns, pairs, arrows, checks: everything that was measured, by what it is about.
        bytes_up, bytes_down: bytes that one client sends and receives, on average.
        client_seconds, server_seconds: measured time for preparing one client's upload and for the server's rule; not
            part of the checksum.
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
        """All values, those of groups included, by their names in files."""
        found: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            found |= by_stored_name(value) if f.name in GROUPS else {f.name: value}
        return found

    @classmethod
    def of_stored(cls, row: Mapping[str, Any]) -> RoundRecord:
        """Build a record from its values, the inverse of :meth:`stored`. A missing or unknown name raises KeyError or
        TypeError.
        """
        rest = dict(row)
        groups = {
            name: group(**{f.name: rest.pop(stored_name(f)) for f in dataclasses.fields(group)})
            for name, group in GROUPS.items()
        }
        return cls(**rest, **groups)


GROUPS: dict[str, type[Any]] = {
    "errors": Errors, "turns": Turns, "pairs": Pairs, "arrows": Arrows, "checks": Checks,
}  # fmt: skip
"""The fields of :class:`RoundRecord` that hold a group, with the class of each."""

EXACT = frozenset({"ladder", "error", "error_abs", "ideal_norm", "weights"})
"""Names in files of the arrays that stay float64, because errors are claimed to be exact. All others become float32."""


def stored_name(f: dataclasses.Field[Any]) -> str:
    """The name in files of a field of a group."""
    return str(f.metadata.get("stored", f.name))


def stored_fields() -> dict[str, str]:
    """Everything in a record by its name in files: "Array", or the name of a plain value's type."""
    found: dict[str, str] = {}
    for f in dataclasses.fields(RoundRecord):
        kind = "float" if f.name == "checks" else "Array"
        group = GROUPS.get(f.name)
        found |= {f.name: str(f.type)} if group is None else {stored_name(g): kind for g in dataclasses.fields(group)}
    return found


def by_stored_name(group: Any) -> dict[str, Any]:
    """The values of one group by their names in files."""
    return {stored_name(f): getattr(group, f.name) for f in dataclasses.fields(group)}


def in_numpy(group: Any) -> Any:
    """The same group with tensors replaced by NumPy arrays, and scalars by floats.

    Float64 becomes float32, except for the names in :data:`EXACT`. Whatever has ``ndim``, ``numpy()`` and ``__float__``
    counts as a tensor.
    """
    return dataclasses.replace(
        group, **{f.name: array_of(stored_name(f), getattr(group, f.name)) for f in dataclasses.fields(group)}
    )


def array_of(name: str, tensor: Any) -> Any:
    """One tensor in the form in which a record keeps it, given its ``name`` in files."""
    if tensor.ndim == 0:
        return float(tensor)
    array = tensor.numpy()
    return array.astype(np.float32) if array.dtype == np.float64 and name not in EXACT else array


@dataclass(frozen=True)
class CentralisedRecord:
    """The reference after one round: loss and score of one adapter that trains on the data of all clients.

    It is no upper bound, see :data:`fedrot_core.vocabulary.CENTRALISED`.
    """

    round_index: int
    loss: float
    score: float


@dataclass(frozen=True)
class ArmStopped:
    """An arm that ended early: in which round, and why, in words for people."""

    arm: str
    round_index: int
    message: str


Event = RoundRecord | CentralisedRecord | ArmStopped
