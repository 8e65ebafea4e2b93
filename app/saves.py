"""Figures as files, made off the script thread: told what is going on, cancellable, given up when nobody waits."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass

from app import background
from app.runner import HEARTBEAT_SECONDS
from fedrot_core.errors import Cancelled, FedRotError
from fedrot_core.export.figures import Draw, Footer, write
from fedrot_core.export.sizes import FORMATS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """What kind of file is wanted: names of formats, sizes and styles; pixels a px for a PNG."""

    format: str = "svg"
    size: str = "slide"
    style: str = "light"
    scale: int = 2

    def name(self, stem: str) -> str:
        """The file's name, which says all of it."""
        kind = FORMATS[self.format]
        parts = [stem, *([self.size, self.style] if kind.picture else [])]
        return "-".join([*parts, *([f"{self.scale}x"] if kind.scales else [])]) + f".{self.format}"


class SaveJob:
    """The making of one file.

    Attributes:
        choice: what kind.
        step: what is going on, in words; seconds: for how long it has been under way.
        content: the file, once it is made.
        error: what went wrong, in words for a person; empty while all is well.
        finished: set when it has ended, for whatever reason.
    """

    def __init__(self, draw: Draw, choice: Choice, footer: Footer) -> None:
        self.choice = choice
        self.step = "Laying out the figure"
        self.content: bytes | None = None
        self.error = ""
        self.finished = threading.Event()
        self._draw, self._footer = draw, footer
        self._cancelled = False
        self._begun = self._seen = time.monotonic()
        background.start("save", self._run)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def seen(self) -> None:
        """Note that somebody still waits."""
        self._seen = time.monotonic()

    def cancel(self) -> None:
        """Give it up."""
        self._cancelled = True

    def _run(self) -> None:
        c = self.choice
        try:
            self.content = write(
                self._draw, c.format, c.size, c.style, self._footer, c.scale, self._should_stop, self._tell
            )
        except Cancelled:
            self._cancelled = True
        except FedRotError as error:
            self.error = str(error)
        except Exception:
            log.exception("a figure could not be saved as %s", c.format)
            self.error = "The file ended with an internal error, which is in the server's log. Try another format."
        finally:
            self.finished.set()

    def _tell(self, step: str) -> None:
        self.step = step

    def _should_stop(self) -> bool:
        left = time.monotonic() - self._seen > HEARTBEAT_SECONDS
        return self._cancelled or left or background.ending.is_set()
