"""The parts of the page "Lecture pack": what goes in, how far it is, and the file."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from app.jobs.packs import ComparisonSource, DiagnosisSource, LessonSource, PackJob, RunSource, Source
from app.session import state
from app.session.compared import Compared
from app.session.diagnosed import Diagnosed
from app.session.lesson_place import link_of
from app.session.parts import mine, session_id
from app.session.run import Watched
from app.widgets.selected import current_view
from app.widgets.text import plain
from app.widgets.waiting import under_way
from fedrot_core.export.lecture.pack import Options
from fedrot_core.export.lecture.worksheet import MOST
from fedrot_core.export.picture.browser import REMEDY, chrome_available
from fedrot_core.export.picture.sizes import FORMATS, STYLES
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.quiz.base import SEEDS
from fedrot_core.methods import METHODS
from fedrot_core.wording import counted, size

POLL_SECONDS = 0.5
RUN, COMPARISON, DIAGNOSIS = "run", "comparison", "diagnosis"

CONTENTS = (
    "PowerPoint slides with speaker notes, the same slides as one HTML file and as LaTeX (beamer), every figure as "
    "SVG, PDF, PNG, HTML, CSV and JSON, the data, a worksheet with its answers apart, run.json and a README."
)


def choices() -> dict[str, str]:
    """Key -> label of everything that a pack can be made from now."""
    labels = {lesson.name: f"Lesson: {lesson.title}" for lesson in LESSONS.values()}
    arms = " and ".join(METHODS[name].card.label for name in state.config().methods)
    labels[RUN] = f"The lab's run: {arms}, seed {state.config().seed}"
    last = mine(Compared).last
    if last is not None:
        methods, seeds = counted(len(last.plan.cards), "method"), counted(len(last.runs), "seed")
        labels[COMPARISON] = f"The comparison: {methods}, {seeds}"
    found = mine(Diagnosed).last
    if found is not None:
        clients, layers = counted(len(found.clients), "client"), counted(len(found.layers), "layer")
        labels[DIAGNOSIS] = f"The diagnosis of adapters: {clients}, {layers}"
    return labels


def source(key: str) -> Source:
    """What the choice stands for at this moment."""
    if key == RUN:
        job = mine(Watched).job
        trace = job.trace() if job is not None and job.config == state.config() and job.finished.is_set() else None
        at = state.selection().round_index
        view = None
        if trace is not None:
            view = current_view(trace, trace.rounds_done - 1 if at is None else min(at, trace.rounds_done - 1), False)
        return RunSource(state.config(), trace, view)
    last = mine(Compared).last
    if key == COMPARISON and last is not None:
        return ComparisonSource(last)
    seen = mine(Diagnosed)
    if key == DIAGNOSIS and seen.last is not None:
        return DiagnosisSource(seen.last, seen.layer, seen.client)
    return LessonSource(key, dict(link_of(key).place.values))


def form() -> None:
    """What, which questions, which colours, and the button."""
    labels = choices()
    st.selectbox(
        "Make the pack from", list(labels), format_func=labels.__getitem__, key="pack_what",
        help="A lesson is taken with its sliders as you left them, all else as it is on screen.",
    )  # fmt: skip
    columns = st.columns(3, gap="medium")
    with columns[0]:
        st.number_input("Worksheet questions", 0, MOST, 6, key="pack_questions", help="Choose 0 for no worksheet.")
    with columns[1]:
        st.number_input("Worksheet seed", 1, SEEDS, 1, key="pack_seed", help="The same seed gives the same questions.")
    with columns[2]:
        st.selectbox("Colours", list(STYLES), format_func=lambda name: STYLES[name].label, key="pack_style")
    _note(st.session_state["pack_what"])
    job = current()
    if job is None or not job.running:
        made = job is not None and job.content is not None
        st.button(
            "Build the pack", type="secondary" if made else "primary", icon=":material/inventory_2:", key="pack_build",
            on_click=_build,
        )  # fmt: skip


def _note(what: str) -> None:
    """What making the pack of a lesson takes."""
    made_from = source(what)
    if isinstance(made_from, LessonSource):
        missing, figures = made_from.missing(), counted(len(LESSONS[what].steps), "figure")
        formats = f"{figures} in {len(FORMATS)}\u00a0formats"
        if missing:
            st.caption(f"{counted(missing, 'run')} must be trained first; then {formats} are drawn.")
        else:
            st.caption(f"No run has to be trained, so the time goes into drawing {formats}.")
    if not chrome_available():
        st.warning(
            plain(f"This server makes no SVG, PDF or PNG files, so slides say in words what figures show. {REMEDY}")
        )


@dataclass
class Making:
    """This session's pack, made or in the making."""

    job: PackJob | None = None


def current() -> PackJob | None:
    """This session's pack, made or in the making."""
    return mine(Making).job


def _build() -> None:
    """Start with what the form says at the moment of the press, which may be newer than what was drawn."""
    form = st.session_state
    options = Options(form["pack_style"], int(form["pack_questions"]), int(form["pack_seed"]))
    mine(Making).job = PackJob.begun(source(form["pack_what"]), options, session_id())


def pace() -> float | None:
    """Seconds to the next look at the pack; None once it is made."""
    job = current()
    return POLL_SECONDS if job is not None and job.running else None


def stage() -> None:
    """Progress, Cancel, and the file; redrawn alone while a pack is made."""
    job = current()
    if job is None:
        return
    if job.running:
        job.seen_by(session_id())
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="progress_pack"):
            under_way(job.progress.share, job.what, job.left, "pack_cancel", job.cancel)
        return
    if job.content is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="progress_pack"):
            st.download_button(
                f"Download {job.name}.zip", job.content, f"{job.name}.zip", "application/zip", key="pack_file",
                icon=":material/download:", on_click="ignore", type="primary",
            )  # fmt: skip
            st.caption(f"{size(len(job.content))}.", width="content")
    elif job.error:
        st.error(plain(job.error))
    elif job.cancelled:
        st.caption(f"Cancelled at this step: {plain(job.what)}.")
