"""Figures as files, made off the script thread: told what is going on, cancellable, given up when nobody waits."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.jobs.background import Job
from fedrot_core.export.picture.files import Draw, write
from fedrot_core.export.picture.sizes import FORMATS
from fedrot_core.export.provenance import Provenance


@dataclass(frozen=True)
class Choice:
    """What kind of file is wanted: names of formats, sizes and styles; pixels a px for a PNG; a CSV's decimal sign."""

    format: str = "svg"
    size: str = "slide"
    style: str = "light"
    scale: int = 2
    decimal_comma: bool = False

    def name(self, stem: str) -> str:
        """The file's name, which says all of it."""
        kind = FORMATS[self.format]
        parts = [stem, *([self.size, self.style] if kind.picture else [])]
        return "-".join([*parts, *([f"{self.scale}x"] if kind.scales else [])]) + f".{self.format}"


class SaveJob(Job):
    """The making of one file, for the session that asked.

    Attributes:
        choice: what kind.
        step: what is going on, in words; seconds: for how long it has been under way.
        content: the file, once it is made.
    """

    kind = "file"
    advice = "Try another format."

    def __init__(self, draw: Draw, choice: Choice, footer: Provenance) -> None:
        super().__init__()
        self.choice = choice
        self.step = "Laying out the figure"
        self.content: bytes | None = None
        self._draw, self._footer = draw, footer
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begun

    def work(self) -> None:
        c = self.choice
        self.content = write(
            self._draw, c.format, c.size, c.style, self._footer, c.scale, self.should_stop, self._tell,
            decimal_comma=c.decimal_comma,
        )  # fmt: skip

    def _tell(self, step: str) -> None:
        self.step = step
