"""What a person who looks at a run may ask for next: the same with one slider a stop further."""

from __future__ import annotations

from dataclasses import dataclass

from app.session import state
from app.session.parts import mine
from app.widgets.controls import LEAVES, skew_key
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError


@dataclass
class Steps:
    """The config that was looked at last, and the slider that led here.

    Attributes:
        key: of that slider; None if something else did. up: whether its value grew.
    """

    config: FederationConfig | None = None
    key: str | None = None
    up: bool = True


def likely() -> list[FederationConfig]:
    """What this session may ask for next, likeliest first: on in the direction of its last move, and back."""
    steps, now = mine(Steps), state.config()
    if steps.config != now:
        steps.key, steps.up = _moved(steps.config, now)
        steps.config = now
    if steps.key is None:
        ways = [(key, up) for key in (*skew_key(now.task), "rank") for up in (True, False)]
        return [found for key, up in ways if (found := beside(now, key, up))]
    onward = beside(now, steps.key, steps.up)
    further = beside(onward, steps.key, steps.up) if onward else None
    return [found for found in (onward, beside(now, steps.key, not steps.up), further) if found]


def beside(config: FederationConfig, key: str, up: bool) -> FederationConfig | None:
    """``config`` with the slider ``key`` a stop further; None at its end, or where that breaks a rule."""
    option, value = LEAVES[key].option, config.values()[key]
    if option.stops:
        found = [stop for stop in option.stops if (stop > value if up else stop < value)]
        wanted = None if not found else min(found) if up else max(found)
    else:
        step = option.step or 1
        wanted = round(value + (step if up else -step), 9)
    try:
        return None if wanted is None else config.with_values({key: LEAVES[key].kind(wanted)})
    except ConfigError:
        return None


def _moved(before: FederationConfig | None, now: FederationConfig) -> tuple[str | None, bool]:
    """The one slider by which two configs differ, and whether its value grew."""
    if before is None or before.task.name != now.task.name:
        return None, True
    old, new = before.values(), now.values()
    changed = [key for key in new if old.get(key) != new[key]]
    if len(changed) != 1 or changed[0] == "seed" or LEAVES[changed[0]].kind not in (int, float):
        return None, True
    return changed[0], new[changed[0]] > old[changed[0]]
