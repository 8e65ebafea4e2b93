"""The dialog behind a figure card's Save button: format, size and style, a preview, and the file.

It stays open through reruns of the page until a person closes it; closing gives up what is not done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from app.jobs.saves import Choice, SaveJob
from app.session.parts import mine, session_id
from app.widgets.page import again, component
from app.widgets.terms import theme_mode
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.export.picture.browser import REMEDY, chrome_available
from fedrot_core.export.picture.files import Draw, styled
from fedrot_core.export.picture.sizes import FORMATS, SCALES, SIZES, STYLES, Size
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.wording import size as size_text

POLL_SECONDS = 0.25
"""How often the dialog looks whether the file is made."""

FIRST_WAIT = 0.15
"""How long it waits before it shows progress: most files take less."""

PREVIEW_ROWS = 6

DECIMAL = {False: "programs (0.5)", True: "spreadsheets with decimal comma (0,5)"}
"""For whom a CSV is, by whether it has a decimal comma."""


@dataclass(frozen=True)
class Asked:
    """What the open dialog saves.

    Attributes:
        key: of the card; page: path of the page it is on.
        label: what the card calls the figure; filename: without ending.
        draw, footer: what is drawn, and what is written under it.
    """

    key: str
    label: str
    filename: str
    draw: Draw
    footer: Provenance
    page: str


@dataclass(frozen=True)
class Preview:
    """What a picture will look like, as data for the browser, and what it was drawn from."""

    asked: Asked
    size: str
    style: str
    data: dict[str, str]

    def shows(self, asked: Asked, choice: Choice) -> bool:
        """Whether it is the picture of this choice."""
        return self.asked is asked and (self.size, self.style) == (choice.size, choice.style)


@dataclass
class Dialog:
    """The dialog of this session.

    Attributes:
        asked: what it saves; None while it is shut. closed: it was shut since the page ran last.
        choice: what it was last set to, from one figure to the next.
        job: makes the file; wanted: whether that was asked for and has not begun.
        preview: on screen.
    """

    asked: Asked | None = None
    closed: bool = False
    choice: Choice = field(default_factory=Choice)
    job: SaveJob | None = None
    wanted: bool = False
    preview: Preview | None = None


def page_path() -> str:
    """Path of the page that is shown."""
    return urlsplit(st.context.url or "").path


def ask(asked: Asked) -> None:
    """Remember that the Save button of a card was pressed."""
    _forget_job()
    mine(Dialog).asked = asked


def save_dialog(key: str) -> None:
    """Show the dialog if it was asked for by the card ``key``; one that another page asked for is dropped."""
    mind = mine(Dialog)
    if mind.closed:
        mind.closed = False
        st.rerun()
    asked = mind.asked
    if asked is None or asked.key != key:
        return
    if asked.page != page_path():
        _close()
        return

    @st.dialog(f"Save: {asked.label}", width="medium", on_dismiss=_close)
    def show() -> None:
        # A dialog stands outside the element that has the page's colour scheme.
        st.html(f"<style>.st-key-save_dialog {{ color-scheme: {theme_mode()}; }}</style>")
        with st.container(key="save_dialog"):
            _body(asked)

    show()


def _close() -> None:
    mind = mine(Dialog)
    mind.closed = mind.job is not None  # then a timer may run, which ends with the page's rerun
    mind.asked = mind.preview = None
    mind.wanted = False
    _forget_job()


def _forget_job() -> None:
    mind = mine(Dialog)
    job, mind.job = mind.job, None
    if job is not None:
        job.cancel()


def _body(asked: Asked) -> None:
    """Choices, preview, and the file."""
    able = chrome_available()
    if not able:
        st.info(f"SVG, PDF and PNG in these sizes need Chrome or Chromium on the computer that runs this app. {REMEDY} "
                "The SVG button above the figure works without it, in your browser.")  # fmt: skip
    choice = _choices([name for name in FORMATS if able or not FORMATS[name].browser])
    _preview(asked, choice)
    mind = mine(Dialog)
    job = mind.job
    if job is not None and job.choice != choice:
        _forget_job()
        job = None
    if mind.wanted:  # a hurried press comes with the choice before it, which is drawn only now
        mind.wanted = False
        mind.job = job = SaveJob(asked.draw, choice, asked.footer).start(session_id())
    with st.container(key="save_file"):
        if job is None:
            _prepare(choice)
        elif job.finished.wait(FIRST_WAIT):
            _result(job, asked)
        else:
            again(functools.partial(_progress, job), POLL_SECONDS)


def _choices(formats: list[str]) -> Choice:
    """Format, size, style and scale; remembered from one figure to the next."""
    before = mine(Dialog).choice
    before = replace(before, format=before.format if before.format in formats else formats[0])
    format = _segments("Format", formats, lambda name: name.upper(), "save_format", before.format)
    kind = FORMATS[format]
    st.caption({
        "svg": "For slides: stays sharp at any size; text stays text.",
        "pdf": "For LaTeX and printing: stays sharp at any size; text stays text.",
        "png": "An image made of pixels, for any program.",
        "html": "One file for any browser, without a network: zoom, hover, and the table of numbers.",
        "csv": "The numbers behind the figure, one row for each drawn point.",
        "json": "The figure for Plotly, with config, seed and version in its metadata.",
    }[format])  # fmt: skip
    size, style, scale, comma = before.size, before.style, before.scale, before.decimal_comma
    if format == "csv":
        comma = _segments("For", [False, True], DECIMAL.__getitem__, "save_decimal", before.decimal_comma)
    if kind.picture:
        with st.container(horizontal=True, gap="medium", key="save_look"):
            size = _menu("Size", list(SIZES), lambda name: SIZES[name].label, "save_size", before.size)
            style = _segments("Style", list(STYLES), lambda name: STYLES[name].label, "save_style", before.style)
            if kind.scales:
                scale = _menu("Pixels", list(SCALES), lambda n: _pixels(SIZES[size], n), "save_scale", before.scale)
    choice = Choice(format, size, style, scale, comma)
    mine(Dialog).choice = choice
    return choice


def _pixels(size: Size, scale: int) -> str:
    return f"{scale}×: {size.width * scale:,} wide".replace(",", "\u2009")


def _segments(label: str, options: list[Any], text: Callable[[Any], str], key: str, value: Any) -> Any:
    """``value`` is what a new dialog shows; sent with each redraw, it could overwrite a choice made meanwhile."""
    return st.segmented_control(label, options, default=value, format_func=text, key=key, required=True,
                                on_change=_changed)  # fmt: skip


def _menu(label: str, options: list[Any], text: Callable[[Any], str], key: str, value: Any) -> Any:
    """Likewise."""
    return st.selectbox(label, options, options.index(value), text, key=key, width=195, on_change=_changed)


def _changed() -> None:
    """Take the widgets' values before the dialog is drawn again."""
    held, before = st.session_state, mine(Dialog).choice
    mine(Dialog).choice = Choice(
        held.get("save_format", before.format), held.get("save_size", before.size),
        held.get("save_style", before.style), held.get("save_scale", before.scale),
        held.get("save_decimal", before.decimal_comma),
    )  # fmt: skip


