"""Patterns of a config that give some modules another rank or alpha, matched as PEFT matches them, in bounded time.

PEFT asks ``re.match(rf"(.*\\.)?({key})$", module)`` for one key after the other. A config comes from outside, and both
numbers can be large, so keys that are names are looked up, and only the few that are expressions are tried.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fedrot_core.errors import AdapterError, adapter_rule

MAX_PATTERNS = 50_000
MAX_EXPRESSIONS = 200
MAX_KEY = 300
MOST_WORK = 200_000_000
"""Most letters that may have to be looked at for one config: some seconds at worst."""

LOOK = 300
"""What looking a name up costs, in letters of an expression that are tried."""

NAME = re.compile(r"\^?(?:[\w-]|\\?\.)+", re.ASCII)
"""A key that is a name: dots match anything, as PEFT reads them, unless they are escaped."""

EXPRESSION = re.compile(r"(?:[\w\-.^$|]|\\[.dw\-]|\[\^?[\w\-]+\]|\(\?:|[()*+?])+", re.ASCII)
NESTED = re.compile(r"\)[*+?]|[*+?][*+]")
DIGITS = re.compile(r"(?:\\d|\[0-9\])([*+])")
LONGEST_NUMBER = 6
"""Digits that ``\\d+`` matches at most. Layers and experts have up to four."""


@dataclass(frozen=True)
class _Look:
    """Names of one length whose open dots stand at the same places.

    Attributes:
        whole: whether they must be the module's whole name.
        dots: the places of the dots that match anything.
        keys: which key each name is.
    """

    whole: bool
    dots: tuple[int, ...]
    keys: dict[str, int]

    def find(self, text: str) -> int | None:
        """The key that matches ``text``."""
        found = list(text)
        for at in self.dots:
            found[at] = "."
        return self.keys.get("".join(found))


class Patterns:
    """Values by pattern, such as ``rank_pattern``.

    Args:
        name: the config's field.
        values: a value for each key.

    Raises:
        AdapterError: if there are too many keys, or if one is no name and no simple expression.
    """

    def __init__(self, name: str = "", values: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.values = list((values or {}).values())
        self._looks: dict[int, list[_Look]] = {}
        self._tried: list[tuple[int, re.Pattern[str], int, bool]] = []
        self._known: dict[str, int | None] = {}
        self._alive: set[int] = set()
        self._work = 0
        if len(self.values) > MAX_PATTERNS:
            raise adapter_rule(name, f"have at most {MAX_PATTERNS:,} keys", len(self.values), "Shorten it.")
        looks: dict[tuple[int, bool, tuple[int, ...]], dict[str, int]] = {}
        for at, key in enumerate(values or {}):
            if len(key) <= MAX_KEY and NAME.fullmatch(key):
                whole, letters = key.startswith("^"), re.findall(r"\\?.", key.removeprefix("^"))
                dots = tuple(place for place, letter in enumerate(letters) if letter == ".")
                text = "".join(letter[-1] for letter in letters)
                looks.setdefault((len(text), whole, dots), {}).setdefault(text, at)
            else:
                self._tried.append(self._expression(at, key))
        for (length, whole, dots), keys in looks.items():
            self._looks.setdefault(length, []).append(_Look(whole, dots, keys))

    def value(self, module: str, otherwise: Any) -> Any:
        """The value of the first key that matches a module.

        Raises:
            AdapterError: if the modules and keys are too many to be looked through.
        """
        if module not in self._known:
            found = self._matching(module)
            self._alive.update(found)
            self._known[module] = min(found, default=None)
        key = self._known[module]
        return otherwise if key is None else self.values[key]

    def dead(self, modules: Iterable[str]) -> list[int]:
        """Which keys, counted from 1, match none of the modules. Keys are texts of a config, so they are not shown."""
        for module in modules:
            self.value(module, None)
        return [at + 1 for at in range(len(self.values)) if at not in self._alive]

    def _matching(self, module: str) -> list[int]:
        begins = [0, *(at + 1 for at, letter in enumerate(module) if letter == ".")]
        found = []
        for begin in begins:
            looks = self._looks.get(len(module) - begin, ())
            self._worked(1 + len(looks) * (LOOK + len(module) - begin))
            hits = (look.find(module[begin:]) for look in looks if begin == 0 or not look.whole)
            found += [hit for hit in hits if hit is not None]
        for at, expression, cost, loops in self._tried:
            self._worked(len(begins) * cost * (len(module) if loops else 1))
            if expression.match(module):
                found.append(at)
        return found

    def _worked(self, steps: int) -> None:
        self._work += steps
        if self._work > MOST_WORK:
            what = "be matched with the modules in a few seconds"
            raise adapter_rule(self.name, what, f"{len(self.values):,} keys", "Write whole names, or fewer keys.")

    def _expression(self, at: int, key: str) -> tuple[int, re.Pattern[str], int, bool]:
        """A key's number, its expression, the steps of one try, and whether that is once for each letter."""
        simple = len(key) <= MAX_KEY and EXPRESSION.fullmatch(key) is not None and not NESTED.search(key)
        text, numbers = DIGITS.subn(lambda m: rf"\d{{{int(m[1] == '+')},{LONGEST_NUMBER}}}", key)
        loops, choices, groups = text.count("*") + text.count("+"), key.count("|"), key.count("(")
        optional = text.replace("(?:", "(").count("?")
        if not simple or loops > 1 or groups > 2 or numbers > 3 or optional > 3 or len(self._tried) >= MAX_EXPRESSIONS:
            raise self._unclear(at)
        try:
            found = re.compile(rf"(.*\.)?({text})$")
        except (re.error, RecursionError, OverflowError):
            raise self._unclear(at) from None
        ways = (LONGEST_NUMBER + 1) ** numbers * 2**optional * (choices // max(1, groups) + 1) ** max(1, groups)
        return at, found, len(key) + ways, bool(loops)

    def _unclear(self, at: int) -> AdapterError:
        what = f"have names or simple expressions as keys, at most {MAX_EXPRESSIONS} of these"
        return adapter_rule(self.name, what, f"another as key {at + 1}", "Write the modules' names out.")
