"""Makes what the project ships: ``python -m app.ship``. Run it when engine, presets, lessons or defaults change.

Writes what pages ask for without a link: the traces of the lab's presets, the arms of Compare, When, its search, and
Paper, all runs of all lessons wherever their knobs stand, and the settings of the take-home page.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import Any

from app.jobs.archive import SHIPPED
from app.jobs.known_arms import KnownArms, split
from app.session.query import Selection
from fedrot_core import shipped
from fedrot_core.compute import made_with, pick_compute, torch_threads
from fedrot_core.config import FederationConfig
from fedrot_core.export.run.excerpt import Reads, excerpt_key, excerpt_row
from fedrot_core.export.take_home import known as take_home
from fedrot_core.export.take_home.build import GRID_OF_PAGE
from fedrot_core.export.take_home.runs import all_measured
from fedrot_core.federation import Federation
from fedrot_core.finished import arm_key, arm_row
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.base import Step
from fedrot_core.study import comparison, replica, when
from fedrot_core.study.presets import PRESETS
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.sweep import sweep
from fedrot_core.trace import Trace


def defaults() -> dict[str, Sequence[FederationConfig]]:
    """The runs whose arms each page asks for when it is opened without a link, in the order in which it is shown."""
    base, now = FederationConfig(), Selection()
    mapped = when.plan(base, now.grid, now.aligned, now.depth)
    return {
        "compare": comparison.plan(base, now.compare, now.seeds).configs,
        "grid": mapped.configs,
        "search": mapped.further,
        "paper": replica.plan({}).configs,
        "lessons": [config for step, configs in positions() if not step.whole for config in configs],
    }


def excerpts() -> list[tuple[FederationConfig, Reads]]:
    """Every run of which a lesson reads a few arrays, with these."""
    asked = ((config, step.reads) for step, configs in positions() if step.reads is not None for config in configs)
    return list(dict.fromkeys(asked))


def positions() -> Iterator[tuple[Step, tuple[FederationConfig, ...]]]:
    """Every step that shows runs, with those that it asks for at every position of its own knobs."""
    for lesson in LESSONS.values():
        for step in lesson.steps:
            if step.runs is not None:
                knobs = [lesson.knob(key) for key in step.knobs]
                for chosen in itertools.product(*(knob.choices or [knob.default] for knob in knobs)):
                    moved = zip((knob.key for knob in knobs), chosen, strict=True)
                    yield step, step.runs(lesson.defaults() | dict(moved))


def main() -> None:
    """Compute and write, and say how long it took and how much it is."""
    begin = time.perf_counter()
    with torch_threads(1):
        traces = [Federation(preset.config).run() for preset in PRESETS]
        made = made_with(pick_compute())
        parts = _excerpts(traces)
    print(f"{len(traces)} traces, {len(parts)} excerpts", flush=True)
    known, rows = KnownArms(), {"arms": {}, "lessons": parts}
    for name, configs in defaults().items():
        missing = [rest for config in dict.fromkeys(configs) if (rest := split(config, known)[1]) is not None]
        found = list(sweep(missing))
        known.add(found)
        rows["lessons" if name == "lessons" else "arms"] |= _arms(found)
        print(f"{name}: {len(found)} runs", flush=True)
    size = shipped.write(SHIPPED, traces, rows, made)
    settings = all_measured(GRID_OF_PAGE, lambda: False, lambda *_: None)
    page = dict(zip(take_home.keys_of(GRID_OF_PAGE), settings, strict=True))
    size += shipped.write(take_home.SHIPPED, [], {"settings": page}, made)
    print(f"take-home page: {len(page)} settings", flush=True)
    print(f"{size / 1e6:.2f} MB, {time.perf_counter() - begin:.0f} s")


def _excerpts(traces: Sequence[Trace]) -> dict[str, Any]:
    """All excerpts by key, from ``traces`` where a run is among them."""
    known = {trace.config: trace for trace in traces}
    found = {}
    for config, reads in excerpts():
        if config not in known:
            known[config] = Federation(config).run()
        found[excerpt_key(config, reads)] = excerpt_row(known[config], reads)
    return found


def _arms(runs: Sequence[RunSummary]) -> dict[str, Any]:
    """All arms by key."""
    return {arm_key(run.config, name): arm_row(run, name) for run in runs for name in run.arms}


if __name__ == "__main__":
    main()
