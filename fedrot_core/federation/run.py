"""A federated run: several arms from one seed, trained together, aggregated each by its own method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fedrot_core.federation.batch import lockstep
from fedrot_core.federation.recorder import Recorder
from fedrot_core.federation.setup import Setup
from fedrot_core.records import Event
from fedrot_core.trace import Trace


class Federation(Setup):
    """A run of ``config``; arguments and errors as of :class:`fedrot_core.federation.setup.Setup`."""

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> Trace:
        """All rounds at once. Raises :class:`fedrot_core.errors.Cancelled` when ``should_stop()`` becomes true."""
        trace = self.new_trace()
        for event in self.rounds(should_stop):
            trace.add(event)
        return trace

    def rounds(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Yield each arm's record, then the centralised one, round by round.

        Args:
            should_stop: asked before each local step; once true, :class:`fedrot_core.errors.Cancelled` is raised.
        """
        for _, event in lockstep([self], Recorder().record, should_stop):
            yield event
