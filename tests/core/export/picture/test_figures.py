"""Figures for a lecture: type, titles and footers in every size, greys, and files that need no browser."""

from __future__ import annotations

import copy
import html
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import plotly.io
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedrot_core import ENGINE_VERSION
from fedrot_core.errors import ConfigError
from fedrot_core.export.picture.files import styled, table_csv, write, write_figure
from fedrot_core.export.picture.greys import grey, grey_text, greyed
from fedrot_core.export.picture.lines import wrapped
from fedrot_core.export.picture.sizes import FORMATS, POINT, SIZES, STYLES, Size
from fedrot_core.export.provenance import Provenance
from fedrot_core.federation import Federation
from fedrot_core.figures import FIGURES, View, drawn
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.figures.kit.theme import INK, SURFACE, base_figure
from fedrot_core.trace import Trace
from tests.core.export.small import config

FOOTER = Provenance("FedRot Lab · run 0123456789abcdef, seed 3, α 0.5, rank 2 · engine 2", "0123456789abcdef", 3)
COLOUR_NAMES = {"white", "black", "red", "green", "blue", "gray", "grey", "orange", "yellow", "purple"}


@pytest.fixture(scope="module")
def trace() -> Trace:
    """A run on digits, which every figure has something to say about."""
    return Federation(config(task="digits")).run()


def draw(name: str, trace: Trace, mode: str = "light") -> go.Figure:
    return drawn(name, trace, View(trace.arms[-1].name, 2, client=1, mode=mode))


def nodes(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every (key, value) of plain data; entries of a list under the list's key."""
    yield key, node
    if isinstance(node, dict):
        for k, value in node.items():
            yield from nodes(value, k)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value, key)


def plain(figure: go.Figure) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(figure.to_json())
    return found


