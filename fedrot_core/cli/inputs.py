"""The files that commands read."""

from __future__ import annotations

from pathlib import Path

from fedrot_core.errors import rule
from fedrot_core.export.run import run_file, trace_file
from fedrot_core.export.run.run_file import RunFile
from fedrot_core.trace import Trace


def open_run(path: Path) -> RunFile | Trace:
    """Open a run file or a trace. The first bytes tell which of the two it is.

    Raises:
        ConfigError, TraceError: if the file is neither, or is broken or too large.
    """
    content = bounded(path, trace_file.MAX_BYTES, "a run file or a trace")
    return trace_file.read(content) if content.startswith(b"PK") else run_file.read(content)


def bounded(path: Path, most: int, what: str) -> bytes:
    """The bytes of a file that is ``what``, if there are at most ``most``.

    Raises:
        ConfigError: if there are more.
    """
    with path.open("rb") as file:  # a device or a pipe says no size
        content = file.read(most + 1)
    if len(content) > most:
        size = max(len(content), path.stat().st_size)
        raise rule(str(path), f"have at most {most:,} bytes", size, f"Choose {what}.")
    return content
