"""A lecture without a format: slides with a title, text, a figure or a table, and what the speaker says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import plotly.graph_objects as go

from fedrot_core.export.picture.sizes import SIZES, Size
from fedrot_core.export.provenance import Provenance

WIDTH, HEIGHT = 1280, 720
"""Of a slide, in px of 1/96 inch."""

BAND = Size("band", "Slide, below its title", WIDTH, 616, 1.45, most=1.3)
"""A figure that has the slide for itself, but for the title."""

BESIDE = SIZES["half"]
"""A figure that has the right half of a slide; title and text stand on the left."""


@dataclass(frozen=True)
class Picture:
    """A figure of the lecture.

    Attributes:
        name: of its files, without ending.
        draw: mode, "light" or "dark" -> the figure; pure.
        size: :data:`BAND` or :data:`BESIDE`.
    """

    name: str
    draw: Callable[[str], go.Figure]
    size: Size = BAND


@dataclass(frozen=True)
class Slide:
    """One slide. All texts are plain.

    Attributes:
        title: one line or two.
        text: paragraphs; none on a slide whose figure is a :data:`BAND`.
        picture: its figure.
        table: rows of equal length, the first one names the columns.
        notes: for the speaker, with the numbers.
        opening: it is the first one, with a large title.
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
        kind: "lesson", "run" or "comparison"; name: of the zip, without ending.
        title: of the lecture; slides: in order.
        topic: of the worksheet's questions.
        run: the content of ``run.json``; how: what can be done with it, a sentence.
        data: name in ``data/`` -> content; footer: under each figure.
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
        """Every figure, in order."""
        return [slide.picture for slide in self.slides if slide.picture is not None]


@dataclass
class Drawn:
    """A figure as files.

    Attributes:
        finding: its title; alt: what it shows, in words with numbers.
        files: format -> content, as far as they could be made.
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
    """An outline with its figures drawn: what the writers of slides read.

    Attributes:
        drawn: picture's name -> its files; missing: why there are no static figures, or empty.
        mode: "light" or "dark".
    """

    outline: Outline
    drawn: Mapping[str, Drawn]
    mode: str
    missing: str = ""

    def figure(self, slide: Slide) -> Drawn | None:
        """The slide's figure, or None."""
        return None if slide.picture is None else self.drawn[slide.picture.name]

    def text(self, slide: Slide, format: str) -> tuple[str, ...]:
        """The slide's paragraphs; where its figure does not exist as ``format``, its finding in words beside them."""
        figure = self.figure(slide)
        if figure is None or slide.picture is None or format in figure.files:
            return slide.text
        return (*slide.text, figure.alt or figure.finding, f"The figure: figures/{slide.picture.name}.html")

    def notes(self, slide: Slide) -> str:
        """What the speaker says, and what the figure shows in numbers."""
        figure = self.figure(slide)
        told = f"On the figure: {figure.finding}. {figure.alt}".replace("..", ".") if figure else ""
        return "\n\n".join(part for part in (slide.notes, told) if part)


def bare(text: str) -> str:
    """A figure's text without tags and line breaks."""
    return re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>", " ", text))
