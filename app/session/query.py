"""A run as a link: config and selection to a query string and back.

Defaults are left out, so links stay short. Whatever a link holds that cannot be used is named, never dropped in
silence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.session.link import unknown
from fedrot_core.config import FederationConfig, leaves
from fedrot_core.errors import ConfigError
from fedrot_core.figures import FIGURES
from fedrot_core.methods import METHODS
from fedrot_core.study import when
from fedrot_core.study.comparison import USUAL
from fedrot_core.study.seeds import MOST_SEEDS


@dataclass(frozen=True)
class Selection:
    """What a person looks at. ``None`` means: follow the newest round, the first arm.

    Attributes:
        round_index, client, layer, feature, arm: as in :class:`fedrot_core.figures.View`.
        tab: name of the figure in the lower panel.
        grid, aligned, depth: rows of the map of settings, its aligned method, and how many rounds it runs.
        compare: names of the methods that the comparison runs; seeds: on how many seeds.
        present: whether lab or Compare is shown for a lecture room; slide: which of its figures then, from 1.
        check: what the link's run gave where it was shared, by :func:`fedrot_core.export.run.link_check.link_check`.
    """

    round_index: int | None = None
    client: int = 0
    layer: int = 0
    feature: int = 0
    arm: str | None = None
    tab: str = "errors"
    grid: str = "rank"
    aligned: str = "fedrot"
    depth: str = "quick"
    compare: tuple[str, ...] = USUAL
    seeds: int = 5
    present: bool = False
    slide: int = 1
    check: str = ""


NUMBERS = {"round": "round_index", "client": "client", "layer": "layer", "feature": "feature", "seeds": "seeds",
           "slide": "slide"}  # fmt: skip
NAMES = {"show": "arm", "figure": "tab", "grid": "grid", "aligned": "aligned", "depth": "depth"}
LISTS = {"compare": "compare"}
FLAGS = {"present": "present"}
CHECK = "check"
MOST_SLIDES = 9
"""Figures that a page shows for a lecture room at most: one for each key."""

GRID_CHOICES = {"grid": tuple(when.ROWS), "aligned": when.ALIGNED, "depth": when.DEPTHS}
"""What the map of settings may show, by URL key; the first is the default."""


KEYS = frozenset([*(leaf.option.key for leaf in leaves()), *NUMBERS, *NAMES, *LISTS, *FLAGS, CHECK])
"""Every key that a link to a run may have."""


def to_query(config: FederationConfig, selection: Selection) -> dict[str, str]:
    """Query parameters of every value that differs from its default."""
    query = {}
    for leaf in config.leaves():
        value = leaf.get(config)
        if value != leaf.default:
            query[leaf.option.key] = leaf.text(value)
    standard = Selection()
    for key, name in {**NUMBERS, **NAMES, **LISTS, **FLAGS, CHECK: CHECK}.items():
        value = getattr(selection, name)
        if value != getattr(standard, name):
            query[key] = _text(value)
    return query


def from_query(query: Mapping[str, str]) -> tuple[FederationConfig, Selection, list[str]]:
    """Inverse of :func:`to_query`, and a sentence for each value that was replaced by its default."""
    problems: list[str] = []
    config, known = FederationConfig(), {leaf.option.key: leaf for leaf in leaves()}
    default = {key: leaf.text(leaf.default) for key, leaf in known.items()}
    wanted: dict[str, Any] = {}
    for key, text in query.items():
        if key in known:
            try:
                wanted[key] = known[key].parse(text)
            except ConfigError as error:
                problems.append(f"{error} The link's {key}={text!r} was replaced by {default[key]}.")
        elif key not in KEYS:
            problems.append(unknown(key, text))
    while True:  # values are judged together: some are only possible beside others
        try:
            config = config.with_values(wanted)
            break
        except ConfigError as error:
            bad = error.key if error.key in wanted else None
            if bad is None:
                problems.append(f"{error} All settings of the link were replaced by the defaults.")
                break
            del wanted[bad]
            problems.append(f"{error} The link's {bad}={query[bad]!r} was replaced by {default[bad]}.")
    idle = wanted.keys() - config.values().keys()
    problems += [
        f"The link's {key}={query[key]!r} is not a setting of this task and was ignored." for key in sorted(idle)
    ]
    selection, complaints = _selection(query, config)
    return config, selection, problems + complaints


def settings_from(query: Mapping[str, str], keys: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Those values of a link, among ``keys``, that can be used, and a sentence for each that cannot."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    for key in keys:
        if key in query:
            config, _, complaints = from_query({key: query[key]})
            if complaints:
                problems += [
                    f"{c.split(' The link')[0]} The link's {key}={query[key]!r} was left out." for c in complaints
                ]
            else:
                found[key] = config.values()[key]
    return found, problems


def _selection(query: Mapping[str, str], config: FederationConfig) -> tuple[Selection, list[str]]:
    """The selection part of a link."""
    limits = {
        "round": (0, config.train.rounds - 1),
        "client": (0, config.data.clients - 1),
        "layer": (0, 15),
        "feature": (0, 5),
        "seeds": (1, MOST_SEEDS),
        "slide": (1, MOST_SLIDES),
    }
    options = {"show": config.methods, "figure": tuple(FIGURES), **GRID_CHOICES}
    chosen: dict[str, Any] = {}
    problems: list[str] = []
    for key, name in NUMBERS.items():
        if key in query:
            text, (low, high) = query[key], limits[key]
            if text.isdecimal() and low <= int(text) <= high:
                chosen[name] = int(text)
            else:
                problems.append(f"{key} must be in {low}..{high}; the link's {text!r} was replaced by the default.")
    for key, name in NAMES.items():
        if key in query:
            if query[key] in options[key]:
                chosen[name] = query[key]
            else:
                allowed = ", ".join(options[key])
                problems.append(
                    f"{key} must be one of {allowed}; the link's {query[key]!r} was replaced by the default."
                )
    for key, name in LISTS.items():
        if key in query:
            wanted = dict.fromkeys(query[key].split(","))
            known, unknown = [n for n in wanted if n in METHODS], [n for n in wanted if n not in METHODS]
            if known:
                chosen[name] = tuple(known)
            if unknown:
                what = ", ".join(repr(n) for n in unknown)
                rest = "left out" if known else "replaced by the default methods"
                problems.append(f"{key} must name methods among {', '.join(METHODS)}; the link's {what} was {rest}.")
    for key, name in FLAGS.items():
        if key in query:
            chosen[name] = query[key] == "1"
            if not chosen[name]:
                problems.append(f"{key} must be 1, or be left out; the link's {query[key]!r} was ignored.")
    chosen[CHECK] = query.get(CHECK, "")
    return Selection(**chosen), problems


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value) if isinstance(value, bool) else value)
