"""Quiz: what have you understood? Fresh numbers for everyone, or one quiz for a whole class by its link."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from app import link, quiz
from app.components import quiz_parts
from app.quiz import Place
from app.text import plain

quiz_parts.open_link()
link.show(quiz.to_query(quiz_parts.place()))
for sheet in ("style.css", "lesson.css"):
    st.html(Path(__file__).parents[1] / "app" / sheet)
place, titles = quiz_parts.place(), quiz.topic_titles()
with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson_head"):
    st.html('<h1 class="fedrot-name">Quiz</h1>')
    link.give("quiz_topic", place.topic)
    st.selectbox(
        "Topic", list(titles), format_func=titles.__getitem__, key="quiz_topic", width=330,
        label_visibility="collapsed",
        on_change=link.wish("quiz_topic", lambda topic: quiz_parts.go(replace(place, topic=topic, n=0))),
    )  # fmt: skip
    st.button(
        "New quiz", icon=":material/casino:", key="quiz_new", help="Other numbers, from the first question on.",
        on_click=lambda: quiz_parts.go(Place(quiz_parts.new_seed(), place.topic)),
    )  # fmt: skip
for problem in st.session_state["quiz_problems"]:
    st.warning(plain(problem))
with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="quiz_where"):
    st.button(
        "Back", key="quiz_back", icon=":material/arrow_back:", disabled=place.n == 0,
        on_click=quiz_parts.go, args=(replace(place, n=max(place.n - 1, 0)),),
    )  # fmt: skip
    st.html(f'<p class="fedrot-where">Question {place.n + 1}</p>', width="content")
    st.html(f'<p class="fedrot-where" role="status">{quiz_parts.score_line()}</p>', width="content")
with st.container(border=True, width=900, key="quiz_card"):
    quiz_parts.ask(place.question)
st.caption(f"Quiz {place.seed}. Whoever opens this page's address gets the same questions.")
