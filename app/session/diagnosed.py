"""The diagnosis that its page shows and that a lecture pack is made from."""

from __future__ import annotations

from dataclasses import dataclass

from fedrot_core.adapters.report import Report


@dataclass
class Diagnosed:
    """The last diagnosis of this session, and the indices of the layer and client that are selected in it."""

    last: Report | None = None
    layer: int = 0
    client: int = 0
