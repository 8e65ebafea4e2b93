"""Reading trace files of unknown origin. They are shown without training, so all that pages rely on is checked here.

:meth:`fedrot_core.trace.Trace.load` finds damage. A checksum is no signature, though, since anyone who makes a file can
make its checksum too. Here every array must have the type, shape and range that its config and task imply, all numbers
of an arm must be finite, and names and texts are taken from the registries, not from the file.
"""

from __future__ import annotations

import dataclasses
import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.errors import ConfigError, TraceError, brief
from fedrot_core.export.run.run_file import SOFTWARE
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.records import RoundRecord, stored_fields
from fedrot_core.trace import TaskCard, Trace
from fedrot_core.vocabulary import FLAG_TEXTS, RUNGS

MAX_BYTES = 64 * 2**20
MAX_UNPACKED = 256 * 2**20
"""Most bytes of a trace file, and most bytes that it may unpack to. A usual run takes 1 MB, 100 rounds of four arms
16 MB."""

LONGEST_MESSAGE = 500

SHAPES = {
    "clients": "i K",
    "dropped": "i *",
    "lost": "i *",
    "weights": "f K",
    "ladder": f"f {len(RUNGS)} L+1",
    "error": "f L+1",
    "error_abs": "f L+1",
    "ideal_norm": "f L+1",
    "turn": "f L S r r",
    "turn_angles": "f L K r",
    "reflected": "b L K",
    "retention": "f L r",
    "shared_update": "b L",
    "drift": "f L K",
    "residual_before": "f 2 L K",
    "residual_after": "f 2 L K",
    "conditioning": "f 2 L K",
    "principal_A": "f L S S",
    "principal_B": "f L S S",
    "factor_angle_before": "f L S S",
    "factor_angle_after": "f L S S",
    "features": "i L C",
    "latent_plane": "f L C r 2",
    "latent_share": "f L C",
    "latent_path": "f P L S r C",
    "latent_mean": "f P L r C",
    "ambient_before": "f L S r 2",
    "ambient_after": "f L S r 2",
    "ambient_share": "f L 2",
}
"""NumPy kind and axes of each array of a record. The letters are those of :class:`fedrot_core.records.RoundRecord`,
and ``*`` is any length."""

FLOATS = {name for name, kind in stored_fields().items() if kind == "float"}


def read(content: bytes) -> Trace:
    """Read a trace file, and check it so that figures and pages can trust it.

    Raises:
        TraceError: if the file is too large, is no trace, is damaged, or holds what no run of its config can give.
    """
    if len(content) > MAX_BYTES:
        raise TraceError(f"A trace file must have at most {MAX_BYTES:,} bytes; got {len(content):,}. Run fewer rounds.")
    if zipfile.is_zipfile(io.BytesIO(content)):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
        except Exception:  # damaged; the loader below says so
            size = 0
        if size > MAX_UNPACKED:
            raise TraceError(f"A trace must unpack to at most {MAX_UNPACKED:,} bytes; got {size:,}. Run fewer rounds.")
    trace = Trace.load(io.BytesIO(content))
    try:
        for name in trace.config.methods:
            METHODS[name]
        like = Federation(trace.config.with_values({"device": "cpu"})).new_trace()
    except ConfigError as error:
        raise TraceError(f"A trace's config must be one that can run; this one cannot. {error}") from error
    try:
        complaint = next(complaints(trace, like), None)
    except Exception as error:  # a field of a wrong kind can make any comparison raise
        complaint = f"a field of a wrong kind ({type(error).__name__})"
    if complaint is not None:
        age = (
            ""
            if trace.engine == ENGINE_VERSION
            else f"It is of engine {brief(repr(trace.engine), 24)}, this is {ENGINE_VERSION!r}. "
        )
        raise TraceError(
            f"A trace must hold what its config gives; this one holds {complaint}. {age}Run the config again."
        )
    task = dataclasses.replace(like.task, **{name: getattr(trace.task, name) for name in ("start_loss", "start_score")})
    return dataclasses.replace(trace, arms=like.arms, task=task)


