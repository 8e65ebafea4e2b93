"""SVG, PDF and PNG from a real Chromium, read by readers that are not ours. Skipped on a laptop without one."""

from __future__ import annotations

import io
import os
import re
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from pypdf import PdfReader

from fedrot_core.export.picture.browser import Browser, chrome_available
from fedrot_core.export.picture.files import styled, write, write_figure
from fedrot_core.export.picture.sizes import POINT, SIZES, STYLES
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures import FIGURES, View, drawn
from fedrot_core.figures.kit.theme import SURFACE
from fedrot_core.figures.lesson.alignment_hurts import HarmByRound, harm_bars
from fedrot_core.figures.study.when import when_map
from fedrot_core.study.plotted import Axis, Cell
from fedrot_core.trace import Trace

SVG = "{http://www.w3.org/2000/svg}"
FOOTER = Provenance("FedRot Lab · run 0123456789abcdef, seed 3 · engine 2", "0123456789abcdef", 3)


@pytest.fixture(scope="module")
def by() -> Iterator[Browser]:
    """One browser for all pictures of this file."""
    if not chrome_available():
        message = "no chromium found; install Debian's package chromium to test SVG, PDF and PNG"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    browser = Browser()
    yield browser
    browser.close()


def draw(name: str, trace: Trace, mode: str = "light") -> go.Figure:
    return drawn(name, trace, View(trace.arms[-1].name, 2, client=1, mode=mode))


def words(text: str) -> list[str]:
    """Words without tags and spaces of any kind."""
    return re.sub(r"<[^>]*>", " ", text).split()


def shown_words(svg: ET.Element) -> list[str]:
    return words(" ".join(" ".join(node.itertext()) for node in svg.iter(f"{SVG}text")))


@pytest.mark.parametrize("name", list(FIGURES))
def test_svg_of_every_figure_is_xml_and_holds_its_text_as_text(name: str, trace: Trace, by: Browser) -> None:
    figure = draw(name, trace)
    root = ET.fromstring(write_figure(figure, "svg", "slide", "light", FOOTER, by=by))
    assert root.tag == f"{SVG}svg"
    assert (root.get("width"), root.get("height"), root.get("role")) == ("1280", "720", "img")
    assert "".join(root.find(f"{SVG}title").itertext()) == " ".join(  # type: ignore[union-attr]
        styled(figure, "slide").layout.title.text.split("<br>")
    )
    assert root.find(f"{SVG}desc").text == (figure.layout.meta["alt"] or None)  # type: ignore[union-attr]
    found = shown_words(root)
    for text in (figure.layout.title.text, FOOTER.text):
        missing = set(words(text)) - set(found)
        assert not missing, missing


def images(reader: PdfReader) -> list[str]:
    """Names of the images that a PDF holds, also within forms and patterns."""
    found: list[str] = []

    def look(resources: Any) -> None:
        for kind in ("/XObject", "/Pattern"):
            for name, entry in resources.get_object().get(kind, {}).items():
                part = entry.get_object()
                if part.get("/Subtype") == "/Image":
                    found.append(name)
                if "/Resources" in part:
                    look(part["/Resources"])

    for page in reader.pages:
        look(page["/Resources"])
    return found


def hurting() -> go.Figure:
    """Bars side by side, one of them hatched, as no figure of a run has them."""
    rounds = np.arange(1.0, 5)
    return harm_bars(HarmByRound(rounds, 0.01 * rounds, -0.01 * rounds, 1.0), "light")


