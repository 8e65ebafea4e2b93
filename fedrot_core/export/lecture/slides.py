"""A lecture before it has a file format: slides with a title, text, a figure or a table, and speaker's notes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import plotly.graph_objects as go

from fedrot_core.export.picture.sizes import SIZES, Size
from fedrot_core.export.provenance import Provenance

WIDTH, HEIGHT = 1280, 720
"""Size of a slide, in px of 1/96 inch."""

BAND = Size("band", "Slide, below its title", WIDTH, 616, 1.45, most=1.3)
"""Size of a figure that fills the slide below its title."""

BESIDE = SIZES["half"]
"""Size of a figure that fills the right half of a slide, with title and text on the left."""


@dataclass(frozen=True)
class Picture:
    """A figure of the lecture.

    Attributes:
        name: name of its files, without the ending.
        draw: draws the figure in a mode, "light" or "dark", without side effects.
        size: :data:`BAND` or :data:`BESIDE`.
    """

    name: str
    draw: Callable[[str], go.Figure]
    size: Size = BAND


@dataclass(frozen=True)
class Slide:
    """One slide. All texts are plain, without markup.

    Attributes:
        title: title of one or two lines.
        text: paragraphs; empty on a slide whose figure has the size :data:`BAND`.
        picture: its figure; None if it has none.
        table: rows of equal length, of which the first names the columns.
        notes: notes for the speaker, with the numbers.
        opening: whether it is the first slide, with a large title.
    """

    title: str
    text: tuple[str, ...] = ()
    picture: Picture | None = None
    table: tuple[tuple[str, ...], ...] = ()
    notes: str = ""
    opening: bool = False


@dataclass(frozen=True)
class Outline:
    """All that a lecture pack is made from.

    Attributes:
        kind: "lesson", "run", "comparison" or "diagnosis".
        name: name of the zip, without the ending.
        title: title of the lecture.
        slides: the slides, in order.
        topic: topic of the worksheet's questions.
        run: content of ``run.json``.
        how: a sentence on what can be done with ``run.json``.
        data: contents of the files in ``data/``, by name.
        footer: the line below each figure.
    """

    kind: str
    name: str
    title: str
    slides: tuple[Slide, ...]
    topic: str
    run: bytes
    how: str
    data: Mapping[str, bytes] = field(default_factory=dict)
    footer: Provenance = field(default_factory=Provenance)

    @property
    def pictures(self) -> list[Picture]:
        """All figures, in the order of the slides."""
        return [slide.picture for slide in self.slides if slide.picture is not None]


@dataclass
class Drawn:
    """A figure as files.

    Attributes:
        finding: title of the figure, which states its finding.
        alt: what the figure shows, in words with numbers.
        files: contents of the files that could be made, by format.
    """

    finding: str
    alt: str
    files: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, figure: go.Figure) -> Drawn:
        """Title and description of ``figure``, without files."""
        return cls(bare(figure.layout.title.text or ""), bare((figure.layout.meta or {}).get("alt", "")))


@dataclass(frozen=True)
class Talk:
    """An outline with its figures drawn, from which slides are written in every format.

    Attributes:
        outline: the outline.
        drawn: files of each figure, by the name of its picture.
        mode: "light" or "dark".
        missing: why static figures are missing; empty if none is.
    """

    outline: Outline
    drawn: Mapping[str, Drawn]
    mode: str
    missing: str = ""

    def figure(self, slide: Slide) -> Drawn | None:
        """The slide's figure; None if it has none."""
        return None if slide.picture is None else self.drawn[slide.picture.name]

    def text(self, slide: Slide, format: str) -> tuple[str, ...]:
        """The slide's paragraphs, followed by a description of its figure if that does not exist as ``format``."""
        figure = self.figure(slide)
        if figure is None or slide.picture is None or format in figure.files:
            return slide.text
        return (*slide.text, figure.alt or figure.finding, f"The figure: figures/{slide.picture.name}.html")

    def notes(self, slide: Slide) -> str:
        """The speaker's notes, followed by what the figure shows in numbers."""
        figure = self.figure(slide)
        told = f"On the figure: {figure.finding}. {figure.alt}".replace("..", ".") if figure else ""
        return "\n\n".join(part for part in (slide.notes, told) if part)


def bare(text: str) -> str:
    """The text of a figure without tags and line breaks."""
    return re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>", " ", text))
