"""``run.json``: a run as a small text file, which anyone can rerun and compare number by number.

The file holds the config, what made the numbers (engine, device type, versions), and the checksum of the whole trace.
For every arm and round it holds the loss, the score, the error and a sum over all other numbers, so that a rerun can
name the first difference.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.canonical import weights
from fedrot_core.compute import resolved_precision
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, rule
from fedrot_core.methods import METHODS
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace

KIND = "fedrot run"
FORMAT = 2
MAX_BYTES = 2 * 2**20
"""Most bytes of a run file. 100 rounds of all methods take a fifth of that."""

METRICS = ("loss", "score", "error", "rest")
"""The numbers of each arm and round in a run file. The error pools all layers; for "rest" see :func:`rest_of`."""

CENTRALISED = "centralised"
"""Name of the centralised run among the arms. It has no error and no rest."""

NOT_FINITE = ("nan", "inf", "-inf")
"""Texts that stand for numbers that JSON cannot hold."""

SOFTWARE = re.compile(r"(?!.*www\.)[0-9A-Za-z](?:[0-9A-Za-z .,+()/-]|@(?= )|(?<=[0-9A-Za-z])_(?=[0-9A-Za-z])){0,79}")
"""Names of software and processors, such as "x86_64 AVX512". Pages show them: nothing in them is markup."""

REMEDY = "Save the run again from the lab or with: fedrot run --out run.json."


@dataclass(frozen=True)
class Row:
    """The numbers of one arm in one round. Those that the centralised run does not have are NaN."""

    loss: float
    score: float
    error: float
    rest: float


@dataclass(frozen=True)
class RunFile:
    """The content of a run file.

    Attributes:
        config: config of the run.
        engine, device, precision: engine version, device type and number type that made the numbers.
        made_with: versions, processor and threads, as far as they are known.
        checksum: checksum of the trace up to its last whole round.
        start_loss, start_score: loss and score before any training.
        rows: one row per round, by arm. The last arm is :data:`CENTRALISED`, which has a row for every whole round.
        stopped: the round in which an arm ended early, by arm.
    """

    config: FederationConfig
    engine: str
    device: str
    precision: str
    made_with: Mapping[str, str]
    checksum: str
    start_loss: float
    start_score: float
    rows: Mapping[str, tuple[Row, ...]]
    stopped: Mapping[str, int]

    @property
    def rounds(self) -> int:
        """How many whole rounds the run has."""
        return len(self.rows[CENTRALISED])

    @classmethod
    def of(cls, trace: Trace) -> RunFile:
        """The run file of the whole rounds of a trace.

        Raises:
            ConfigError: if no round is complete, or if the arms are not the registered methods that the config names.
        """
        trace = trace.upto(trace.rounds_done)
        names = tuple(card.name for card in trace.arms)
        if names != trace.config.methods or not all(name in METHODS for name in names):
            raise rule(
                "A run file", "hold registered methods only", names, "Save the run of a method, not of a mistake."
            )
        if not trace.rounds_done:
            raise rule("A run file", "hold at least one whole round", 0, "Wait for the first round.")
        rows = {
            name: tuple(Row(r.loss, r.score, float(r.errors.own[-1]), rest_of(r)) for r in trace.arm(name))
            for name in names
        }
        rows[CENTRALISED] = tuple(Row(c.loss, c.score, math.nan, math.nan) for c in trace.centralised)
        return cls(
            config=trace.config,
            engine=trace.engine,
            device=trace.device,
            precision=trace.precision,
            made_with=dict(trace.made_with),
            checksum=trace.checksum,
            start_loss=trace.task.start_loss,
            start_score=trace.task.start_score,
            rows=rows,
            stopped={s.arm: s.round_index for s in trace.stopped},
        )


def write(trace: Trace) -> bytes:
    """Write the run file of ``trace`` as JSON text. Errors are those of :meth:`RunFile.of`."""
    run = RunFile.of(trace)
    rows = {
        name: {metric: [_number(getattr(row, metric)) for row in found] for metric in METRICS}
        for name, found in run.rows.items()
    }
    for key in ("error", "rest"):
        del rows[CENTRALISED][key]
    content = {
        "kind": KIND,
        "format": FORMAT,
        "engine": run.engine,
        "device": run.device,
        "precision": run.precision,
        "made_with": run.made_with,
        "checksum": run.checksum,
        "seed": run.config.seed,
        "config": run.config.to_dict(),
        "start": {"loss": _number(run.start_loss), "score": _number(run.start_score)},
        "stopped": run.stopped,
        "rounds": rows,
    }
    parts = (
        f" {json.dumps(key)}: {json.dumps(value, allow_nan=False, ensure_ascii=False)}"
        for key, value in content.items()
    )
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode()


def read(content: bytes) -> RunFile:
    """Read what :func:`write` wrote.

    Raises:
        ConfigError: if anything is wrong with ``content``, with rule, value and remedy.
    """
    data = _json(content)
    if data.get("kind") != KIND:
        raise rule("A run file", f"have the kind {KIND!r}", data.get("kind", "a file without a kind"), REMEDY)
    if data.get("format") != FORMAT:
        raise rule("A run file's format", f"be {FORMAT}", data.get("format"), f"It is of another version. {REMEDY}")
    names = {"kind", "format", "engine", "device", "precision", "made_with", "checksum", "seed", "config"}
    _names(data, names | {"start", "stopped", "rounds"}, "A run file")
    engine = _text(data["engine"], "The engine", r"[0-9A-Za-z.+-]{1,16}")
    try:
        config = FederationConfig.from_dict(_mapping(data["config"], "The config"))
        for name in config.methods:
            METHODS[name]
    except ConfigError as error:
        if engine == ENGINE_VERSION:
            raise
        age = f"The file is of engine {engine}, this is engine {ENGINE_VERSION}, so its settings may have other names."
        raise ConfigError(f"{error} {age} {REMEDY}", error.key) from error
    device = _text(data["device"], "The device", "cpu|cuda|mps")
    precision = _text(data["precision"], "The precision", "float64|float32")
    if precision != resolved_precision(device, config.precision):
        raise rule("A run file's precision", f"be what its config gives on {device}", precision, REMEDY)
    if data["seed"] != config.seed:
        raise rule("A run file's seed", f"be its config's, {config.seed}", data["seed"], REMEDY)
    made_with = {
        _text(name, "A name in made_with", r"[a-z_]{1,24}"): _text(value, "A value in made_with", SOFTWARE.pattern)
        for name, value in _mapping(data["made_with"], "made_with", most=16).items()
    }
    start = _mapping(data["start"], "start")
    _names(start, {"loss", "score"}, "start")
    rounds = _mapping(data["rounds"], "rounds")
    _names(rounds, {*config.methods, CENTRALISED}, "rounds")
    rows = {CENTRALISED: _rows(rounds[CENTRALISED], CENTRALISED, config.train.rounds)}
    if not rows[CENTRALISED]:
        raise rule("A run file", "hold at least one whole round", 0, REMEDY)
    stopped = _mapping(data["stopped"], "stopped")
    for name in config.methods:
        rows[name] = _rows(rounds[name], name, len(rows[CENTRALISED]))
        ends = stopped.get(name, len(rows[CENTRALISED]))
        if isinstance(ends, bool) or ends != len(rows[name]):
            raise rule(f"Rounds of {name}", f"number {len(rows[name])}, as listed", ends, REMEDY)
    if not set(stopped) <= set(config.methods):
        raise rule("stopped", "name arms of the run", sorted(set(stopped) - set(config.methods)), REMEDY)
    return RunFile(
        config=config,
        engine=engine,
        device=device,
        precision=precision,
        made_with=made_with,
        checksum=_text(data["checksum"], "The checksum", "[0-9a-f]{16}"),
        start_loss=_float(start["loss"], "start loss"),
        start_score=_float(start["score"], "start score"),
        rows={name: rows[name] for name in (*config.methods, CENTRALISED)},
        stopped={name: int(stopped[name]) for name in config.methods if name in stopped},
    )


def rest_of(record: RoundRecord) -> float:
    """All other numbers of a record in one: the sum of the weighted means of its arrays.

    A digest would not do, since it only tells whether all bits are equal, and on another processor the last bits may
    differ.
    """
    total = 0.0
    for value in record.stored().values():
        if isinstance(value, np.ndarray) and value.size:
            numbers = np.nan_to_num(value.astype(np.float64).ravel())
            total += float(numbers @ weights(numbers.size).numpy()) / numbers.size
    return total


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _json(content: bytes) -> Mapping[str, Any]:
    """The file's object; refuses what is too large, no JSON, or says a name twice."""
    if len(content) > MAX_BYTES:
        raise rule("A run file", f"have at most {MAX_BYTES:,} bytes", len(content), REMEDY)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a name occurs twice in one object")
        return found

    def constant(name: str) -> Any:
        raise ValueError(f"{name} is no JSON number")

    try:
        data = json.loads(content.decode("utf-8-sig"), object_pairs_hook=unique, parse_constant=constant)
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError and JSONDecodeError
        start = content[:40].decode("utf-8", "replace")
        why = str(error) if len(str(error)) < 100 else type(error).__name__
        raise rule("A run file", f"be JSON text ({why})", start, REMEDY) from error
    return _mapping(data, "A run file", most=100)


