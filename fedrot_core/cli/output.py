"""What commands write: tables and JSON to stdout, files, and progress to stderr."""

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
from fedrot_core.finished import keep_arms, kept_run
from fedrot_core.methods import Method
from fedrot_core.records import CentralisedRecord
from fedrot_core.store import Store
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import sweep
from fedrot_core.trace import Trace
from fedrot_core.wording import counted

quiet_option = click.option("--quiet", is_flag=True, help="Show no progress on stderr.")
comma_option = click.option(
    "--decimal-comma", is_flag=True,
    help="Write CSV for spreadsheets that expect 0,5: decimal comma, semicolons between cells, a byte-order mark.",
)  # fmt: skip
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON for programs on stdout instead of a table."
)


def progress(length: int, label: str, quiet: bool) -> Any:
    """A progress bar on stderr, or just its label if stderr is not a terminal."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=quiet)


def train(config: FederationConfig, quiet: bool, methods: Sequence[Method] | None = None) -> Trace:
    """Run ``config`` with a progress bar. ``methods`` is as for :class:`fedrot_core.federation.Federation`."""
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
    """Run all ``configs`` with a progress bar, and return their summaries in the same order.

    Each run is stored once it is finished, and what is stored is not run again. Whoever interrupts is told how many
    runs are finished, and that the same command goes on from there.

    Args:
        configs: the runs.
        label: what the progress bar says.
        quiet: hides the progress bar.
        found: a list to which each summary is added as it comes, so that an interrupted caller keeps what is done.
    """
    found, store = [] if found is None else found, Store.usual()
    found += [run for config in configs if (run := kept_run(store, config)) is not None]
    known = {run.config for run in found}
    missing = [config for config in configs if config not in known]
    if known and not quiet:
        click.echo(f"{len(known)} of {counted(len(configs), 'run')} stored by earlier commands.", err=True)
    try:
        with progress(len(configs), label, quiet) as bar, contextlib.closing(sweep(missing)) as runs:  # type: ignore[type-var]
            bar.update(len(known))
            for run in runs:
                found.append(run)
                keep_arms(store, run)
                bar.update(1)
    finally:
        store.close()
        if len(found) < len(configs):
            goes_on = " The same command goes on from there." if found and store.keeps else ""
            click.echo(f"{len(found)} of {counted(len(configs), 'run')} finished and kept.{goes_on}", err=True)
    order = {config.hash: n for n, config in enumerate(configs)}
    return sorted(found, key=lambda run: order[run.config.hash])


def table(rows: Sequence[Mapping[str, str]]) -> str:
    """Rows as text in columns. The first column is aligned left, the others right."""
    if not rows:
        return ""
    names = list(rows[0])
    widths = [max(len(name), *(len(row[name]) for row in rows)) for name in names]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return "  ".join([cells[0].ljust(widths[0]), *padded[1:]]).rstrip()

    return "\n".join([line(names), *(line([row[name] for name in names]) for row in rows)])


def say(text: str) -> None:
    """Print ``text`` with plain spaces in place of non-breaking ones, so that tools can search it."""
    click.echo(text.replace("\u00a0", " "))


def check_out(path: Path, suffixes: Collection[str], flag: str = "--out") -> None:
    """Refuse, before any training, an output file that could not be written afterwards.

    Args:
        path: the file.
        suffixes: the endings that can be written.
        flag: the flag that named the file, for the error message.
    """
    if path.suffix.lower() not in suffixes:
        raise rule(flag, f"end in {', '.join(suffixes)}", str(path), "The ending chooses what is written.")
    if not path.parent.is_dir():
        raise rule(flag, "be in a folder that exists", str(path.parent), "Make the folder first.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        what = f"be in a folder that can be written ({error.strerror})"
        raise rule(flag, what, str(path), "Choose another folder.") from None


def all_different(paths: Sequence[Path]) -> None:
    """Refuse to write two outputs to the same file, where the later would replace the earlier."""
    names = [path.resolve() for path in paths]
    twice = next((str(path) for n, path in enumerate(paths) if names[n] in names[:n]), None)
    if twice is not None:
        raise rule("Outputs", "each have a file of their own", twice, "Name another file.")


def write_file(path: Path, content: bytes) -> None:
    """Write the whole file or nothing. If the command is interrupted, what was there before stays.

    A symbolic link stays one: its target is written. A file that was there keeps its permissions.
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
