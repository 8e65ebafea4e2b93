"""The address bar: when a page takes its place from it, and how it comes to say what the page shows.

A request carries the address of the moment in which it was sent. While a link is on its way to the browser, requests
still carry the one before; read as a wish, they would pull the page back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

PAGE, UNREAD, SHOWN, GIVEN = "link_page", "link_unread", "link_shown", "link_given"
NOTHING = object()


def arrive(page: str) -> None:
    """Note which page is about to run; once in every run of the whole script."""
    if st.session_state.get(PAGE) != page:
        st.session_state[PAGE] = page
        st.session_state[UNREAD] = True


def opened(known: bool) -> dict[str, str] | None:
    """The query to take the page's place from; None where the session's place stands.

    It is taken in a session's first visit, where a link led to the page, and where a person walked back or forward.
    The navigation bar opens a page without a query; that is no wish to lose the place.

    Args:
        known: whether the session has a place on this page already.
    """
    query = seen()
    arrived = st.session_state.pop(UNREAD, False)
    context = get_script_run_ctx()
    walked = context is not None and context.is_history_navigation
    return query if not known or (bool(query) if arrived else walked) else None


def seen() -> dict[str, str]:
    """The query that stood in the address bar when the person, or the page's clock, sent this request."""
    return dict(st.query_params.items())


def show(query: Mapping[str, str]) -> None:
    """Make the address bar say what is drawn next. Called before it is drawn: link and page then change together.

    It is sent in every run, whatever the request carried: the last run has the last word, also where a link and a
    request crossed each other on the way.
    """
    st.query_params.from_dict(query)
    st.session_state[SHOWN] = dict(query)


def give(key: str, value: Any) -> None:
    """Make the widget ``key`` show ``value``; called right before it is drawn.

    Until the browser has the answer, its requests carry the value before; :func:`wish` tells that from a wish.
    """
    given: dict[str, tuple[Any, Any]] = st.session_state.setdefault(GIVEN, {})
    there = st.session_state.get(key, NOTHING)
    if key not in given or given[key][0] != value:
        given[key] = value, NOTHING if there == value else there
    st.session_state[key] = value


def wish(key: str, take: Callable[[Any], object]) -> Callable[[], None]:
    """The callback of a widget whose value :func:`give` sets: hands to ``take`` what a person chose.

    A value that the browser had before the page gave another, in a request that was sent before it knew, is no wish:
    it would pull the page back.
    """

    def changed() -> None:
        value = st.session_state[key]
        before = st.session_state[GIVEN][key][1]
        if value != before or seen() == st.session_state.get(SHOWN):
            take(value)

    return changed
