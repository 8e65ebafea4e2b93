"""Real Chromium pages in the lab, whose people move its sliders by keyboard.

Reads a :class:`tests.benchmarks.hall.light.Task` as JSON from the standard input and writes what came of it to the
standard output, as light sessions do. Every page has a context, and so a process, of its own. Times are taken in the
page, from the key press (or the navigation) to the paint of the first new figure, and to rest.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import sys
import time

from playwright.async_api import Browser, Error, Page, async_playwright

from tests import ROOT
from tests.benchmarks.hall.light import PATIENCE_SECONDS, RAMP_SECONDS, Sample, Seen, Task, read_task
from tests.benchmarks.hall.people import Act, Person
from tests.browser.conftest import FLAGS, PATIENCE_MS
from tests.browser.lab_driver import HERO

LABELS = {"alpha": "Heterogeneity", "rank": "Rank"}
"""How the sliders' names begin."""

PRESSED = """addEventListener("keydown", () => { window.__pressed = performance.now(); }, true);"""

EFFECT = """([wanted, hero, patience]) => new Promise((resolve) => {
  const begin = window.__pressed ?? 0, hash = wanted.split(":")[0];
  let first = null;
  const seen = (selector) => document.querySelector(selector) !== null;
  const timer = setInterval(() => {
    const taken = (performance.now() - begin) / 1000;
    const versions = [...document.querySelectorAll(".plot[data-version]")].map((plot) => plot.dataset.version);
    if (first === null && document.querySelector(hero)?.dataset.version?.startsWith(hash)) first = taken;
    const rests = versions.length > 0 && versions.every((version) => version === wanted)
      && !window.__wire.unanswered && !seen('[aria-busy="true"], [class*="st-key-pacer_"]')
      && seen('[data-testid="stApp"][data-test-script-state="notRunning"]');
    if (!rests && taken < patience) return;
    clearInterval(timer);
    const wrong = [...document.querySelectorAll('[data-testid="stException"], [data-testid="stAlertContentError"]')];
    const connected = seen('[data-testid="stApp"][data-test-connection-state="CONNECTED"]');
    resolve({ first, rest: rests ? taken : null, errors: wrong.map((node) => node.innerText), connected });
  }, 25);
})"""
"""What an act leads to."""


async def do(page: Page, act: Act, before: Act | None, seen: Seen) -> None:
    """Press a key, or open the page, and wait for what comes of it."""
    if act.slider is not None and before is not None and before.config is not None and act.config is not None:
        key = act.slider[0]
        up = act.config.values()[key] > before.config.values()[key]
        await page.get_by_role("slider", name=LABELS[key]).first.focus()
        await page.keyboard.press("ArrowRight" if up else "ArrowLeft")
    assert act.config is not None, "people at a keyboard stay in the lab"
    effect = await page.evaluate(EFFECT, [act.version, HERO, PATIENCE_SECONDS])
    seen.samples.append(Sample(act.crowd, before is None, effect["first"], effect["rest"], act.config.hash))
    seen.errors += effect["errors"]
    if not effect["connected"]:
        seen.dead.append("a page in Chromium lost its connection")


async def visit(browser: Browser, url: str, person: Person, after: float, end: float, seen: Seen) -> None:
    """One person at a page of their own."""
    await asyncio.sleep(after)
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(path=ROOT / "tests" / "browser" / "wire.js")
    await context.add_init_script(PRESSED)
    page = await context.new_page()
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    before: Act | None = None
    try:
        for act in person.acts():
            if before is None:
                await page.goto(f"{url}/{act.page}?{act.query}", wait_until="commit")
            else:
                await asyncio.sleep(person.think())
            if time.monotonic() >= end:
                break
            await do(page, act, before, seen)
            before = act
    except Error as error:
        seen.dead.append(error.message.splitlines()[0])
    await context.close()


async def pages(task: Task) -> Seen:
    """All pages at once, in one browser."""
    seen, end = Seen(), time.monotonic() + task.seconds
    ramp = min(RAMP_SECONDS, task.seconds / 4)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        async with asyncio.TaskGroup() as group:
            for n, (number, crowd) in enumerate(task.people):
                person = Person(number, crowd, keyboard=True)
                group.create_task(visit(browser, task.url, person, ramp * n / len(task.people), end, seen))
        await browser.close()
    return seen


def main() -> None:
    json.dump(dataclasses.asdict(asyncio.run(pages(read_task()))), sys.stdout)


if __name__ == "__main__":
    main()