def complaints(trace: Trace, like: Trace) -> Iterator[str]:
    """Yield what in ``trace`` no run of its config can give, in words. ``like`` is an empty trace of that config."""
    if not re.fullmatch(r"[0-9A-Za-z.+-]{1,16}", trace.engine) or trace.device not in ("cpu", "cuda", "mps"):
        yield "an unknown engine or device"
    made_with = trace.made_with
    if len(made_with) > 16 or not all(SOFTWARE.fullmatch(text) for pair in made_with.items() for text in pair):
        yield "strange names of software"
    if [card.name for card in trace.arms] != list(trace.config.methods):
        yield "arms that its config does not name"
    yield from _task(trace.task, like.task)
    if [c.round_index for c in trace.centralised] != list(range(trace.rounds_done)):
        yield "rounds out of order"
    if trace.rounds_done > trace.config.train.rounds:
        yield "more rounds than its config asks for"
    if not all(_number(x) for c in trace.centralised for x in (c.loss, c.score)):
        yield "a centralised score that is no number"
    if not {r.arm for r in trace.records} | {s.arm for s in trace.stopped} <= set(trace.config.methods):
        yield "records of an arm that its config does not name"
    if len({s.arm for s in trace.stopped}) != len(trace.stopped):
        yield "an arm that stops twice"
    stops = {s.arm: s.round_index for s in trace.stopped}
    for arm in trace.config.methods:
        rounds = [r.round_index for r in trace.arm(arm)]
        if rounds != list(range(len(rounds))) or not (
            len(rounds) == stops[arm] if arm in stops else len(rounds) in (trace.rounds_done, trace.rounds_done + 1)
        ):
            yield f"rounds of {arm} out of order"
    for stop in trace.stopped:
        if not (isinstance(stop.message, str) and len(stop.message) <= LONGEST_MESSAGE and stop.message.isprintable()):
            yield f"a message of {stop.arm} that is too long or cannot be printed"
        elif set(stop.message) & set("<>&"):  # figures show it, and Plotly has tags
            yield f"a message of {stop.arm} that holds markup"
    for record in trace.records:
        for text in _record(record, trace, len(like.task.layers)):
            yield f"{text} in round {record.round_index} of {record.arm}"


def _task(task: TaskCard, like: TaskCard) -> Iterator[str]:
    """Everything but the untrained scores, which rounding moves, must be as built anew."""
    same = ("layers", "loss_name", "score_name", "summary", "sample_counts", "class_counts", "class_name", "inputs")
    for name in same:
        if getattr(task, name) != getattr(like, name):
            yield f"another {name.replace('_', ' ')} of the task"
    if not all(_finite(x) for x in (task.start_loss, task.start_score)):
        yield "a start score that is no number"


def _record(record: RoundRecord, trace: Trace, layers: int) -> Iterator[str]:
    """What is wrong with one record."""
    row = record.stored()
    config = trace.config
    bound = {"L": layers, "L+1": layers + 1, "r": config.lora.rank, "m": min(2, config.lora.rank)}
    for name, spec in SHAPES.items():
        kind, *axes = spec.split()
        array = row[name]
        if not isinstance(array, np.ndarray) or array.dtype.kind != kind or array.ndim != len(axes):
            yield f"{name} of a wrong kind"
            continue
        for axis, length in zip(axes, array.shape, strict=True):
            expected = int(axis) if axis.isdecimal() else bound.setdefault(axis, length) if axis != "*" else length
            if length != expected or (axis in "KSCP" and length < 1):
                yield f"{name} of a wrong shape"
        if kind == "f" and not np.isfinite(array).all():
            yield f"{name} that is not finite"
    for name in FLOATS:
        if not _finite(row[name]):
            yield f"{name} that is no finite number"
    clients = config.data.clients
    most = {
        "clients": clients,
        "dropped": clients,
        "lost": clients,
        "features": 10_000,
    }
    for name, end in most.items():
        array = row[name]
        if array.size and not (array.min() >= 0 and array.max() < end):
            yield f"{name} out of range"
    if len(set(record.clients.tolist())) != len(record.clients) or bound["S"] > bound["K"]:
        yield "clients that occur twice"
    if not isinstance(record.applied, bool) or not set(record.flags) <= set(FLAG_TEXTS):
        yield "unknown flags"


def _number(value: Any) -> bool:
    return isinstance(value, float)


def _finite(value: Any) -> bool:
    return _number(value) and bool(np.isfinite(value))
