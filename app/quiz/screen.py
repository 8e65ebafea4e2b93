"""Quiz: what have you understood? Fresh numbers for everyone, or one quiz for a whole class by its link."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.quiz.parts import LINK, ask, go, new_seed, score_line
from app.quiz.place import Place, topic_titles
from app.session import link
from app.widgets.page import frame


def page() -> None:
    """The whole page."""
    with frame("Quiz", LINK, key="lesson_head", gap="small"):
        place, titles = LINK.place, topic_titles()
        link.give("quiz_topic", place.topic)
        st.selectbox(
            "Topic", list(titles), format_func=titles.__getitem__, key="quiz_topic", width=330,
            label_visibility="collapsed",
            on_change=link.wish("quiz_topic", lambda topic: go(replace(LINK.place, topic=topic, n=0))),
        )  # fmt: skip
        st.button(
            "New quiz", icon=":material/casino:", key="quiz_new", help="Start again at question 1, with other numbers.",
            on_click=lambda: go(Place(new_seed(), place.topic)),
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="quiz_where"):
        st.button(
            "Back", key="quiz_back", icon=":material/arrow_back:", disabled=place.n == 0,
            on_click=go, args=(replace(place, n=max(place.n - 1, 0)),),
        )  # fmt: skip
        st.html(f'<p class="fedrot-where">Question {place.n + 1}</p>', width="content")
        st.html(f'<p class="fedrot-where" role="status">{score_line()}</p>', width="content")
    with st.container(border=True, width=900, key="quiz_card"):
        ask(place.question)
    st.caption(f"Quiz {place.seed}. Whoever opens this page's address gets the same questions.")
