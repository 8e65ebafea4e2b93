"""Scripts of our own elements: each is one file that a browser loads once, not a part of every message."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "widgets" / "scripts"

DRAWING = ("load_plotly", "chart")

NEEDS: dict[str, tuple[str, ...]] = {
    "connection": (),
    "draw_points": (),
    "figure_preview": ("load_plotly",),
    "keys": (),
    "live_figure": (*DRAWING, "take_picture", "full_screen", "on_paper"),
    "moving_picture": (),
    "pacer": (),
    "present_fit": (),
    "room_memory": (),
    "slider": (),
}
"""Element -> the scripts that come before its own, in this order."""

LOADER = """
const [own] = document.querySelectorAll('script[src*="/static/"]');
const module = await import(new URL("../../scripts/%s", own.src).href);
export default module.default;
"""
"""What Streamlit sends as an element's script. The file lies beside Streamlit's own, below the app's path if any."""


@cache
def bundle(name: str) -> str:
    """The whole script of the element ``name``."""
    return "\n".join((FOLDER / f"{part}.js").read_text(encoding="utf-8") for part in (*NEEDS[name], name))


@cache
def file_name(name: str) -> str:
    """What the bundle's file is called: a new name for each new content, so that browsers may keep it for ever."""
    return f"{name}.{hashlib.sha256(bundle(name).encode()).hexdigest()[:16]}.js"


def loader(name: str) -> str:
    """The script that Streamlit sends for the element ``name``."""
    return LOADER % file_name(name)


def by_file(file: str) -> str | None:
    """The bundle whose file is called ``file``; None if there is none, or one of another version."""
    name = file.split(".", 1)[0]
    return bundle(name) if name in NEEDS and file == file_name(name) else None
