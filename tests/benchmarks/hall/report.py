"""What a hall was like, in numbers beside what they should be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.benchmarks.hall.house import Use
from tests.benchmarks.hall.light import LATE_SECONDS, PATIENCE_SECONDS, Sample, Seen

Target = tuple[float, float]

SOME, MANY = 30, 100
TO_REST: dict[int, Target] = {SOME: (1.0, 3.0), MANY: (2.0, 6.0)}
"""Sessions -> 95th percentile of a change, in seconds: on popular settings, and on their own."""

NOTHING = "–"
"""Stands for numbers that nobody gave rise to; a line of nothing else is left out."""

MOST_MB = 1500.0
BACK_WITHIN = 0.10


@dataclass(frozen=True)
class Outcome:
    """One hall.

    Attributes:
        sessions, seconds: how many, for how long; chromium: how many of them were real pages.
        light, pages: what light sessions and real pages met.
        start, after: what the server held before and so long after; history: in between, by seconds.
        rested: seconds from the last session's end to ``after``.
        cpu: name -> cores that were taken, on average.
        computed: config hash -> how often its run was computed; None where the store is not known.
        tracebacks: in the server's log.
    """

    sessions: int
    seconds: float
    chromium: int
    light: Seen
    pages: Seen
    start: Use
    after: Use
    history: Sequence[tuple[float, Use]]
    rested: float
    cpu: Mapping[str, float]
    computed: Mapping[str, int] | None
    tracebacks: int = 0

    @property
    def peak(self) -> Use:
        """The most of everything."""
        uses = [self.start, self.after, *(use for _, use in self.history)]
        return Use(
            max(use.memory for use in uses),
            max(use.threads for use in uses),
            max(use.files for use in uses),
            max(use.processes for use in uses),
        )


@dataclass(frozen=True)
class Row:
    """One line: a name, a value, and where there is one, a target and whether it is met."""

    name: str
    value: str
    target: str = ""
    met: bool | None = field(default=None)


def percentile(values: Sequence[float | None], share: float) -> float:
    """The smallest value that so great a share does not exceed; what is None took for ever; NaN of nothing."""
    ordered = sorted(math.inf if value is None else value for value in values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.nan


def target_of(sessions: int) -> Target:
    """That of the next larger hall; of the largest for all that are larger."""
    return TO_REST[SOME if sessions <= SOME else MANY]


def seconds(value: float) -> str:
    """As text."""
    if math.isnan(value):
        return NOTHING
    return f"> {PATIENCE_SECONDS:.0f}" if math.isinf(value) else f"{value:.2f}"


def _times(name: str, samples: Sequence[Sample], most: float | None) -> list[Row]:
    """How long changes took: to rest, and to the first figure."""
    rest, first = [sample.rest for sample in samples], [sample.first for sample in samples]
    p50, p95, slowest = (percentile(rest, share) for share in (0.5, 0.95, 1.0))
    told = f"{seconds(p50)}, {seconds(p95)}, {seconds(slowest)} ({len(samples)})"
    soon = f"{seconds(percentile(first, 0.5))}, {seconds(percentile(first, 0.95))}"
    met = None if most is None or not samples else p95 <= most
    target = "" if most is None else f"p95 at most {most:g} s"
    return [
        Row(f"{name}, to rest, s: p50, p95, max (n)", told, target, met),
        Row(f"{name}, first repaint, s: p50, p95", soon),
    ]


def _runs(outcome: Outcome) -> list[Row]:
    """What was computed of what was asked for."""
    if outcome.computed is None:
        return []
    samples = outcome.light.samples + outcome.pages.samples
    rows = []
    for crowd, name in (("popular", "popular settings"), ("own", "own settings")):
        asked = Counter(sample.config for sample in samples if sample.crowd == crowd and sample.config)
        times = [outcome.computed.get(config, 0) for config in asked]
        told = f"{len(asked)}, {asked.total()} times; {sum(map(bool, times))}, {sum(times)} times"
        once = max(times, default=0) <= 1 if crowd == "popular" else None
        rows.append(Row(f"{name} asked for; runs kept", told, "once each" if crowd == "popular" else "", once))
    return rows


def rows(outcome: Outcome) -> list[Row]:
    """All that is told of a hall."""
    popular, own = target_of(outcome.sessions)
    light, pages, start, peak, after = outcome.light, outcome.pages, outcome.start, outcome.peak, outcome.after
    samples = light.samples + pages.samples

    def of(seen: Seen, crowd: str, opening: bool) -> list[Sample]:
        return [sample for sample in seen.samples if sample.crowd == crowd and sample.opening == opening]

    def of_cpu(name: str) -> str:
        return f"{outcome.cpu.get(name, 0.0):.2f}"

    told = [
        *_times("popular", of(light, "popular", False), popular),
        *_times("own", of(light, "own", False), own),
        *_times("Chromium, popular", of(pages, "popular", False), popular),
        *_times("Chromium, own", of(pages, "own", False), own),
    ]
    for name, some in (
        ("lab opened", of(light, "popular", True) + of(light, "own", True)),
        ("lab opened in Chromium", of(pages, "popular", True) + of(pages, "own", True)),
        ("lessons, quiz, Compare", of(light, "others", True) + of(light, "others", False)),
    ):
        told.append(_times(name, some, None)[0])
    stuck = sum(sample.rest is None for sample in samples)
    errors = len(light.errors) + len(pages.errors) + outcome.tracebacks
    dead = len(light.dead) + len(pages.dead)
    back = after.memory / start.memory - 1
    return [
        *told,
        Row("errors on pages and in the log", str(errors), "none", errors == 0),
        Row("dead sessions", str(dead), "none", dead == 0),
        Row(f"never at rest within {PATIENCE_SECONDS:.0f} s", str(stuck), "none", stuck == 0),
        Row(
            "slowest ping, s; unanswered", f"{light.slowest:.2f}; {light.unanswered} of {light.pings}",
            f"all within {LATE_SECONDS:g} s", light.unanswered == 0,
        ),
        Row("memory, MB: start, peak", f"{start.memory:.0f}, {peak.memory:.0f}",
            f"at most {MOST_MB:.0f}", peak.memory <= MOST_MB),
        Row(f"memory {outcome.rested:.0f} s after all left, MB", f"{after.memory:.0f} ({back:+.0%})",
            f"start + {BACK_WITHIN:.0%}", back <= BACK_WITHIN),
        Row("threads: start, peak, after", f"{start.threads}, {peak.threads}, {after.threads}"),
        Row("open files: start, peak, after", f"{start.files}, {peak.files}, {after.files}"),
        *_runs(outcome),
        Row("cores: server", of_cpu("server")),
        Row("cores: light sessions; their loop late, s", f"{of_cpu('light')}; {light.lag:.2f}"),
        Row("cores: Chromium; other work on this machine", f"{of_cpu('pages')}; {of_cpu('others')}"),
    ]  # fmt: skip


def table(outcomes: Sequence[Outcome]) -> str:
    """Halls of the same size side by side."""
    columns = [rows(outcome) for outcome in outcomes]
    heads = [
        f"{o.sessions - o.chromium} light + {o.chromium} Chromium" if o.chromium else "all light" for o in outcomes
    ]
    lines = [[f"{outcomes[0].sessions} sessions, {outcomes[0].seconds:.0f} s", *heads, "target"]]
    for same in zip(*columns, strict=True):
        if all(row.value.startswith(NOTHING) for row in same):
            continue
        verdicts = [row.value + {True: "  met", False: "  NOT MET", None: ""}[row.met] for row in same]
        lines.append([same[0].name, *verdicts, same[0].target])
    widths = [max(len(line[n]) for line in lines) for n in range(len(lines[0]))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip
