"""The address bar: when a page takes its place from it, and how it comes to say what the page shows.

A request carries the address of the moment in which it was sent. While a link is on its way to the browser, requests
still carry the one before; read as a wish, they would pull the page back.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from app.session.parts import mine

MISSING = object()

ROOM = "room"
"""URL key of a link that leads into a lecture's room. It is of no page, and read where a session arrives."""

LONGEST = 800
"""Characters of a key or value in a link; nothing that the app writes is longer. What is longer is cut, and told."""

MOST_KEYS = 100
"""Settings of a link that are looked at; no page has as many. That there are more is told."""

MOST_TOLD = 12
"""Sentences about a link that stand above a page; how many there are beyond them is told."""

TRACKERS = re.compile(r"utm_\w+|fbclid|gclid|dclid|msclkid|twclid|igshid|mc_[ce]id")
"""What other sites add to links that are shared there."""

T = TypeVar("T")


@dataclass
class AddressBar:
    """What the session knows of it.

    Attributes:
        page: address of the page that ran last; unread: whether its link has not been looked at since.
        shown: the query that the bar was last told to show.
        given: widget key -> the value that :func:`give` set, and the one before.
        places, problems: of every :class:`Link`, by name.
        sent: a page and its query, if the session is on its way to where :func:`send` sent it.
        watch: called whenever the bar was told what to show, if somebody wants to know.
    """

    page: str | None = None
    unread: bool = False
    shown: dict[str, str] | None = None
    given: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    places: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    sent: tuple[str, dict[str, str]] | None = None
    watch: Callable[[], None] | None = None


@dataclass(frozen=True)
class Link(Generic[T]):
    """How a place lives in the address bar and in the session: opened, changed and written back here alone.

    Attributes:
        name: of the place; pages that share a place share its link.
        read: query -> place, and a sentence for each value that could not be used.
        write: place -> query.
        arrived: called once a place was taken from the address bar.
    """

    name: str
    read: Callable[[Mapping[str, str]], tuple[T, list[str]]]
    write: Callable[[T], dict[str, str]]
    arrived: Callable[[], None] = lambda: None

    @property
    def place(self) -> T:
        """Where the session is; that of an empty query if it has not been anywhere."""
        bar = mine(AddressBar)
        if self.name not in bar.places:
            bar.places[self.name], bar.problems[self.name] = self.read({})
        place: T = bar.places[self.name]
        return place

    @property
    def known(self) -> bool:
        """Whether the session has been anywhere yet."""
        return self.name in mine(AddressBar).places

    @property
    def problems(self) -> list[str]:
        """What was wrong with the link that was opened, or with the last wish, a sentence each. Not escaped."""
        return mine(AddressBar).problems.get(self.name, [])

    @property
    def query(self) -> dict[str, str]:
        """The place as a query."""
        return self.write(self.place)

    def go(self, place: T) -> None:
        """Be somewhere else. What was wrong before stays told: see :meth:`tell`."""
        mine(AddressBar).places[self.name] = place

    def tell(self, problems: list[str]) -> None:
        """Say these sentences above the page, and no others."""
        mine(AddressBar).problems[self.name] = problems

    def follow(self) -> None:
        """Take the place from the address bar where it was opened or walked back to, and make the bar say it."""
        query = opened(self.known)
        if query is not None:
            place, problems = self.read(query)
            self.go(place)
            self.tell(told(problems, seen()))
            self.arrived()
        self.show()

    def show(self) -> None:
        """Make the address bar say what is drawn next: called before it is drawn, so that both change together."""
        show(self.query)


def arrive(page: str) -> None:
    """Note which page is about to run; once in every run of the whole script."""
    bar = mine(AddressBar)
    if bar.page != page:
        bar.page, bar.unread = page, True
    if bar.sent is not None and bar.sent[0] != page:
        bar.sent = None


def send(page: str, query: Mapping[str, str]) -> None:
    """Take this query for the page's place when it runs next, whatever the address bar says then."""
    mine(AddressBar).sent = page, dict(query)


def opened(known: bool) -> dict[str, str] | None:
    """The query to take the page's place from; None where the session's place stands.

    It is taken in a session's first visit, where a link led to the page, where a person walked back or forward, and
    where :func:`send` sent the session.
    The navigation bar opens a page without a query; that is no wish to lose the place.

    Args:
        known: whether the session has a place on this page already.
    """
    bar = mine(AddressBar)
    query, sent, bar.sent = wanted(), bar.sent, None
    arrived, bar.unread = bar.unread, False
    if sent is not None:
        return sent[1]
    context = get_script_run_ctx()
    walked = context is not None and context.is_history_navigation
    return query if not known or (bool(query) if arrived else walked) else None


def wanted() -> dict[str, str]:
    """What stands in the address bar, without trackers, and cut where no value of ours is as long."""
    return cut(seen())


def cut(query: Mapping[str, str]) -> dict[str, str]:
    """``query`` without trackers, and within the sizes that a link may have."""
    found = ((key, text) for key, text in query.items() if not TRACKERS.fullmatch(key))
    return {key[:LONGEST]: text[:LONGEST] for key, text in itertools.islice(found, MOST_KEYS)}


def told(problems: Sequence[str], query: Mapping[str, str]) -> list[str]:
    """What is said of a link that had these problems: what does not fit above the page is counted.

    Args:
        query: as it stood in the address bar.
    """
    found = list(problems[:MOST_TOLD])
    if len(problems) > MOST_TOLD:
        found.append(f"There is more in this link that could not be used ({len(problems) - MOST_TOLD} further notes).")
    if len(query) > MOST_KEYS:
        found.append(f"A link must have at most {MOST_KEYS} settings; this one has {len(query)}. The rest was ignored.")
    return found


def unknown(key: str, text: str) -> str:
    """What is told of a key that a page does not know."""
    return f"The link's {key}={text!r} is not a setting of this page and was ignored."


def seen() -> dict[str, str]:
    """The page's query that stood in the address bar when the person, or the page's clock, sent this request."""
    return {key: text for key, text in st.query_params.items() if key != ROOM}


def show(query: Mapping[str, str]) -> None:
    """Make the address bar say ``query``.

    It is sent in every run, whatever the request carried: the last run has the last word, also where a link and a
    request crossed each other on the way. Keys keep the order in which they stand there: the same place in another
    order would be another entry of the browser's history, and catch whoever walks back.
    """
    places = {key: n for n, key in enumerate(seen())}
    ordered = dict(sorted(query.items(), key=lambda item: places.get(item[0], len(places))))
    st.query_params.from_dict(ordered)
    bar = mine(AddressBar)
    bar.shown = ordered
    if bar.watch is not None:
        bar.watch()


def give(key: str, value: Any) -> None:
    """Make the widget ``key`` show ``value``; called right before it is drawn.

    Until the browser has the answer, its requests carry the value before; :func:`wish` tells that from a wish.
    """
    given = mine(AddressBar).given
    there = st.session_state.get(key, MISSING)
    if key not in given or given[key][0] != value:
        given[key] = value, MISSING if there == value else there
    st.session_state[key] = value


def wish(key: str, take: Callable[[Any], object]) -> Callable[[], None]:
    """The callback of a widget whose value :func:`give` sets: hands to ``take`` what a person chose.

    A value that the browser had before the page gave another, in a request that was sent before it knew, is no wish:
    it would pull the page back.
    """

    def changed() -> None:
        value, bar = st.session_state[key], mine(AddressBar)
        if value != bar.given[key][1] or seen() == bar.shown:
            take(value)

    return changed
