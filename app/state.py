"""What one session holds: the config, the selection, and how they follow the URL."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import streamlit as st

from app import link
from app.runner import RunJob, runner
from app.share import Selection, from_query, to_query
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError


def open_link() -> None:
    """Take config and selection from the URL when it was opened or walked back to; else keep the session's."""
    query = link.opened("config" in st.session_state)
    if query is None:
        return
    config, selection, problems = from_query(query)
    st.session_state.update(config=config, selection=selection, problems=problems, playing=False)
    st.session_state.setdefault("session_id", uuid.uuid4().hex)


def query() -> dict[str, str]:
    """The link of config and selection."""
    return to_query(config(), selection())


def config() -> FederationConfig:
    """The session's config; always valid."""
    value: FederationConfig = st.session_state["config"]
    return value


def change_config(values: dict[str, Any]) -> None:
    """Replace some values by URL key. What breaks a rule is refused, and the page says why.

    A task that comes back has the values it had before.
    """
    left: dict[str, Any] = st.session_state.setdefault("left_tasks", {})
    now = config()
    left[now.task.name] = now.values()
    try:
        if values.get("task", now.task.name) != now.task.name:
            values = left.get(values["task"], {}) | now.values() | values
        set_config(now.with_values(values))
    except ConfigError as error:
        st.session_state["problems"] = [f"{error} The setting was left as it was."]


def set_config(new: FederationConfig) -> None:
    """Show another config; keeps the selection as far as it still exists."""
    now = selection()
    select(
        round_index=None if now.round_index is None or now.round_index >= new.train.rounds else now.round_index,
        client=min(now.client, new.data.clients - 1),
        arm=now.arm if now.arm in new.methods else None,
        check="",
    )
    st.session_state.update(config=new, problems=[], playing=False)


def selection() -> Selection:
    """What the person looks at."""
    value: Selection = st.session_state["selection"]
    return value


def select(**changes: Any) -> None:
    """Change parts of the selection."""
    st.session_state["selection"] = replace(selection(), **changes)


def session_id() -> str:
    """Names this session to the runner."""
    return str(st.session_state.setdefault("session_id", uuid.uuid4().hex))


def watched_job() -> RunJob:
    """The run of the session's config: replayed, started if need be, or left to rest if this session cancelled it."""
    replay: RunJob | None = st.session_state.get("replay")
    before: RunJob | None = st.session_state.get("job")
    if before is not None and before.config == config() and before.cancelled_by_hand:
        return before
    if replay is not None and replay.config == config():
        job = replay
    else:
        job = runner().job(config(), session_id(), anew=st.session_state.get("anew") == config())
    if before is not None and before is not job:
        before.left_by(session_id())
    st.session_state["job"] = job
    return job
