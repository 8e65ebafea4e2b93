"""Path, page config and navigation. Pages live in ``pages/``, one question each."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

PAGES = (
    ("01_lab.py", "Lab", ":material/science:"),
    ("02_compare.py", "Compare", ":material/compare_arrows:"),
    ("03_when.py", "When does it matter?", ":material/grid_on:"),
    ("04_spot_the_bug.py", "Spot the bug", ":material/bug_report:"),
    ("05_paper.py", "Paper", ":material/menu_book:"),
)

st.set_page_config(page_title="FedRot Lab", page_icon="🧭", layout="wide", initial_sidebar_state="auto")
here = [(ROOT / "pages" / file, title, icon) for file, title, icon in PAGES]
st.navigation(
    [
        st.Page(path, title=title, icon=icon, default=path.stem == "01_lab")
        for path, title, icon in here
        if path.exists()
    ],
    position="top",
).run()
