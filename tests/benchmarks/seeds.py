"""Many seeds as one sweep against the same runs one after another.

Three ways over the same seeds of the default setting, interleaved in one process, and the medians' ratios are printed:
20 full runs one after another on one thread (what the lab computes, every metric), the same runs one after another with
only what a sweep keeps, and one sweep, with seeds beside clients in each batch and one batch a core.

    python -m tests.benchmarks.seeds
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import torch

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.study.sweep import summarise, sweep

SEEDS = 20
REPEATS = 2

WAYS: dict[str, Callable[[list[FederationConfig]], object]] = {
    "full": lambda configs: [Federation(config).run() for config in configs],
    "kept": lambda configs: [summarise([config]) for config in configs],
    "sweep": lambda configs: list(sweep(configs)),
}


def main() -> None:
    torch.set_num_threads(1)
    for arms in (("fedit", "fedrot"), ("fedit", "fedrot", "gpa", "ffa", "flexlora", "fedex")):
        configs = [FederationConfig().with_values({"arms": arms, "seed": seed}) for seed in range(SEEDS)]
        times: dict[str, list[float]] = {name: [] for name in WAYS}
        Federation(configs[0]).run()
        for _ in range(REPEATS):
            for name, run in WAYS.items():
                begin = time.perf_counter()
                run(configs)
                times[name].append(time.perf_counter() - begin)
        full, kept, together = (statistics.median(times[name]) for name in WAYS)
        print(
            f"{len(arms)} arms, {SEEDS} seeds, {os.cpu_count()} cores: full runs one after another {full:.1f} s, "
            f"with only what a sweep keeps {kept:.1f} s, one sweep {together:.1f} s | sweep / full = "
            f"{together / full:.2f}, sweep / kept = {together / kept:.2f}"
        )


if __name__ == "__main__":
    main()