@pytest.mark.parametrize("name", [*FIGURES, "hatched", "map"])
def test_vector_files_hold_shapes_and_no_image(name: str, trace: Trace, by: Browser) -> None:
    if name == "map":
        x, y = Axis("α", "α", (0.1, 1.0)), Axis("rank", "r", (1.0, 2.0))
        cells = [Cell(a, b, f"{a}{b}", 0.2, 0.1, ratio=0.3, gain=3.0, done=True) for a in x.values for b in y.values]
        figure = when_map(cells, x, y, "naive", "aligned", "score", "light")
    else:
        figure = hurting() if name == "hatched" else draw(name, trace)
    root = ET.fromstring(write_figure(figure, "svg", by=by))
    assert not [node.tag for node in root.iter() if node.tag in (f"{SVG}image", f"{SVG}pattern")]
    assert not images(PdfReader(io.BytesIO(write_figure(figure, "pdf", by=by))))


@pytest.mark.parametrize("style", list(STYLES))
@pytest.mark.parametrize("size", list(SIZES))
def test_pdf_is_one_page_of_its_size_with_text_and_no_margin(size: str, style: str, trace: Trace, by: Browser) -> None:
    figure = draw("learning", trace, STYLES[style].mode)
    layout = styled(figure, size, style, FOOTER).layout
    zoom = SIZES[size].width / layout.width
    reader = PdfReader(io.BytesIO(write_figure(figure, "pdf", size, style, FOOTER, by=by)))
    (page,) = reader.pages
    assert float(page.mediabox.width) == pytest.approx(SIZES[size].width * POINT, abs=1)
    assert float(page.mediabox.height) == pytest.approx(layout.height * zoom * POINT, abs=1)
    text = page.extract_text()
    assert not set(words(figure.layout.title.text + " " + FOOTER.text)) - set(words(text))
    assert "/Font" in page["/Resources"].get_object()  # type: ignore[operator]
    lefts = []

    def place(text: str, cm: list[float], tm: list[float], font: object, font_size: float) -> None:
        if text.strip().startswith("Round"):
            lefts.append(tm[4] * cm[0] + cm[4])

    page.extract_text(visitor_text=place)
    assert lefts
    assert lefts[0] == pytest.approx(layout.title.x * layout.width * zoom * POINT, abs=1.5), "a print margin"


@pytest.mark.parametrize("scale", [1, 4])
@pytest.mark.parametrize("size", list(SIZES))
def test_png_has_the_pixels_and_the_size_that_were_asked_for(size: str, scale: int, trace: Trace, by: Browser) -> None:
    figure = draw("errors", trace, "dark")
    layout = styled(figure, size, "dark", FOOTER).layout
    image = Image.open(io.BytesIO(write_figure(figure, "png", size, "dark", FOOTER, scale, by=by)))
    image.load()
    assert image.format == "PNG"
    assert image.width == SIZES[size].width * scale
    assert image.height == pytest.approx(layout.height * SIZES[size].width / layout.width * scale, abs=scale)
    assert image.info["dpi"] == pytest.approx((96 * scale, 96 * scale), rel=1e-3)
    corners = [image.convert("RGB").getpixel((x, y)) for x in (0, image.width - 1) for y in (0, image.height - 1)]
    paper = tuple(int(SURFACE["dark"][i : i + 2], 16) for i in (1, 3, 5))
    assert set(corners) == {paper}


def test_threads_share_one_browser_and_every_file_is_whole(trace: Trace, by: Browser) -> None:
    write_figure(draw("learning", trace), "svg", by=by)
    kept = by._kaleido
    found: dict[str, bytes] = {}

    def make(name: str) -> None:
        found[name] = write(lambda mode: draw(name, trace, mode), "svg", by=by)

    threads = [threading.Thread(target=make, args=(name,)) for name in ("learning", "errors", "ladder")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert by._kaleido is kept
    for name, content in found.items():
        assert words(draw(name, trace).layout.title.text)[0] in shown_words(ET.fromstring(content))


def test_a_browser_that_died_is_replaced(trace: Trace, by: Browser) -> None:
    write_figure(draw("learning", trace), "svg", by=by)
    by._kaleido.subprocess.kill()
    by._kaleido.subprocess.wait(10)
    assert write_figure(draw("learning", trace), "svg", by=by).startswith(b"<svg")
