"""Names of rooms as people read, say and type them."""

from __future__ import annotations

import secrets

ALPHABET = "BCDFGHJKMNPQRTVWXY34679"
"""No two that look alike, no vowel that would make a word."""

LENGTH = 6
GROUP = 3


def new_code() -> str:
    """A random code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown(code: str) -> str:
    """In groups, kept on one line: ``BCD 347``."""
    return "\u00a0".join(code[n : n + GROUP] for n in range(0, len(code), GROUP))


def read(text: str) -> str | None:
    """What a person typed as a code, without regard to case, spaces and hyphens; None if it cannot be one."""
    code = "".join(text[: 10 * LENGTH].split()).replace("-", "").upper()
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else None
