"""Diagnose: what does averaging these clients' adapters lose, how much of it does a rotation remove, what to use?"""

from __future__ import annotations

import functools

import streamlit as st

from app.diagnose.answer import answer, selection, unknown
from app.diagnose.figures import figures
from app.diagnose.merging import merges, merging, methods
from app.diagnose.place import LINK
from app.diagnose.sources import call_off, call_on, choose, is_off, job
from app.diagnose.tables import tables
from app.jobs.diagnoses import DiagnosisJob
from app.session.diagnosed import Diagnosed
from app.session.parts import mine, session_id
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
    if is_off():
        st.caption("Cancelled.")
        st.button("Diagnose again", key="diagnose_again", icon=":material/refresh:", on_click=call_on)
        return
    if asked is None:
        st.caption(
            "Drop the adapters of two or more clients. You get, layer by layer, how much of the error of averaging "
            "them a rotation removes, how much nobody at their rank can avoid, and which method to use. Your files "
            "stay on this server, are seen by this session alone, and are gone when it ends."
        )
        return
    found = asked.result
    if found is None:
        follow(functools.partial(reading, asked), lambda: POLL_SECONDS if asked.running else None)
        return
    warn([*asked.problems, *unknown(found)])
    answer(found)
    layer, client = selection(found)
    seen = mine(Diagnosed)
    seen.last, seen.layer, seen.client = found, layer, client
    with figures(found, asked.name, layer, client):
        method = methods(found)
        follow(functools.partial(merging, found, asked.name, method), lambda: POLL_SECONDS if merges() else None)
    tables(found, LINK.place.set)


def reading(asked: DiagnosisJob) -> None:
    """How far a diagnosis is, or why there is none; redrawn alone until it is there."""
    asked.seen_by(session_id())
    if asked.result is not None:  # it came since this run began
        st.rerun()
    if asked.running:
        words = "Reading files" if asked.reading else "Measuring layers"
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="diagnose_progress"):
            under_way(asked.progress.share, words, asked.left, "diagnose_cancel", call_off, asked)
    elif asked.error:
        st.error(plain(asked.error))
    else:  # it was given up, since no open page seemed to wait for it, or called off: the whole page knows
        st.rerun()
