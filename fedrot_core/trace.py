"""Traces: what a run has recorded so far, which can be saved, loaded and checked by a checksum."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import TraceError, brief
from fedrot_core.records import ArmStopped, Array, CentralisedRecord, Event, RoundRecord

FORMAT = 4

MAX_BYTES = 2**30
"""Largest unpacked size of a trace file that is read, since a small archive can claim to hold far more."""

MAX_HEADER_BYTES = 8 * 2**20
"""Largest header of a trace file: as plain data it takes up to thirty times as much. That of 100 rounds of all methods
takes an eighth of it."""

MAX_ARRAYS = 100_000
"""Most arrays of a trace file. 100 rounds of all methods have half as many."""

MEASURED_WORK = ("client_seconds", "server_seconds")
"""Fields that differ each time the same config runs, and that checksums therefore leave out."""


@dataclass(frozen=True)
class ArmCard:
    """How one arm is named and drawn, the same in every figure.

    Attributes:
        name: name of the method in links and code.
        label: its name for people.
        hue: name of a hue of the theme.
        dash: Plotly's name of the line's dash.
        symbol: Plotly's name of the marker.
    """

    name: str
    label: str
    hue: str
    dash: str
    symbol: str


@dataclass(frozen=True)
class TaskCard:
    """What figures need to know about the task. The fields are those of :class:`fedrot_core.workloads.Task`, and the
    loss and the score before any training.
    """

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
    """What a run has recorded so far.

    Attributes:
        config: config of the run.
        task: description of the task.
        arms: names and drawing styles of the arms.
        device, precision: device type on which the clients trained, and their number type.
        records: the records of all arms, in order of arrival.
        centralised: the records of the centralised run, one per round.
        stopped: the arms that ended early.
        engine: version of the engine that made the numbers.
        made_with: software and processor that made the numbers, if known; not part of the checksum.
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
        """Sentences on how the numbers were made, if a person should know about it; otherwise empty."""
        if self.precision == "float64" or self.config.precision == "float32":
            return ()
        return (
            f"Trained in float32, since {self.device.upper()} has no float64. There, rounding errors grow from step "
            "to step, and other machines agree in the first digits only. Choose the CPU to get the same numbers.",
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
        """The record of ``arm`` in round ``round_index``, or else its latest earlier record; None if there is none."""
        earlier = [r for r in self.records if r.arm == arm and r.round_index <= round_index]
        return earlier[-1] if earlier else None

    def upto(self, rounds: int) -> Trace:
        """A copy that holds the first ``rounds`` rounds only. It shares the records with this trace."""
        return dataclasses.replace(
            self,
            records=[r for r in self.records if r.round_index < rounds],
            centralised=self.centralised[:rounds],
            stopped=[s for s in self.stopped if s.round_index < rounds],
        )

    def arm(self, name: str) -> list[RoundRecord]:
        """The records of one arm, by round."""
        return [r for r in self.records if r.arm == name]

    def traffic(self, name: str) -> tuple[float, float]:
        """Bytes that one client of an arm sends and receives in a round, mean over rounds; NaN without any round.

        Some methods send other factors in odd rounds than in even ones.
        """
        rounds = [(r.bytes_up, r.bytes_down) for r in self.arm(name)]
        up, down = np.mean(rounds, axis=0) if rounds else (math.nan, math.nan)
        return float(up), float(down)

    @property
    def made_on(self) -> str:
        """Where the numbers were made, such as ``cpu in float64 (x86_64 AVX512)``."""
        processor = self.made_with.get("accelerator") or self.made_with.get("processor")
        return f"{self.device} in {self.precision}" + (f" ({processor})" if processor else "")

    @property
    def rounds_done(self) -> int:
        """How many rounds are complete. The record of the centralised run ends each round."""
        return len(self.centralised)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays in the records."""
        values = (value for record in self.records for value in record.stored().values())
        return sum(value.nbytes for value in values if isinstance(value, np.ndarray))

    @property
    def checksum(self) -> str:
        """The first 16 hex digits of the SHA-256 over config, task and every number. On one type of device, equal
        configs give equal checksums.
        """
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
    def load(cls, file: BinaryIO | str | Path) -> Trace:
        """Read what :meth:`save` wrote, from a file's path or from an open binary file.

        Raises:
            TraceError: if the file is no trace, has another format version, or holds numbers that do not match its
                checksum.
        """
        content = io.BytesIO(Path(file).read_bytes() if isinstance(file, (str, Path)) else file.read())
        try:
            with zipfile.ZipFile(content) as archive:
                entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > MAX_BYTES:
                raise TraceError(f"A trace must unpack to at most {MAX_BYTES:,} bytes; got {size:,}. Run fewer rounds.")
            if len(entries) > MAX_ARRAYS:
                raise TraceError(f"A trace must hold at most {MAX_ARRAYS:,} arrays; got {len(entries):,}.")
            content.seek(0)
            with np.load(content, allow_pickle=False) as npz:
                arrays = {name: npz[name] for name in npz.files}
            text = bytes(arrays.pop("header"))
            if len(text) > MAX_HEADER_BYTES:
                raise TraceError(f"A trace's header must have at most {MAX_HEADER_BYTES:,} bytes; got {len(text):,}.")
            header = json.loads(text)
            version = header["format"]
        except TraceError:
            raise
        except Exception as error:  # a foreign or damaged file can make zip, zlib, NumPy and JSON raise almost anything
            raise TraceError(
                f"A trace must be an NPZ file written by this app; this one is not ({brief(error)})."
            ) from error
        if version != FORMAT:
            raise TraceError(
                f"Trace format must be {FORMAT}; got {brief(repr(version))}. Run the config again to make a new trace."
            )
        try:
            trace = cls.from_parts(header, arrays)
            found = trace.checksum
        except Exception as error:  # any field may be missing or of a wrong kind
            raise TraceError(
                f"A trace must hold every field of its format; this one does not ({brief(error)})."
            ) from error
        if found != header.get("checksum"):
            raise TraceError(
                f"Trace numbers must match their checksum {brief(repr(header.get('checksum')))}; they give {found!r}. "
                "The file was changed; run the config again."
            )
        return trace

    def parts(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """The trace in two parts: plain JSON data, and the records' arrays by ``{index of the record}.{field}``."""
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
        """Build a trace from its parts, the inverse of :meth:`parts`. The parts must be complete."""
        task = dict(header["task"])
        for name in ("layers", "sample_counts", "inputs"):
            task[name] = tuple(task[name])
        task["class_counts"] = tuple(tuple(row) for row in task["class_counts"])
        by_record: dict[int, dict[str, Array]] = {}
        for key, value in arrays.items():
            n, name = key.split(".", 1)
            by_record.setdefault(int(n), {})[name] = value
        records = [
            RoundRecord.of_stored({**row, "flags": tuple(row["flags"]), **by_record.get(n, {})})
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
