"""The dialog behind a figure card's Save button: format, size and style, a preview, and the file.

It stays open through reruns of the page until a person closes it; closing gives up what is not done.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from app import state
from app.saves import Choice, SaveJob
from app.terms import theme_mode
from app.text import plain
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

USUAL_SECONDS = 5.0
"""How long the first picture takes, about, since it starts the browser."""

PREVIEW_ROWS = 6

KEY, JOB, WANTED, CHOICE, SHOWN, CLOSED = (
    "save", "save_job", "save_wanted", "save_choice", "save_shown", "save_closed",
)  # fmt: skip


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


def page_path() -> str:
    """Path of the page that is shown."""
    return urlsplit(st.context.url or "").path


def ask(asked: Asked) -> None:
    """Remember that the Save button of a card was pressed."""
    _forget_job()
    st.session_state[KEY] = asked


def save_dialog(key: str) -> None:
    """Show the dialog if it was asked for by the card ``key``; one that another page asked for is dropped."""
    if st.session_state.pop(CLOSED, False):
        st.rerun()
    asked: Asked | None = st.session_state.get(KEY)
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
    st.session_state[CLOSED] = JOB in st.session_state  # then a timer may run, which ends with the page's rerun
    st.session_state.pop(KEY, None)
    st.session_state.pop(SHOWN, None)
    st.session_state.pop(WANTED, None)
    _forget_job()


def _forget_job() -> None:
    job: SaveJob | None = st.session_state.pop(JOB, None)
    if job is not None:
        job.cancel()


def _body(asked: Asked) -> None:
    """Choices, preview, and the file."""
    able = chrome_available()
    if not able:
        st.info(f"SVG, PDF and PNG in these sizes need Chrome or Chromium on the computer that runs this app. {REMEDY} "
                "The button SVG above the figure works without, in your browser.")  # fmt: skip
    choice = _choices([name for name in FORMATS if able or not FORMATS[name].browser])
    _preview(asked, choice)
    job: SaveJob | None = st.session_state.get(JOB)
    if job is not None and job.choice != choice:
        _forget_job()
        job = None
    if st.session_state.pop(WANTED, False):  # a hurried press comes with the choice before it, which is drawn only now
        st.session_state[JOB] = job = SaveJob(asked.draw, choice, asked.footer).start(state.session_id())
    with st.container(key="save_file"):
        if job is None:
            _prepare(choice)
        elif job.finished.wait(FIRST_WAIT):
            _result(job, asked)
        else:
            st.fragment(_progress, run_every=POLL_SECONDS)(job)


def _choices(formats: list[str]) -> Choice:
    """Format, size, style and scale; remembered from one figure to the next."""
    before: Choice = st.session_state.get(CHOICE, Choice())
    before = replace(before, format=before.format if before.format in formats else formats[0])
    format = _segments("Format", formats, lambda name: name.upper(), "save_format", before.format)
    kind = FORMATS[format]
    st.caption({
        "svg": "For slides: stays sharp at any size; text stays text.",
        "pdf": "For LaTeX and printing: stays sharp at any size; text stays text.",
        "png": "Pixels, for any program.",
        "html": "One file for any browser, without a network: zoom, hover, and the table of numbers.",
        "csv": "The numbers behind the figure, a row a drawn point.",
        "json": "The figure for Plotly, with config, seed and version in its meta.",
    }[format])  # fmt: skip
    size, style, scale = before.size, before.style, before.scale
    if kind.picture:
        with st.container(horizontal=True, gap="medium", key="save_look"):
            size = _menu("Size", list(SIZES), lambda name: SIZES[name].label, "save_size", before.size)
            style = _segments("Style", list(STYLES), lambda name: STYLES[name].label, "save_style", before.style)
            if kind.scales:
                scale = _menu("Pixels", list(SCALES), lambda n: _pixels(SIZES[size], n), "save_scale", before.scale)
    choice = Choice(format, size, style, scale)
    st.session_state[CHOICE] = choice
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
    held, before = st.session_state, st.session_state.get(CHOICE, Choice())
    st.session_state[CHOICE] = Choice(
        held.get("save_format", before.format), held.get("save_size", before.size),
        held.get("save_style", before.style), held.get("save_scale", before.scale),
    )  # fmt: skip


@functools.cache
def _component() -> Callable[..., Any]:
    source = Path(__file__).with_name("figure_preview.js").read_text(encoding="utf-8")
    return st.components.v2.component("fedrot_figure_preview", js=source, isolate_styles=False)


def _preview(asked: Asked, choice: Choice) -> None:
    """What the file will look like: the figure as it will be laid out, or the first rows of the table."""
    if not FORMATS[choice.format].picture:
        rows = figure_rows(asked.draw("light"))
        st.dataframe(pd.DataFrame(rows[:PREVIEW_ROWS]), hide_index=True, key="save_rows")
        st.caption(f"{min(PREVIEW_ROWS, len(rows))} of {len(rows)} rows.")
        return
    kept: tuple[Asked, str, str, dict[str, str]] | None = st.session_state.get(SHOWN)
    if kept is None or kept[0] is not asked or kept[1:3] != (choice.size, choice.style):
        shown = styled(asked.draw(STYLES[choice.style].mode), choice.size, choice.style, asked.footer)
        data = {"spec": shown.to_json(), "alt": shown.layout.meta["alt"]}
        st.session_state[SHOWN] = kept = (asked, choice.size, choice.style, data)
    _component()(key="save_preview", data=kept[3])


def _prepare(choice: Choice) -> None:
    def start() -> None:
        st.session_state[WANTED] = True

    st.button(
        f"Prepare {choice.format.upper()}", type="primary", key="save_prepare", icon=":material/save:", on_click=start
    )


def _progress(job: SaveJob) -> None:
    """How far the file is; looks again by itself."""
    if job.finished.is_set():
        st.rerun()
    job.seen_by(state.session_id())
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.progress(min(0.95, job.seconds / USUAL_SECONDS), f"{job.step} … {job.seconds:.0f} s", width=380)
        if st.button("Cancel", key="save_cancel", icon=":material/close:", on_click=_forget_job):
            st.rerun()


def _result(job: SaveJob, asked: Asked) -> None:
    if job.content is None:
        st.error(plain(job.error or "The file was given up, since nobody seemed to wait for it."))
        st.button("Try again", key="save_again", icon=":material/refresh:", on_click=_forget_job)
        return
    name = job.choice.name(asked.filename)
    st.download_button(
        f"Download ({size_text(len(job.content))})", job.content, name, FORMATS[job.choice.format].mime,
        type="primary", key="save_download", icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    st.caption(name)
