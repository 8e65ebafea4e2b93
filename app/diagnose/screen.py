"""Diagnose: what does averaging these clients' adapters lose, how much of it does a rotation remove, what to use?"""

from __future__ import annotations

import functools

import streamlit as st

from app.diagnose.answer import answer, selection
from app.diagnose.figures import figures
from app.diagnose.merging import merging
from app.diagnose.place import LINK, OWN
from app.diagnose.sources import choose, job
from app.diagnose.tables import tables
from app.jobs.diagnoses import DiagnosisJob
from app.session.parts import session_id
from app.widgets.page import follow, frame, warn
from app.widgets.text import plain
from app.widgets.waiting import under_way

POLL_SECONDS = 0.4


def page() -> None:
    """The whole page."""
    with frame("Diagnose adapters", LINK):
        choose()
    asked, wrong = job()
    warn([wrong] * bool(wrong))
    if asked is None:
        st.caption(
            "Drop the adapters of two or more clients. You get, layer by layer, how much of the error of averaging "
            "them a rotation removes, how much nobody at their rank can avoid, and which method to use."
        )
        return
    follow(functools.partial(stage, asked), lambda: pace(asked))


def pace(asked: DiagnosisJob) -> float | None:
    """Seconds to the next look; None where nothing is awaited."""
    return POLL_SECONDS if asked.running else None


def stage(asked: DiagnosisJob) -> None:
    """The answer and all that follows, or how far it is."""
    found = asked.result
    if found is None:
        asked.seen_by(session_id())
        if asked.running:
            words = "Reading files" if asked.reading else "Measuring layers"
            with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="diagnose_progress"):
                under_way(asked.progress.share, words, asked.left, "diagnose_cancel", asked.cancel)
        elif asked.error:
            st.error(plain(asked.error))
        else:
            st.caption("Cancelled.")
            st.button("Diagnose again", key="diagnose_again", icon=":material/refresh:")
        return
    answer(found)
    layer, client = selection(found)
    with figures(found, asked.name, layer, client):
        merging(found, asked.name)
    tables(found, "own" if LINK.place.set == OWN else LINK.place.set)
