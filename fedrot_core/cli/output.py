"""What commands write: tables, JSON and files; progress goes to stderr."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.federation import Federation
from fedrot_core.methods import Method
from fedrot_core.records import CentralisedRecord
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import sweep
from fedrot_core.trace import Trace
from fedrot_core.wording import counted

quiet_option = click.option("--quiet", is_flag=True, help="No progress on stderr.")
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable JSON on stdout, no table.")


def progress(length: int, label: str, quiet: bool) -> Any:
    """A progress bar on stderr; a bare label where that is no terminal."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=quiet)


def train(config: FederationConfig, quiet: bool, methods: Sequence[Method] | None = None) -> Trace:
    """Run ``config`` with a progress bar; ``methods`` as of :class:`fedrot_core.federation.Federation`."""
    federation = Federation(config, methods=methods)
    trace = federation.new_trace()
    count = len(federation.methods)
    arms = counted(count, "method")
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


def say(text: str) -> None:
    """Print; spaces that must not break a line on a page are plain ones here, so that tools find words."""
    click.echo(text.replace("\u00a0", " "))


def check_out(path: Path, suffixes: Collection[str], flag: str = "--out") -> None:
    """Refuse before any training a file that could not be written after it.

    Args:
        suffixes: endings that say what can be written; flag: which named the file.
    """
    if path.suffix.lower() not in suffixes:
        raise rule(flag, f"end in {', '.join(suffixes)}", str(path), "The ending says what is written.")
    if not path.parent.is_dir():
        raise rule(flag, "lie in a folder that exists", str(path.parent), "Make the folder first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        what = f"lie in a folder that can be written ({error.strerror})"
        raise rule(flag, what, str(path), "Choose another folder.") from None


def all_different(paths: Sequence[Path]) -> None:
    """Refuse two outputs in one file: the later would replace the earlier."""
    names = [path.resolve() for path in paths]
    twice = next((str(path) for n, path in enumerate(paths) if names[n] in names[:n]), None)
    if twice is not None:
        raise rule("Outputs", "each have a file of their own", twice, "Name another file.")


def write_file(path: Path, content: bytes) -> None:
    """Write all or nothing: an interrupted command leaves what was there before.

    A link stays one: its target is written. A file that was there keeps who may read and write it.
    """
    target = path.resolve()
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, mode)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise
    click.echo(f"Wrote {path} ({len(content):,} bytes).", err=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


Writer = Callable[[Trace], bytes]
