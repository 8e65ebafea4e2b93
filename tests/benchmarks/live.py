"""What watching costs: from a change to the page at rest, in a real Chromium, against the bare run of the same config.

    python -m tests.benchmarks.live

Presses *New seed* on the default preset, with nothing else on the machine and beside a hog on every core. Each time the
page has come to rest, the same config runs in this process, on one thread and without a page. Prints both, page - bare
and page / bare, of medians.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from playwright.sync_api import Page, sync_playwright

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from tests.browser.conftest import FLAGS, wired_page
from tests.browser.lab_driver import AT_REST, figure_version, open_lab, query, settled
from tests.browser.server import serving
from tests.steady import hogs

PRESSES = 8
REPAINTED = "before => document.querySelector('.st-key-figure_latent .plot').dataset.version.split(':')[0] !== before"


def pressed(page: Page) -> tuple[float, float]:
    """Seconds from a press on *New seed* to the first repaint with the new run, and to rest after its last round."""
    before = figure_version(page).split(":")[0]
    button = page.locator(".st-key-new_seed button").first
    page.evaluate("window.__wire.restful = 0")
    begin = time.perf_counter()
    button.click()
    page.wait_for_function(REPAINTED, arg=before, polling="raf")
    repainted = time.perf_counter() - begin
    page.wait_for_function(AT_REST, polling="raf")
    rests = time.perf_counter() - begin
    assert figure_version(page).split(":")[1] == str(FederationConfig().train.rounds)
    return repainted, rests


def bare(seed: int) -> float:
    """Seconds that the run takes here."""
    config = FederationConfig().with_values({"seed": seed})
    begin = time.perf_counter()
    Federation(config).run()
    return time.perf_counter() - begin


def measured(page: Page, how: str) -> None:
    """Press and compare, so many times."""
    looks, runs = [], []
    for _ in range(PRESSES):
        looks.append(pressed(page))
        runs.append(bare(int(query(page)["seed"])))
    first, rest = (statistics.median(times) for times in zip(*looks, strict=True))
    run = statistics.median(runs)
    print(f"{how}: to the first repaint {first:.2f} s, to rest {rest:.2f} s ({min(r for _, r in looks):.2f} to "
          f"{max(r for _, r in looks):.2f}); bare run {run:.2f} s ({min(runs):.2f} to {max(runs):.2f}); "
          f"page - bare {rest - run:+.2f} s, page / bare {rest / run:.2f}", flush=True)  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    bare(0)  # loads the data
    with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = wired_page(browser)
        open_lab(page, f"{url}/lab")
        pressed(page)  # begins the worker processes, if none was begun
        settled(page)
        cores = os.cpu_count() or 1
        for how, beside in (("idle", nullcontext()), ("beside a hog a core", hogs(cores))):
            with beside:
                measured(page, how)
        browser.close()


if __name__ == "__main__":
    main()
