"""Work off the script thread: jobs that know who waits for them, and their orderly end with the process."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch

from app.jobs.progress import Progress
from app.jobs.turns import Turns
from fedrot_core.errors import Cancelled, Exhausted, FedRotError
from fedrot_core.wording import time_left

PATIENCE_SECONDS = 10.0
"""How long the end of the process waits for each thread: torch aborts a process whose interpreter ends under it."""

HEARTBEAT_SECONDS = 20.0
"""A job that no open page has asked about for this long is given up."""

FAIR_WAIT = 10.0
"""How long work may have to wait for shorter work, in multiples of what it takes; over the number who wait for it."""

REST_SECONDS = 60.0
"""How long a job for which the machine was too small is not tried again."""

ending = threading.Event()
"""Set when the process ends."""

log = logging.getLogger(__name__)

_last_acts: list[Callable[[], None]] = []

_threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def start(name: str, target: Callable[..., None], *args: Any) -> None:
    """Run ``target(*args)`` on a daemon thread that is waited for when the process ends."""
    thread = threading.Thread(target=target, args=args, daemon=True, name=name)
    _threads.add(thread)
    thread.start()


def at_end(act: Callable[[], None]) -> None:
    """Have ``act`` called when the process ends."""
    _last_acts.append(act)


@atexit.register
def end() -> None:
    """End all work: when the process ends, and before that when its server does, since a signal may end it at once."""
    ending.set()
    for act in _last_acts:
        act()
    for thread in list(_threads):
        thread.join(PATIENCE_SECONDS)


class Job(ABC):
    """Work on a thread of its own. It ends early if it is cancelled, if nobody waits for it, and with the process.

    Attributes:
        kind: what it is called in messages and logs; advice: what to do after an internal error, as a sentence.
        error: what went wrong, in words for a person; empty while all is well.
        cancelled: it was ended early.
        finished: set when it has ended, for whatever reason.
        begun_by: the session that asked first; empty for a job that was never begun.
        at_work: it has begun to work; until then it waits for its turn.
        progress: how far it is.
        troubles: what went wrong on the way and was mended, in sentences.
    """

    kind: ClassVar[str]
    advice: ClassVar[str]

    def __init__(self) -> None:
        self.error = ""
        self.cancelled = False
        self.finished = threading.Event()
        self.begun_by = ""
        self.at_work = False
        self.progress = Progress()
        self.troubles: tuple[str, ...] = ()
        self._queue: Turns | None = None
        self._may_work_from: float | None = None
        self._viewers: dict[str, float] = {}

    @abstractmethod
    def work(self) -> None:
        """Compute, asking :meth:`should_stop` now and then; what it raises is told in :attr:`error`."""

    def recalled(self) -> bool:
        """Whether the result is known already; asked off the script thread, before the job begins to work."""
        return False

    @property
    def size(self) -> int:
        """Bytes of its result, where it is kept for others."""
        return 0

    @property
    def to_be_redone(self) -> bool:
        """Whether whoever asks for the same needs a new job."""
        return self.cancelled or (self._may_work_from is not None and time.monotonic() >= self._may_work_from)

    @property
    def running(self) -> bool:
        """Whether it is still under way, and nobody has called it off."""
        return not self.finished.is_set() and not self.cancelled

    @property
    def left(self) -> str:
        """About how long it will still take, or what it waits for, in words."""
        if self.at_work or self._queue is None:
            return time_left(self.progress.seconds_left)
        ahead = self._queue.ahead(self)
        return f"waiting for its turn, {ahead} before it" if ahead else "next in turn"

    def start(self, session: str) -> Self:
        """Begin for ``session``."""
        self.seen_by(session)
        self.begun_by = session
        start(self.kind, self._run)
        return self

    @contextmanager
    def turn(self, queue: Turns, wish: int = 0, seconds: float = 0.0) -> Iterator[int]:
        """Wait for a place in ``queue`` and hold it; short work, and work that many wait for, comes sooner.

        Args:
            wish: as for :meth:`app.jobs.turns.Turns.turn`.
            seconds: how long the work takes, about.

        Raises:
            Cancelled: if the job should stop.
        """
        self._queue = queue
        with queue.turn(self, self._go_on, wish, lambda: FAIR_WAIT * seconds / max(1, self.waiting_people)) as place:
            self._go_on()
            self.at_work = True
            yield place

    def trouble(self, sentence: str) -> None:
        """Note what went wrong and was mended."""
        if sentence not in self.troubles:
            self.troubles += (sentence,)

    def seen_by(self, session: str) -> None:
        """Note that ``session`` still waits."""
        self._viewers[session] = time.monotonic()

    def left_by(self, session: str) -> None:
        """Note that ``session`` went on; a job that nobody waits for ends soon."""
        self._viewers.pop(session, None)
        if not self.waited_for:
            self._give_up()

    def cancel(self) -> None:
        """End it soon; what is done stays. Once it has ended there is nothing to cancel."""
        self._give_up()

    def should_stop(self) -> bool:
        """Whether to end early."""
        return self.cancelled or ending.is_set() or not self.waited_for

    @property
    def waited_for(self) -> bool:
        """Whether any page has asked about it lately."""
        return self.waiting_people > 0

    @property
    def waiting_people(self) -> int:
        """How many sessions' pages have asked about it lately."""
        now = time.monotonic()
        return sum(now - seen <= HEARTBEAT_SECONDS for seen in list(self._viewers.values()))

    def _run(self) -> None:
        torch.set_num_threads(1)  # counts for this thread alone: two jobs on two cores must not fight for both
        try:
            if not self.recalled():
                self.work()
        except Cancelled:
            self.cancelled = True
        except Exhausted as error:
            self.error = str(error)
            self._may_work_from = time.monotonic() + REST_SECONDS
        except FedRotError as error:
            self.error = str(error)
        except Exception:
            log.exception("a %s failed", self.kind)
            self.error = f"The {self.kind} ended with an internal error, which is in the server's log. {self.advice}"
        finally:
            self.finished.set()

    def _give_up(self) -> None:
        self.cancelled = self.cancelled or not self.finished.is_set()

    def _go_on(self) -> None:
        if self.should_stop():
            raise Cancelled(f"The {self.kind} was cancelled.")


