"""What a person does in the lab, in a real browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from fedrot_core.figures import FIGURES
from tests.browser.conftest import Opened
from tests.browser.lab_driver import (
    HERO,
    figure_title,
    figure_version,
    hold_answers,
    leaves,
    open_lab,
    passes_round,
    press_on_slider,
    query,
    release_answers,
    settled,
    shows_round,
    wait_for_a_link,
    wait_for_a_whole_run,
)


def test_first_paint_shows_the_effect_with_no_button_pressed(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    title = figure_title(page, "learning")
    naive, aligned = (int(re.search(rf"{name}[^0-9]*(\d+)\s?%", page.inner_text(".fedrot-look")).group(1))  # type: ignore[union-attr]
                      for name in ("FedIT \\(naive\\)", "FedRot-LoRA"))  # fmt: skip
    assert aligned > naive + 25, title
    for name in ("latent", "learning", "ladder"):
        box = page.locator(f".st-key-figure_{name} .plot").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, f"{name} is not in view on a 1440 x 900 screen"
    expect(page.locator(".fedrot-proof li.holds")).to_have_count(4)


def test_heterogeneity_and_rank_play_and_the_link_bring_back_the_same_state(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    before = figure_version(page)
    press_on_slider(page, "Heterogeneity", "ArrowLeft")
    leaves(page, before)
    settled(page)
    press_on_slider(page, "Rank r", "ArrowRight")
    page.wait_for_function("() => new URLSearchParams(location.search).get('rank') === '5'")
    settled(page)
    assert query(page) == {"alpha": "0.3", "rank": "5"}
    assert figure_version(page).split(":")[0] != before.split(":")[0]

    version_at_rest = figure_version(page)
    page.get_by_role("button", name="Play").click()
    leaves(page, version_at_rest)  # it begins again from the start
    passes_round(page, 1)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    settled(page)
    state, titles = query(page), {name: figure_title(page, name) for name in ("latent", "learning", "ladder")}
    version = figure_version(page)
    assert version.split(":")[2] == state["round"]
    assert int(state["round"]) >= 2

    page.reload()
    page.wait_for_selector(f"{HERO}[data-version]")
    settled(page)
    assert figure_version(page) == version
    assert query(page) == state
    assert {name: figure_title(page, name) for name in titles} == titles


@pytest.mark.parametrize(("pressed", "on"), [("play", 0), ("step", 1)])
def test_pause_holds_the_round_that_was_seen(page: Page, app_url: str, pressed: str, on: int) -> None:
    """The next round is already computed and on its way when the press comes: it is taken back."""
    open_lab(page, f"{app_url}/lab?round=3")
    page.get_by_role("button", name="Play").click()
    passes_round(page, 3)
    hold_answers(page)
    wait_for_a_link(page, "round")
    seen = query(page)["round"]
    page.locator(f".st-key-{pressed} button").first.click()
    wait_for_a_whole_run(page)
    release_answers(page)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    settled(page)
    held = int(seen) + on
    assert query(page)["round"] == str(held)
    shows_round(page, held)
    expect(page.get_by_role("slider", name=re.compile(r"^Round\b"))).to_have_value(str(held))


def test_a_round_waits_until_the_browser_has_the_one_before(page: Page, app_url: str) -> None:
    """Else rounds would pile up behind a slow network, and Pause would come rounds too late."""
    open_lab(page, f"{app_url}/lab?round=3")
    page.get_by_role("button", name="Play").click()
    passes_round(page, 3)
    hold_answers(page)
    wait_for_a_link(page, "round")
    seen = int(query(page)["round"])
    page.wait_for_function("() => window.__wire.links.length > 12")  # the clock has asked this often since
    sent = page.evaluate("window.__wire.links.map((link) => Number(new URLSearchParams(link).get('round')))")
    assert set(sent) <= {seen, seen + 1}


def test_back_and_forward_walk_through_what_was_shown(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?round=3")
    page.locator(".st-key-step button").first.click()
    shows_round(page, 4)
    settled(page)
    page.go_back()
    shows_round(page, 3)
    settled(page)
    assert query(page)["round"] == "3"
    page.go_forward()
    shows_round(page, 4)
    settled(page)
    assert query(page)["round"] == "4"


def test_a_press_that_carries_an_old_link_does_not_pull_the_page_back(page: Page, app_url: str) -> None:
    """Two hurried presses: the second is sent before the link of the first has come."""
    open_lab(page, f"{app_url}/lab?round=3")
    hold_answers(page)
    page.locator(".st-key-step button").first.click()
    wait_for_a_link(page, "round")
    press_on_slider(page, "Rank r", "ArrowRight")
    wait_for_a_link(page, "rank")
    release_answers(page)
    settled(page)
    assert query(page) == {"round": "4", "rank": "5"}


def test_scrubbing_and_stepping_recompute_nothing(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    config, rounds, _ = figure_version(page).split(":")
    press_on_slider(page, "Round", "Home")
    shows_round(page, 0)
    page.locator(".st-key-step button").first.click()
    shows_round(page, 1)
    assert figure_version(page) == f"{config}:{rounds}:1"
    page.locator(".st-key-reset button").first.click()
    shows_round(page, 0)


def test_charts_keep_their_node_while_a_run_streams(page: Page, app_url: str) -> None:
    """No remount, no frame without a chart: the flicker that a rebuilt chart would show."""
    open_lab(page, f"{app_url}/lab")
    page.evaluate(
        """() => {
            const plot = document.querySelector('.st-key-figure_latent .plot');
            window.kept = plot; window.blanks = 0;
            const look = () => {
                const now = document.querySelector('.st-key-figure_latent .plot');
                if (now !== window.kept || !now.querySelector('.main-svg')) window.blanks += 1;
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    before = figure_version(page)
    page.locator(".st-key-new_seed button").first.click()
    leaves(page, before)
    settled(page)
    assert page.evaluate("window.blanks") == 0


def test_a_broken_link_is_explained_and_the_page_stays_up(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?rank=99&colour=red&alpha=0.1")
    alerts = page.get_by_test_id("stAlert").all_inner_texts()
    assert any("Rank r must be in 1..32; got 99" in text for text in alerts)
    assert any("colour" in text for text in alerts)
    assert query(page) == {"alpha": "0.1"}


def test_markdown_in_a_link_stays_text(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab?seed=![x](http://127.0.0.1:9/px.png)&foo=**[Log in](http://127.0.0.1:9/)**")
    alerts = page.get_by_test_id("stAlert")
    assert "![x](http://127.0.0.1:9/px.png)" in " ".join(alerts.all_inner_texts()).replace("\u200b", "")
    assert alerts.locator("img, a, strong").count() == 0


def test_cancel_ends_the_run_and_keeps_its_rounds(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    page.goto(f"{app_url}/lab?rounds=100&clients=30&seed=17")
    page.locator(".st-key-cancel button").first.click()
    caption = page.get_by_text("Cancelled after")
    expect(caption).to_be_visible()
    settled(page)
    before = caption.inner_text()
    page.get_by_role("radio", name=FIGURES["angles"].label, exact=True).click()
    page.wait_for_selector(".st-key-figure_angles .plot[data-version]")
    settled(page)
    assert caption.inner_text() == before
    expect(page.get_by_role("button", name="Turn the clients from as sent to aligned").first).to_be_visible()
    assert int(figure_version(page).split(":")[1]) == int(re.search(r"after (\d+) of 100", before).group(1))  # type: ignore[union-attr]


def test_every_tab_draws_its_figure(page: Page, app_url: str) -> None:
    *rest, last = [FIGURES[name] for name in FIGURES if name not in ("latent", "learning", "ladder")]
    open_lab(page, f"{app_url}/lab?figure={last.name}")
    for entry in (last, *rest):
        if entry is not last:
            page.get_by_role("radio", name=entry.label, exact=True).click()
        page.wait_for_selector(f".st-key-figure_{entry.name} .plot[data-version] .main-svg")
        settled(page)
        assert figure_title(page, entry.name)
        assert query(page).get("figure", "errors") == entry.name


def test_the_numbers_behind_a_figure_open_as_a_table(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    page.locator(".st-key-figure_learning").get_by_role("button", name="Show the numbers").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download CSV").click()
    text = download.value.path().read_text()
    assert "FedRot-LoRA" in text
    assert len(text.splitlines()) > 30


def test_a_figure_saves_as_svg_with_its_title(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    title = figure_title(page, "learning")
    with page.expect_download() as download:
        page.locator(".st-key-figure_learning").get_by_role("button", name="as SVG").click()
    svg = download.value.path().read_text()
    assert svg.startswith("<svg")
    assert title.split(",")[0].split(" ")[0] in svg


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_width_scrolls_sideways(open_page: Opened, app_url: str, scheme: str) -> None:
    page = open_page(390, color_scheme=scheme)
    open_lab(page, f"{app_url}/lab")
    for width in (390, 768, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("(width) => window.innerWidth === width", arg=width)
        settled(page)
        over = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth")
        assert over <= 0, width
    background = page.evaluate(
        "() => getComputedStyle(document.querySelector('.st-key-figure_latent .main-svg')).background"
    )
    assert ("255, 255, 255" in background) == (scheme == "light")


def test_the_keyboard_reaches_every_control(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    reached: set[str] = set()
    for _ in range(160):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "() => { const e = document.activeElement;"
                " return (e.getAttribute('aria-label') || e.innerText || e.title || e.tagName).trim().slice(0, 60); }"
            )
        )
    text = " | ".join(reached)
    for name in (
        "Rank r",
        "Heterogeneity",
        "Play",
        "Round",
        "New seed",
        "SVD re-factorised",
        "Error by round",
        "Save this figure",
    ):
        assert name in text, f"{name} cannot be reached by Tab; reached {text}"
