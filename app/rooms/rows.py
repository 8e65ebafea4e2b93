"""Rows of the board of rooms: plain JSON, of which only what has its form is believed."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MOST_KEYS, LONGEST = 60, 800
"""Keys of a link, and characters of a key, a value or a question."""

MOST_NUMBERS = 40
"""Numbers in one answer."""

HERE_SECONDS = 50.0
"""How long somebody counts as present after a sign of life."""

Said = float | list[float]
"""An answer: an option's index, a number, or one number for each tick of a curve."""


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


def row_of(cache: Any, key: str) -> Any:
    """The JSON under a key; None if there is none, or if it is none."""
    try:
        return json.loads(cache.get(key) or b"null")
    except ValueError:
        return None


def place_row(number: int, page: str, query: Mapping[str, str]) -> dict[str, Any]:
    """A place as a row, no longer than a place can be."""
    kept = list(query.items())[:MOST_KEYS]
    return {"number": number, "page": page[:LONGEST], "query": {k[:LONGEST]: v[:LONGEST] for k, v in kept}}


def spot_of(row: Any) -> Spot | None:
    """A row as a place; None if it is none."""
    match row:
        case {"number": int(number), "page": str(page), "query": dict(query)}:
            if all(isinstance(value, str) for value in query.values()):
                return Spot(number, page, query)
    return None


def room_of(cache: Any, code: str) -> dict[str, Any]:
    """What is known of a room besides its place."""
    match row_of(cache, f"{code}/room"):
        case {"secret": str(secret), "questions": list(questions), "until": float(until)}:
            keys = [key for key in questions if isinstance(key, str)]
            return {"secret": secret, "questions": keys, "until": until}
    return {"secret": "", "questions": [], "until": 0.0}


def keys_of(cache: Any, code: str) -> Iterator[str]:
    """Of all rows of a room."""
    yield from (code, f"{code}/people", *room_of(cache, code)["questions"], f"{code}/room")


def present(cache: Any, code: str) -> dict[str, list[float]]:
    """Id of everyone who gave a sign of life of late -> when, and whether they follow."""
    rows, now = row_of(cache, f"{code}/people"), time.time()
    found: dict[str, list[float]] = {}
    for who, row in rows.items() if isinstance(rows, dict) else ():
        match row:
            case [int() | float() as then, int(following)] if abs(now - then) < HERE_SECONDS:
                found[who] = [then, following]
    return found


def answers_of(cache: Any, key: str) -> dict[str, Said]:
    """Id -> answer, without junk."""
    rows = row_of(cache, key)
    return {who: said for who, said in rows.items() if sensible(said)} if isinstance(rows, dict) else {}


def sensible(said: Any) -> bool:
    """Whether it can be an answer."""
    numbers: Sequence[Any] = said if isinstance(said, list) else [said]
    return 0 < len(numbers) <= MOST_NUMBERS and all(
        isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in numbers
    )


def question_key(code: str, question: str) -> str:
    return f"{code}/answers/{hashlib.sha256(question.encode()).hexdigest()[:32]}"


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
