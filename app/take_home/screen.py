"""Take-home page: how does one lecture reach everybody? As one file that needs no server and no network."""

from __future__ import annotations

import streamlit as st

from app.jobs import take_home
from app.session import link
from app.take_home.parts import contents, pace, stage
from app.widgets.page import follow, frame
from fedrot_core.export.take_home.steps import STEPS

PLACE: link.Link[None] = link.Link(
    "take home", lambda query: (None, [link.unknown(*entry) for entry in query.items()]), lambda place: {}
)
"""This page has no settings, so its link has none to say."""


def page() -> None:
    """The whole page."""
    with frame("Take-home page", PLACE):
        pass
    st.html(
        f'<p class="fedrot-prose fedrot-wide">One HTML file with a lesson of {len(STEPS)}\u00a0steps and sliders over '
        "finished runs, for everyone who was in the lecture. It opens in any current browser without a server or a "
        "network, and every measured number in it comes from a run in the file.</p>"
    )
    with st.container(border=True, width=900, key="take_home_card"):
        follow(stage, pace)
    st.caption(contents(take_home.grid()))
