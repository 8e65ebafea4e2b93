"""Records of a run: NumPy arrays and plain numbers only, versioned, saved and loaded, with a checksum."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import TraceError

FORMAT = 3

MAX_BYTES = 2**30
"""Largest unpacked size of a trace file that is read: a small archive can claim to hold far more."""

MEASURED_WORK = ("client_seconds", "server_seconds")
"""Fields that differ from run to run, so that checksums leave them out."""

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
        axes: (L, C, min(2, r)) the latent axes that held most of them there; share: (L, C) of their power that these
            axes show now.
        path: (P, L, S, r, C) these columns while λ goes 0..1; mean: (P, L, r, C) their mean over all clients.
        ambient_before, ambient_after: (L, S, r, 2) rows of A in one plane; ambient_share: (L, 2) of the power it shows.
    """

    features: T
    axes: T = stored("latent_axes")
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


@dataclass(frozen=True)
class ArmCard:
    """How one arm is named and drawn: hue of the theme, Plotly dash and marker symbol; the same in every figure."""

    name: str
    label: str
    hue: str
    dash: str
    symbol: str


@dataclass(frozen=True)
class TaskCard:
    """What figures need to know of the task; fields as of :class:`fedrot_core.workloads.Task`."""

    layers: tuple[str, ...]
    loss_name: str
    score_name: str
    summary: str
    start_loss: float
    start_score: float
    sample_counts: tuple[int, ...]
    class_counts: tuple[tuple[int, ...], ...]
    class_name: str
    inputs: tuple[str, ...]


