"""What a shared link says of its run's numbers, so that whoever opens it learns whether they came out again."""

from __future__ import annotations

import base64
import math
import re
import struct
from dataclasses import dataclass, replace

from fedrot_core.errors import rule
from fedrot_core.export.verdict import SAME, Difference, Verdict, float32_allows, gap
from fedrot_core.trace import Trace


def link_check(trace: Trace) -> str:
    """What a shared link says of its numbers: the value of its ``check``.

    ``engine-device-precision-checksum-numbers``; the numbers are each arm's last loss, score and error, as float64.
    """
    numbers = base64.urlsafe_b64encode(struct.pack(f"<{3 * len(trace.arms)}d", *_last_numbers(trace))).decode()
    parts = (trace.engine, trace.device, trace.precision, trace.checksum, numbers.rstrip("="))
    return "-".join(parts)


def _last_numbers(trace: Trace) -> list[float]:
    """Loss, score and error of each arm's last round; NaN where it had none."""
    last = [records[-1] if (records := trace.arm(card.name)) else None for card in trace.arms]
    return [x for r in last for x in ((r.loss, r.score, float(r.error[-1])) if r else (math.nan,) * 3)]


@dataclass(frozen=True)
class Check:
    """What a link's ``check`` holds, see :func:`link_check`."""

    engine: str
    device: str
    precision: str
    checksum: str
    numbers: tuple[float, ...]


def read_check(check: str) -> Check:
    """Inverse of :func:`link_check`.

    Raises:
        ConfigError: when ``check`` is not of that form.
    """
    form = r"([0-9A-Za-z.+]{1,16})-(cpu|cuda|mps)-(float64|float32)-([0-9a-f]{16})-((?:[0-9A-Za-z_-]{32})+)"
    parts = re.fullmatch(form, check)
    if parts is None:
        what = "read engine-device-precision-checksum-numbers"
        raise rule("check", what, check, "Copy the whole link again.", "check")
    engine, device, precision, checksum, text = parts.groups()
    content = base64.urlsafe_b64decode(text)
    return Check(engine, device, precision, checksum, struct.unpack(f"<{len(content) // 8}d", content))


def compare_link(check: str, trace: Trace, steady: int | None = None) -> Verdict:
    """What ``trace``, the run of a link's config, says of the link's ``check``, which holds the last round alone.

    Args:
        steady: as for :func:`compare`.

    Raises:
        ConfigError: when ``check`` is not of the form that :func:`link_check` writes.
    """
    there, here = read_check(check), _last_numbers(trace)
    last, float32 = trace.rounds_done - 1, "float32" in (there.precision, trace.precision)
    places = [(card.name, metric) for card in trace.arms for metric in ("loss", "score", "error")]
    pairs = zip(places, there.numbers, here, strict=False)
    gaps = [Difference(last, arm, m, a, b, apart) for (arm, m), a, b in pairs if (apart := gap(m, a, b))]
    largest = max(gaps, key=lambda d: d.gap, default=None)
    beyond = next((d for d in gaps if not (float32_allows(d) if float32 else d.gap <= SAME)), None)
    ours = (("by engine", there.engine, trace.engine), ("on device type", there.device, trace.device),
            ("in", there.precision, trace.precision))  # fmt: skip
    why = tuple(f"it was made {how} {a}, this is {b}" for how, a, b in ours if a != b)
    edited = there.checksum == trace.checksum  # equal traces cannot have other numbers, nor another engine
    if edited and not gaps and not why and len(there.numbers) == len(here):
        return Verdict("reproduced", there.checksum, trace.checksum)
    known = Verdict("same", there.checksum, trace.checksum, largest, beyond, why, steady, float32)
    if edited or len(there.numbers) != len(here):
        return replace(known, outcome="differs", difference=largest if edited else None)
    if beyond is not None and steady is not None and steady <= last:
        return replace(known, outcome="agrees", largest=None, difference=None)
    if beyond is not None:
        return replace(known, outcome="differs")
    return replace(known, outcome="agrees") if float32 else known
