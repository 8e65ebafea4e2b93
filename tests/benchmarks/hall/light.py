"""Light sessions: a hall full of tabs without browsers, all in one loop of a process of their own.

Reads a :class:`Task` as JSON from the standard input and writes a :class:`Seen` as JSON to the standard output. They
load no page, script or style sheet and paint nothing: their times are the server's, up to the last byte's arrival. What
painting would take only slows down what they ask for by themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin, Subprotocol

from tests.benchmarks.hall.people import Act, Crowd, Person
from tests.benchmarks.hall.tab import Tab

PING_SECONDS = 1.0
LATE_SECONDS = 2.0
"""A ping that is not answered by then is missed."""

PATIENCE_SECONDS = 60.0
"""A page that is not at rest by then counts as stuck, and the person goes on."""

LOOK_SECONDS = 0.05
"""How often the loop looks how late it is itself."""

RAMP_SECONDS = 10.0
"""People come in over this time."""


@dataclass(frozen=True)
class Task:
    """What is to be done: by whom, for how long; ``stay``: seconds after which each leaves and another one comes."""

    url: str
    people: list[tuple[int, Crowd]]
    seconds: float
    stay: float


@dataclass(frozen=True)
class Sample:
    """One act and its effect.

    Attributes:
        crowd: of the person; opening: it opened a page; elsewhere than in the lab, every act does.
        first: seconds to the first figure of the new setting; rest: until nothing more came. None where it never did.
        config: hash of the setting; empty on other pages.
    """

    crowd: Crowd
    opening: bool
    first: float | None
    rest: float | None
    config: str = ""


@dataclass
class Seen:
    """What came of it.

    Attributes:
        samples: of every act; errors: what pages said.
        dead: sessions whose connection was refused or closed, with the reason.
        pings: how many were sent; unanswered: not within :data:`LATE_SECONDS`; slowest: seconds to the last answer.
        lag: the longest that this process's own loop was late, in seconds: what it measures is no better than that.
    """

    samples: list[Sample] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dead: list[str] = field(default_factory=list)
    pings: int = 0
    unanswered: int = 0
    slowest: float = 0.0
    lag: float = 0.0


class Visit:
    """One person's tab and its connection."""

    def __init__(self, socket: ClientConnection, tab: Tab, seen: Seen) -> None:
        self._socket, self._tab, self._seen = socket, tab, seen
        self._came, self._told = asyncio.Event(), asyncio.Event()
        self._leaving = False

    async def listen(self) -> None:
        """Take in answers, for as long as the connection lasts."""
        async for content in self._socket:
            assert isinstance(content, bytes), "the server sends bytes only"
            self._tab.hear(content, time.monotonic())
            self._came.set()
            self._told.set()

    async def keep_pace(self) -> None:
        """Ask for what the page asks by itself."""
        while True:
            for look in self._tab.pace.asks(time.monotonic()):
                await self._socket.send(self._tab.looked(look))
            due = self._tab.pace.due
            self._told.clear()
            await _within(None if due is None else due - time.monotonic(), self._told)

    async def ping(self) -> None:
        """Ask now and then whether the server is there."""
        while True:
            self._seen.pings += 1
            sent, answer = time.monotonic(), await self._socket.ping()
            asyncio.ensure_future(answer).add_done_callback(functools.partial(self._answered, sent))
            await asyncio.sleep(PING_SECONDS)

    def _answered(self, sent: float, told: asyncio.Future[float]) -> None:
        taken = time.monotonic() - sent
        lost = told.cancelled() or told.exception() is not None
        if lost and self._leaving and taken < LATE_SECONDS:
            return
        self._seen.slowest = max(self._seen.slowest, taken)
        self._seen.unanswered += lost or taken > LATE_SECONDS

    async def live(self, first: Act, acts: Iterator[Act], person: Person, until: float) -> None:
        """Act after act, each once the page is at rest and the person has thought."""
        self._seen.samples.append(await self._do(first, None))
        before = first
        for act in acts:
            await asyncio.sleep(person.think())
            if time.monotonic() >= until:
                break
            self._seen.samples.append(await self._do(act, before))
            before = act
        self._leaving = True

    async def _do(self, act: Act, before: Act | None) -> Sample:
        begin, tab = time.monotonic(), self._tab
        errors = len(tab.errors)
        await self._socket.send(_request(act, before, tab))
        config, wanted = act.config, act.version
        first: float | None = None
        rest: float | None = None
        while rest is None and time.monotonic() - begin < PATIENCE_SECONDS:
            self._came.clear()
            await _within(begin + PATIENCE_SECONDS - time.monotonic(), self._came)
            taken = time.monotonic() - begin
            shown = [version for version in tab.figures.values() if config is None or version.startswith(config.hash)]
            if first is None and shown:
                first = taken
            if tab.at_rest and (not wanted or tab.shows(wanted)):
                rest = taken
        self._seen.errors += tab.errors[errors:]
        return Sample(act.crowd, before is None, first, rest, "" if config is None else config.hash)


