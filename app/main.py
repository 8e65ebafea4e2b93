"""Path, page config and navigation."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app.navigation import HOME, NAME, sections  # noqa: E402
from app.session import link  # noqa: E402

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
page.run()
