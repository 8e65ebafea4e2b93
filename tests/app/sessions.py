"""What a session under AppTest holds, as the app itself sees it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from streamlit.testing.v1 import AppTest

from app.session.link import AddressBar
from app.session.parts import KEY, Identity
from app.session.query import Selection
from app.session.run import Watched
from app.session.state import Shown
from app.widgets.sweep_progress import Sweeping
from fedrot_core.config import FederationConfig

EVENTS = "$$STREAMLIT_INTERNAL_KEY_{}__events"
"""Id under which a browser tells the events of an element."""


def part_of(at: AppTest, kind: type) -> Any:
    """The session's one ``kind``, made if it has none."""
    if KEY not in at.session_state:
        at.session_state[KEY] = {}
    parts: dict[str, Any] = at.session_state[KEY]
    return parts.setdefault(f"{kind.__module__}.{kind.__qualname__}", kind())


def place_of(at: AppTest, name: str) -> Any:
    """Where the session is, by the name of a link."""
    return part_of(at, AddressBar).places[name]


def config_of(at: AppTest) -> FederationConfig:
    """The session's config."""
    shown: Shown = place_of(at, "run")
    return shown.config


def selection_of(at: AppTest) -> Selection:
    """What is looked at."""
    shown: Shown = place_of(at, "run")
    return shown.selection


def set_config(at: AppTest, new: FederationConfig) -> None:
    """Give the session another config behind the page's back."""
    places = part_of(at, AddressBar).places
    places["run"] = replace(places["run"], config=new) if "run" in places else Shown(new, Selection())


def slider_of(at: AppTest, key: str) -> Any:
    """What the slider of a setting was given, and its ``id``."""
    for element in at.get("bidi_component"):
        if str(element.proto.id).endswith(f"-control_{key}"):
            return {"id": element.proto.id} | json.loads(element.proto.json)
    raise KeyError(key)


def slide(at: AppTest, key: str, value: Any) -> AppTest:
    """Move the slider of a setting: AppTest knows no elements of ours, so this tells what its script would."""
    shown = slider_of(at, key)
    moved = {"event": "moved", "value": {"value": value, "number": (shown["heard"] or 0) + 1}}
    states = at._tree.get_widget_states()
    states.widgets.add(id=EVENTS.format(shown["id"]), json_trigger_value=json.dumps([moved]))
    return at._run(states)


def session_of(at: AppTest) -> str:
    """What jobs call the session."""
    name: str = part_of(at, Identity).name
    return name


def job_of(at: AppTest) -> Any:
    """The run that the lab watches."""
    return part_of(at, Watched).job


def watch_of(at: AppTest, name: str) -> Any:
    """The session's sweep called ``name``."""
    return part_of(at, Sweeping).watches[name]