Key = TypeVar("Key", bound=Hashable)
SomeJob = TypeVar("SomeJob", bound=Job)


class Jobs(Generic[Key, SomeJob]):
    """Jobs that sessions share, newest kept; one that somebody waits for always is.

    Args:
        kept: how many; most_bytes: of their results together.
    """

    def __init__(self, kept: int, most_bytes: int | None = None) -> None:
        self._kept, self._most_bytes = kept, most_bytes
        self._jobs: OrderedDict[Key, SomeJob] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._jobs)

    def known(self, key: Key) -> SomeJob | None:
        """The job of ``key``, if anybody asked for it."""
        return self._jobs.get(key)

    def keep(self, key: Key, job: SomeJob) -> None:
        """Keep a job that has ended."""
        self._jobs[key] = job

    def get(self, key: Key, make: Callable[[], SomeJob], session: str) -> SomeJob:
        """The job of ``key``, begun for ``session`` if nobody has yet, or again if it must be redone."""
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.to_be_redone:
                job = self._jobs[key] = make().start(session)
            job.seen_by(session)
            self._jobs.move_to_end(key)
            self._make_room()
            return job

    def _make_room(self) -> None:
        """Drop the jobs that were asked for longest ago, as far as there are too many and nobody waits for them."""
        newest = next(reversed(self._jobs))
        for key, job in list(self._jobs.items()):
            fits = self._most_bytes is None or sum(kept.size for kept in self._jobs.values()) <= self._most_bytes
            if len(self._jobs) <= self._kept and fits:
                return
            if key != newest and (job.finished.is_set() or not job.waited_for):
                del self._jobs[key]
                job.cancel()
