"""Page config and navigation."""

import streamlit as st

from app.navigation import HOME, NAME, sections
from app.session import link, room
from app.widgets import follow_me
from app.widgets.page import component

st.set_page_config(page_icon="🧭", layout="wide", initial_sidebar_state="auto")
page = st.navigation(
    {
        section: [
            st.Page(
                entry.path,
                title=entry.title,
                icon=f":material/{entry.icon}:",
                default=entry.file == HOME,
            )
            for entry in entries
        ]
        for section, entries in sections().items()
    },
    position="top",
    expanded=True,
)
st.set_page_config(page_title=page.title if page.title == NAME else f"{page.title} · {NAME}")
link.arrive(page.url_path)
room.arrive()
page.run()
follow_me.draw()
component("connection")(key="connection", on_back_change=lambda: None)
