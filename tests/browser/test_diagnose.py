"""Adapters in a real browser: dropped, answered, a layer picked in a figure, merged and saved."""

from __future__ import annotations

import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from app.jobs.diagnoses import SAMPLES
from tests.browser.lab_driver import query, settled

FIGURE = '[class*="st-key-figure_adapter_{}"] .plot'


def drawn(page: Page) -> None:
    for name in ("ladder", "layers", "clock", "angles", "clients"):
        page.wait_for_selector(FIGURE.format(name) + "[data-version]")
    settled(page)


def test_two_adapters_dropped_are_answered_and_the_merged_one_is_saved(
    page: Page, app_url: str, tmp_path: Path
) -> None:
    """As a new user would: two clients' folders of a hub, each as a zip of its own."""
    with zipfile.ZipFile(SAMPLES / "independent.zip") as sample:
        for client in ("films", "news"):
            with zipfile.ZipFile(tmp_path / f"{client}.zip", "w") as packed:
                for name in ("adapter_model.safetensors", "adapter_config.json"):
                    packed.writestr(name, sample.read(f"{client}/{name}"))
    page.goto(f"{app_url}/diagnose")
    drawn(page)
    page.get_by_role("radio", name="My own files").click()
    settled(page)
    page.locator('input[type="file"]').set_input_files([tmp_path / "films.zip", tmp_path / "news.zip"])
    drawn(page)
    expect(page.locator(".fedrot-look")).to_contain_text("Plain averaging misses")
    expect(page.get_by_text("2 clients, 12 layers, rank 4.")).to_be_visible()
    page.get_by_role("button", name="Make the adapter").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download (").click()
    with zipfile.ZipFile(saved.value.path()) as merged:
        assert {"adapter_model.safetensors", "adapter_config.json", "README.md"} <= set(merged.namelist())
    page.get_by_role("radio", name="Shared start").click()
    expect(page.get_by_text("all from the same random factors")).to_be_visible()
    drawn(page)


def test_a_click_on_a_row_selects_its_layer(page: Page, app_url: str) -> None:
    page.goto(f"{app_url}/diagnose?set=svd")
    drawn(page)
    page.locator(FIGURE.format("layers")).scroll_into_view_if_needed()
    area = page.locator(FIGURE.format("layers") + " .nsewdrag").first.bounding_box()
    assert area is not None
    x, y = area["x"] + area["width"] * 0.2, area["y"] + area["height"] * 1.5 / 12  # the second row
    page.mouse.move(x - 5, y)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    page.wait_for_function("() => new URLSearchParams(location.search).has('layer')")
    settled(page)
    assert query(page)["layer"] == "bert.encoder.layer.0.attention.self.value"
    expect(page.locator('[class*="st-key-figure_adapter_clock"] .title')).to_contain_text("0 · value")


def test_it_does_not_scroll_sideways_on_a_phone(page: Page, app_url: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{app_url}/diagnose")
    drawn(page)
    over = page.evaluate("() => document.querySelector('[data-testid=stMain]').scrollWidth - window.innerWidth")
    assert over <= 0
