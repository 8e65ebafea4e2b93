"""The take-home page from disk with the network off: sliders by keyboard, numbers from the file, guesses, layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from fedrot_core import ENGINE_VERSION
from fedrot_core.export.take_home.build import TINY, numbers, written
from fedrot_core.export.take_home.steps import STEPS
from fedrot_core.wording import percent

READY = "html[data-ready]"
"""Set by the page. Waiting for a selector, not for a function: the page's policy forbids to evaluate text."""

LOCAL = ("file:", "data:", "blob:")
KEYS = ("theta", "alpha", "rank", "lam", "round")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def found() -> Row:
    return numbers(TINY)


@pytest.fixture(scope="module")
def file(found: Row, tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("take-home") / "page.html"
    path.write_bytes(written(found))
    return path.as_uri()


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["wide", "phone"])
def offline(request: pytest.FixtureRequest, chromium: Browser, file: str) -> Iterator[Page]:
    """The file, opened without a network; any message on the console or request beyond the file fails the test."""
    width, height = request.param
    context = chromium.new_context(viewport={"width": width, "height": height}, reduced_motion="reduce")
    context.set_offline(True)
    page = context.new_page()
    bad: list[str] = []
    page.on("pageerror", lambda error: bad.append(str(error)))
    page.on("console", lambda message: bad.append(message.text))
    page.on("request", lambda asked: bad.extend([] if asked.url.startswith(LOCAL) else [asked.url]))
    page.goto(file)
    page.wait_for_selector(READY, state="attached")
    yield page
    context.close()
    assert not bad, bad


def position(page: Page) -> dict[str, int]:
    return {key: int(page.locator(f"#slider-{key}").input_value()) for key in KEYS}


def on_show(page: Page, found: Row) -> tuple[Row, Row, int]:
    """The entry that the sliders choose, its aligned arm, and the round: by the order of the grid, as Python has it."""
    at = position(page)
    setting = (TINY.thetas[at["theta"]], TINY.alphas[at["alpha"]], TINY.ranks[at["rank"]])
    run = found["runs"][TINY.settings.index(setting)]
    return run, run["aligned"][at["lam"]], at["round"]


def follows(page: Page, found: Row) -> None:
    """Titles, shares, table, hash and command are those of the run that the sliders choose."""
    run, aligned, t = on_show(page, found)
    naive = run["naive"]
    expect(page.locator("#learning-title")).to_contain_text(f"Round {t}: turning first")
    for title, shown in (
        ("learning", [aligned["score"][t], naive["score"][t], run["centralised"][t]]),
        ("errors", [aligned["error"][t], naive["error"][t]]),
        ("arrows", aligned["kept"][t][:1]),
    ):
        text = page.locator(f"#{title}-title").inner_text()
        assert all(percent(number) in text for number in shown), (title, shown, text)
    assert page.locator("#keeps-naive").inner_text() == f"keeps {percent(aligned['kept'][t][0])}"
    assert page.locator("#keeps-turned").inner_text() == f"keeps {percent(aligned['kept'][t][1])}"
    cells = page.locator("#numbers tr.now").evaluate("row => [...row.children].map(cell => cell.textContent)")
    scores = [naive["score"][t], aligned["score"][t], run["centralised"][t]]
    row = [*scores, naive["error"][t], aligned["error"][t], *aligned["kept"][t]]
    assert cells == [str(t), *(percent(number) for number in row)]
    place = position(page)
    config = TINY.config(
        TINY.thetas[place["theta"]], TINY.alphas[place["alpha"]], TINY.ranks[place["rank"]], TINY.lams[place["lam"]]
    )
    assert config.hash in page.locator("#run").inner_text()
    words = page.locator("#command").inner_text().removeprefix("fedrot run ").split()
    given = dict(zip([w.removeprefix("--") for w in words[::2]], words[1::2], strict=True))
    base = type(config)()
    kinds = {key: type(value) for key, value in base.values().items()}
    typed = {key: tuple(v.split(",")) if kinds[key] is tuple else kinds[key](v) for key, v in given.items()}
    assert base.with_values(typed) == config


def drawn(page: Page, plot: str, trace: int) -> list[float]:
    y: list[float] = page.evaluate(f"[...document.getElementById('{plot}').data.at({trace}).y]")
    return y


