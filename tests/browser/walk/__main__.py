"""``python -m tests.browser.walk``: the whole walk, in both colour schemes, with contact sheets to look through."""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.server import serving
from tests.browser.walk.look import SIZES
from tests.browser.walk.places import GROUPS
from tests.browser.walk.walk import SCHEMES, Scheme, rounds, walk

COLUMNS = {"wide": 4, "room": 4, "phone": 8}
CELL = 480
"""Width of a picture on a sheet of four columns, in pixels."""
CAPTION = 18
MOST_ROWS = 8
TALLEST = 3000
"""A page is shown whole down to here, in pixels of the page."""


def picture(page: Page, path: Path) -> None:
    """The page as it is on the screen and, where it reaches below, all of it."""
    size = page.viewport_size
    assert size is not None
    below = page.evaluate("__look.below()")
    if below > 1:
        page.set_viewport_size({**size, "height": min(size["height"] + below, TALLEST)})
    page.screenshot(path=path)
    page.set_viewport_size(size)


def sheets(pictures: list[tuple[str, Path]], columns: int, stem: Path) -> list[Path]:
    """Contact sheets of captioned pictures; the files written."""
    width = 4 * CELL // columns
    written: list[Path] = []
    for n in range(0, len(pictures), columns * MOST_ROWS):
        page = []
        for caption, path in pictures[n : n + columns * MOST_ROWS]:
            shot = Image.open(path).convert("RGB")
            page.append((caption, shot.resize((width, round(shot.height * width / shot.width)))))
        rows = [page[k : k + columns] for k in range(0, len(page), columns)]
        heights = [CAPTION + max(shot.height for _, shot in row) for row in rows]
        sheet = Image.new("RGB", (columns * width, sum(heights)), "#888888")
        pen, top = ImageDraw.Draw(sheet), 0
        for row, height in zip(rows, heights, strict=True):
            for k, (caption, shot) in enumerate(row):
                pen.text((k * width + 3, top + 3), caption, fill="white")
                sheet.paste(shot, (k * width, top + CAPTION))
            top += height
        written.append(stem.with_name(f"{stem.name}-{len(written) + 1}.png"))
        sheet.save(written[-1])
    return written


def look_through(browser: Browser, url: str, size: str, scheme: Scheme, groups: list[str], out: Path) -> list[str]:
    """Walk at one size in one scheme, print what is wrong, and write the sheets; what was found."""
    pictures: list[tuple[str, Path]] = []
    found: list[str] = []
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:

        def seen(page: Page, where: str) -> None:
            pictures.append((where, Path(folder) / f"{len(pictures)}.png"))
            picture(page, pictures[-1][1])

        for group in [group for at, group in rounds() if at == size and group in groups]:
            wrong = walk(browser, url, size, GROUPS[group], (scheme,), seen)
            print("\n".join(wrong) or f"{group} [{size}, {scheme}]: nothing wrong", flush=True)
            found += wrong
        names = ", ".join(path.name for path in sheets(pictures, COLUMNS[size], out / f"{size}-{scheme}"))
    print(f"{len(pictures)} looks in {time.perf_counter() - begin:.0f} s: {names}", flush=True)
    return found


def main() -> int:
    """Exit code 0 if nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.walk", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("groups", nargs="*", help=f"some of: {'; '.join(GROUPS)}; default: all")
    parser.add_argument("--size", choices=SIZES, action="append", help="default: all")
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help="default: both")
    parser.add_argument("--out", type=Path, default=Path("test-artifacts"), help="folder for the sheets")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    found: list[str] = []
    with (
        tempfile.TemporaryDirectory() as store,
        serving(store=Path(store)) as url,
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=FLAGS) as browser,
    ):
        for size in args.size or SIZES:
            for scheme in args.scheme or SCHEMES:
                found += look_through(browser, url, size, scheme, args.groups or list(GROUPS), args.out)
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
