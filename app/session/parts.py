"""What one session holds: typed parts, one class for each concern, all under one key of Streamlit's session state.

Streamlit's own keys are left to widgets.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, TypeVar

import streamlit as st

KEY = "fedrot"

T = TypeVar("T")


def mine(kind: type[T]) -> T:
    """This session's one ``kind``, made without arguments when it is first asked for."""
    parts: dict[str, Any] = st.session_state.setdefault(KEY, {})
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name not in parts:
        parts[name] = kind()
    part: T = parts[name]
    return part


@dataclass
class Identity:
    """Names this session to jobs."""

    name: str = field(default_factory=lambda: uuid.uuid4().hex)


def session_id() -> str:
    """Names this session to jobs."""
    return mine(Identity).name
