"""A figure's Save button, in a real browser, down to the file."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, cast

from playwright.sync_api import Browser, Page, expect
from plotly.offline import get_plotlyjs

from fedrot_core.export.picture.files import write_figure
from fedrot_core.figures.kit.theme import base_figure
from tests.browser.conftest import wired_page
from tests.browser.lab_driver import figure_title, figure_version, leaves, open_lab, settled, turn_the_lights
from tests.browser.walk.look import serious


def ask_to_save(page: Page, name: str) -> None:
    """Press a card's Save button and wait for the preview."""
    page.locator(f".st-key-figure_{name}").get_by_role("button", name="choose format").click()
    page.wait_for_selector(".fedrot-preview .main-svg")


def test_an_svg_for_a_slide_comes_out_of_the_dialog(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    title = figure_title(page, "learning")
    ask_to_save(page, "learning")
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name="SVG").click()
    hurried = [("radio", "Print, greyscale"), ("button", "Prepare SVG")]
    nodes = [dialog.get_by_role(cast(Any, role), name=name).element_handle() for role, name in hurried]
    page.evaluate("([style, prepare]) => { style.click(); setTimeout(() => prepare.click()); }", nodes)
    with page.expect_download() as download:
        dialog.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith("-slide-print.svg")
    root = ET.fromstring(download.value.path().read_bytes())
    assert (root.get("width"), root.get("height")) == ("1280", "720")
    texts = " ".join("".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text"))
    assert set(title.split()) <= set(texts.split())
    assert "seed 0" in texts
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_dialog_stays_open_while_a_run_streams(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    page.goto(f"{app_url}/lab?rounds=60&clients=30&seed=5")
    page.wait_for_selector(".st-key-figure_latent .plot[data-version]")
    ask_to_save(page, "ladder")
    leaves(page, figure_version(page))
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.get_by_role("dialog").get_by_role("radio", name="CSV").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Prepare CSV")).to_be_visible()


def test_axe_finds_nothing_serious_in_the_dialog(page: Page, app_url: str) -> None:
    open_lab(page, f"{app_url}/lab")
    ask_to_save(page, "latent")
    settled(page)
    findings = [f"light: {found}" for found in serious(page)]
    turn_the_lights(page, "dark")
    findings += [f"dark: {found}" for found in serious(page)]
    assert not findings, "\n".join(findings)


def test_a_packs_figure_is_drawn_from_the_disk_by_the_one_script_beside_it(chromium: Browser, tmp_path: Path) -> None:
    figure = base_figure("light", "A line", "A line.")
    figure.add_scatter(x=[0, 1], y=[0, 1])
    (tmp_path / "line.html").write_bytes(write_figure(figure, "html", library="plotly.min.js"))
    (tmp_path / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    page = wired_page(chromium)
    page.goto((tmp_path / "line.html").as_uri())
    expect(page.locator("#plot .scatterlayer .trace")).to_have_count(1)
    page.context.close()
