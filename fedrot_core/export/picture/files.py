"""Figures as files for lectures: SVG, PDF, PNG, offline HTML, CSV and JSON.

A figure is drawn in the mode of its style, laid out for its size, and then written; see
:mod:`fedrot_core.export.picture.sizes` for sizes and styles. Vector files hold no image, and text stays text.
"""

from __future__ import annotations

import html
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go

from fedrot_core.errors import rule
from fedrot_core.export.picture.browser import Browser, ShouldStop, browser
from fedrot_core.export.picture.canvas import lay_out
from fedrot_core.export.picture.greys import greyed
from fedrot_core.export.picture.page import page
from fedrot_core.export.picture.sizes import FORMATS, MOST_PIXELS, SCALES, SIZES, STYLES, Size, Style, pixels
from fedrot_core.export.picture.vectors import in_shapes
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.figures.kit.theme import INK, SURFACE
from fedrot_core.study.tables import as_csv

Draw = Callable[[str], go.Figure]
"""A function that draws a figure in a mode, "light" or "dark". It has no side effects, so any thread may call it."""

DOTS_PER_METRE = 96 / 0.0254


def styled(
    figure: go.Figure, size: str | Size = "slide", style: str | Style = "light", footer: Provenance | str = ""
) -> go.Figure:
    """A figure laid out for a size, with title, footer and type that is large enough there.

    Args:
        figure: a figure that this package drew in the mode of ``style``. It is not changed.
        size, style: entries of the registries, or their names.
        footer: the line below the figure.

    Returns:
        A figure whose ``layout.width`` and ``layout.height`` are those of the canvas. A file is larger by the factor
        ``size.width / layout.width``.
    """
    return go.Figure(_laid_out(figure, _size(size), _style(style), _footer(footer)))


def write(
    draw: Draw,
    format: str,
    size: str | Size = "slide",
    style: str | Style = "light",
    footer: Provenance | str = "",
    scale: float = 1,
    should_stop: ShouldStop = lambda: False,
    on_step: Callable[[str], None] = lambda step: None,
    by: Browser | None = None,
    decimal_comma: bool = False,
) -> bytes:
    """Make the content of a file with a figure.

    Args:
        draw: draws the figure in a mode.
        format: key of :data:`fedrot_core.export.picture.sizes.FORMATS`.
        size, style: entries of the registries, or their names.
        footer: the line below the figure.
        scale: pixels of a PNG for each px of its size, 1 to 4.
        should_stop, on_step: see :meth:`fedrot_core.export.picture.browser.Browser.render`.
        by: the browser; by default the one that this process shares.
        decimal_comma: for CSV, see :func:`table_csv`.

    Raises:
        ConfigError: if a name is unknown, or the scale is out of range.
        ExportError: if the format needs a browser and there is none, or if the browser fails twice.
        Cancelled: once ``should_stop()`` returns true.
    """
    return write_figure(draw(_style(style).mode), format, size, style, footer, scale, should_stop, on_step, by,
                        decimal_comma=decimal_comma)  # fmt: skip


def write_figure(
    figure: go.Figure,
    format: str,
    size: str | Size | tuple[int, int] = "slide",
    style: str | Style = "light",
    footer: Provenance | str = "",
    scale: float = 1,
    should_stop: ShouldStop = lambda: False,
    on_step: Callable[[str], None] = lambda step: None,
    by: Browser | None = None,
    library: str = "",
    decimal_comma: bool = False,
) -> bytes:
    """Like :func:`write`, for a figure that is already drawn in the mode of its style.

    Here ``size`` may also be (width, height) in px.

    Args:
        library: for HTML, the name of a file beside it that holds plotly.js; by default the file itself holds it.
    """
    kind, shape, how, line = FORMATS[format], _size(size), _style(style), _footer(footer)
    if not SCALES[0] <= scale <= SCALES[-1]:
        raise rule("scale", f"be in {SCALES[0]}..{SCALES[-1]}", scale, "A larger poster needs a larger size.", "scale")
    if kind.scales and shape.width * shape.height * scale**2 > MOST_PIXELS:
        got = f"{shape.width}x{shape.height} at scale {scale:g}"
        raise rule("A picture", f"have at most {MOST_PIXELS:,} pixels", got, "Lower the size or the scale.", "scale")
    if format == "csv":
        return table_csv(figure, decimal_comma)
    spec = _laid_out(figure, shape, how, line)
    layout = spec["layout"]
    if format == "json":
        return json.dumps(spec, ensure_ascii=False).encode()
    if format == "html":
        colours = (SURFACE[how.mode], INK[how.mode])
        return page(spec, figure_rows(figure), line.text, *colours, library).encode()
    spec.pop("frames", None)
    if kind.vector:
        in_shapes(spec)
    zoom, factor = shape.width / layout["width"], scale if kind.scales else 1
    content = (by or browser()).render(
        spec, format, layout["width"], layout["height"], zoom * factor, should_stop, on_step
    )
    if format == "svg":
        return _described(content, layout)
    return _with_resolution(content, factor) if format == "png" else content


def table_csv(figure: go.Figure, decimal_comma: bool = False) -> bytes:
    """The numbers behind ``figure`` as CSV, with one row for each drawn point.

    ``decimal_comma`` is as for :func:`fedrot_core.study.tables.as_csv`.
    """
    rows = figure_rows(figure)
    return (as_csv(rows, decimal_comma) if rows else "series\n").encode()


def _size(size: str | Size | tuple[int, int]) -> Size:
    if isinstance(size, tuple):
        return pixels(*size)
    return SIZES[size] if isinstance(size, str) else size


def _style(style: str | Style) -> Style:
    return STYLES[style] if isinstance(style, str) else style


def _footer(footer: Provenance | str) -> Provenance:
    return Provenance(footer) if isinstance(footer, str) else footer


def _laid_out(figure: go.Figure, size: Size, style: Style, footer: Provenance) -> dict[str, Any]:
    """The figure as plain data, ready to be drawn."""
    spec: dict[str, Any] = json.loads(figure.to_json())
    lay_out(spec, size, footer.text)
    if style.grey:
        spec = greyed(spec)
    spec["layout"]["meta"] |= {
        "footer": footer.text, "config": footer.config, "seed": footer.seed, "version": footer.version,
        "size": size.name, "style": style.name,
    }  # fmt: skip
    return spec


def _described(svg: bytes, layout: dict[str, Any]) -> bytes:
    """The SVG with its title and alternative text for screen readers."""
    head, rest = svg.decode().split(">", 1)
    title = (layout.get("title") or {}).get("text", "").replace("<br>", " ")
    alt = layout["meta"]["alt"]
    return f'{head} role="img"><title>{html.escape(title)}</title><desc>{html.escape(alt)}</desc>{rest}'.encode()


def _with_resolution(png: bytes, scale: float) -> bytes:
    """The PNG with its pixels per metre, so that programs place it in its true size, whatever the scale."""
    body = b"pHYs" + struct.pack(">IIB", *(2 * [round(DOTS_PER_METRE * scale)]), 1)
    chunk = struct.pack(">I", 9) + body + struct.pack(">I", zlib.crc32(body))
    end = 8 + 4 + 4 + 13 + 4  # signature; the first chunk, IHDR: length, name, 13 bytes, checksum
    return png[:end] + chunk + png[end:]