@dataclass
class Trace:
    """A run so far: its config, its task and its records in order of arrival.

    ``device`` and ``precision`` are where and in which number type clients trained. ``made_with`` names the software
    and processor that made the numbers, where known; it is not part of the checksum.
    """

    config: FederationConfig
    task: TaskCard
    arms: tuple[ArmCard, ...]
    device: str
    precision: str
    records: list[RoundRecord] = field(default_factory=list)
    centralised: list[CentralisedRecord] = field(default_factory=list)
    stopped: list[ArmStopped] = field(default_factory=list)
    engine: str = ENGINE_VERSION
    made_with: Mapping[str, str] = field(default_factory=dict)

    @property
    def notices(self) -> tuple[str, ...]:
        """What a person should know of how the numbers were made, in sentences; empty where all is as asked."""
        if self.precision == "float64" or self.config.precision == "float32":
            return ()
        return (
            f"Trained in float32, since {self.device.upper()} has no float64. Rounding grows from step to step there: "
            "other machines agree in the first digits only. Choose the CPU as device for the numbers that all get.",
        )

    def add(self, event: Event) -> None:
        """Append one event of :meth:`fedrot_core.federation.Federation.rounds`."""
        if isinstance(event, RoundRecord):
            self.records.append(event)
        elif isinstance(event, CentralisedRecord):
            self.centralised.append(event)
        else:
            self.stopped.append(event)

    def at(self, arm: str, round_index: int) -> RoundRecord | None:
        """The record of ``arm`` at ``round_index``, or its latest earlier one; None before its first."""
        earlier = [r for r in self.records if r.arm == arm and r.round_index <= round_index]
        return earlier[-1] if earlier else None

    def upto(self, rounds: int) -> Trace:
        """A copy that holds the first ``rounds`` rounds only; records themselves are shared."""
        return dataclasses.replace(
            self,
            records=[r for r in self.records if r.round_index < rounds],
            centralised=self.centralised[:rounds],
            stopped=[s for s in self.stopped if s.round_index < rounds],
        )

    def arm(self, name: str) -> list[RoundRecord]:
        """The records of one arm, by round."""
        return [r for r in self.records if r.arm == name]

    @property
    def rounds_done(self) -> int:
        """Rounds that are complete: the centralised run ends each of them."""
        return len(self.centralised)

    @property
    def checksum(self) -> str:
        """First 16 hex digits of SHA-256 over config, task and every number; equal runs on one device type agree."""
        digest = hashlib.sha256()
        header, arrays = self.parts()
        for row in header["records"]:
            for name in MEASURED_WORK:
                del row[name]
        digest.update(json.dumps(header, sort_keys=True).encode())
        for name in sorted(arrays):
            array = np.ascontiguousarray(arrays[name])
            digest.update(f"{name} {array.dtype.str} {arrays[name].shape}".encode() + array.tobytes())
        return digest.hexdigest()[:16]

    def save(self, file: BinaryIO) -> None:
        """Write the trace as a compressed NPZ archive: a JSON header and plain arrays, no pickle."""
        header, arrays = self.parts()
        header |= {"checksum": self.checksum, "made_with": dict(self.made_with)}
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
        np.savez_compressed(file, allow_pickle=False, **cast(Any, arrays))

    @classmethod
    def load(cls, file: BinaryIO) -> Trace:
        """Read what :meth:`save` wrote.

        Raises:
            TraceError: when the file is not a trace, is of another format version, or its numbers do not match its
                checksum.
        """
        content = io.BytesIO(file.read())
        try:
            with zipfile.ZipFile(content) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            if size > MAX_BYTES:
                raise TraceError(f"A trace must unpack to at most {MAX_BYTES:,} bytes; got {size:,}. Run fewer rounds.")
            content.seek(0)
            with np.load(content, allow_pickle=False) as npz:
                arrays = {name: npz[name] for name in npz.files}
            header = json.loads(bytes(arrays.pop("header")))
            version = header["format"]
        except TraceError:
            raise
        except Exception as error:  # a foreign or damaged file can make zip, zlib, NumPy and JSON raise almost anything
            raise TraceError(f"A trace must be an NPZ file written by this app; this one is not ({error}).") from error
        if version != FORMAT:
            raise TraceError(
                f"Trace format must be {FORMAT}; got {version!r}. Run the config again to make a new trace."
            )
        try:
            trace = cls.from_parts(header, arrays)
            found = trace.checksum
        except Exception as error:  # any field may be missing or of a wrong kind
            raise TraceError(f"A trace must hold every field of its format; this one does not ({error}).") from error
        if found != header.get("checksum"):
            raise TraceError(
                f"Trace numbers must match their checksum {header.get('checksum')!r}; they give {found!r}. "
                "The file was changed; run the config again."
            )
        return trace

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Everything in plain JSON but the records' arrays, and these by ``record's place.field``."""
        arrays: dict[str, Array] = {}
        plain: list[dict[str, Any]] = []
        for n, record in enumerate(self.records):
            row: dict[str, Any] = {}
            for name, value in record.stored().items():
                if isinstance(value, np.ndarray):
                    arrays[f"{n}.{name}"] = value
                else:
                    row[name] = value
            plain.append(row)
        header = {
            "format": FORMAT,
            "engine": self.engine,
            "device": self.device,
            "precision": self.precision,
            "config": self.config.to_dict(),
            "task": dataclasses.asdict(self.task),
            "arms": [dataclasses.asdict(a) for a in self.arms],
            "records": plain,
            "centralised": [dataclasses.asdict(c) for c in self.centralised],
            "stopped": [dataclasses.asdict(s) for s in self.stopped],
        }
        return json.loads(json.dumps(header)), arrays

    @classmethod
    def from_parts(cls, header: dict[str, Any], arrays: dict[str, Array]) -> Trace:
        """Inverse of :meth:`parts`; a header that misses something raises almost any exception."""
        task = dict(header["task"])
        for name in ("layers", "sample_counts", "inputs"):
            task[name] = tuple(task[name])
        task["class_counts"] = tuple(tuple(row) for row in task["class_counts"])
        by_record: dict[int, dict[str, Array]] = {}
        for key, value in arrays.items():
            n, name = key.split(".", 1)
            by_record.setdefault(int(n), {})[name] = value
        records = [
            RoundRecord.of_stored({**row, "flags": tuple(row["flags"]), **by_record[n]})
            for n, row in enumerate(header["records"])
        ]
        return cls(
            FederationConfig.from_dict(header["config"]),
            TaskCard(**task),
            tuple(ArmCard(**a) for a in header["arms"]),
            header["device"],
            header["precision"],
            records,
            [CentralisedRecord(**c) for c in header["centralised"]],
            [ArmStopped(**s) for s in header["stopped"]],
            header["engine"],
            {str(name): str(value) for name, value in header.get("made_with", {}).items()},
        )
