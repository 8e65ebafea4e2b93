"""The small config that run files, traces and code are tested on."""

from __future__ import annotations

from typing import Any

from fedrot_core.config import FederationConfig

SMALL: dict[str, Any] = {"task": "teacher", "clients": 3, "rounds": 3, "steps": 3, "rank": 2, "device": "cpu"}


def config(**values: Any) -> FederationConfig:
    """The small config with some values replaced, by URL key."""
    return FederationConfig().with_values({**SMALL, **values})
