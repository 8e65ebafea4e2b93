"""A federated run: several arms that start from one seed and train together, each aggregated by its own method."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fedrot_core.federation.batch import lockstep
from fedrot_core.federation.recorder import Recorder
from fedrot_core.federation.setup import Setup
from fedrot_core.records import Event
from fedrot_core.trace import Trace


class Federation(Setup):
    """A federated run of one config: all its methods on the same seed, split and mini-batches.

    See :class:`fedrot_core.federation.setup.Setup` for the arguments and errors.

    Examples:
        >>> import fedrot_core as fr
        >>> config = fr.FederationConfig().with_values({"task": "teacher", "clients": 3, "rounds": 2, "steps": 2})
        >>> trace = fr.Federation(config).run()
        >>> trace.rounds_done
        2
    """

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> Trace:
        """Play all rounds and return their trace.

        Args:
            should_stop: asked before each local step. Once it returns true, :class:`fedrot_core.errors.Cancelled` is
                raised.
        """
        trace = self.new_trace()
        for event in self.rounds(should_stop):
            trace.add(event)
        return trace

    def rounds(self, should_stop: Callable[[], bool] = lambda: False) -> Iterator[Event]:
        """Play round by round; in each round, yield the record of each arm, then that of the centralised run.

        Args:
            should_stop: asked before each local step. Once it returns true, :class:`fedrot_core.errors.Cancelled` is
                raised.
        """
        for _, event in lockstep([self], Recorder().record, should_stop):
            yield event
