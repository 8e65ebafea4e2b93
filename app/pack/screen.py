"""Lecture pack: how do I take this into my lecture?"""

from __future__ import annotations

import streamlit as st

from app.pack.parts import CONTENTS, form, pace, stage
from app.session import state
from app.widgets.page import follow, frame


def page() -> None:
    """The whole page."""
    with frame("Lecture pack", state.LINK):
        pass
    st.html(f'<p class="fedrot-prose fedrot-wide">One zip for a lecture, with current numbers: {CONTENTS}</p>')
    with st.container(border=True, width=900, key="pack_card"):
        form()
        follow(stage, pace)
    st.caption("Once all runs are there, most of the time goes into the figures. This server makes one pack at a time.")
