"""What the first visitor of a fresh server waits for, beside a bare page, and how much a page moves while it builds up.

    python -m tests.benchmarks.first_visit

Each time a server is started, and asked as soon as it answers: for the lab and for home; and for a page of four lines
that imports torch and shows one Plotly chart. Medians of three, taken in turns, and their ratio. Then every page on a
warm server: the sum of its layout shifts until it rests (the web's measure; below 0.1 is good).
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.navigation import sections
from tests.benchmarks.pages import FIGURE
from tests.browser.conftest import FLAGS, PATIENCE_MS
from tests.browser.server import serving

TIMES = 3
BARE = """import torch, streamlit as st
import plotly.graph_objects as go
st.title("A chart")
st.plotly_chart(go.Figure(go.Scatter(y=torch.arange(10).tolist())))
"""
BARE_FIGURE = ".js-plotly-plot svg.main-svg"

SHIFTS = """window.__shifts = 0; new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) window.__shifts += shift.value;
}).observe({ type: "layout-shift", buffered: true });"""
SHOWN = "figure => document.querySelector(figure)?.getClientRects().length > 0"
RESTS = """() => document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
  && !document.querySelector('[aria-busy="true"], [class*="st-key-pacer_page"], [data-testid="stProgress"]')"""
SIZES = {"desk": (1440, 900), "phone": (390, 844)}
QUIET_MS = 1500


def first_visit(browser: Browser, app: Path | None, page: str, figure: str) -> float:
    """Seconds from navigation to the first figure, on a server that has just begun to answer."""
    with tempfile.TemporaryDirectory() as store, serving(Path(store), app=app) as url:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        tab = context.new_page()
        begin = time.perf_counter()
        tab.goto(f"{url}/{page}", wait_until="commit")
        tab.wait_for_function(SHOWN, arg=figure, polling="raf", timeout=PATIENCE_MS)
        taken = time.perf_counter() - begin
        context.close()
    return taken


def shifts(browser: Browser, url: str, size: tuple[int, int]) -> float:
    """Layout shifts of a page until it has been at rest for a while."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    context.add_init_script(SHIFTS)
    tab = context.new_page()
    tab.goto(url, wait_until="commit")
    tab.wait_for_timeout(QUIET_MS)
    tab.wait_for_function(RESTS, timeout=PATIENCE_MS)
    tab.wait_for_timeout(QUIET_MS)
    found: float = tab.evaluate("window.__shifts")
    context.close()
    return found


def main() -> None:
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        ways = {
            "bare page": (bare, "", BARE_FIGURE),
            "lab": (None, "lab", FIGURE),
            "home": (None, "", ".fedrot-moving figure"),
        }
        found: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(TIMES):
            for name, (app, page, figure) in ways.items():
                found[name].append(first_visit(browser, app, page, figure))
        middle = {name: statistics.median(times) for name, times in found.items()}
        for name, taken in middle.items():
            print(
                f"first visit, {name:10} {taken:6.2f} s, {taken / middle['bare page']:.2f} of the bare page", flush=True
            )
        print(f"{'layout shift':18} {'desk':>7} {'phone':>7}")
        with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url:
            for name in [entry.url for entries in sections().values() for entry in entries]:
                address = f"{url}/{'' if name == 'home' else name}"
                print(f"{name:18}", *(f"{shifts(browser, address, size):7.3f}" for size in SIZES.values()), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
