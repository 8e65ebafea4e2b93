"""A link's check as another machine, or a liar, would have written it."""

from __future__ import annotations

import base64
import struct

from fedrot_core.export.run.link_check import read_check


def forged(check: str, factor: float) -> str:
    """``check`` with every number ``factor`` times as large, and another checksum."""
    numbers = [factor * x for x in read_check(check).numbers]
    text = base64.urlsafe_b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode()
    return "-".join([*check.split("-", 4)[:3], "0" * 16, text.rstrip("=")])
