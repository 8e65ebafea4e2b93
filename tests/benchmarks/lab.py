"""What the lab feels like, in a real Chromium: slider to repaint (p50, p95) and the default two-arm run.

    python -m tests.benchmarks.lab

Starts the app on a free port and moves heterogeneity up and down on the default preset, with a new seed at each end, so
that no move asks for a run that a move before asked for. Measures from the key press to the first repaint of the hero
with a round of the new run: of who presses as soon as the picture rests, and of who looks at it first, while the server
computes ahead. The run is timed in this process.
"""

from __future__ import annotations

import math
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch
from playwright.sync_api import sync_playwright

from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from tests.browser.conftest import FLAGS, wired_page
from tests.browser.lab_driver import figure_version, open_lab, settled
from tests.browser.server import serving

SWEEPS = 6

LOOKING_MS = 4000
"""How long somebody looks at a picture before the next move."""

CHANGED = """v => document.querySelector('.st-key-figure_latent .plot').dataset.version.split(':')[0] !== v"""


def run_seconds() -> list[float]:
    """The default config, both arms, all metrics, on one thread; the first run warms caches and is left out."""
    torch.set_num_threads(1)
    times = []
    for seed in range(6):
        config = FederationConfig().with_values({"seed": seed})
        begin = time.perf_counter()
        Federation(config).run()
        times.append(time.perf_counter() - begin)
    return times[1:]


def repaint_ms(looking_ms: int) -> list[float]:
    """Key press to repaint, for every move of the slider; each follows so long after the page came to rest."""
    samples: list[float] = []
    with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        page = wired_page(browser)
        open_lab(page, f"{url}/lab")
        for sweep in range(SWEEPS):
            for _ in range(5):
                page.wait_for_timeout(looking_ms)
                before = figure_version(page).split(":")[0]
                page.get_by_role("slider", name="Heterogeneity").first.focus()
                begin = time.perf_counter()
                page.keyboard.press("ArrowRight" if sweep % 2 == 0 else "ArrowLeft")
                page.wait_for_function(CHANGED, arg=before, polling="raf")
                samples.append(1000 * (time.perf_counter() - begin))
                settled(page)
            page.locator(".st-key-new_seed button").first.click()  # so that the way back is new as well
            page.wait_for_timeout(1500)
            settled(page)
        browser.close()
    return samples


def main() -> None:
    runs = run_seconds()
    middle = statistics.median(runs)
    print(f"default two-arm run, metrics included, one thread: median {middle:.2f} s, max {max(runs):.2f} s")
    for who, looking_ms in (("at once", 0), (f"after {LOOKING_MS / 1000:g} s", LOOKING_MS)):
        times = sorted(repaint_ms(looking_ms))
        p95 = times[math.ceil(0.95 * len(times)) - 1]
        middle = statistics.median(times)
        spread = f"p50 {middle:.0f} ms, p95 {p95:.0f} ms, max {times[-1]:.0f} ms"
        print(f"slider to repaint, {len(times)} moves, each {who}: {spread}")


if __name__ == "__main__":
    main()
