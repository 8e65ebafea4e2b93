"""The check in a shared link: the run's last numbers, with which a rerun can be compared when the link is opened."""

from __future__ import annotations

import base64
import math
import re
import struct
from dataclasses import dataclass

from fedrot_core.errors import rule
from fedrot_core.export.run.verdict import Difference, Verdict, gap, judged, made_elsewhere
from fedrot_core.trace import Trace


def link_check(trace: Trace) -> str:
    """The value of ``check`` in a shared link to a run.

    It has the form ``engine-device-precision-checksum-numbers``. The numbers are each arm's last loss, score and error
    as float64, in base64.
    """
    numbers = base64.urlsafe_b64encode(struct.pack(f"<{3 * len(trace.arms)}d", *_last_numbers(trace))).decode()
    parts = (trace.engine, trace.device, trace.precision, trace.checksum, numbers.rstrip("="))
    return "-".join(parts)


def _last_numbers(trace: Trace) -> list[float]:
    """Loss, score and error of each arm's last round; NaN where it had none."""
    last = [records[-1] if (records := trace.arm(card.name)) else None for card in trace.arms]
    return [x for r in last for x in ((r.loss, r.score, float(r.errors.own[-1])) if r else (math.nan,) * 3)]


@dataclass(frozen=True)
class Check:
    """The parts of a link's ``check``, see :func:`link_check`."""

    engine: str
    device: str
    precision: str
    checksum: str
    numbers: tuple[float, ...]


def read_check(check: str) -> Check:
    """Inverse of :func:`link_check`.

    Raises:
        ConfigError: if ``check`` does not have that form.
    """
    form = r"([0-9A-Za-z.+]{1,16})-(cpu|cuda|mps)-(float64|float32)-([0-9a-f]{16})-((?:[0-9A-Za-z_-]{32})+)"
    parts = re.fullmatch(form, check)
    if parts is None:
        what = "have the form engine-device-precision-checksum-numbers"
        raise rule("check", what, check, "Copy the whole link again.", "check")
    engine, device, precision, checksum, text = parts.groups()
    content = base64.urlsafe_b64decode(text)
    return Check(engine, device, precision, checksum, struct.unpack(f"<{len(content) // 8}d", content))


def compare_link(check: str, trace: Trace, steady: int | None = None) -> Verdict:
    """Compare a rerun with a link's ``check``, which holds the numbers of the last round only.

    Args:
        check: the value of ``check`` in the link.
        trace: a rerun of the link's config.
        steady: as for :func:`fedrot_core.export.run.verify.compare`.

    Raises:
        ConfigError: if ``check`` does not have the form that :func:`link_check` writes.
    """
    there, here = read_check(check), _last_numbers(trace)
    last, float32 = trace.rounds_done - 1, "float32" in (there.precision, trace.precision)
    places = [(card.name, metric) for card in trace.arms for metric in ("loss", "score", "error")]
    pairs = zip(places, there.numbers, here, strict=False)
    gaps = [Difference(last, arm, m, a, b, apart) for (arm, m), a, b in pairs if (apart := gap(m, a, b))]
    why = made_elsewhere(
        ((there.engine, trace.engine), (there.device, trace.device), (there.precision, trace.precision))
    )
    complete = len(there.numbers) == len(here)
    return judged(there.checksum, trace.checksum, gaps, why, steady, float32, complete)
