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
    size = path.stat().st_size
    if size > trace_file.MAX_BYTES:
        raise rule(str(path), f"have at most {trace_file.MAX_BYTES:,} bytes", size, "Choose a run file or a trace.")
    content = path.read_bytes()
    return trace_file.read(content) if content.startswith(b"PK") else run_file.read(content)
