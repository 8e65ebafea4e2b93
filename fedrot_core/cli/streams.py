"""Where commands print: any encoding, a reader that has had enough, streams that are closed, and the signal to end."""

from __future__ import annotations

import codecs
import os
import signal
import sys
from pathlib import Path
from types import FrameType

WORDS = {
    "−": "-", "–": "-", "…": "...", "→": "->", "÷": "/", "·": "*", "×": "x", "≥": ">=", "≤": "<=", "±": "+-",
    "°": " deg", "Σ": "sum", "α": "alpha", "θ": "theta", "λ": "lambda", "ᵀ": "^T", "²": "^2", "‖": "|", "“": '"',
    "”": '"', "’": "'", "\u00a0": " ",
}  # fmt: skip
"""What stands for a character where the output's encoding has none."""


def _worded(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(WORDS.get(char, "?") for char in error.object[error.start : error.end]), error.end


def prepare() -> None:
    """Let nothing that is printed end a command: what an encoding lacks is said in words, closed streams swallow.

    SIGTERM ends a command as Ctrl-C does, so that what is finished is kept.
    """
    codecs.register_error("fedrot", _worded)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="fedrot")
    signal.signal(signal.SIGTERM, _stop)


def _stop(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def leave_unread() -> None:
    """Print no more, not even what waits to be printed when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
