"""What lab, Compare, When and Lecture pack share: the config, the selection, and whether rounds play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from app.session.link import Link
from app.session.parts import mine
from app.session.query import Selection, from_query, to_query
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError


@dataclass(frozen=True)
class Shown:
    """A config, and what of its run a person looks at."""

    config: FederationConfig
    selection: Selection


@dataclass
class Playing:
    """Whether rounds move by themselves, and when the next one is due (monotonic seconds)."""

    on: bool = False
    due: float = 0.0


@dataclass
class LeftTasks:
    """Values of configs by task, so that a task that comes back has those it had."""

    values: dict[str, dict[str, Any]] = field(default_factory=dict)


def _read(query: Mapping[str, str]) -> tuple[Shown, list[str]]:
    config, selection, problems = from_query(query)
    return Shown(config, selection), problems


def stop_playing() -> None:
    """Rounds rest."""
    mine(Playing).on = False


LINK: Link[Shown] = Link("run", _read, lambda shown: to_query(shown.config, shown.selection), stop_playing)


def config() -> FederationConfig:
    """The session's config; always valid."""
    return LINK.place.config


def selection() -> Selection:
    """What the person looks at."""
    return LINK.place.selection


def change_config(values: dict[str, Any]) -> None:
    """Replace some values by URL key. What breaks a rule is refused, and the page says why.

    A task that comes back has the values it had before.
    """
    left, now = mine(LeftTasks).values, config()
    left[now.task.name] = now.values()
    try:
        if values.get("task", now.task.name) != now.task.name:
            values = left.get(values["task"], {}) | now.values() | values
        set_config(now.with_values(values))
    except ConfigError as error:
        LINK.tell([f"{error} The setting was left as it was."])


def set_config(new: FederationConfig) -> None:
    """Show another config; keeps the selection as far as it still exists."""
    now = selection()
    kept = replace(
        now,
        round_index=None if now.round_index is None or now.round_index >= new.train.rounds else now.round_index,
        client=min(now.client, new.data.clients - 1),
        arm=now.arm if now.arm in new.methods else None,
        check="",
    )
    LINK.go(Shown(new, kept))
    LINK.tell([])
    stop_playing()


def select(**changes: Any) -> None:
    """Change parts of the selection."""
    LINK.go(Shown(config(), replace(selection(), **changes)))
