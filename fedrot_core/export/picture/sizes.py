"""The sizes, styles and formats in which a figure can be saved. Menus list these."""

from __future__ import annotations

from dataclasses import dataclass

from fedrot_core.errors import rule
from fedrot_core.registry import Registry

POINT = 0.75
"""Points in a CSS pixel, which is 1/96 inch."""

WIDE = 720
"""Width in px from which a canvas counts as wide, like a screen."""


@dataclass(frozen=True)
class Size:
    """The size of a saved figure and of its type.

    A figure is laid out on a small canvas, on which type of 12 to 18 px is large beside the plot. Then everything on
    the canvas is magnified by the same factor: text, lines, marks and margins.

    Attributes:
        name: its name in code and flags.
        label: its name for people.
        width, height: size of the file at scale 1, in px of 1/96 inch.
        zoom: factor by which the canvas is magnified.
        least: smallest type on the canvas, in px. Only the footer may be smaller.
        compact: whether the canvas uses the layout that a figure offers for narrow screens.
        most: factor by which the canvas may grow, and its type shrink, if a figure needs more height.
        tall: factor by which the file may become higher, with unchanged type, if a figure needs more height.
    """

    name: str
    label: str
    width: int
    height: int
    zoom: float
    least: float = 13
    compact: bool = False
    most: float = 1.0
    tall: float = 1.0

    @property
    def canvas(self) -> tuple[float, float]:
        """Width and height of the layout, in px."""
        return self.width / self.zoom, self.height / self.zoom

    @property
    def narrow(self) -> bool:
        """Whether a figure may need the layout that it offers for narrow screens."""
        return self.compact or self.canvas[0] < WIDE

    @property
    def least_points(self) -> float:
        """Smallest type of the saved figure, in points."""
        return self.least * self.zoom * POINT / self.most


SIZES: Registry[Size] = Registry("Size", "size")
for _size in (
    Size("slide", "Slide, 16:9", 1280, 720, 1.6, most=1.25),
    Size("half", "Half a slide, 8:9", 640, 720, 16 / 11, compact=True, most=1.3),
    Size("column", "A4 column, 85 mm", 320, 264, 0.8, compact=True, tall=3.7),
    Size("poster", "Poster, 400 × 300 mm", 1512, 1134, 2.1, most=1.25),
):
    SIZES.add(_size.name, _size)

CANVAS = 800, 450
"""Least width and height of the canvas if a size is given in pixels."""


LONGEST_SIDE = 10_000
"""Most px of a side of a picture."""

MOST_PIXELS = 100_000_000
"""Most pixels of a PNG: a browser holds four bytes of each, several times. The poster at the largest scale has 27
million."""


def pixels(width: int, height: int) -> Size:
    """A size of any width and height in px, with type as on a slide.

    Raises:
        ConfigError: if a side is longer than :data:`LONGEST_SIDE`.
    """
    if not (0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE):
        got = f"{width}x{height}"
        raise rule("The sides of a picture", f"be in 1..{LONGEST_SIDE} px", got, "Use 1600x900, for example.", "size")
    return Size(
        f"{width}x{height}", f"{width} × {height} px", width, height, min(width / CANVAS[0], height / CANVAS[1])
    )


@dataclass(frozen=True)
class Style:
    """How a figure is coloured.

    Attributes:
        name: its name in code and flags.
        label: its name for people.
        mode: mode in which the figure is drawn, "light" or "dark".
        grey: whether all colours then become greys.
    """

    name: str
    label: str
    mode: str
    grey: bool = False


STYLES: Registry[Style] = Registry("Style", "style")
for _style in (
    Style("light", "Light", "light"),
    Style("dark", "Dark", "dark"),
    Style("print", "Print, greyscale", "light", grey=True),
):
    STYLES.add(_style.name, _style)


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: its name, which is also the ending of files.
        label: its name for people.
        mime: its media type.
        browser: whether making such a file needs Chrome or Chromium.
        scales: whether it has pixels, and therefore a scale.
        picture: whether size and style matter to it.
        vector: whether it consists of shapes and text.
    """

    name: str
    label: str
    mime: str
    browser: bool = False
    scales: bool = False
    picture: bool = True
    vector: bool = False


FORMATS: Registry[Format] = Registry("Format", "format")
for _format in (
    Format("svg", "SVG", "image/svg+xml", browser=True, vector=True),
    Format("pdf", "PDF", "application/pdf", browser=True, vector=True),
    Format("png", "PNG", "image/png", browser=True, scales=True),
    Format("html", "HTML, works offline", "text/html"),
    Format("csv", "CSV, the numbers", "text/csv", picture=False),
    Format("json", "JSON, for Plotly", "application/json"),
):
    FORMATS.add(_format.name, _format)

SCALES = (1, 2, 3, 4)
"""Scales of a PNG: how many pixels stand for one px of its size, in each direction."""
