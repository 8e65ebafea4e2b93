"""The lecture pack, each product opened by a reader that is not ours."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pptx import Presentation
from pypdf import PdfReader

from fedrot_core.errors import Cancelled, ConfigError, ExportError
from fedrot_core.export.lecture import pack, worksheet
from fedrot_core.export.lecture.deck import needed
from fedrot_core.export.lecture.outline_lesson import lesson_outline
from fedrot_core.export.lecture.outlines import comparison_outline, run_outline
from fedrot_core.export.lecture.pack import Options, build
from fedrot_core.export.lecture.pack_runs import runs_of
from fedrot_core.export.lecture.slides import Outline
from fedrot_core.export.lecture.tex import UNKNOWN, escaped
from fedrot_core.export.picture import files as figures
from fedrot_core.export.picture.browser import chrome_available
from fedrot_core.export.run import run_file
from fedrot_core.figures import FIGURES
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.glossary import GLOSSARY, unmarked
from fedrot_core.learn.quiz import TEMPLATES, ask
from fedrot_core.study.comparison import compare
from fedrot_core.trace import Trace
from tests.core.export.small import config

STATIC = ("svg", "pdf", "png")
Files = dict[str, bytes]


def opened(content: bytes) -> tuple[str, Files]:
    """Folder in the zip, and name -> content."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        folder = names[0].split("/")[0]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(rf"{re.escape(folder)}/[\w./-]+", name) and ".." not in name for name in names)
        return folder, {name.removeprefix(f"{folder}/"): archive.read(name) for name in names}


def short(outline: Outline) -> Outline:
    """The opening, one figure, and the slides without figures."""
    first = next(slide for slide in outline.slides if slide.picture is not None)
    return replace(outline, slides=tuple(s for s in outline.slides if s.picture is None or s is first))


@pytest.fixture(scope="module")
def lesson() -> Outline:
    one = LESSONS["one_update"]
    return lesson_outline(one, one.defaults(), runs_of(one.defaults(), lambda: False, lambda *_: None))


@pytest.fixture(scope="module")
def plain(lesson: Outline) -> Files:
    """The lesson's pack on a machine without a browser."""
    return opened(build(lesson, static=False))[1]


@pytest.fixture(scope="module")
def comparison() -> Outline:
    found = compare(config(), config().methods, 2)
    vars(found)["verdict"] = ("Choose <b>this</b> & that: 50 %.", "Two seeds say little.")
    return comparison_outline(found)


@pytest.fixture(scope="module", params=["run", "lesson"])
def full(request: pytest.FixtureRequest, trace: Trace, lesson: Outline) -> Files:
    """A pack with pictures. Without a browser this skips on a laptop and fails in CI."""
    if not chrome_available():
        message = "no Chrome or Chromium found; install Debian's package chromium to test pictures"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    outline = short(run_outline(trace)) if request.param == "run" else short(lesson)
    return opened(build(outline, Options("dark" if request.param == "run" else "light")))[1]