def test_every_slider_moves_by_keyboard_and_everything_follows(offline: Page, found: Row) -> None:
    follows(offline, found)
    for key in KEYS:
        slider = offline.locator(f"#slider-{key}")
        count = int(slider.get_attribute("max") or 0) + 1
        slider.focus()
        offline.keyboard.press("Home")
        for n in range(count):
            assert position(offline)[key] == n
            values = {"theta": TINY.thetas, "alpha": TINY.alphas, "rank": TINY.ranks, "lam": TINY.lams}
            shown = f"{values[key][n]:g}" if key in values else str(n)
            spoken = slider.get_attribute("aria-valuetext")
            assert spoken == shown + ("°" if key == "theta" else "") == offline.locator(f"#out-{key}").inner_text()
            follows(offline, found)
            run, aligned, _ = on_show(offline, found)
            assert drawn(offline, "plot-learning", -2) == run["naive"]["score"]
            assert drawn(offline, "plot-learning", -1) == aligned["score"]
            assert drawn(offline, "plot-errors", -1) == aligned["error"]
            offline.keyboard.press("ArrowRight")
        assert position(offline)[key] == count - 1


def test_arrows_stand_where_the_file_says(offline: Page, found: Row) -> None:
    _, aligned, t = on_show(offline, found)
    for plot, tips in (("sent", aligned["sent"][t]), ("turned", [aligned["means"][t][1]])):
        got = offline.evaluate(f"(({{x, y}}) => [[...x], [...y]])(document.getElementById('plot-{plot}').data.at(-1))")
        assert [[x, y] for x, y in zip(got[0][1::3], got[1][1::3], strict=True)] == tips


def test_a_guess_covers_the_answer_until_it_is_made(offline: Page, found: Row) -> None:
    for n, step in enumerate(STEPS):
        expect(offline.locator("#step-count")).to_have_text(f"Step {n + 1} of {len(STEPS)}")
        expect(offline.locator("#step-title")).to_have_text(step.title)
        assert "{" not in offline.locator("#lesson").inner_text()
        if step.guess is None:
            expect(offline.locator("#guess")).to_be_hidden()
        else:
            run, aligned, t = on_show(offline, found)
            seen = offline.locator("#figures").inner_text()
            assert "keeps" not in seen
            assert "turn" not in seen
            expect(offline.locator("#plot-learning")).to_be_hidden()
            expect(offline.locator("#plot-naive")).to_be_hidden()
            expect(offline.locator("#numbers")).to_be_hidden()
            offline.locator("#guess-value").fill("12")
            offline.keyboard.press("Enter")
            told = offline.locator("#answer").inner_text()
            truth = {"kept": percent(aligned["kept"][t][0]), "naive": percent(run["naive"]["score"][t])}
            gain = round(100 * aligned["score"][t]) - round(100 * run["naive"]["score"][t])
            assert "You guessed 12" in told
            assert truth.get(step.guess.answer, f"{gain}\u00a0point".replace("-", "−")) in told
            follows(offline, found)
        if n < len(STEPS) - 1:
            offline.locator("#next").click()
    expect(offline.locator("#next")).to_be_disabled()


def test_it_fits_its_screen_and_says_what_it_is(offline: Page) -> None:
    assert offline.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for image in offline.locator("[role=img]").all():
        assert len(image.get_attribute("aria-label") or "") > 40
    expect(offline.locator("header")).to_contain_text("A small model, not an LLM")
    expect(offline.locator("header")).to_contain_text("64–64–64–10")
    expect(offline.locator("footer")).to_contain_text(f"seed {TINY.base.seed}, engine version {ENGINE_VERSION}")
    unnamed = "[...document.querySelectorAll('input')].filter(input => !input.labels.length).map(input => input.id)"
    assert offline.evaluate(unnamed) == []
    boxes = offline.evaluate(
        "[...document.querySelectorAll('.plot')].map(p => [p.clientWidth, p.querySelector('svg').clientWidth])"
    )
    assert all(abs(outer - inner) <= 1 for outer, inner in boxes), boxes


def test_dark_mode_follows_the_system(offline: Page, found: Row) -> None:
    modes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for mode in modes:
        offline.emulate_media(color_scheme=mode)
        paper = found["theme"][mode]["paper"]
        rgb = f"rgb({', '.join(str(int(paper[i : i + 2], 16)) for i in (1, 3, 5))})"
        expect(offline.locator("#plot-learning .main-svg").first).to_have_css("background-color", rgb)
        assert rgb == offline.evaluate("getComputedStyle(document.body).backgroundColor")
        follows(offline, found)
