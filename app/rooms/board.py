"""The board on which rooms stand: where each lecturer is, who follows, and what the room answered.

It is one small database below the store's folder, shared by all server processes of this machine. Rows are JSON, never
unpickled; what cannot be read is dropped. A room is gone with all its rows once it is ended, or
:data:`LIFETIME` seconds after the last sign of life of whoever leads it.
"""

from __future__ import annotations

import functools
import hmac
import json
import logging
import math
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.rooms.codes import new_code
from app.rooms.rows import (
    LONGEST,
    Said,
    Spot,
    answers_of,
    digest,
    keys_of,
    place_row,
    present,
    question_key,
    room_of,
    row_of,
    sensible,
    spot_of,
)  # fmt: skip
from fedrot_core.database import Database, unavailable
from fedrot_core.errors import FedRotError
from fedrot_core.store import usual_folder

LIFETIME = 4 * 3600.0
"""Seconds that a room lives after the lecturer's last sign of life."""

MOST_ROOMS = 50
"""Rooms that stand at once."""

MOST_QUESTIONS = 60
"""Questions of one room that hold answers."""

MOST_PEOPLE = 500
"""People in a room, and answers to one question."""

FRESH_SECONDS = 0.25
"""How long a process believes what it read of a room, so that many who look together read once."""

WAIT_SECONDS = 2.0

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class RoomError(FedRotError, RuntimeError):
    """A room cannot be started, entered or changed; the message says why, and what to do."""


@dataclass(frozen=True)
class People:
    """How many are in a room now: those who follow, and those who explore by themselves."""

    following: int = 0
    exploring: int = 0


