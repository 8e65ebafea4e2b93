"""A lecture pack as one zip: slides for PowerPoint, browsers and LaTeX, their figures in every format, the data, a
worksheet, its answers in a separate file, and what is needed to make the numbers again."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from plotly.offline import get_plotlyjs

from fedrot_core.errors import Cancelled, ExportError, rule
from fedrot_core.export.lecture import beamer, slides_html, worksheet
from fedrot_core.export.lecture.deck import deck
from fedrot_core.export.lecture.slides import Drawn, Outline, Slide, Talk
from fedrot_core.export.picture.browser import REMEDY, Browser, chrome_available
from fedrot_core.export.picture.files import write_figure
from fedrot_core.export.picture.sizes import FORMATS, STYLES
from fedrot_core.export.provenance import line
from fedrot_core.learn.quiz.base import EVERYTHING

PNG_SCALE = 2
"""How many pixels of a slide's PNG stand for one px."""

LIBRARY = "plotly.min.js"
"""One for all figures that are HTML: it is larger than all the rest."""

DATE = (1980, 1, 1, 0, 0, 0)
"""Date of every file in the zip, so that equal packs have equal bytes as far as their figures have."""

PACKED = (".png", ".pptx", ".npz", ".pdf")
"""Endings of files that compression would hardly shrink."""

OnProgress = Callable[[int, int, str], None]
"""A function that is told how many pieces are done, how many there are, and what is being made, in words."""


@dataclass(frozen=True)
class Options:
    """What a person chooses for a pack.

    Attributes:
        style: key of :data:`fedrot_core.export.picture.sizes.STYLES`.
        questions: number of questions on the worksheet; with 0 there is no worksheet.
        seed: seed that chooses the questions.
    """

    style: str = "light"
    questions: int = 6
    seed: int = 1

    def __post_init__(self) -> None:
        STYLES[self.style]
        if not 0 <= self.questions <= worksheet.MOST:
            raise rule("questions", f"be in 0..{worksheet.MOST}", self.questions, "Ask fewer.", "questions")


def build(
    outline: Outline,
    options: Options | None = None,
    on_progress: OnProgress = lambda done, total, what: None,
    should_stop: Callable[[], bool] = lambda: False,
    static: bool | None = None,
    by: Browser | None = None,
) -> bytes:
    """Make the pack, and return the content of the zip.

    Args:
        outline: the outline of the lecture.
        options: what a person chooses; the defaults if None.
        on_progress: called before each piece of work.
        should_stop: asked before each piece of work whether to cancel.
        static: whether to make figures as SVG, PDF and PNG; by default if there is a Chrome or Chromium.
        by: the browser that draws them; by default the one that this process shares.

    Raises:
        Cancelled: once ``should_stop()`` returns true.
    """
    options = options or Options()
    static = chrome_available() if static is None else static
    pictures = outline.pictures
    total = len(pictures) * len(FORMATS) + len(MAKERS) + 2
    done = 0

    def tick(what: str) -> None:
        nonlocal done
        if should_stop():
            raise Cancelled("The lecture pack was cancelled.")
        on_progress(done, total, what)
        done += 1

    missing = "" if static else f"There are no SVG, PDF and PNG figures: no Chrome or Chromium was found. {REMEDY}"
    drawn: dict[str, Drawn] = {}
    for n, picture in enumerate(pictures, 1):
        figure = picture.draw(STYLES[options.style].mode)
        found = drawn[picture.name] = Drawn.of(figure)
        for format in FORMATS.values():
            tick(f"Figure {n} of {len(pictures)}, {format.name.upper()}")
            if format.browser and missing:
                continue
            try:
                found.files[format.name] = write_figure(
                    figure, format.name, picture.size, options.style, outline.footer,
                    PNG_SCALE if format.scales else 1, should_stop, by=by, library=LIBRARY,
                )  # fmt: skip
            except ExportError as error:
                missing = f"Some figures are missing as SVG, PDF or PNG. {error}"
    talk = Talk(_with_end(outline, missing), drawn, STYLES[options.style].mode, missing)
    files: dict[str, bytes] = {}
    for name, make in MAKERS.items():
        tick(f"Slides, {name}")
        files[name] = make(talk)
    tick("Worksheet and answers")
    files |= _paper(outline, options)
    for name, figure_files in drawn.items():
        files |= {f"figures/{name}.{format}": content for format, content in figure_files.files.items()}
    files[f"figures/{LIBRARY}"] = get_plotlyjs().encode()
    files |= {f"data/{name}": content for name, content in outline.data.items()}
    files["run.json"] = outline.run
    files["README.txt"] = _readme(outline, options, files, missing).encode()
    tick("Packing the zip")
    content = _zipped(outline.name, files, should_stop)
    on_progress(total, total, "Done")
    return content


