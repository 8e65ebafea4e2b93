"""The room that a session leads or is in: a lecture that others follow, page by page.

A place is a page and its query, so a room's state is whatever the lecturer's address bar says. It is put on the board
each time the bar changes. Whoever follows is sent there, as if by a link; from the moment in which his own address
says something else than where he was sent, he explores by himself, and is not pulled back.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from app.navigation import file_of
from app.rooms.board import People, RoomError, board
from app.rooms.codes import LENGTH, read, shown
from app.rooms.rows import Said
from app.session import link
from app.session.link import AddressBar
from app.session.parts import mine

OWN = frozenset({"present", "slide", "hide", "skip"})
"""Keys of a link that say how somebody's own screen is set, not what is looked at. They are not followed."""

SIGN_SECONDS = 15.0
"""How often somebody in a room gives a sign of life; whoever leads it, too."""

ENDED = "The lecture in this room has ended. You stay where you are."
FULL = "The room is full. Ask the lecturer, and look along with somebody meanwhile."


@dataclass
class Led:
    """A room that this session started.

    Attributes:
        code, secret: of the room.
        told: the page and the query that it was last told; signed: when it had a sign of life (monotonic seconds).
        trouble: why the room does not move, in a sentence; empty while it does.
    """

    code: str
    secret: str
    told: tuple[str, dict[str, str]] | None = None
    signed: float = 0.0
    trouble: str = ""


@dataclass
class Joined:
    """A room that this session is in.

    Attributes:
        code: of the room; who: a random name of the session, for this room alone.
        following: whether it goes where the lecturer goes.
        number: of the last change that it followed; page: to which that led.
        at: where it was sent, once it is there; places: those of all links when that was drawn last.
        signed: when it last gave a sign of life (monotonic seconds).
    """

    code: str
    who: str
    following: bool = True
    number: int = -1
    page: str = ""
    at: tuple[str, dict[str, str]] | None = None
    places: dict[str, Any] = field(default_factory=dict)
    signed: float = 0.0


@dataclass
class Mind:
    """What a session has to do with rooms; at most one of ``led`` and ``joined``.

    Attributes:
        told: what a person must be told, a sentence that is not escaped.
        read: the code in the link that the session came with last.
        left: it led or was in a room, and is no more.
    """

    led: Led | None = None
    joined: Joined | None = None
    told: str = ""
    read: str | None = None
    left: bool = False


def mind() -> Mind:
    """The session's own."""
    return mine(Mind)


def arrive() -> None:
    """Enter the room that a link names, and go where it is; once in every run of the whole script, before the page."""
    here = mind()
    text = st.query_params.get(link.ROOM)
    if text is not None and text[: link.LONGEST] != here.read:
        here.read = text[: link.LONGEST]
        try:
            join(here.read)
        except RoomError as error:
            here.told = str(error)
    catch_up(before_page=True)


def start() -> None:
    """Start a room where this session is.

    Raises:
        RoomError: if that is not possible now.
    """
    here, place = mind(), _place()
    led = Led(*board().start(*place), told=place, signed=time.monotonic())
    leave()
    here.led, here.told = led, ""
    _watch(_publish)


def end() -> None:
    """End the room that this session leads.

    Raises:
        RoomError: if nothing can be written.
    """
    here = mind()
    if here.led is not None:
        board().end(here.led.code, here.led.secret)
        here.led, here.left = None, True
        _watch(None)


def join(text: str) -> None:
    """Enter the room with this code, and follow it. What a session was in before is left.

    Args:
        text: as a person typed it, or as a link had it.

    Raises:
        RoomError: if there is no such room, or it is full.
    """
    here, code = mind(), read(text)
    if code is None:
        raise RoomError(f"A room's code has {LENGTH} letters and digits, like “BCD 347”; got “{text[:40]}”.")
    if here.led is not None:
        mine_too = "It is your own room." if here.led.code == code else "You lead a room: end it first."
        raise RoomError(f"You cannot follow room {shown(code)}. {mine_too}")
    if board().look(code) is None:
        raise RoomError(
            f"There is no room {shown(code)}: it has ended, or the code is another. Ask the lecturer for it."
        )
    if here.joined is not None and here.joined.code == code:
        back()
        return
    joined = Joined(code, secrets.token_hex(8))
    if not board().here(code, joined.who, following=True):
        raise RoomError(FULL)
    leave()
    joined.signed = time.monotonic()
    here.joined, here.told = joined, ""
    _watch(_stray)


def leave() -> None:
    """Have nothing more to do with the room that this session is in."""
    here = mind()
    joined, here.joined = here.joined, None
    if joined is not None:
        here.left = True
        _watch(None)
        with contextlib.suppress(RoomError):  # then it is not counted any more in a minute
            board().gone(joined.code, joined.who)


def explore() -> None:
    """Stay here while the lecture goes on."""
    joined = mind().joined
    if joined is not None:
        joined.following, joined.signed = False, 0.0


