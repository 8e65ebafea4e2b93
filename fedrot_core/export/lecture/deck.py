"""The slides as a PowerPoint file, with titles, text, tables and notes as native text, and figures as pictures."""

from __future__ import annotations

import io
import math
import struct
from typing import Any

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.shapes import PP_PLACEHOLDER
from pptx.enum.text import MSO_ANCHOR
from pptx.util import Emu, Pt

from fedrot_core.export.lecture.slides import BAND, HEIGHT, WIDTH, Slide, Talk
from fedrot_core.figures.kit.theme import HUES, INK, MUTED, SURFACE

PX = 9525
"""How many EMU, the units of PowerPoint files, a px of 1/96 inch has."""

LETTER, LINE = 0.52, 1.25
"""Mean width of a letter and height of a line, as multiples of the type size."""

FONT = "Arial"
EDGE, TABLE_TOP, ROW = 48, 110, 38
TITLE_ONLY, BODY_AND_TITLE = 5, 1
"""Indices of two layouts in the template of python-pptx."""

Box = tuple[float, float, float, float]
"""Left edge, top edge, width and height in px."""


def deck(talk: Talk) -> bytes:
    """The content of the .pptx file."""
    file: Any = Presentation()
    wider = WIDTH * PX / file.slide_width
    taller = HEIGHT * PX / file.slide_height
    for holder in (file.slide_master, *file.slide_layouts):
        for shape in holder.shapes:  # the template is 4:3
            shape.left, shape.width = Emu(int(shape.left * wider)), Emu(int(shape.width * wider))
            shape.top, shape.height = Emu(int(shape.top * taller)), Emu(int(shape.height * taller))
    file.slide_width, file.slide_height = Emu(WIDTH * PX), Emu(HEIGHT * PX)
    _paint(file.slide_master.background, SURFACE[talk.mode])
    file.core_properties.title = talk.outline.title
    file.core_properties.author = "FedRot Lab"
    for slide in talk.outline.slides:
        _add(file, slide, talk)
    out = io.BytesIO()
    file.save(out)
    return out.getvalue()


def fitted(paragraphs: tuple[str, ...], width: float, height: float, most: int, least: int) -> int:
    """The largest type size, in points, at which the paragraphs fit into a box in px, by a rough count."""
    return next((p for p in range(most, least, -1) if needed(paragraphs, width, p) <= height), least)


def needed(paragraphs: tuple[str, ...], width: float, points: float) -> float:
    """About how high the paragraphs are, in px, at a type size of ``points``."""
    letters = width / (LETTER * points / 0.75)
    lines = sum(max(1, math.ceil(len(text) / letters)) for text in paragraphs)
    return (lines * LINE + 0.6 * (len(paragraphs) - 1)) * points / 0.75


def _add(file: Any, slide: Slide, talk: Talk) -> None:
    figure, picture = talk.figure(slide), slide.picture
    png = figure.files.get("png") if figure else None
    paragraphs = talk.text(slide, "png")
    page = file.slides.add_slide(file.slide_layouts[BODY_AND_TITLE if paragraphs else TITLE_ONLY])
    for shape in list(page.placeholders):
        if shape.placeholder_format.type in (PP_PLACEHOLDER.DATE, PP_PLACEHOLDER.FOOTER, PP_PLACEHOLDER.SLIDE_NUMBER):
            shape._element.getparent().remove(shape._element)
    beside = png is not None and picture is not None and picture.size is not BAND
    wide = WIDTH / 2 - EDGE - 12 if beside else WIDTH - 2 * EDGE
    if slide.opening:
        _rule(page, talk.mode)
        _write(page.shapes.title, (slide.title,), (EDGE, 190, wide, 130), talk.mode, 44, bold=True, anchor="bottom")
    else:
        title = (EDGE, 40.0, wide, 120.0) if beside else (EDGE, 20.0, wide, 70.0)
        _write(
            page.shapes.title, (slide.title,), title, talk.mode, 30, bold=True, anchor="bottom" if beside else "middle"
        )
    if paragraphs:
        top = 350 if slide.opening else 184 if beside else 130
        if slide.table:
            top = TABLE_TOP + ROW * (len(slide.table) + 1) + 20
        box = (EDGE, top, wide, HEIGHT - 40 - top)
        _write(page.placeholders[1], paragraphs, box, talk.mode, 22, opening=slide.opening)
    if png and picture is not None and figure is not None:
        room = (
            (WIDTH / 2, 16.0, WIDTH / 2 - 16, HEIGHT - 32.0) if beside else (32.0, 96.0, WIDTH - 64.0, HEIGHT - 104.0)
        )
        inside = _inside(png, room)
        shape = page.shapes.add_picture(io.BytesIO(png), *(Emu(int(v * PX)) for v in inside))
        properties = shape._element.nvPicPr.cNvPr
        properties.set("descr", figure.alt or figure.finding)
        properties.set("name", picture.name)
    if slide.table:
        _table(page, slide, talk.mode)
    page.notes_slide.notes_text_frame.text = talk.notes(slide)