class Board:
    """All rooms of a folder. It is opened when first used, and safe to use from several threads and processes.

    Args:
        folder: is made if it is missing.
        lifetime: seconds that a room lives after the lecturer's last sign of life.
    """

    def __init__(self, folder: Path, lifetime: float = LIFETIME) -> None:
        self._database = Database(folder, WAIT_SECONDS, eviction_policy="none")
        self._lifetime = lifetime
        self._seen: dict[str, tuple[float, Spot]] = {}
        self._reader = ThreadPoolExecutor(1, "rooms")  # its connection stays; one that is new costs more than a look

    def start(self, page: str, query: Mapping[str, str]) -> tuple[str, str]:
        """A new room at this place: its code, and the secret by which it is moved and ended.

        Raises:
            RoomError: if there are too many rooms, or nothing can be written.
        """
        secret, place = secrets.token_urlsafe(16), place_row(0, page, query)

        def begin(cache: Any) -> str:
            cache.expire()
            with cache.transact():
                taken = {key for key in cache.iterkeys() if isinstance(key, str) and "/" not in key}
                if len(taken) >= MOST_ROOMS:
                    raise RoomError(
                        f"This server has {MOST_ROOMS} rooms already, which is all it can hold. "
                        "End one that is not needed, or try again later."
                    )
                code = next(code for code in iter(new_code, None) if code not in taken)
                self._put(cache, code, place)
                self._put(cache, f"{code}/room", {"secret": digest(secret), "questions": [], "until": self._until()})
            return code

        return self._ask(begin), secret

    def look(self, code: str) -> Spot | None:
        """Where the room is; None if there is no such room. What was read a moment ago is believed.

        Raises:
            RoomError: if nothing can be read now.
        """
        then, spot = self._seen.get(code, (-math.inf, None))
        if time.monotonic() - then < FRESH_SECONDS:
            return spot
        spot = self._reader.submit(self._ask, lambda cache: spot_of(row_of(cache, code))).result()
        self._believe(code, spot)
        return spot

    def move(self, code: str, secret: str, page: str, query: Mapping[str, str]) -> bool:
        """Bring the room to another place; False if it is gone or the secret is not its own.

        Raises:
            RoomError: if nothing can be written.
        """

        def written(cache: Any) -> Spot | None:
            with cache.transact():
                before = spot_of(row_of(cache, code))
                if before is None or not self._mine(cache, code, secret):
                    return None
                place = place_row(before.number + 1, page, query)
                self._put(cache, code, place)
                self._live_on(cache, code)
                return spot_of(place)

        spot = self._ask(written)
        self._believe(code, spot)
        return spot is not None

    def live_on(self, code: str, secret: str) -> bool:
        """A sign of life of whoever leads the room; False if it is gone or the secret is not its own.

        Raises:
            RoomError: if nothing can be written.
        """

        def touched(cache: Any) -> bool:
            with cache.transact():
                if not self._mine(cache, code, secret):
                    return False
                self._live_on(cache, code)
                return True

        return self._ask(touched)

    def end(self, code: str, secret: str) -> bool:
        """Delete the room and all that it holds; False if it is gone or the secret is not its own.

        Raises:
            RoomError: if nothing can be written.
        """

        def ended(cache: Any) -> bool:
            with cache.transact():
                if not self._mine(cache, code, secret):
                    return False
                for key in keys_of(cache, code):
                    cache.delete(key)
                return True

        gone = self._ask(ended)
        self._seen.pop(code, None)
        return gone

    def here(self, code: str, who: str, following: bool) -> bool:
        """A sign of life of somebody in the room; False if the room is gone or full.

        Raises:
            RoomError: if nothing can be written.
        """

        def signed(cache: Any) -> bool:
            with cache.transact():
                if not self._lives(cache, code):
                    return False
                people = present(cache, code)
                if who not in people and len(people) >= MOST_PEOPLE:
                    return False
                people[who] = [time.time(), int(following)]
                self._put(cache, f"{code}/people", people, self._until_of(cache, code))
                return True

        return self._ask(signed)

    def gone(self, code: str, who: str) -> None:
        """Somebody has left the room.

        Raises:
            RoomError: if nothing can be written.
        """

        def left(cache: Any) -> None:
            with cache.transact():
                people = present(cache, code)
                if people.pop(who, None) is not None and self._lives(cache, code):
                    self._put(cache, f"{code}/people", people, self._until_of(cache, code))

        self._ask(left)

    def people(self, code: str) -> People:
        """How many are in the room.

        Raises:
            RoomError: if nothing can be read now.
        """
        following = [bool(row[1]) for row in self._ask(lambda cache: present(cache, code)).values()]
        return People(sum(following), len(following) - sum(following))

    def answer(self, code: str, who: str, question: str, said: Said) -> bool:
        """Count an answer; one that the same person gave before is replaced. False if the room is gone or full.

        Raises:
            RoomError: if nothing can be written.
        """
        if not sensible(said) or len(question) > LONGEST:
            return False
        key = question_key(code, question)

        def counted(cache: Any) -> bool:
            with cache.transact():
                if not self._lives(cache, code):
                    return False
                room = room_of(cache, code)
                if key not in room["questions"]:
                    if len(room["questions"]) >= MOST_QUESTIONS:
                        return False
                    room["questions"].append(key)
                    self._put(cache, f"{code}/room", room, room["until"])
                answers = answers_of(cache, key)
                if who not in answers and len(answers) >= MOST_PEOPLE:
                    return False
                answers[who] = said
                self._put(cache, key, answers, room["until"])
                return True

        return self._ask(counted)

    def answers(self, code: str, question: str) -> list[Said]:
        """What the room answered, one for each person.

        Raises:
            RoomError: if nothing can be read now.
        """
        key = question_key(code, question)
        return list(self._ask(lambda cache: answers_of(cache, key)).values())

    def close(self) -> None:
        """Close this thread's connection."""
        self._database.close()

    def _until(self) -> float:
        return time.time() + self._lifetime

    def _until_of(self, cache: Any, code: str) -> float:
        until: float = room_of(cache, code)["until"]
        return until

    def _put(self, cache: Any, key: str, row: Any, until: float | None = None) -> None:
        """Keep a row until the room's end."""
        left = self._lifetime if until is None else max(0.0, until - time.time())
        cache.set(key, json.dumps(row).encode(), expire=left)

    def _lives(self, cache: Any, code: str) -> bool:
        return spot_of(row_of(cache, code)) is not None

    def _mine(self, cache: Any, code: str, secret: str) -> bool:
        return self._lives(cache, code) and hmac.compare_digest(room_of(cache, code)["secret"], digest(secret))

    def _live_on(self, cache: Any, code: str) -> None:
        """Put off the end of all rows of a room."""
        room = room_of(cache, code) | {"until": self._until()}
        self._put(cache, f"{code}/room", room)
        for key in keys_of(cache, code):
            cache.touch(key, expire=self._lifetime)

    def _believe(self, code: str, spot: Spot | None) -> None:
        if len(self._seen) > 2 * MOST_ROOMS:
            self._seen.clear()
        if spot is None:
            self._seen.pop(code, None)
        else:
            self._seen[code] = time.monotonic(), spot

    def _ask(self, do: Callable[[Any], Answer]) -> Answer:
        """Ask the database; one that is damaged is dropped, with all its rooms, and asked anew."""
        for last in (False, True):
            cache = None
            try:
                cache = self._database.opened()
                return do(cache)
            except RoomError:
                raise
            except Exception as error:  # a damaged database can make SQLite and diskcache raise almost anything
                if last or any(map(unavailable, _behind(error))):
                    log.warning("the board of rooms cannot be used (%s)", error)
                    raise RoomError(
                        "Rooms cannot be used now: the server cannot write to its folder. Its disk may be full or "
                        "read-only. Everything else goes on; try again in a moment."
                    ) from error
                log.warning("the board of rooms was damaged (%s); its rooms are gone", error)
                if self._database.drop(cache):
                    self._seen.clear()
        raise AssertionError("unreachable")


@functools.cache
def board() -> Board:
    """The board of this server: below the store's folder or, where that is turned off, in one of this process alone."""
    folder = usual_folder()
    return Board(_own_folder() if folder is None else folder / "rooms")


@functools.cache
def _own_folder() -> Path:
    """A folder that goes with this process."""
    global _kept
    _kept = tempfile.TemporaryDirectory(prefix="fedrot-rooms-")
    return Path(_kept.name)


_kept: tempfile.TemporaryDirectory[str] | None = None


def _behind(error: BaseException | None) -> Iterator[Exception]:
    """An error and those during whose handling it came: a full disk ends a transaction, which then cannot be undone."""
    while error is not None:
        if isinstance(error, Exception):
            yield error
        error = error.__context__
