"""Records of finished rounds, with every metric."""

from __future__ import annotations

from torch import Tensor

from fedrot_core.federation.round import Finished
from fedrot_core.metrics import measure
from fedrot_core.records import RoundRecord, array_of, in_numpy


class Recorder:
    """Makes the records of one run. It remembers which columns and axes each arm's arrows show, so that they stay the
    same in all rounds.
    """

    def __init__(self) -> None:
        self._columns: dict[str, Tensor] = {}

    def record(self, finished: Finished) -> RoundRecord:
        """Measure every metric of one arm's round, and make its record."""
        context = finished.context
        found = measure(
            finished.sent,
            context.reference,
            finished.update,
            finished.alignment,
            context.weights,
            finished.config.align,
            context.round_index,
            finished.config.lora.scaling,
            self._columns.get(finished.name),
        )
        self._columns[finished.name] = found.arrows.features
        return RoundRecord(
            arm=finished.name,
            round_index=context.round_index,
            loss=finished.loss,
            score=finished.score,
            clients=context.clients.numpy(),
            dropped=finished.dropped.numpy(),
            lost=finished.lost.numpy(),
            flags=found.flags,
            applied=finished.alignment is not None,
            weights=array_of("weights", context.weights),
            errors=in_numpy(found.errors),
            turns=in_numpy(found.turns),
            pairs=in_numpy(found.pairs),
            arrows=in_numpy(found.arrows),
            checks=in_numpy(found.checks),
            bytes_up=finished.bytes_up,
            bytes_down=finished.bytes_down,
            client_seconds=finished.client_seconds,
            server_seconds=finished.server_seconds,
        )
