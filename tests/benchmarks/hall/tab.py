"""A browser's tab as Streamlit 1.67's server sees it: what it asks for, and what it makes of the answers. No network.

A real one also shows what comes. This one notes only what a measurement needs: which round each figure shows, whether
the page is at rest, where the sliders stand, and what went wrong.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from streamlit.proto.Alert_pb2 import Alert
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.BidiComponent_pb2 import BidiComponent
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

FIGURE = "fedrot_live_figure"
"""Name of the component that draws one figure."""

PACER = "fedrot_pacer"
"""Name of the component that asks again."""

SLIDER = "fedrot_slider"
"""Name of the component for a setting that is a number."""

EVENTS = "$$STREAMLIT_INTERNAL_KEY_{}__events"
"""Id under which the browser tells the events of an element."""

VERSION = '"version": "'
"""What stands before a figure's version in its data, behind the spec: there quotes are escaped."""

PAINT_SECONDS = 0.04
"""What a browser is taken to need to paint one figure; meanwhile it asks for nothing."""

KEY = re.compile(r"\$\$ID-[0-9a-f]+-(?P<key>.+)")
"""Of a widget's id, where its author gave it a key."""


@dataclass(frozen=True)
class Look:
    """One asking of the app's pacer: of which element and fragment, which number it tells, and when it is due."""

    element: str
    fragment: str
    number: int
    due: float


@dataclass
class Pace:
    """What the page has told the browser to do by itself: to ask again once all is painted and so much time is over.

    The page's next answer brings the next pacer, or none. All that is known of this lies here.

    Attributes:
        looks: fragment -> what is to be asked for there.
        painted: when all is painted that has come.
    """

    looks: dict[str, Look] = field(default_factory=dict)
    painted: float = 0.0

    def hear(self, message: ForwardMsg, now: float) -> None:
        """Take in a message."""
        kind = message.WhichOneof("type")
        if kind == "new_session":
            fragments = message.metadata.run.fragment_ids or list(self.looks)
            for fragment in fragments:
                self.looks.pop(fragment, None)
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            component = message.delta.new_element.bidi_component
            if component.component_name == PACER:
                told = json.loads(_data(component))
                look = Look(component.id, message.delta.fragment_id, told["look"], now + told["seconds"])
                self.looks[look.fragment] = look

    def paint(self, now: float) -> None:
        """Take note of a figure that has come."""
        self.painted = max(self.painted, now) + PAINT_SECONDS

    @property
    def due(self) -> float | None:
        """When there is something to be asked for; None where nothing is awaited."""
        return max(self.painted, min(look.due for look in self.looks.values())) if self.looks else None

    def asks(self, now: float) -> list[Look]:
        """What is to be asked for now, once."""
        late = [look for look in self.looks.values() if max(look.due, self.painted) <= now]
        for look in late:
            del self.looks[look.fragment]
        return late


def _data(component: BidiComponent) -> str:
    """What an element of ours was given, as JSON."""
    return component.mixed.json if component.WhichOneof("data") == "mixed" else component.json


