"""The comparison that Compare shows and that a lecture pack is made from."""

from __future__ import annotations

from dataclasses import dataclass

from fedrot_core.study.comparison import Comparison


@dataclass
class Compared:
    """The last comparison of this session that had a result."""

    last: Comparison | None = None