def back() -> None:
    """Follow the lecture again, from where it is now."""
    joined = mind().joined
    if joined is not None:
        joined.following, joined.number, joined.at, joined.signed = True, -1, None, 0.0


def catch_up(before_page: bool = False) -> None:
    """Go where the lecturer is, if that changed since the last look and this person did not go elsewhere.

    Args:
        before_page: whether the page runs after this anyway.
    """
    here, bar = mind(), mine(AddressBar)
    joined = here.joined
    if joined is None:
        return
    try:
        spot = board().look(joined.code)
        if spot is not None and time.monotonic() - joined.signed > SIGN_SECONDS:
            joined.signed = time.monotonic()
            board().here(joined.code, joined.who, joined.following)
    except RoomError:
        return  # the next look may find it
    if spot is None:
        here.joined, here.left, here.told = None, True, ENDED
        _watch(None)
        if not before_page:
            st.rerun()
        return
    file = file_of(spot.page)
    if not joined.following or file is None:
        return
    if _strays(joined, bar):
        if not before_page:
            st.rerun()  # the run that would have drawn it was cut short
        return
    if spot.number == joined.number:
        return
    joined.number, joined.page, joined.at = spot.number, spot.page, None
    own = {key: text for key, text in (bar.shown or {}).items() if key in OWN and spot.page == bar.page}
    link.send(spot.page, {**spot.query, **own})
    if spot.page != bar.page:
        st.switch_page(f"../pages/{file}")
    if not before_page:
        st.rerun()


def sign() -> People | None:
    """How many are in the room that this session leads, which thereby lives on; None if there is none any more."""
    led = mind().led
    if led is None:
        return None
    try:
        if time.monotonic() - led.signed > SIGN_SECONDS:
            led.signed = time.monotonic()
            if not board().live_on(led.code, led.secret):
                _lost()
                return None
            led.trouble = ""
        if led.trouble:
            _publish()
        return board().people(led.code)
    except RoomError as error:
        led.trouble = str(error)
        return People()


def answer(question: str, said: Said) -> None:
    """Count an answer for the room that this session is in, if it is in one."""
    joined = mind().joined
    if joined is not None:
        with contextlib.suppress(RoomError):  # the person's own page has it
            board().answer(joined.code, joined.who, question, said)


def answers(question: str) -> list[Said]:
    """What the room that this session leads answered."""
    led = mind().led
    try:
        return [] if led is None else board().answers(led.code, question)
    except RoomError:
        return []


def kept() -> dict[str, Any] | None:
    """What the browser's tab must keep so that the session has its room again after a reload."""
    here = mind()
    if here.led is not None:
        return {"code": here.led.code, "secret": here.led.secret}
    if here.joined is not None:
        return {"code": here.joined.code, "who": here.joined.who, "following": here.joined.following}
    return None


def take_up(found: object) -> None:
    """Have the room again that the tab kept, if it is there still; whatever else the tab may say is dropped."""
    here = mind()
    if here.led is not None or here.joined is not None or here.left:
        return
    here.left = True
    try:
        match found:
            case {"code": str(code), "secret": str(secret)} if board().live_on(code[:99], secret[:99]):
                here.led, here.left = Led(code, secret), False
                _watch(_publish)
            case {"code": str(code), "who": str(who), "following": bool(following)} if len(who) <= 16:
                if board().look(code[:99]) is not None and board().here(code, who, following):
                    here.joined, here.left = Joined(code, who, following), False
                    _watch(_stray)
    except RoomError:
        here.left = False


def _place() -> tuple[str, dict[str, str]]:
    """Where this session is, as others may follow it."""
    bar = mine(AddressBar)
    return bar.page or "", _shared(bar.shown or {})


def _shared(query: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in query.items() if key not in OWN}


def _watch(watch: Any) -> None:
    mine(AddressBar).watch = watch


def _publish() -> None:
    """Put on the board what the lecturer's address bar says."""
    led, place = mind().led, _place()
    if led is None or place == led.told:
        return
    try:
        if board().move(led.code, led.secret, *place):
            led.told, led.trouble = place, ""
            led.signed = time.monotonic()
        else:
            _lost()
    except RoomError as error:
        led.trouble = str(error)


def _lost() -> None:
    """The room that this session led is gone."""
    here = mind()
    here.led, here.left, here.told = None, True, "Your room has ended. Start another one under “Follow me”."
    _watch(None)


def _stray() -> None:
    """Note where a follower is; if that is not where he was sent, he explores by himself."""
    joined, bar = mind().joined, mine(AddressBar)
    if joined is None or not joined.following:
        return
    if joined.at is None and joined.page != bar.page:  # a request from the page before came between
        joined.number = -1
    elif joined.at in (None, _place()):
        joined.at, joined.places = _place(), dict(bar.places)
    else:
        explore()


def _strays(joined: Joined, bar: AddressBar) -> bool:
    """Whether this person has chosen something that no page has drawn yet."""
    if joined.at is None:
        return False
    return joined.at[0] != bar.page or any(bar.places.get(name) != place for name, place in joined.places.items())
