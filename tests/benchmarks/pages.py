"""How soon each page shows its first complete figure, in a real Chromium, on a cold server and on a warm one.

    python -m tests.benchmarks.pages

Cold: a server started for this page alone, with an empty store, asked as soon as it answers. Warm: the same page again,
in a fresh browser context, median of three. Measures from navigation to the first figure (or card, where a page has no
figure) that stands while the page shows no progress bar.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.navigation import sections
from tests.browser.conftest import FLAGS, PATIENCE_MS
from tests.browser.server import serving

WARM_TIMES = 3
CARDS = {"quiz": ".st-key-quiz_card", "take_home": ".st-key-take_home_card", "lecture_pack": ".st-key-pack_card"}
"""Pages without a figure, and what is complete there instead."""

COMPLETE = """figure => {
  const shown = e => e && e.getClientRects().length > 0;
  const busy = [...document.querySelectorAll('[data-testid="stProgress"]')].some(shown)
    || [...document.querySelectorAll('button')].some(b => shown(b) && b.innerText.includes('Cancel'));
  return !busy && shown(document.querySelector(figure));
}"""


def seconds(browser: Browser, url: str, figure: str) -> float:
    """From navigation to the first complete figure."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(COMPLETE, arg=figure, polling="raf", timeout=PATIENCE_MS)
    taken = time.perf_counter() - begin
    context.close()
    return taken


def main() -> None:
    pages = [entry.url for entries in sections().values() for entry in entries]
    print(f"{'page':16} {'cold, s':>8} {'warm, s':>8}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name in pages:
            figure = CARDS.get(name, ".plot[data-version] svg.main-svg")
            with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url:
                address = f"{url}/{'' if name == 'home' else name}"
                cold = seconds(browser, address, figure)
                warm = statistics.median(seconds(browser, address, figure) for _ in range(WARM_TIMES))
            print(f"{name:16} {cold:8.2f} {warm:8.2f}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