class Reader(HTMLParser):
    """Texts, tags, and every address in a page."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "action", "srcset", "poster")]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            self.text += data


def slides_of(files: Files) -> list[Any]:
    return list(Presentation(io.BytesIO(files["slides.pptx"])).slides)


def check_deck(files: Files, outline: Outline) -> None:
    """Titles, notes with numbers, nothing outside a slide or larger than its box."""
    deck = Presentation(io.BytesIO(files["slides.pptx"]))
    pages = list(deck.slides)
    assert [page.shapes.title.text for page in pages][:-1] == [slide.title for slide in outline.slides]
    for page, slide in zip(pages, outline.slides, strict=False):
        notes = page.notes_slide.notes_text_frame.text
        assert slide.picture is None or re.search(r"\d", notes), slide.title
        for shape in page.shapes:
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= deck.slide_width
            assert shape.top + shape.height <= deck.slide_height
            if shape.has_text_frame and shape.text_frame.text:
                paragraphs = shape.text_frame.paragraphs
                points = max(run.font.size.pt for p in paragraphs for run in p.runs)
                texts = tuple(p.text for p in paragraphs)
                assert needed(texts, shape.width / 9525, points) <= shape.height / 9525 + 1, texts
                assert points >= 12
        boxes = [(s.left, s.top, s.left + s.width, s.top + s.height) for s in page.shapes if s.name != "Accent"]
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], slide.title
        assert not any(s.is_placeholder and not s.text_frame.text for s in page.shapes), "an empty box"


def check_tex(files: Files) -> None:
    """Braces and environments close in order, and every picture is in the zip."""
    source = files["slides.tex"].decode("ascii")
    bare = re.sub(r"(?<!\\)%.*", "", source).replace("\\\\", "")
    bare = re.sub(r"\\[{}]", "", bare)
    depth = 0
    for char in bare:
        depth += (char == "{") - (char == "}")
        assert depth >= 0
    assert depth == 0
    open_ones: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", bare):
        if kind == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    assert not open_ones
    for file in re.findall(r"\\includegraphics\[[^\]]*\]\{([^}]*)\}", source):
        assert file in files
    assert UNKNOWN not in source


def check_html(content: bytes, *beside: str) -> Reader:
    found = Reader(content)
    assert all(address.startswith("data:") or address in beside for address in found.addresses)
    assert "link" not in found.tags
    assert b"default-src 'none'" in content
    return found


def test_a_pack_without_a_browser_has_no_pictures_and_says_so(plain: Files, lesson: Outline) -> None:
    assert not [name for name in plain if name.endswith(STATIC)]
    for picture in lesson.pictures:
        assert {f"figures/{picture.name}.{kind}" for kind in ("html", "csv", "json")} <= set(plain)
    assert "no Chrome or Chromium was found" in plain["README.txt"].decode()
    check_deck(plain, lesson)
    check_tex(plain)
    pages = slides_of(plain)
    assert not [s for page in pages for s in page.shapes if s.shape_type == 13]
    assert "no Chrome or Chromium was found" in pages[-1].placeholders[1].text
    found = check_html(plain["slides.html"])
    assert plain["slides.html"].count(b'class="plot"') == len(lesson.pictures)
    assert "There are no SVG" in found.text
    assert r"\includegraphics" not in plain["slides.tex"].decode()


def test_every_step_is_a_slide_with_its_filled_text_and_notes(plain: Files, lesson: Outline) -> None:
    steps = LESSONS["one_update"].steps
    assert [slide.title for slide in lesson.slides[1:]] == [step.title for step in steps]
    facts = json.loads(plain["data/facts.json"])["facts"]
    for page, step in zip(slides_of(plain)[1:], steps, strict=False):
        text, notes = page.placeholders[1].text, page.notes_slide.notes_text_frame.text
        assert unmarked(step.text.format(**facts[step.title]))[1:] in text
        assert unmarked(step.after.format(**facts[step.title]))[1:] in text
        assert unmarked(step.notes.format(**facts[step.title])) in notes
        assert step.predict is None or f"Ask first: {unmarked(step.predict.question)}" in notes
        assert not re.search(r"\[\[|\{\w+\}", text + notes)


def test_pictures_lie_in_the_slides_and_every_format_opens(full: Files, trace: Trace, lesson: Outline) -> None:
    names = {name.split("/")[1].rsplit(".")[0] for name in full if name.startswith("figures/")} - {"plotly"}
    outline = short(run_outline(trace)) if "latent" in names else short(lesson)
    check_deck(full, outline)
    check_tex(full)
    pictures = [s for page in slides_of(full) for s in page.shapes if s.shape_type == 13]
    assert len(pictures) == len(names) == 1
    shape = pictures[0]
    assert re.search(r"\d", shape._element.nvPicPr.cNvPr.get("descr"))
    assert abs(shape.width / shape.height - shape.image.size[0] / shape.image.size[1]) < 0.01
    name = names.pop()
    assert f"{{figures/{name}.pdf}}" in full["slides.tex"].decode()
    reader = PdfReader(io.BytesIO(full[f"figures/{name}.pdf"]))
    assert len(reader.pages) == 1
    assert "FedRot Lab" in reader.pages[0].extract_text()
    assert len(pd.read_csv(io.BytesIO(full[f"figures/{name}.csv"])))
    assert json.loads(full[f"figures/{name}.json"])["data"]
    found = check_html(full["slides.html"])
    assert "img" in found.tags
    assert b"Plotly.newPlot(" in full[f"figures/{name}.html"]
    check_html(full[f"figures/{name}.html"], "plotly.min.js")
    assert len(full[f"figures/{name}.html"]) < 1e6 < len(full["figures/plotly.min.js"])
    assert "missing" not in full["README.txt"].decode()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")
def test_the_source_compiles(full: Files, tmp_path: Path) -> None:
    for name, content in full.items():
        if name.endswith((".tex", ".pdf")):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(content)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "slides.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    log = done.stdout.decode(errors="replace")
    if "pgf" in log and "not found" in log:
        pytest.skip("this TeX has no beamer")
    assert done.returncode == 0, log[-2000:]
    assert "Overfull" not in log
    assert len(PdfReader(tmp_path / "slides.pdf").pages) == len(slides_of(full))


def test_a_run_comes_with_its_files(trace: Trace) -> None:
    outline = run_outline(trace)
    folder, files = opened(build(short(outline), Options(questions=0), static=False))
    assert folder == f"fedrot-run-{trace.config.hash}"
    assert run_file.read(files["run.json"]).checksum == trace.checksum
    assert Trace.load(io.BytesIO(files["data/trace.npz"])).checksum == trace.checksum
    table = pd.read_csv(io.BytesIO(files["data/numbers.csv"]))
    assert list(table["Method"]) == [card.label for card in trace.arms]
    compile(files["data/run.py"], "run.py", "exec")
    assert not [name for name in files if "worksheet" in name or "answers" in name]
    assert {picture.name for picture in outline.pictures} == set(FIGURES)
    assert outline.pictures[0].name == "latent"
    shown = next(s for s in slides_of(files)[-2].shapes if s.has_table).table
    assert shown.cell(1, 0).text == trace.arms[0].label


def test_a_comparison_shows_verdict_figures_and_table(comparison: Outline) -> None:
    files = opened(build(comparison, static=False))[1]
    check_deck(files, comparison)
    check_tex(files)
    assert len(comparison.pictures) == 3
    pages = slides_of(files)
    assert pages[1].placeholders[1].text.startswith("Choose <b>this</b> & that: 50 %.")
    assert r"Choose \textless{}b\textgreater{}this\textless{}/b\textgreater{} \& that: 50 \%." in (
        files["slides.tex"].decode()
    )
    assert "Choose <b>this</b> & that" in check_html(files["slides.html"]).text
    assert json.loads(files["run.json"])["seeds"] == [0, 1]
    assert len(pd.read_csv(io.BytesIO(files["data/numbers.csv"]))) == len(config().methods)


def test_the_worksheet_asks_of_the_lesson_and_keeps_answers_apart(lesson: Outline) -> None:
    files = opened(build(short(lesson), Options(questions=8, seed=3), static=False))[1]
    asked = worksheet.questions(3, 8, "one_update")
    assert {q.lesson for q in asked} == {"one_update"}
    sheet, key = check_html(files["worksheet.html"]), check_html(files["answers.html"])
    for q in asked:
        assert unmarked(q.text) in sheet.text
        assert unmarked(q.explain) in key.text
        assert unmarked(q.explain) not in sheet.text
        assert worksheet.answer(q) in key.text
    assert sheet.tags.count("math") == sum(len(q.given) for q in asked)
    assert files["worksheet.md"].decode().count("**8.**") == 1
    again = opened(build(short(lesson), Options(questions=8, seed=3), static=False))[1]
    assert again["worksheet.html"] == files["worksheet.html"]


def test_matrices_become_mathml() -> None:
    found = worksheet.mathml(r"A_{\mathrm{ref}} = \begin{pmatrix} 3 & -1 \\ 0 & 2 \end{pmatrix}")
    assert '<msub><mi>A</mi><mi mathvariant="normal">ref</mi></msub>' in found
    assert found.count("<mtr>") == 2
    assert "<msub><mi>B</mi><mn>1</mn></msub>" in worksheet.mathml(r"B_1 = \begin{pmatrix} 1 \end{pmatrix}")
    assert "<mo>−</mo><mn>1</mn>" in found
    assert worksheet.mathml(r"\frac{1}{2}") == r"<code>\frac{1}{2}</code>"
    for template in TEMPLATES.values():
        assert all(
            worksheet.mathml(given).startswith("<math>") for n in range(3) for given in ask(template.name, 1, n).given
        )


def test_all_our_prose_has_a_latex_form() -> None:
    texts = [term.shown + term.meaning for term in GLOSSARY.values()]
    texts += [part for le in LESSONS.values() for s in le.steps for part in (s.title, s.text, s.after, s.notes)]
    texts += [t.text + t.explain for t in TEMPLATES.values()]
    for text in texts:
        assert UNKNOWN not in escaped(text), text
        assert escaped(text).isascii()
    assert escaped("B̄ Ā λ₁ Rᵀ 50 % a_b --x") == (
        r"\ensuremath{\bar{B}} \ensuremath{\bar{A}} \ensuremath{\lambda}\ensuremath{_{1}} R\ensuremath{^{\mathsf{T}}} "
        r"50 \% a\_b -{}-x"
    )


def test_progress_counts_up_to_the_end(lesson: Outline) -> None:
    told: list[tuple[int, int, str]] = []
    build(short(lesson), on_progress=lambda *now: told.append(now), static=False)
    assert [done for done, _, _ in told] == list(range(told[0][1] + 1))
    assert told[-1] == (told[-1][1], told[-1][1], "Done")


@pytest.mark.parametrize("after", [0, 3, 8, 10])
def test_cancel_ends_it_at_once(lesson: Outline, after: int) -> None:
    told: list[str] = []
    with pytest.raises(Cancelled):
        build(short(lesson), None, lambda d, t, what: told.append(what), lambda: len(told) >= after, static=False)
    assert len(told) == after


def test_a_browser_that_fails_leaves_the_rest_whole(lesson: Outline, monkeypatch: pytest.MonkeyPatch) -> None:
    real, tried = figures.write_figure, []

    def broken(figure: Any, format: str, *rest: Any, **more: Any) -> bytes:
        if format in STATIC:
            tried.append(format)
            raise ExportError("Chrome fell over.")
        return real(figure, format, *rest, **more)

    monkeypatch.setattr(pack, "write_figure", broken)
    files = opened(build(lesson, static=True))[1]
    assert tried == ["svg"]
    assert "Chrome fell over." in files["README.txt"].decode()
    check_deck(files, lesson)


def test_bad_wishes_are_refused() -> None:
    with pytest.raises(ConfigError, match="questions must be in"):
        Options(questions=worksheet.MOST + 1)
    with pytest.raises(ConfigError):
        Options(style="neon")
