"""The frame of every page: its link followed, its heading, and what was wrong, escaped once."""

from __future__ import annotations

import functools
import html
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Literal

import streamlit as st

from app import bundles
from app.first_paint import SHEETS
from app.session.link import Link
from app.session.parts import session_id
from app.widgets.text import plain

FEW = 3
"""So many pages may look at their work as often as they like."""

LOOKING_SECONDS = 10.0
"""A page that has not looked for so long does not wait any more."""


@contextmanager
def frame(
    heading: str, link: Link[Any] | None = None, key: str = "head", gap: Literal["small", "medium"] = "medium"
) -> Iterator[None]:
    """The top of a page. What is drawn inside stands beside the heading.

    Args:
        link: of the page's place; it is followed first.
        key: of the heading's row, for its style; gap: between what stands in it.
    """
    if link is not None:
        link.follow()
    with st.container(horizontal=True, vertical_alignment="center", gap=gap, key=key):
        title(heading)
        yield
    if link is not None:
        warn(link.problems)


def presenting(sheet: Literal["room", "lesson"]) -> None:
    """Make the page one for a room. All other style sheets come with the page itself, before its first paint."""
    for name in ("bare", sheet):
        st.html(SHEETS / "presenting" / f"{name}.css")


def title(heading: str) -> None:
    """The page's one heading."""
    st.html(f'<h1 class="fedrot-name">{html.escape(heading)}</h1>')


def warn(sentences: Iterable[str]) -> None:
    """Each as a warning. They may quote a link or a file: nothing in them is markup."""
    for sentence in sentences:
        st.warning(plain(sentence))


def follow(
    draw: Callable[[], None],
    pace: Callable[[], float | None],
    rest: Callable[[], bool] = lambda: False,
    left: Callable[[], float | None] = lambda: None,
) -> None:
    """Draw, and draw again by itself as long as there is something to wait for.

    Args:
        draw: draws a part of the page from what is known now.
        pace: seconds to the next look, or None where nothing is awaited; once it changes, the whole page runs.
        rest: whether the whole page must not run now, since that would shut an open dialog for a moment.
        left: seconds until there is nothing more to wait for, where that is known.
    """
    seconds = pace()

    @functools.wraps(draw)  # Streamlit tells fragments apart by name
    def stage() -> None:
        draw()
        if pace() != seconds and not rest():
            st.rerun()

    again(stage, seconds, "page", left=left, crowded=True)


def again(
    draw: Callable[[], None],
    seconds: float | None,
    name: str = "dialog",
    waits: bool = False,
    left: Callable[[], float | None] = lambda: None,
    crowded: bool = False,
) -> None:
    """Draw, and draw again each time the browser has drawn the last look and so many seconds have passed.

    Where a look takes longer than that to come and be drawn, the next one waits as long, so that looking never takes
    more than half of the time; but the end, as far as it is known, is looked at as soon as it is there.

    For dialogs, which no run of the page may interrupt, and for :func:`follow`.

    Args:
        seconds: to the next look; None for this one only.
        name: of what is drawn, one of its kind on a page; left: as for :func:`follow`.
        waits: whether it looks no more while a dialog is open, which a look could shut.
        crowded: whether it looks less often the more pages do, so that looking leaves the server time for other things.
    """

    @functools.wraps(draw)
    def looked_at() -> None:
        draw()
        if seconds is not None:
            pause = seconds * (max(1.0, _looking() / FEW) if crowded else 1.0)
            look = {"seconds": pause, "look": next(_looks), "left": left(), "waits": waits}
            component("pacer")(key=f"pacer_{name}", data=look, on_look_change=lambda: None)

    st.fragment(looked_at)()


def _looking() -> int:
    """How many pages wait for work of this server, with this one."""
    now = time.monotonic()
    _looked[session_id()] = now
    for session, then in list(_looked.items()):
        if now - then > LOOKING_SECONDS:
            _looked.pop(session, None)
    return len(_looked)


_looked: dict[str, float] = {}
"""Session -> when it looked last."""

_looks = count()
"""Numbers of looks: each differs from the one before, so that the browser takes note of it."""


@functools.cache
def component(name: str) -> Callable[..., Any]:
    """Our own element ``name``, one of :data:`app.bundles.NEEDS`."""
    return st.components.v2.component(f"fedrot_{name}", js=bundles.loader(name), isolate_styles=False)
