"""Does a server that runs for long stay as it is? Memory, threads and open files, minute by minute.

    python -m tests.benchmarks.soak
    python -m tests.benchmarks.soak --minutes 5 --sessions 4

A small hall (see :mod:`tests.benchmarks.hall`) whose people leave after two minutes, while others come, on a fresh
server with an empty store. Flat means: the median of the last third is at most 10 % above that of the middle third;
the first third fills what is kept for all (runs, shipped results, sessions that may come back).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.hall.__main__ import fill, house
from tests.benchmarks.hall.house import Use
from tests.benchmarks.hall.report import rows, table

STAY_SECONDS = 120.0
GROWTH = 0.10
HELD = ("memory", "threads", "files")


def growth(history: Sequence[tuple[float, Use]], held: str) -> float:
    """How much more of it the last third held than the middle third, as a share; by medians."""
    values = [float(getattr(use, held)) for _, use in history]
    third = max(1, len(values) // 3)
    return statistics.median(values[-third:]) / statistics.median(values[-2 * third : -third] or values) - 1


class Minutes:
    """Prints a line for the first look of every minute."""

    def __init__(self) -> None:
        self._next = 0.0
        print(f"{'minute':>6} {'memory, MB':>10} {'threads':>8} {'files':>8} {'processes':>9}")

    def __call__(self, at: float, use: Use) -> None:
        if at >= self._next:
            self._next += 60.0
            print(
                f"{at / 60:6.0f} {use.memory:10.0f} {use.threads:8} {use.files:8} {use.processes:9}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--sessions", type=int, default=10, help="at the same time")
    parser.add_argument("--json", type=Path, help="a file that takes all that was measured")
    asked = parser.parse_args()
    with house(None) as there:
        outcome = fill(there, asked.sessions, 0, 60 * asked.minutes, rest=30, stay=STAY_SECONDS, tell=Minutes())
    for held in HELD:
        grown = growth(outcome.history, held)
        print(f"{held}: {grown:+.1%} from the middle third to the last, {'flat' if grown <= GROWTH else 'NOT FLAT'}")
    print(f"\n{table([outcome])}")
    if asked.json:
        told = {**dataclasses.asdict(outcome), "rows": [dataclasses.asdict(row) for row in rows(outcome)]}
        asked.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
