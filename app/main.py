"""Path, page config and navigation. Pages live in ``pages/``, one question each."""

import sys
from pathlib import Path

import streamlit as st

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app import link  # noqa: E402

SECTIONS = {
    "": (("00_home.py", "FedRot Lab", ":material/home:"),),
    "Learn": (
        ("10_one_update.py", "1 One update, many frames", ":material/rotate_right:"),
        ("11_procrustes.py", "2 Procrustes, step by step", ":material/straighten:"),
        ("12_slow_motion.py", "3 A round in slow motion", ":material/slow_motion_video:"),
        ("13_sources.py", "4 Where does misalignment come from?", ":material/call_split:"),
        ("14_limits.py", "5 What rotation cannot fix", ":material/block:"),
        ("15_heterogeneity.py", "6 Heterogeneity and rank", ":material/groups:"),
        ("20_quiz.py", "Quiz", ":material/quiz:"),
    ),
    "Experiment": (
        ("01_lab.py", "Lab", ":material/science:"),
        ("02_compare.py", "Compare", ":material/compare_arrows:"),
        ("05_paper.py", "Paper", ":material/menu_book:"),
    ),
    "Diagnose": (
        ("03_when.py", "When does it matter?", ":material/grid_on:"),
        ("04_spot_the_bug.py", "Spot the bug", ":material/bug_report:"),
    ),
    "Take away": (
        ("31_lecture_pack.py", "Lecture pack", ":material/inventory_2:"),
        ("30_take_home.py", "Take-home page", ":material/home_work:"),
    ),
}

st.set_page_config(page_title="FedRot Lab", page_icon="🧭", layout="wide", initial_sidebar_state="auto")
page = st.navigation(
    {
        section: [
            st.Page(ROOT / "pages" / file, title=title, icon=icon, default=file == "00_home.py")
            for file, title, icon in pages
            if (ROOT / "pages" / file).exists()
        ]
        for section, pages in SECTIONS.items()
    },
    position="top",
    expanded=True,
)
link.arrive(page.url_path)
page.run()
