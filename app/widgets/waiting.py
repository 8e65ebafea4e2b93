"""What stands where something is computed: what, how far it is, about how long it will still take, and Cancel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.widgets.text import plain

WIDTH = 420
"""Of the bar with its words, in pixels."""


def under_way(
    share: float, words: str, left: str, key: str, cancel: Callable[..., None], *args: Any, width: int = WIDTH
) -> bool:
    """A bar with its words, and Cancel beside it; whether that was pressed.

    Args:
        share: of the work that is done; words: what is computed, and how much of it is done.
        left: how long it will still take, as :attr:`app.jobs.background.Job.left` says it.
        key: of the button; cancel: called with ``args`` when it is pressed.
    """
    st.progress(min(share, 1.0), plain(f"{words}, {left}"), width=width)
    return st.button("Cancel", key=key, icon=":material/close:", on_click=cancel, args=args)
