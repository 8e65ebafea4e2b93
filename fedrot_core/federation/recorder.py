"""Records of finished rounds, with every metric."""

from __future__ import annotations

from fedrot_core.federation.round import Finished
from fedrot_core.metrics import Focus, measure
from fedrot_core.trace import RoundRecord, numpy_fields


class Recorder:
    """Makes the records of one run. It remembers what each arm's arrows show, so that nothing jumps between rounds."""

    def __init__(self) -> None:
        self._focus: dict[str, Focus] = {}

    def record(self, finished: Finished) -> RoundRecord:
        """Every metric of one arm's round."""
        context = finished.context
        values, flags = measure(
            finished.sent,
            context.reference,
            finished.update,
            finished.alignment,
            context.weights,
            finished.config.align,
            context.round_index,
            finished.config.lora.scaling,
            self._focus.get(finished.name),
        )
        self._focus[finished.name] = Focus(values["features"], values["latent_axes"])
        return RoundRecord(
            arm=finished.name,
            round_index=context.round_index,
            loss=finished.loss,
            score=finished.score,
            clients=context.clients.numpy(),
            dropped=finished.dropped.numpy(),
            lost=finished.lost.numpy(),
            flags=flags,
            applied=finished.alignment is not None,
            bytes_up=finished.bytes_up,
            bytes_down=finished.bytes_down,
            client_seconds=finished.client_seconds,
            server_seconds=finished.server_seconds,
            **numpy_fields(values.items()),
        )
