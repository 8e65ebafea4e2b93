"""What commands write: tables, JSON and files; progress goes to stderr."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.federation import Federation
from fedrot_core.summary import RunSummary
from fedrot_core.sweep import sweep
from fedrot_core.trace import CentralisedRecord, Trace

quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable JSON on stdout, no table.")


def progress(length: int, label: str, quiet: bool) -> Any:
    """A progress bar on stderr; a bare label where that is no terminal."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=quiet)


def train(config: FederationConfig, quiet: bool) -> Trace:
    """Run ``config`` with a progress bar."""
    federation = Federation(config)
    trace = federation.new_trace()
    arms = "1 method" if len(config.methods) == 1 else f"{len(config.methods)} methods"
    with progress(config.train.rounds, f"Training {arms} on {trace.device}", quiet) as bar:
        for event in federation.rounds():
            trace.add(event)
            if isinstance(event, CentralisedRecord):
                bar.update(1)
    return trace


def summaries(
    configs: Sequence[FederationConfig], label: str, quiet: bool, found: list[RunSummary] | None = None
) -> list[RunSummary]:
    """Summaries of all ``configs`` in their order, with a progress bar.

    Args:
        found: gets each summary as it comes, so that an interrupted caller holds what is done.
    """
    found = [] if found is None else found
    with progress(len(configs), label, quiet) as bar, contextlib.closing(sweep(configs)) as runs:  # type: ignore[type-var]
        for run in runs:
            found.append(run)
            bar.update(1)
    order = {config.hash: n for n, config in enumerate(configs)}
    return sorted(found, key=lambda run: order[run.config.hash])


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as text in columns; the first column is set left, the others right."""
    if not rows:
        return ""
    names = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in names]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return "  ".join([cells[0].ljust(widths[0]), *padded[1:]]).rstrip()

    return "\n".join([line(names), *(line([row[name] for name in names]) for row in rows)])


def share(value: float) -> str:
    """``92.1 %``, or ``-`` for no number."""
    return f"{100 * value:.1f} %" if math.isfinite(value) else "-"


def small(value: float) -> str:
    """Three digits, or ``-`` for no number."""
    return f"{value:.3g}" if math.isfinite(value) else "-"


def as_json(content: Any) -> str:
    """Strict JSON: what is not finite becomes null."""
    return json.dumps(_finite(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with the columns of all rows; empty where a row has none or no finite number."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.DictWriter(file, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in _finite(dict(row)).items()} for row in rows)
    return file.getvalue()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check_out(path: Path, suffixes: Collection[str]) -> None:
    """Refuse before any training a file that could not be written after it."""
    if path.suffix.lower() not in suffixes:
        raise rule("--out", f"end in {', '.join(suffixes)}", str(path), "The ending says what is written.")
    if not path.parent.is_dir():
        raise rule("--out", "lie in a folder that exists", str(path.parent), "Make the folder first.")


def write_file(path: Path, content: bytes) -> None:
    """Write all or nothing: an interrupted command leaves what was there before."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
    click.echo(f"Wrote {path} ({len(content):,} bytes).", err=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


Writer = Callable[[Trace], bytes]
