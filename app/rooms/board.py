"""The board on which rooms stand: where each lecturer is, who follows, and what the room answered.

It is one small database below the store's folder, shared by all server processes of this machine. Rows are JSON, never
unpickled; what cannot be read is dropped. A room is gone with all its rows once it is ended, or
:data:`LIFETIME` seconds after the last sign of life of whoever leads it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import hmac
import json
import logging
import math
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from app.rooms.codes import new_code
from fedrot_core.errors import FedRotError
from fedrot_core.store import PlainDisk, unavailable, usual_folder

LIFETIME = 4 * 3600.0
"""Seconds that a room lives after the lecturer's last sign of life."""

MOST_ROOMS = 50
"""Rooms that stand at once."""

MOST_QUESTIONS = 60
"""Questions of one room that hold answers."""

MOST_PEOPLE = 500
"""People in a room, and answers to one question."""

MOST_KEYS, LONGEST = 60, 800
"""Keys of a link, and characters of a key, a value or a question."""

MOST_NUMBERS = 40
"""Numbers in one answer."""

HERE_SECONDS = 50.0
"""How long somebody counts as present after a sign of life."""

FRESH_SECONDS = 0.25
"""How long a process believes what it read of a room, so that many who look together read once."""

WAIT_SECONDS = 2.0

Said = float | list[float]
"""An answer: an option's index, a number, or one number for each tick of a curve."""

Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class RoomError(FedRotError, RuntimeError):
    """A room cannot be started, entered or changed; the message says why, and what to do."""


@dataclass(frozen=True)
class Spot:
    """Where a room is.

    Attributes:
        number: of the last change.
        page: address of the page below the app's; query: its link.
    """

    number: int
    page: str
    query: Mapping[str, str]


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
        self._folder, self._lifetime = folder, lifetime
        self._cache: Any = None
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, Spot]] = {}
        self._reader = ThreadPoolExecutor(1, "rooms")  # its connection stays; one that is new costs more than a look

    def start(self, page: str, query: Mapping[str, str]) -> tuple[str, str]:
        """A new room at this place: its code, and the secret by which it is moved and ended.

        Raises:
            RoomError: if there are too many rooms, or nothing can be written.
        """
        secret, place = secrets.token_urlsafe(16), _place(0, page, query)

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
                self._put(cache, f"{code}/room", {"secret": _digest(secret), "questions": [], "until": self._until()})
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
        spot = self._reader.submit(self._ask, lambda cache: _spot(_row(cache, code))).result()
        self._believe(code, spot)
        return spot

    def move(self, code: str, secret: str, page: str, query: Mapping[str, str]) -> bool:
        """Bring the room to another place; False if it is gone or the secret is not its own.

        Raises:
            RoomError: if nothing can be written.
        """

        def written(cache: Any) -> Spot | None:
            with cache.transact():
                before = _spot(_row(cache, code))
                if before is None or not self._mine(cache, code, secret):
                    return None
                place = _place(before.number + 1, page, query)
                self._put(cache, code, place)
                self._live_on(cache, code)
                return _spot(place)

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
                for key in _keys(cache, code):
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
                people = _present(cache, code)
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
                people = _present(cache, code)
                if people.pop(who, None) is not None and self._lives(cache, code):
                    self._put(cache, f"{code}/people", people, self._until_of(cache, code))

        self._ask(left)

    def people(self, code: str) -> People:
        """How many are in the room.

        Raises:
            RoomError: if nothing can be read now.
        """
        following = [bool(row[1]) for row in self._ask(lambda cache: _present(cache, code)).values()]
        return People(sum(following), len(following) - sum(following))

    def answer(self, code: str, who: str, question: str, said: Said) -> bool:
        """Count an answer; one that the same person gave before is replaced. False if the room is gone or full.

        Raises:
            RoomError: if nothing can be written.
        """
        if not _sensible(said) or len(question) > LONGEST:
            return False
        key = _question_key(code, question)

        def counted(cache: Any) -> bool:
            with cache.transact():
                if not self._lives(cache, code):
                    return False
                room = _room(cache, code)
                if key not in room["questions"]:
                    if len(room["questions"]) >= MOST_QUESTIONS:
                        return False
                    room["questions"].append(key)
                    self._put(cache, f"{code}/room", room, room["until"])
                answers = _answers(cache, key)
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
        key = _question_key(code, question)
        return list(self._ask(lambda cache: _answers(cache, key)).values())

    def close(self) -> None:
        """Close this thread's connection."""
        if self._cache is not None:
            self._cache.close()

    def _until(self) -> float:
        return time.time() + self._lifetime

    def _until_of(self, cache: Any, code: str) -> float:
        until: float = _room(cache, code)["until"]
        return until

    def _put(self, cache: Any, key: str, row: Any, until: float | None = None) -> None:
        """Keep a row until the room's end."""
        left = self._lifetime if until is None else max(0.0, until - time.time())
        cache.set(key, json.dumps(row).encode(), expire=left)

    def _lives(self, cache: Any, code: str) -> bool:
        return _spot(_row(cache, code)) is not None

    def _mine(self, cache: Any, code: str, secret: str) -> bool:
        return self._lives(cache, code) and hmac.compare_digest(_room(cache, code)["secret"], _digest(secret))

    def _live_on(self, cache: Any, code: str) -> None:
        """Put off the end of all rows of a room."""
        room = _room(cache, code) | {"until": self._until()}
        self._put(cache, f"{code}/room", room)
        for key in _keys(cache, code):
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
                cache = self._opened()
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
                self._drop(cache, error)
        raise AssertionError("unreachable")

    def _opened(self) -> Any:
        with self._lock:
            if self._cache is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._cache = diskcache.Cache(
                    str(self._folder), WAIT_SECONDS, PlainDisk, statistics=0, eviction_policy="none",
                    sqlite_mmap_size=0,  # as in the store
                )  # fmt: skip
            return self._cache

    def _drop(self, cache: Any, error: Exception) -> None:
        log.warning("the board of rooms was damaged (%s); its rooms are gone", error)
        with self._lock:
            if self._cache is not cache:  # another thread met the same damage first
                return
            self.close()
            self._cache = None
            self._seen.clear()
            for ending in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    (self._folder / f"{diskcache.core.DBNAME}{ending}").unlink(missing_ok=True)


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


