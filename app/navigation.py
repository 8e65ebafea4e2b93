"""All pages: what they are called, where they stand in the menu. A lesson enters it by being registered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedrot_core.learn.lessons import LESSONS

PAGES = Path(__file__).resolve().parents[1] / "pages"
HOME = "00_home.py"
NAME = "FedRot Lab"
"""Of the app, and of its home page in the menu."""


@dataclass(frozen=True)
class Entry:
    """One page: its file in ``pages/``, whose name without number is its address; its title and icon in the menu."""

    file: str
    title: str
    icon: str

    @property
    def url(self) -> str:
        """Its address below the app's: the file's name without number and ending, as Streamlit makes it."""
        return self.file.removesuffix(".py").lstrip("0123456789").removeprefix("_")

    @property
    def path(self) -> Path:
        """Where it stands."""
        return PAGES / self.file


def lesson_file(name: str) -> str:
    """File name of the page that teaches a lesson."""
    return f"{name}.py"


def sections() -> dict[str, list[Entry]]:
    """Section of the menu -> its pages, in order."""
    return {
        "": [Entry(HOME, NAME, "home")],
        "Learn": [
            *(
                Entry(lesson_file(lesson.name), f"{n} {lesson.title}", lesson.icon)
                for n, lesson in enumerate(LESSONS.values(), start=1)
            ),
            Entry("20_quiz.py", "Quiz", "quiz"),
        ],
        "Experiment": [
            Entry("01_lab.py", "Lab", "science"),
            Entry("02_compare.py", "Compare", "compare_arrows"),
            Entry("05_paper.py", "Paper", "menu_book"),
        ],
        "Diagnose": [
            Entry("06_diagnose.py", "Diagnose adapters", "troubleshoot"),
            Entry("03_when.py", "When does it matter?", "grid_on"),
            Entry("04_spot_the_bug.py", "Spot the bug", "bug_report"),
        ],
        "Take away": [
            Entry("31_lecture_pack.py", "Lecture pack", "inventory_2"),
            Entry("30_take_home.py", "Take-home page", "home_work"),
        ],
    }


def file_of(url: str) -> str | None:
    """File of the page at an address below the app's, which is ``""`` for the home page; None if there is none."""
    entries = (entry for section in sections().values() for entry in section)
    return next((entry.file for entry in entries if url == ("" if entry.file == HOME else entry.url)), None)