def _mapping(value: Any, name: str, most: int = 1000) -> Mapping[str, Any]:
    if not isinstance(value, dict) or len(value) > most:
        raise rule(name, f"be a JSON object of at most {most} names", value, REMEDY)
    return value


def _names(value: Mapping[str, Any], names: set[str], where: str) -> None:
    """Refuse unknown and missing names."""
    unknown, missing = sorted(set(value) - names), sorted(names - set(value))
    if unknown:
        raise rule(where, f"hold {', '.join(sorted(names))} only", unknown, f"Remove what is unknown. {REMEDY}")
    if missing:
        raise rule(where, f"hold {', '.join(sorted(names))}", f"none of {missing}", REMEDY)


def _text(value: Any, name: str, pattern: str) -> str:
    if not isinstance(value, str) or not re.fullmatch(pattern, value):
        raise rule(name, f"be text of the form {pattern}", value, REMEDY)
    return value


def _float(value: Any, name: str) -> float:
    if isinstance(value, str) and value in NOT_FINITE:
        return float(value)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max:
        raise rule(name, f"be a finite number or one of {', '.join(NOT_FINITE)}", value, REMEDY)
    return float(value)


def _rows(value: Any, arm: str, most: int) -> tuple[Row, ...]:
    """One arm's rows, at most ``most``."""
    metrics = METRICS[:2] if arm == CENTRALISED else METRICS
    table = _mapping(value, f"Rounds of {arm}")
    _names(table, set(metrics), f"Rounds of {arm}")
    for metric in metrics:
        column = table[metric]
        if not isinstance(column, list) or len(column) > most or len(column) != len(table["loss"]):
            got = f"{len(column)} entries" if isinstance(column, list) else column
            raise rule(f"{metric} of {arm}", f"list one entry per round, at most {most}", got, REMEDY)
    found = []
    for t in range(len(table["loss"])):
        where = f"{arm} in round {t}"
        numbers = {metric: _float(table[metric][t], f"{metric} of {where}") for metric in metrics}
        found.append(Row(**{metric: numbers.get(metric, math.nan) for metric in METRICS}))
    return tuple(found)
