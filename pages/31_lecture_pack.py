"""Lecture pack: how do I take this into my lecture?"""

from pathlib import Path

import streamlit as st

from app import link, state
from app.components.pack_parts import CONTENTS, follow, form
from app.text import plain

state.open_link()
link.show(state.query())
st.html(Path(__file__).parents[1] / "app" / "style.css")
st.html(Path(__file__).parents[1] / "app" / "lesson.css")
st.html('<h1 class="fedrot-name">Lecture pack</h1>')
for problem in st.session_state["problems"]:
    st.warning(plain(problem))
st.html(f'<p class="fedrot-prose fedrot-wide">One zip for a lecture, with current numbers: {CONTENTS}</p>')
with st.container(border=True, width=900, key="pack_card"):
    form()
    follow()
st.caption("About 10 seconds for ten figures on two idle cores; one pack is made at a time on this server.")
