"""Lab and Compare as they are shown for a lecture room: the way in and out, one figure at a time, keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from app.session import link, state
from app.widgets.page import component, presenting, title

TURN = ".fedrot-figure button.turn"
"""The button of a figure that the key T presses."""


def present_button(keys: str) -> None:
    """The way into the room.

    Args:
        keys: what they do there, for the tooltip.
    """
    st.button(
        "Present", key="present", icon=":material/open_in_full:", on_click=state.select, kwargs={"present": True},
        help=f"Present in a lecture room: one figure at a time, large text, no bars. Keys: {keys}, Esc leave.",
    )  # fmt: skip


def leave() -> None:
    """Out of the room."""
    state.select(present=False, slide=1)


def top(heading: str) -> None:
    """The style of the room; the page's heading is for screen readers only."""
    presenting("room")
    title(heading)


def slide(count: int) -> int:
    """Index of the figure that is shown, among ``count``."""
    return min(state.selection().slide, count) - 1


def go(to: int, count: int) -> None:
    """Show the figure with this index, as far as there are any."""
    state.select(slide=min(max(to, 0), count - 1) + 1)


def controls(labels: Sequence[str], keys: Mapping[str, Callable[[], None]]) -> None:
    """The menu of figures, the way out, and keys: digits for the figures, Esc, and the page's own.

    Args:
        labels: of the figures, in the order of their digits.
        keys: wish of ``keys.js`` -> what to do.
    """
    count = len(labels)
    link.give("slide", slide(count))
    st.selectbox(
        "Figure", range(count), format_func=lambda n: f"{n + 1} {labels[n]}", key="slide",
        on_change=link.wish("slide", lambda n: go(n, count)), label_visibility="collapsed",
    )  # fmt: skip
    st.button("Leave", key="leave", icon=":material/close_fullscreen:", on_click=leave)
    digits = [str(n + 1) for n in range(count)]

    def wish() -> None:
        found = st.session_state["room_keys"].get("wish")
        if found in digits:
            go(int(found) - 1, count)
        elif found == "leave":
            leave()
        elif found in keys:
            keys[found]()

    wishes = [*digits, "leave", "turn", *keys]
    component("keys")(key="room_keys", data={"wishes": wishes, "presses": {"turn": TURN}}, on_wish_change=wish)