def _preview(asked: Asked, choice: Choice) -> None:
    """What the file will look like: the figure as it will be laid out, or the first rows of the table."""
    if not FORMATS[choice.format].picture:
        rows = figure_rows(asked.draw("light"))
        st.dataframe(rows[:PREVIEW_ROWS], hide_index=True, key="save_rows")
        st.caption(f"{min(PREVIEW_ROWS, len(rows))} of {len(rows)} rows.")
        return
    mind = mine(Dialog)
    if mind.preview is None or not mind.preview.shows(asked, choice):
        figure = styled(asked.draw(STYLES[choice.style].mode), choice.size, choice.style, asked.footer)
        data = {"spec": figure.to_json(), "alt": figure.layout.meta["alt"]}
        mind.preview = Preview(asked, choice.size, choice.style, data)
    component("figure_preview")(key="save_preview", data=mind.preview.data)


def _prepare(choice: Choice) -> None:
    def start() -> None:
        mine(Dialog).wanted = True

    st.button(
        f"Prepare {choice.format.upper()}", type="primary", key="save_prepare", icon=":material/save:", on_click=start
    )


def _progress(job: SaveJob) -> None:
    """How far the file is; looks again by itself."""
    if job.finished.is_set():
        st.rerun()
    job.seen_by(session_id())
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        if under_way(job.share, job.step, job.left, "save_cancel", _forget_job, width=380):
            st.rerun()


def _result(job: SaveJob, asked: Asked) -> None:
    if job.content is None:
        st.error(plain(job.error or "The file was not finished, since no open page seemed to wait for it."))
        st.button("Try again", key="save_again", icon=":material/refresh:", on_click=_forget_job)
        return
    name = job.choice.name(asked.filename)
    st.download_button(
        f"Download ({size_text(len(job.content))})", job.content, name, FORMATS[job.choice.format].mime,
        type="primary", key="save_download", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    st.caption(name)
