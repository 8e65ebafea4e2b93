"""Figures as files, made off the script thread: told what is going on, cancellable, given up when nobody waits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

from app.jobs.background import Job
from fedrot_core.export.picture.files import Draw, write
from fedrot_core.export.picture.sizes import FORMATS
from fedrot_core.export.provenance import Provenance
from fedrot_core.wording import time_left


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
        step: what is going on, in words.
        content: the file, once it is made.
        taken: how many seconds the last file of each format took on this server.
    """

    taken: ClassVar[dict[str, float]] = {}

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
        """For how long it has been under way."""
        return time.monotonic() - self._begun

    @property
    def share(self) -> float:
        """How much of the usual time is over; 0 until the format was made once."""
        usual = self.taken.get(self.choice.format)
        return 0.0 if usual is None else min(0.95, self.seconds / usual)

    @property
    def left(self) -> str:
        """As long as the last file of this format took; the first time, how long it has taken so far."""
        usual = self.taken.get(self.choice.format)
        return f"{self.seconds:.0f}\u00a0s so far" if usual is None else time_left(max(0.0, usual - self.seconds))

    def work(self) -> None:
        c = self.choice
        self.content = write(
            self._draw, c.format, c.size, c.style, self._footer, c.scale, self.should_stop, self._tell,
            decimal_comma=c.decimal_comma,
        )  # fmt: skip
        self.taken[c.format] = self.seconds

    def _tell(self, step: str) -> None:
        self.step = step
