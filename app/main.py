"""Path, page config and navigation. Pages live in ``pages/``, one question each."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

st.set_page_config(page_title="FedRot Lab", page_icon="🧭", layout="wide", initial_sidebar_state="auto")
st.navigation([st.Page(ROOT / "pages" / "01_lab.py", title="Lab", icon=":material/science:", default=True)]).run()
