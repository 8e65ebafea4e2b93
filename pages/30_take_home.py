"""Take-home page: how does one lecture reach everybody? As one file that needs no server and no network."""

from pathlib import Path

import streamlit as st

from app import take_home
from app.components.take_home_parts import card, contents
from fedrot_core.export.take_home.steps import STEPS

for sheet in ("style.css", "lesson.css"):
    st.html(Path(__file__).parents[1] / "app" / sheet)
st.html('<h1 class="fedrot-name">Take-home page</h1>')
st.html(
    f'<p class="fedrot-prose fedrot-wide">One HTML file with a lesson of {len(STEPS)} steps and sliders over finished '
    "runs, for everyone who was in the lecture. It opens in any current browser without a server or a network, and "
    "every measured number in it comes from a run in the file.</p>"
)
with st.container(border=True, width=900, key="take_home_card"):
    card()
st.caption(contents(take_home.grid()))
