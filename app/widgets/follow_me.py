"""“Follow me”: the way into a lecture's room from every page, what the lecturer shows to let others in, and what
whoever follows sees of it."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import segno
import streamlit as st

from app.rooms.board import People, RoomError
from app.rooms.codes import shown
from app.session import room
from app.session.link import ROOM, AddressBar
from app.session.parts import mine
from app.widgets.page import again, component
from app.widgets.text import plain

FOLLOW_SECONDS = 1.0
"""How often whoever follows looks where the lecturer is."""

COUNT_SECONDS = 2.0
"""How often the lecturer's page counts who is there."""

PACER = "room"
"""Name of the looks; they never rest, which those of a page do."""

THIS_COMPUTER = ("localhost", "127.0.0.1", "::1")


@dataclass
class Door:
    """Whether this session's dialog is open."""

    open: bool = False


def draw() -> None:
    """Beside every page, once the page is drawn."""
    here = room.mind()
    if here.led is not None:
        again(_leading, COUNT_SECONDS, PACER, waits=True)
    elif here.joined is not None:
        _memory()
        _followed(here.joined)
        again(functools.partial(_look_for_lecturer, here.joined.following), FOLLOW_SECONDS, PACER, waits=True)
    else:
        _memory()
        _button("Follow me")
        if here.told:
            _told(here.told)
    if mine(Door).open:
        _dialog()


def _button(label: str) -> bool:
    return st.button(
        label, key="room_open", icon=":material/cast_for_education:", on_click=_open,
        help="A lecture that others follow on their own screens: start one, or join one.",
    )  # fmt: skip


def _open() -> None:
    mine(Door).open = True


def _shut() -> None:
    mine(Door).open = False


def _memory() -> None:
    """What the browser's tab keeps, so that a reload does not leave the room."""

    def found() -> None:
        room.take_up(st.session_state["room_memory"].get("found"))

    data = {"keep": room.kept(), "forget": room.mind().left}
    component("room_memory")(key="room_memory", data=data, on_found_change=found)


def _leading() -> None:
    """The lecturer's button: the room, and how many follow."""
    people = room.sign()
    led = room.mind().led
    if led is None:
        st.rerun()
    _memory()
    if _button(f"{shown(led.code)} · {0 if people is None else people.following}\u00a0following"):
        st.rerun()
    if led.trouble:
        with _bar():
            st.html(f'<p class="fedrot-room" role="status">{html.escape(led.trouble)}</p>')


def _followed(joined: room.Joined) -> None:
    """What whoever is in a room sees of it."""
    with _bar():
        now = "Following the lecture in room" if joined.following else "On your own. The lecture goes on in room"
        st.html(f'<p class="fedrot-room" role="status">{now} <strong>{shown(joined.code)}</strong></p>')
        if joined.following:
            st.button("Explore on my own", key="room_explore", on_click=room.explore)
        else:
            st.button("Back to the lecture", key="room_back", type="primary", on_click=room.back)
        st.button(
            "", key="room_leave", icon=":material/logout:", type="tertiary", help="Leave the room", on_click=room.leave
        )


def _look_for_lecturer(following: bool) -> None:
    """Go where the lecturer goes. It draws nothing: everybody in the room does it each second.

    Args:
        following: what the page says now.
    """
    room.catch_up()
    joined = room.mind().joined
    if joined is None or joined.following != following:
        st.rerun()


def _bar() -> st.delta_generator.DeltaGenerator:
    return st.container(horizontal=True, vertical_alignment="center", gap="small", key="room_bar")


def _told(sentence: str) -> None:
    """A sentence about rooms, until it was read. It may quote a link."""
    with _bar():
        st.html(f'<p class="fedrot-room" role="status">{html.escape(sentence)}</p>')
        st.button("OK", key="room_told", on_click=_read)


def _read() -> None:
    room.mind().told = ""


def _dialog() -> None:
    """Start or join a room; for the lecturer, how others come in. It stays open until a person shuts it."""
    led = room.mind().led
    title = "Follow me" if led is None else f"Room {shown(led.code)}"

    @st.dialog(title, width="medium" if led is None else "large", on_dismiss=_shut)
    def show() -> None:
        if led is None:
            _enter()
        else:
            _let_in(led.code)

    show()


def _enter() -> None:
    """Start a room, or join one."""
    st.html(
        '<p class="fedrot-prose"><strong>You give a lecture?</strong> Whoever joins sees your page, round and client '
        "move along, and the room’s predictions appear on your page. No accounts; nothing personal is kept.</p>"
    )
    if st.button("Start a room", type="primary", key="room_start", icon=":material/cast_for_education:"):
        _try(room.start, then_open=True)
    st.html('<p class="fedrot-prose"><strong>You listen to one?</strong> Enter the code on the screen.</p>')
    with st.form("room_join", border=False), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        code = st.text_input("Join a room", key="room_code", max_chars=20, placeholder="BCD 347", width=220)
        joins = st.form_submit_button("Join")
    if joins:
        _try(functools.partial(room.join, code or ""), then_open=False)


def _try(do: Callable[[], None], then_open: bool) -> None:
    """Do it, then draw the page anew; what speaks against it is said where the button stands."""
    try:
        do()
    except RoomError as error:
        st.error(plain(str(error)))
        return
    mine(Door).open = then_open
    st.rerun()


def _let_in(code: str) -> None:
    """Code, address and QR for the room to see, and how many came."""
    address = _join_link(code)
    st.html(
        f'<div class="fedrot-join">{_picture(address)}<div>'
        f'<p>Scan, or open</p><p class="address">{html.escape(address)}</p>'
        f'<p>or press “Follow me” there and enter</p><p class="code">{shown(code)}</p></div></div>'
    )
    if urlsplit(address).hostname in THIS_COMPUTER:
        st.info(
            "Only this computer can open this address. For a lecture, start the app with `--server.address 0.0.0.0` "
            "and open it by this computer’s name or number in the network."
        )
    again(_count, COUNT_SECONDS, f"{PACER}_count")
    with st.container(horizontal=True, gap="small"):
        if st.button("Close", key="room_close", type="primary"):
            _shut()
            st.rerun()
        ends = st.button(
            "End the room", key="room_end", help="It vanishes with all its answers; whoever follows is told."
        )
    if ends:
        _try(room.end, then_open=False)


def _count() -> None:
    people = room.sign() or People()
    exploring = f", {people.exploring} on their own" if people.exploring else ""
    st.html(f'<p class="fedrot-here" role="status">{people.following}\u00a0following{exploring}.</p>')


def _join_link(code: str) -> str:
    """The address that leads into the room, as the lecturer's browser sees the app."""
    here = (st.context.url or "").split("?")[0].rstrip("/")
    page = mine(AddressBar).page
    return f"{here.removesuffix(f'/{page}') if page else here}/?{ROOM}={code}"


@functools.lru_cache(maxsize=64)
def _picture(address: str) -> str:
    """Its QR code, black on white in every scheme, so that every camera reads it."""
    code: str = segno.make(address, error="m", micro=False).svg_data_uri(omitsize=True, border=3, light="#FFFFFF")
    return f'<img src="{html.escape(code)}" alt="{html.escape(f"QR code of {address}")}">'
