"""How soon each page shows its first complete figure, in a real Chromium, on a cold server and on a warm one.

    python -m tests.benchmarks.pages

Cold: a server started for this page alone, with an empty store, asked as soon as it answers. Warm: the same page again,
in a fresh browser context, median of three. Measures from navigation to the first figure (or card, where a page has no
figure; or file, where it makes one) that stands while the page shows no progress bar.

    python -m tests.benchmarks.pages --steps

measures every step of every lesson instead, each for the first time, on one server a lesson.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from app.navigation import sections
from fedrot_core.learn.lessons import LESSONS
from tests.browser.conftest import FLAGS, PATIENCE_MS
from tests.browser.server import serving

WARM_TIMES = 3
FIGURE = ".plot[data-version] svg.main-svg"
CARDS = {"quiz": ".st-key-quiz_card", "take_home": ".st-key-take_home_file", "lecture_pack": ".st-key-pack_card"}
"""Pages without a figure, and what is complete there instead."""

PRESSED = {"take_home": ".st-key-take_home_make button"}
"""What has to be pressed on a page, as soon as it is there, where it does not begin by itself."""

COMPLETE = """([figure, press]) => {
  const shown = e => e && e.getClientRects().length > 0;
  const button = press && document.querySelector(press);
  if (shown(button) && !window.pressed) { window.pressed = true; button.click(); }
  const busy = [...document.querySelectorAll('[data-testid="stProgress"]')].some(shown)
    || [...document.querySelectorAll('button')].some(b => shown(b) && b.innerText.includes('Cancel'));
  return !busy && shown(document.querySelector(figure));
}"""


def seconds(browser: Browser, url: str, figure: str, press: str = "") -> float:
    """From navigation to the first complete figure."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_function(COMPLETE, arg=[figure, press], polling="raf", timeout=5 * PATIENCE_MS)
    taken = time.perf_counter() - begin
    context.close()
    return taken


def pages(browser: Browser) -> None:
    """Every page, cold and warm."""
    print(f"{'page':16} {'cold, s':>8} {'warm, s':>8}")
    for name in [entry.url for entries in sections().values() for entry in entries]:
        figure, press = CARDS.get(name, FIGURE), PRESSED.get(name, "")
        with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url:
            address = f"{url}/{'' if name == 'home' else name}"
            cold = seconds(browser, address, figure, press)
            warm = statistics.median(seconds(browser, address, figure, press) for _ in range(WARM_TIMES))
        print(f"{name:16} {cold:8.2f} {warm:8.2f}", flush=True)


def steps(browser: Browser) -> None:
    """Every step of every lesson, for the first time; the first one with the server's start."""
    print("lesson           seconds, step by step")
    for lesson in LESSONS.values():
        with tempfile.TemporaryDirectory() as store, serving(Path(store)) as url:
            found = [
                seconds(browser, f"{url}/{lesson.name}?step={n + 1}&skip=1", FIGURE) for n in range(len(lesson.steps))
            ]
        print(f"{lesson.name:16} {' '.join(f'{taken:6.2f}' for taken in found)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", action="store_true", help="every step of every lesson")
    asked = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        (steps if asked.steps else pages)(browser)
        browser.close()


if __name__ == "__main__":
    main()