class Tab:
    """One tab.

    Args:
        url: of the app; page: its address below that; query: without question mark.

    Attributes:
        pace: what it does by itself.
        query: in the address bar.
        figures: key -> version of all figures on the page.
        errors: what was shown of exceptions and errors.
    """

    def __init__(self, url: str, page: str, query: str) -> None:
        self.pace = Pace()
        self.query = query
        self.figures: dict[str, str] = {}
        self.errors: list[str] = []
        self._url, self._page, self._page_hash = url, page, ""
        self._pages: dict[str, str] = {}
        self._sliders: dict[str, str] = {}
        self._moves = 0
        self._unanswered, self._running = False, False
        self._drawn: set[str] = set()

    # What it asks for

    def opened(self) -> bytes:
        """The first request."""
        return self._request()

    def looked(self, look: Look) -> bytes:
        """What :class:`Pace` asks for."""
        told = json.dumps([{"event": "look", "value": look.number}])
        event = WidgetState(id=EVENTS.format(look.element), json_trigger_value=told)
        return self._request(look.fragment, event)

    def walked(self, query: str) -> bytes:
        """Follow a link to a place on the same page, as by the browser's back and forward."""
        self.query = query
        return self._request(is_history_navigation=True)

    def turned_to(self, page: str) -> bytes:
        """Choose another page in the menu."""
        self.query, self._page, self._page_hash = "", page, self._pages[page]
        return self._request()

    def slid(self, key: str, value: float) -> bytes:
        """Move the slider ``key`` to a value."""
        self._moves += 1
        moved = json.dumps([{"event": "moved", "value": {"value": value, "number": self._moves}}])
        return self._request("", WidgetState(id=EVENTS.format(self._sliders[key]), json_trigger_value=moved))

    def _request(
        self, fragment: str = "", event: WidgetState | None = None, is_history_navigation: bool = False
    ) -> bytes:
        self._unanswered = True
        state = ClientState(
            query_string=self.query,
            page_script_hash=self._page_hash,
            page_name="" if self._page_hash else self._page,
            fragment_id=fragment,
            is_history_navigation=is_history_navigation,
        )
        state.context_info.timezone, state.context_info.locale = "Europe/Berlin", "en-US"
        state.context_info.url, state.context_info.color_scheme = f"{self._url}/{self._page}", "light"
        state.widget_states.widgets.extend([] if event is None else [event])
        content: bytes = BackMsg(rerun_script=state).SerializeToString()
        return content

    # What it is told

    def hear(self, content: bytes, now: float) -> None:
        """Take in an answer."""
        message = ForwardMsg.FromString(content)
        self.pace.hear(message, now)
        kind = message.WhichOneof("type")
        if kind == "delta":
            if message.delta.WhichOneof("type") == "new_element":
                self._element(message.delta.new_element, now)
        elif kind == "new_session":
            self._unanswered, self._running = False, True
            self._new_run(message)
        elif kind == "script_finished":
            self._finished(message)
        elif kind == "session_status_changed":
            self._running = message.session_status_changed.script_is_running
        elif kind == "page_info_changed":
            self.query = message.page_info_changed.query_string
        elif kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
            self._page_hash = message.navigation.page_script_hash
        elif kind == "session_event" and message.session_event.WhichOneof("type") == "script_compilation_exception":
            self.errors.append(message.session_event.script_compilation_exception.message)

    @property
    def at_rest(self) -> bool:
        """Whether all was answered, nothing runs, and nothing is awaited."""
        return not self._unanswered and not self._running and self.pace.due is None

    def shows(self, version: str) -> bool:
        """Whether every figure shows this, and there are figures."""
        return bool(self.figures) and all(shown == version for shown in self.figures.values())

    def _new_run(self, message: ForwardMsg) -> None:
        if message.metadata.run.fragment_ids:
            return
        if self._page_hash and message.new_session.page_script_hash != self._page_hash:
            self.figures.clear()
            self._sliders.clear()
        self._page_hash = message.new_session.page_script_hash
        self._drawn.clear()

    def _finished(self, message: ForwardMsg) -> None:
        if message.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:  # a whole run: what it has not drawn is gone
            for key in self.figures.keys() - self._drawn:
                del self.figures[key]
            for key in self._sliders.keys() - self._drawn:
                del self._sliders[key]
        elif message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
            self.errors.append("the page's script does not compile")

    def _element(self, element: Element, now: float) -> None:
        kind = element.WhichOneof("type")
        if kind == "bidi_component":
            self._component(element.bidi_component, now)
        elif kind == "exception":
            self.errors.append(f"{element.exception.type}: {element.exception.message}")
        elif kind == "alert" and element.alert.format == Alert.ERROR:
            self.errors.append(element.alert.body)

    def _component(self, component: BidiComponent, now: float) -> None:
        named = KEY.fullmatch(component.id)
        if not named:
            return
        if component.component_name == SLIDER:
            self._sliders[named["key"]] = component.id
            self._drawn.add(named["key"])
        if component.component_name != FIGURE:
            return
        data = _data(component)
        at = data.rindex(VERSION) + len(VERSION)
        self.figures[named["key"]] = data[at : data.index('"', at)]
        self._drawn.add(named["key"])
        self.pace.paint(now)
