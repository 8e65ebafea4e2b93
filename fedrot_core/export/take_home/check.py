"""Does a take-home page come out again? Trains some of its settings anew and compares every number that it prints."""

from __future__ import annotations

import base64
import json
import math
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, brief, rule
from fedrot_core.export.take_home.runs import (
    ALIGNED,
    ARROW_DIGITS,
    ERROR_DIGITS,
    NAIVE,
    SCORE_DIGITS,
    Grid,
    Row,
    measured,
)
from fedrot_core.methods import METHODS

SAMPLE = 3
"""Settings that are trained anew, spread over the grid; the whole default grid takes minutes."""

MAX_BYTES = 64 * 2**20
"""Largest unpacked size of a page's numbers."""

ROUNDED = {"error": ERROR_DIGITS, "sent": ARROW_DIGITS, "turned": ARROW_DIGITS, "means": ARROW_DIGITS}
"""Digits that the page prints, where they are not those of a score."""

NAMES = {
    "centralised": "centralised score",
    "sent": "arrows as sent",
    "turned": "arrows turned",
    "means": "mean arrows",
}

Place = tuple[str | int, ...]
"""Names and indices that lead to a number of a setting."""

REMEDY = "Save the page again from the app."


@dataclass(frozen=True)
class PageVerdict:
    """What settings trained anew say of a page.

    Attributes:
        compared, total: settings that were trained anew, and settings of the page.
        difference: the first number beyond the last printed digit, in words; empty where there is none.
        engine: that of the page.
    """

    compared: int
    total: int
    difference: str
    engine: str

    @property
    def outcome(self) -> str:
        """As of :class:`fedrot_core.export.run.verdict.Verdict`; printed digits cannot tell more than "same"."""
        return "differs" if self.difference else "same"

    def __str__(self) -> str:
        of = f"{self.compared} of the page's {self.total} settings were trained again"
        made = f" It was made by engine {self.engine}, this is {ENGINE_VERSION}."
        other = "" if self.engine == ENGINE_VERSION else made
        if self.difference:
            return f"Differs: {of}. First difference: {self.difference}.{other}"
        return f"The same numbers: {of}, and every printed digit came out.{other}"


def check_page(
    content: bytes,
    sample: int = SAMPLE,
    should_stop: Callable[[], bool] = lambda: False,
    on_setting: Callable[[], None] = lambda: None,
) -> PageVerdict:
    """Train ``sample`` settings of the page anew and compare.

    Args:
        should_stop: asked before each local step; once true, :class:`fedrot_core.errors.Cancelled` is raised.
        on_setting: told after each setting.

    Raises:
        ConfigError: when ``content`` is no take-home page.
    """
    grid, found = read_page(content)
    settings, runs = grid.settings, found["runs"]
    places = sorted({round(n * (len(settings) - 1) / max(1, sample - 1)) for n in range(sample)})
    difference = ""
    for place in places:
        theta, alpha, rank = settings[place]
        apart = differences(runs[place], measured(grid, settings[place], should_stop))
        setting = f"θ = {theta:g}°, α = {alpha:g}, r = {rank}"
        difference = difference or next((f"{setting}, {_worded(where, grid)}: {what}" for where, what in apart), "")
        on_setting()
    return PageVerdict(len(places), len(settings), difference, str(found["engine"]))


def read_page(content: bytes) -> tuple[Grid, Row]:
    """The grid and all numbers of a page.

    Raises:
        ConfigError: when ``content`` is no take-home page.
    """
    packed = re.search(rb'<script type="text/plain" id="data">([0-9A-Za-z+/=]*)</script>', content)
    if packed is None:
        raise rule("A take-home page", "hold its numbers", "a file without them", REMEDY)
    try:
        unpacker = zlib.decompressobj(wbits=31)
        text = unpacker.decompress(base64.b64decode(packed[1]), MAX_BYTES)
        if unpacker.unconsumed_tail:
            raise rule("A take-home page", f"unpack to at most {MAX_BYTES:,} bytes", "more", REMEDY)
        found = json.loads(text)
        axes = {name: tuple(found["axes"][name]) for name in ("theta", "lam", "alpha", "rank")}
        base = FederationConfig.from_dict(found["base"])
        grid = Grid(axes["theta"], axes["lam"], axes["alpha"], axes["rank"], base)
        if len(found["runs"]) != len(grid.settings):
            raise rule("A take-home page", f"hold {len(grid.settings)} settings", len(found["runs"]), REMEDY)
    except ConfigError:
        raise
    except Exception as error:  # a foreign or damaged file can make base64, zlib and JSON raise almost anything
        raise rule(
            "A take-home page", "hold numbers that can be read", f"damaged ones: {brief(error)}", REMEDY
        ) from error
    return grid, found


def differences(there: Any, here: Any, where: Place = ()) -> Iterator[tuple[Place, str]]:
    """Where numbers differ by more than their last printed digit, and all else is not equal, and what stands there."""
    number = isinstance(here, (int, float)) and isinstance(there, (int, float))
    if isinstance(here, dict) and isinstance(there, dict) and set(here) == set(there):
        for name in here:
            yield from differences(there[name], here[name], (*where, name))
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for n, (a, b) in enumerate(zip(there, here, strict=True)):
            yield from differences(a, b, (*where, n))
    elif not (number and _same_print(where, there, here)) and there != here:
        yield where, f"{str(there)[:40]} there, {str(here)[:40]} here"


def _worded(where: Place, grid: Grid) -> str:
    """A place in a setting's numbers, in words: method, λ, what it is, round."""
    words, rest = [], list(where)
    if rest[0] == "aligned":
        words.append(f"{METHODS[ALIGNED].card.label} at λ = {grid.lams[int(rest[1])]:g}")
        rest = rest[2:]
    elif rest[0] == "naive":
        words.append(METHODS[NAIVE].card.label)
        rest = rest[1:]
    name, *places = rest or ["numbers"]
    words.append(NAMES.get(str(name), str(name)))
    return ", ".join(words + [f"round {places[0]}"] * bool(places))


def _same_print(where: Place, a: float, b: float) -> bool:
    name = next((w for w in reversed(where) if isinstance(w, str)), "")
    step = 1.5 * 10.0 ** -ROUNDED.get(name, SCORE_DIGITS)
    return math.isclose(a, b, rel_tol=10 * step if name == "error" else 0, abs_tol=0 if name == "error" else step)
