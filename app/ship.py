"""Makes what the project ships: ``python -m app.ship``. Run it when engine, presets or a page's defaults change.

Writes the traces of the lab's presets and the arms that Compare, When, its search, and Paper ask for at first.
"""

import time
from collections.abc import Sequence

from app.jobs.archive import SHIPPED
from app.jobs.known_arms import KnownArms, split
from app.session.query import Selection
from fedrot_core import shipped
from fedrot_core.compute import made_with, pick_compute, torch_threads
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.study import comparison, replica, when
from fedrot_core.study.presets import PRESETS
from fedrot_core.study.sweep import sweep


def defaults() -> dict[str, Sequence[FederationConfig]]:
    """What each page asks for when it is opened without a link, in the order in which it is shown."""
    base, now = FederationConfig(), Selection()
    mapped = when.plan(base, now.grid, now.aligned, now.depth)
    return {
        "compare": comparison.plan(base, now.compare, now.seeds).configs,
        "grid": mapped.configs,
        "search": mapped.further,
        "paper": replica.plan({}).configs,
    }


def main() -> None:
    """Compute and write; a minute or two on two idle cores."""
    begin = time.perf_counter()
    with torch_threads(1):
        traces = [Federation(preset.config).run() for preset in PRESETS]
        made = made_with(pick_compute())
    known, runs = KnownArms(), []
    for name, configs in defaults().items():
        missing = [rest for config in configs if (rest := split(config, known)[1]) is not None]
        found = list(sweep(missing))
        known.add(found)
        runs += found
        print(f"{name}: {len(found)} runs", flush=True)
    size = shipped.write(SHIPPED, traces, runs, made)
    print(f"{len(traces)} traces, {sum(len(run.arms) for run in runs)} arms: {size / 1e6:.2f} MB in "
          f"{SHIPPED.name}/, {time.perf_counter() - begin:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