async def _within(seconds: float | None, event: asyncio.Event) -> None:
    """Wait for ``event``, so many seconds at most."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None if seconds is None else max(0.0, seconds)):
            await event.wait()


def _request(act: Act, before: Act | None, tab: Tab) -> bytes:
    if before is None:
        return tab.opened()
    if act.slider is not None:
        key, value = act.slider
        return tab.slid(f"control_{key}", value)
    return tab.walked(act.query) if act.page == before.page else tab.turned_to(act.page)


async def visit(url: str, person: Person, until: float, seen: Seen) -> None:
    """Open a tab, live in it, and leave."""
    acts = person.acts()
    first = next(acts)
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with connect(
        address, subprotocols=[Subprotocol("streamlit")], origin=Origin(url), compression=None, proxy=None,
        max_size=None, ping_interval=None, open_timeout=PATIENCE_SECONDS,
    ) as socket:  # fmt: skip
        there = Visit(socket, Tab(url, first.page, first.query), seen)
        try:
            async with asyncio.TaskGroup() as group:
                helpers = [group.create_task(there.listen()), group.create_task(there.keep_pace())]
                helpers.append(group.create_task(there.ping()))
                await there.live(first, acts, person, until)
                for helper in helpers:
                    helper.cancel()
        except* ConnectionClosed as closed:
            raise closed.exceptions[0] from None


async def come_and_go(task: Task, person: Person, after: float, end: float, seen: Seen) -> None:
    """One seat in the hall: when somebody leaves, or is thrown out, somebody else takes it."""
    await asyncio.sleep(after)
    while time.monotonic() < end:
        try:
            await visit(task.url, person, min(end, time.monotonic() + task.stay), seen)
        except (ConnectionClosed, InvalidHandshake, OSError) as error:
            seen.dead.append(f"{type(error).__name__}: {error}")
            await asyncio.sleep(person.think())


async def watch_lag(seen: Seen) -> None:
    """How late this process is itself."""
    while True:
        due = time.monotonic() + LOOK_SECONDS
        await asyncio.sleep(LOOK_SECONDS)
        seen.lag = max(seen.lag, time.monotonic() - due)


async def hall(task: Task) -> Seen:
    """All people at once."""
    seen, begin = Seen(), time.monotonic()
    ramp = min(RAMP_SECONDS, task.seconds / 4)
    watching = asyncio.create_task(watch_lag(seen))
    async with asyncio.TaskGroup() as group:
        for n, (number, crowd) in enumerate(task.people):
            after = ramp * n / len(task.people)
            group.create_task(come_and_go(task, Person(number, crowd), after, begin + task.seconds, seen))
    watching.cancel()
    return seen


def read_seen(text: str) -> Seen:
    """What a process that was given a task wrote."""
    told = json.loads(text)
    return Seen(**{**told, "samples": [Sample(**sample) for sample in told["samples"]]})


def read_task() -> Task:
    """From the standard input."""
    asked = json.load(sys.stdin)
    return Task(**{**asked, "people": [(number, crowd) for number, crowd in asked["people"]]})


def main() -> None:
    json.dump(dataclasses.asdict(asyncio.run(hall(read_task()))), sys.stdout)


if __name__ == "__main__":
    main()