def _inside(png: bytes, room: Box) -> Box:
    """The largest box of the picture's shape in the middle of ``room``."""
    wide, high = struct.unpack(">II", png[16:24])
    scale = min(room[2] / wide, room[3] / high)
    width, height = wide * scale, high * scale
    return room[0] + (room[2] - width) / 2, room[1] + (room[3] - height) / 2, width, height


def _write(
    shape: Any, paragraphs: tuple[str, ...], box: Box, mode: str, most: int, *, bold: bool = False,
    anchor: str = "top", opening: bool = False,
) -> None:  # fmt: skip
    """Fill a placeholder, in the largest type that fits."""
    shape.left, shape.top, shape.width, shape.height = (Emu(int(v * PX)) for v in box)
    frame = shape.text_frame
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    frame.vertical_anchor = {"top": MSO_ANCHOR.TOP, "middle": MSO_ANCHOR.MIDDLE, "bottom": MSO_ANCHOR.BOTTOM}[anchor]
    points = fitted(paragraphs, box[2], box[3], most, 12)
    for n, text in enumerate(paragraphs):
        paragraph = frame.paragraphs[0] if n == 0 else frame.add_paragraph()
        paragraph.alignment = 1
        properties = paragraph._p.get_or_add_pPr()
        properties.set("marL", "0")
        properties.set("indent", "0")
        properties.insert(0, properties.makeelement(f"{{{properties.nsmap['a']}}}buNone", {}))
        paragraph.space_after = Pt(0.6 * points)
        run = paragraph.add_run()
        run.text = text
        small = opening and n > 0
        _font(run.font, (MUTED if small else INK)[mode], min(points, 16) if small else points, bold)


def _font(font: Any, colour: str, points: float, bold: bool = False) -> None:
    font.name, font.size, font.bold = FONT, Pt(points), bold
    font.color.rgb = _rgb(colour)


def _rgb(colour: str) -> Any:
    """``#RRGGBB``."""
    colours: Any = RGBColor  # has no types
    return colours(*bytes.fromhex(colour[1:]))


def _paint(target: Any, colour: str) -> None:
    target.fill.solid()
    target.fill.fore_color.rgb = _rgb(colour)


def _rule(page: Any, mode: str) -> None:
    """The accent over the opening's title."""
    shape = page.shapes.add_shape(1, *(Emu(int(v * PX)) for v in (EDGE, 150, 120, 8)))
    _paint(shape, HUES[mode]["blue"])
    shape.line.fill.background()
    shape.name = "Accent"


def _table(page: Any, slide: Slide, mode: str) -> None:
    rows, columns = len(slide.table), len(slide.table[0])
    box = (EDGE, TABLE_TOP, WIDTH - 2 * EDGE, ROW * (rows + 1))
    table = page.shapes.add_table(rows, columns, *(Emu(int(v * PX)) for v in box)).table
    first = 0.34 if columns > 2 else 0.5
    for n, column in enumerate(table.columns):
        share = first if n == 0 else (1 - first) / (columns - 1)
        column.width = Emu(int(share * box[2] * PX))
    for i, row in enumerate(slide.table):
        table.rows[i].height = Emu((2 if i == 0 else 1) * ROW * PX)  # names of columns may wrap
        for j, text in enumerate(row):
            cell = table.cell(i, j)
            _paint(cell, SURFACE[mode])
            cell.vertical_anchor = MSO_ANCHOR.MIDDLE
            paragraph = cell.text_frame.paragraphs[0]
            paragraph.alignment = 1 if j == 0 else 3
            run = paragraph.add_run()
            run.text = text
            _font(run.font, INK[mode], 14 if rows > 8 else 16, bold=i == 0)