def _row(cache: Any, key: str) -> Any:
    """The JSON under a key; None if there is none, or if it is none."""
    try:
        return json.loads(cache.get(key) or b"null")
    except ValueError:
        return None


def _place(number: int, page: str, query: Mapping[str, str]) -> dict[str, Any]:
    """A place as a row, no longer than a place can be."""
    kept = list(query.items())[:MOST_KEYS]
    return {"number": number, "page": page[:LONGEST], "query": {k[:LONGEST]: v[:LONGEST] for k, v in kept}}


def _spot(row: Any) -> Spot | None:
    """A row as a place; None if it is none."""
    match row:
        case {"number": int(number), "page": str(page), "query": dict(query)}:
            if all(isinstance(value, str) for value in query.values()):
                return Spot(number, page, query)
    return None


def _room(cache: Any, code: str) -> dict[str, Any]:
    """What is known of a room besides its place."""
    match _row(cache, f"{code}/room"):
        case {"secret": str(secret), "questions": list(questions), "until": float(until)}:
            keys = [key for key in questions if isinstance(key, str)]
            return {"secret": secret, "questions": keys, "until": until}
    return {"secret": "", "questions": [], "until": 0.0}


def _keys(cache: Any, code: str) -> Iterator[str]:
    """Of all rows of a room."""
    yield from (code, f"{code}/people", *_room(cache, code)["questions"], f"{code}/room")


def _present(cache: Any, code: str) -> dict[str, list[float]]:
    """Id of everyone who gave a sign of life of late -> when, and whether they follow."""
    rows, now = _row(cache, f"{code}/people"), time.time()
    found: dict[str, list[float]] = {}
    for who, row in rows.items() if isinstance(rows, dict) else ():
        match row:
            case [int() | float() as then, int(following)] if abs(now - then) < HERE_SECONDS:
                found[who] = [then, following]
    return found


def _answers(cache: Any, key: str) -> dict[str, Said]:
    """Id -> answer, without junk."""
    rows = _row(cache, key)
    return {who: said for who, said in rows.items() if _sensible(said)} if isinstance(rows, dict) else {}


def _sensible(said: Any) -> bool:
    """Whether it can be an answer."""
    numbers: Sequence[Any] = said if isinstance(said, list) else [said]
    return 0 < len(numbers) <= MOST_NUMBERS and all(
        isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
    )


def _question_key(code: str, question: str) -> str:
    return f"{code}/answers/{hashlib.sha256(question.encode()).hexdigest()[:32]}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