MAKERS: Mapping[str, Callable[[Talk], bytes]] = {
    "slides.pptx": deck,
    "slides.html": lambda talk: slides_html.page(talk).encode(),
    "slides.tex": lambda talk: beamer.source(talk).encode("ascii"),
}
"""Functions that make the slides from the talk, by the name of the file."""


def _with_end(outline: Outline, missing: str) -> Outline:
    """The outline with a last slide that says where its numbers come from, and what the pack lacks."""
    text = tuple(part for part in (f"{outline.footer.text}.", f"{outline.how}.", missing) if part)
    end = Slide("Where the numbers come from", text, notes=f"{outline.how}.")
    return Outline(**{**vars(outline), "slides": (*outline.slides, end)})


def _paper(outline: Outline, options: Options) -> dict[str, bytes]:
    """The worksheet and its answers."""
    if not options.questions:
        return {}
    asked = worksheet.questions(options.seed, options.questions, outline.topic)
    title = f"Worksheet: {outline.title}" if outline.kind == "lesson" else "Worksheet: federated LoRA"
    topic = "all lessons" if outline.topic == EVERYTHING else f"lesson {outline.title}"
    source = line(topic, f"seed {options.seed}, {options.questions} questions")
    files = {}
    for name, answers in (("worksheet", False), ("answers", True)):
        files[f"{name}.html"] = worksheet.as_html(title, source, asked, answers).encode()
        files[f"{name}.md"] = worksheet.as_markdown(title, source, asked, answers).encode()
    return files


README = {
    "slides.pptx": "PowerPoint, LibreOffice Impress or Keynote; the speaker's notes hold the numbers",
    "slides.html": "the same slides for any browser, offline or to print; arrow keys change slides, N shows the notes",
    "slides.tex": "the same slides for LaTeX (beamer): compile twice, here, with pdflatex, xelatex or lualatex",
    "worksheet.html": "questions to print; worksheet.md holds the same as Markdown",
    "answers.html": "their answers, for the lecturer; answers.md likewise",
    "figures/": "every figure as {formats}; each CSV holds the numbers that its figure draws; HTML files need the "
    "plotly.min.js beside them",
    "data/": "{data}",
    "run.json": "{how}",
}


def _readme(outline: Outline, options: Options, files: Mapping[str, bytes], missing: str) -> str:
    made = [name.upper() for name in FORMATS if any(f.startswith("figures/") and f.endswith(f".{name}") for f in files)]
    facts = {"formats": ", ".join(made), "data": ", ".join(outline.data), "how": outline.how}
    held = [name for name in README if name in files or any(f.startswith(name) for f in files if name.endswith("/"))]
    lines = [
        outline.title,
        "=" * len(outline.title),
        "",
        f"{outline.footer.text}.",
        "",
        *(f"{name:15} {README[name].format(**facts)}" for name in held),
        "",
        f"Colours: {STYLES[options.style].label}. "
        + (f"Worksheet: {options.questions} questions, seed {options.seed}." if options.questions else "No worksheet."),
    ]
    if missing:
        lines += ["", missing, "Slides without a static figure say in words what it shows; slides.html draws it."]
    return "\n".join(lines) + "\n"


def _zipped(name: str, files: Mapping[str, bytes], should_stop: Callable[[], bool]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in files.items():
            if should_stop():
                raise Cancelled("The lecture pack was cancelled.")
            info = zipfile.ZipInfo(f"{name}/{path}", DATE)
            info.external_attr = 0o644 << 16
            kind = zipfile.ZIP_STORED if path.endswith(PACKED) else zipfile.ZIP_DEFLATED
            archive.writestr(info, content, kind, compresslevel=5)
    return out.getvalue()