def bare(text: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


# Sizes


@pytest.mark.parametrize("size", SIZES.values(), ids=lambda s: s.name)
@pytest.mark.parametrize("name", list(FIGURES))
def test_every_figure_in_every_size(name: str, size: Size, trace: Trace) -> None:
    figure = draw(name, trace)
    before = figure.to_json()
    shown = styled(figure, size, "light", FOOTER)
    assert figure.to_json() == before, "the figure itself must not change"
    layout = shown.layout
    zoom = size.width / layout.width
    assert size.height - 0.01 <= zoom * layout.height <= size.tall * size.height + 0.51
    assert zoom >= size.zoom / size.most - 1e-9
    sizes = [node["size"] for key, node in nodes(plain(shown)) if key.endswith("font") and "size" in (node or {})]
    texts = [s for s in sizes if s > 1]  # titles without text have 1 px
    footer = next(note for note in layout.annotations if note.name == "footer")
    texts.remove(footer.font.size)
    assert min(texts) * zoom * POINT >= size.least_points - 1e-9
    assert footer.font.size * zoom * POINT >= 0.75 * size.least_points
    assert bare(footer.text) == bare(FOOTER.text)
    assert bare(layout.title.text) == bare(figure.layout.title.text)
    for line in layout.title.text.split("<br>"):
        assert len(bare(line)) * 0.5 * layout.title.font.size <= layout.width
    margin = layout.margin
    assert margin.l + margin.r <= 0.62 * layout.width
    assert margin.t + margin.b <= 0.62 * layout.height
    assert layout.meta["alt"] == figure.layout.meta["alt"]
    assert (layout.meta["size"], layout.meta["config"], layout.meta["seed"]) == (size.name, FOOTER.config, 3)


def test_type_grows_with_the_distance_it_is_read_from() -> None:
    column, half, slide, poster = (SIZES[n].least_points for n in ("column", "half", "slide", "poster"))
    assert 7 <= column < half < slide < poster
    assert slide >= 12
    assert half >= 10


def test_a_figure_without_footer_has_none_and_more_room(trace: Trace) -> None:
    with_it, without = (styled(draw("learning", trace), "slide", "light", footer) for footer in (FOOTER, ""))
    assert not any(note.name == "footer" for note in without.layout.annotations)
    assert without.layout.margin.b < with_it.layout.margin.b


def test_a_figure_that_needs_height_gets_smaller_type_on_a_slide_and_more_paper_in_a_column() -> None:
    figure = base_figure("light", "Many panels", "Many.", meta={"least_height": 900})
    slide, column = (styled(figure, name).layout for name in ("slide", "column"))
    assert slide.width == SIZES["slide"].canvas[0] * SIZES["slide"].most
    assert column.width == SIZES["column"].canvas[0]
    assert column.height >= 900


def test_narrow_screens_layout_is_taken_where_it_fits(trace: Trace) -> None:
    figure = base_figure("light", "Title", "Alt.", xaxis={"domain": [0, 0.4]}, meta={
        "narrow": {"height": 500, "xaxis": {"domain": [0, 1]}},
    })  # fmt: skip
    stacked = {name: tuple(styled(figure, name).layout.xaxis.domain) == (0, 1) for name in SIZES}
    assert stacked == {"slide": False, "half": True, "column": True, "poster": False}
    figure.layout.meta = {**figure.layout.meta, "narrow": {"height": 1400, "xaxis": {"domain": [0, 1]}}}
    assert tuple(styled(figure, "half").layout.xaxis.domain) == (0, 0.4), "it would be squeezed to half its height"


def test_a_file_shows_no_tween() -> None:
    figure = base_figure("light", "Title", "Alt.", transition={"duration": 400})
    assert styled(figure, "slide").layout.transition.duration is None


def test_a_size_in_pixels_has_type_as_on_a_slide(trace: Trace) -> None:
    shown = styled(draw("errors", trace), Size("x", "x", 1600, 900, 2.0), "light")
    assert (shown.layout.width, shown.layout.height) == (800, 450)
    content = json.loads(write_figure(draw("errors", trace), "json", (1600, 900)))
    assert content["layout"]["width"] / content["layout"]["height"] == pytest.approx(1600 / 900)


def test_texts_that_do_not_fit_their_cells_are_left_out_of_all_panels() -> None:
    def maps(count: int) -> list[str | None]:
        figure = base_figure("light", "Cells", "Cells.")
        for n in (1, 2):
            cells = (100 * np.ones((count, count))).tolist()
            figure.add_heatmap(z=cells, texttemplate="%{z:.0f}", xaxis=f"x{n if n > 1 else ''}", yaxis="y")
        figure.update_layout(xaxis={"domain": [0, 0.7]}, xaxis2={"domain": [0.7, 1.0]})
        return [t.texttemplate for t in styled(figure, "slide").data]

    assert maps(4) == ["%{z:.0f}"] * 2
    assert maps(12) == [""] * 2, "they fit the first panel, but not the second"


words = st.text("abcdefg", min_size=1, max_size=9)


@given(st.lists(st.one_of(words, words.map(lambda w: f"<b>{w}</b>")), min_size=1, max_size=12), st.integers(8, 40))
def test_wrapping_keeps_words_and_tags(parts: list[str], letters: int) -> None:
    text = " ".join(parts)
    lines = wrapped(text, letters)
    assert " ".join(lines) == text
    spare = text.count("<")
    assert all(len(re.sub("<[^>]*>", "", line)) <= letters + spare or " " not in line for line in lines)


def test_wrapping_keeps_line_breaks_and_bound_words() -> None:
    assert wrapped("one<br>two 9\u00a0%", 6) == ["one", "two", "9\u00a0%"]


# Styles


def hues(spec: Any) -> set[str]:
    """Every colour with a hue in plain data."""
    found = set()
    for _, value in nodes(spec):
        if not isinstance(value, str):
            continue
        for match in re.findall(r"#[0-9a-fA-F]{6}\b", value):
            if len({match[1:3].upper(), match[3:5].upper(), match[5:7].upper()}) > 1:
                found.add(match)
        for match in re.findall(r"rgba?\(([^)]*)\)", value):
            if len({float(part) for part in match.split(",")[:3]}) > 1:
                found.add(match)
    return found


@pytest.mark.parametrize("name", list(FIGURES))
def test_print_has_only_greys_on_white_and_keeps_dashes_marks_and_patterns(name: str, trace: Trace) -> None:
    figure = draw(name, trace)
    shown = styled(figure, "slide", "print", FOOTER)
    spec = plain(shown)
    assert hues(plain(figure)), "the test must see colours where there are some"
    assert not hues(spec)
    assert not {v for k, v in nodes(spec) if "color" in k and isinstance(v, str) and v in COLOUR_NAMES}
    assert spec["layout"]["template"]["layout"]["paper_bgcolor"] == SURFACE["light"] == "#FFFFFF"
    for before, after in zip(figure.data, shown.data, strict=True):
        assert before.type == after.type
        if before.type == "scatter":
            assert (before.line.dash, before.marker.symbol) == (after.line.dash, after.marker.symbol)
        if before.type == "bar":
            assert before.marker.pattern.shape == after.marker.pattern.shape
        if before.type == "heatmap":
            scale = after.colorscale or shown.layout[after.coloraxis].colorscale
            levels = [int(colour[1:3], 16) for _, colour in scale]
            assert levels in (sorted(levels), sorted(levels, reverse=True)), "a scale must not fold"


def relative_luminance(level: int) -> float:
    """Of a grey, as WCAG 2.2 defines it."""
    share = level / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


@given(st.tuples(*[st.integers(0, 255)] * 3))
def test_a_grey_has_the_luminance_of_its_colour(rgb: tuple[int, int, int]) -> None:
    level = grey(*rgb)
    red, green, blue = (relative_luminance(c) for c in rgb)
    wanted = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    steps = [relative_luminance(c) for c in (max(0, level - 1), level, min(255, level + 1))]
    assert abs(steps[1] - wanted) == min(abs(s - wanted) for s in steps)


def test_greys_keep_opacity_and_lie_darker_in_lines_than_in_areas() -> None:
    assert grey_text("rgba(255,255,255,0.3)") == "rgba(255,255,255,0.3)"
    blue = f"{grey(0, 0, 255):02X}" * 3
    assert grey_text("<span style='color:#00f'>x</span>") == f"<span style='color:#{blue}'>x</span>"
    hue = "#C44E00"
    spec = greyed({"data": [{"type": "scatter", "line": {"color": hue}}, {"type": "bar", "marker": {"color": hue}}],
                   "layout": {}})  # fmt: skip
    line, area = spec["data"][0]["line"]["color"], spec["data"][1]["marker"]["color"]
    assert int(line[1:3], 16) < int(area[1:3], 16)


def test_a_scale_with_two_dark_ends_becomes_a_ramp() -> None:
    folded = [[0, "#EC9259"], [0.5, "#FFF"], [1, "#6DB3E2"]]
    spec = greyed({"data": [], "layout": {"coloraxis": {"colorscale": folded}}})
    levels = [int(colour[1:3], 16) for _, colour in spec["layout"]["coloraxis"]["colorscale"]]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 80


def test_the_style_decides_the_mode_that_is_drawn(trace: Trace) -> None:
    asked: list[str] = []

    def drawing(mode: str) -> go.Figure:
        asked.append(mode)
        return draw("learning", trace, mode)

    specs = [json.loads(write(drawing, "json", style=name)) for name in STYLES]
    assert asked == [style.mode for style in STYLES.values()] == ["light", "dark", "light"]
    papers = [spec["layout"]["template"]["layout"]["paper_bgcolor"] for spec in specs]
    assert papers == [SURFACE["light"], SURFACE["dark"], "#FFFFFF"]
    assert specs[1]["layout"]["template"]["layout"]["font"]["color"] == INK["dark"]


# Files that need no browser


@pytest.mark.parametrize("name", list(FIGURES))
def test_csv_holds_the_rows_of_the_table(name: str, trace: Trace) -> None:
    figure = draw(name, trace)
    read = pd.read_csv(io.BytesIO(write(lambda mode: figure, "csv")))
    wanted = pd.DataFrame(figure_rows(figure))
    assert list(read.columns) == list(wanted.columns)
    assert len(read) == len(wanted) > 0
    for column in wanted:
        if pd.api.types.is_numeric_dtype(wanted[column]):
            np.testing.assert_array_equal(read[column].to_numpy(float), wanted[column].to_numpy(float))


def test_csv_of_a_figure_without_points_is_an_empty_table() -> None:
    assert pd.read_csv(io.BytesIO(table_csv(base_figure("light", "Nothing yet", "Nothing.")))).empty


def test_csv_quotes_what_needs_it() -> None:
    figure = go.Figure(go.Scatter(x=[1], y=[2], name='a, "b"\nc'))
    assert pd.read_csv(io.BytesIO(table_csv(figure)))["series"].tolist() == ['a, "b"\nc']


@pytest.mark.parametrize("name", list(FIGURES))
def test_json_is_a_figure_that_plotly_reads_and_says_where_it_is_from(name: str, trace: Trace) -> None:
    content = write(lambda mode: draw(name, trace, mode), "json", footer=FOOTER)
    figure = plotly.io.from_json(content.decode())
    assert len(figure.data) == len(draw(name, trace).data)
    meta = figure.layout.meta
    assert {k: meta[k] for k in ("config", "seed", "version", "footer", "size", "style")} == {
        "config": FOOTER.config, "seed": 3, "version": ENGINE_VERSION, "footer": FOOTER.text, "size": "slide",
        "style": "light",
    }  # fmt: skip


class Reader(HTMLParser):
    """What a browser finds in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside.setdefault(self._open[-1], []).append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def read(content: bytes) -> Reader:
    reader = Reader()
    reader.feed(content.decode())
    reader.close()
    assert reader._open == []
    return reader


def test_html_is_one_file_with_title_description_and_table(trace: Trace) -> None:
    figure = draw("latent", trace)
    content = write(lambda mode: figure, "html", footer=FOOTER)
    page = read(content)
    assert page.tags[0] == ("html", {"lang": "en"})
    assert page.inside["title"] == [figure.layout.title.text]
    assert figure.layout.meta["alt"] in page.inside["p"]
    assert FOOTER.text in page.inside["p"]
    images = [attributes for _, attributes in page.tags if attributes.get("role") == "img"]
    assert [a["aria-labelledby"] for a in images] == ["what"]
    assert not [a for _, a in page.tags if a.get("src") or a.get("href")], "it must load nothing"
    assert sum("plotly.js v" in script for script in page.inside["script"]) == 1
    rows = figure_rows(figure)
    assert page.count("tr") == len(rows) + 1
    assert page.count("td") == len(rows) * page.count("th")
    spec = json.loads(next(script for script in page.inside["script"] if script.startswith("{")))
    assert len(spec["frames"]) == len(figure.frames) > 0
    assert "turn" in [a.get("id") for tag, a in page.tags if tag == "button"]


def test_html_is_safe_from_what_a_figure_says() -> None:
    evil = "</script><script>alert(1)</script>"
    figure = base_figure("light", evil, evil).add_scatter(x=[1], y=[2], name=evil)
    page = read(write(lambda mode: figure, "html", footer=evil))
    assert page.count("script") == 3
    assert html.unescape(evil) in page.inside["td"]


def test_frames_are_only_where_something_can_play(trace: Trace) -> None:
    frames = {name: json.loads(write_figure(draw(name, trace), "json")).get("frames") for name in FIGURES}
    assert {name for name, found in frames.items() if found} == {name for name in FIGURES if draw(name, trace).frames}
    page = read(write_figure(draw("learning", trace), "html"))
    assert not page.count("button")


@pytest.mark.parametrize(
    ("wrong", "names"),
    [({"format": "gif"}, FORMATS), ({"size": "a3"}, SIZES), ({"style": "sepia"}, STYLES)],
    ids=["format", "size", "style"],
)
def test_an_unknown_name_is_refused_with_the_known_ones(wrong: dict[str, Any], names: Any, trace: Trace) -> None:
    with pytest.raises(ConfigError) as error:
        write(lambda mode: draw("learning", trace), **{"format": "json", **wrong})
    for name in names:
        assert name in str(error.value)
    assert next(iter(wrong.values())) in str(error.value)


@pytest.mark.parametrize("scale", [0, 0.5, 5, float("nan")])
def test_a_scale_out_of_range_is_refused(scale: float, trace: Trace) -> None:
    with pytest.raises(ConfigError, match=r"scale must be in 1\.\.4"):
        write(lambda mode: draw("learning", trace), "png", scale=scale)


def test_writing_changes_nothing_and_gives_the_same_bytes_again(trace: Trace) -> None:
    figure = draw("ladder", trace)
    before = copy.deepcopy(figure)
    for name in ("csv", "json", "html"):
        assert write_figure(figure, name) == write_figure(figure, name)
    assert figure == before


def test_a_picture_has_a_most_of_pixels() -> None:
    with pytest.raises(ConfigError, match=r"sides of a picture must be in 1\.\.10000 px; got '20000x100'"):
        write_figure(go.Figure(), "svg", (20_000, 100))
    with pytest.raises(
        ConfigError, match=r"A picture must have at most 100,000,000 pixels; got '9000x9000 at scale 4'"
    ):
        write_figure(go.Figure(), "png", (9000, 9000), scale=4)
