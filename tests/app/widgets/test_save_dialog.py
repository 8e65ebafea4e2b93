"""Saving a figure: the dialog's choices, its way without Chrome, and the work off the script thread."""

from __future__ import annotations

import threading
import time
from typing import Any

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from app.jobs import saves
from app.jobs.saves import Choice, SaveJob
from app.widgets import save_dialog
from app.widgets.save_dialog import Asked, Dialog
from fedrot_core.errors import Cancelled, ExportError
from fedrot_core.export.picture.sizes import FORMATS, SIZES, STYLES
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.kit.theme import base_figure
from tests import ROOT
from tests.app.sessions import part_of

MAIN = str(ROOT / "app" / "main.py")
HERO = "figure_latent"


def draw(mode: str) -> go.Figure:
    return base_figure(mode, "A finding", "What it shows.").add_scatter(x=[1, 2], y=[3, 4], name="arm")


def asked(key: str = HERO, page: str = "") -> Asked:
    return Asked(key, "Latent arrows", "fedrot-latent-abc", draw, Provenance("FedRot Lab · run abc"), page)


def opened(monkeypatch: pytest.MonkeyPatch, wish: Asked | None = None, chrome: bool = True) -> AppTest:
    """The home page, its Save button pressed."""
    monkeypatch.setattr(save_dialog, "chrome_available", lambda: chrome)
    at = AppTest.from_file(MAIN, default_timeout=60)
    part_of(at, Dialog).asked = wish or asked()
    at.run()
    assert not at.exception
    return at


def options(at: AppTest, key: str) -> list[str]:
    return [str(o) for o in at.segmented_control(key=key).options]


def downloads(at: AppTest) -> list[Any]:
    return [d for d in at.get("download_button") if "save_download" in d.proto.id]


def prepared(at: AppTest) -> SaveJob:
    """Press Prepare and wait for the file."""
    at.button(key="save_prepare").click().run()
    job: SaveJob = part_of(at, Dialog).job
    assert job.finished.wait(120)
    at.run()
    assert not at.exception
    return job


def test_all_formats_sizes_and_styles_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    assert options(at, "save_format") == [name.upper() for name in FORMATS]
    assert options(at, "save_style") == [style.label for style in STYLES.values()]
    assert list(at.selectbox(key="save_size").options) == [size.label for size in SIZES.values()]
    at.segmented_control(key="save_format").set_value("png").run()
    assert not at.exception
    pixels = [text.replace("\u2009", "") for text in at.selectbox(key="save_scale").options]
    assert pixels == ["1×: 1280 wide", "2×: 2560 wide", "3×: 3840 wide", "4×: 5120 wide"]
    at.selectbox(key="save_size").set_value("column").run()
    assert at.selectbox(key="save_scale").options[0] == "1×: 320 wide"
    at.segmented_control(key="save_format").set_value("csv").run()
    assert not [s for s in at.selectbox if s.key in ("save_size", "save_scale")]


def test_a_choice_and_a_press_in_one_breath_prepare_the_new_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    at.segmented_control(key="save_format").set_value("csv")
    assert prepared(at).choice.format == "csv"


def test_csv_is_offered_with_a_decimal_comma(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    at.segmented_control(key="save_format").set_value("csv").run()
    plain = prepared(at).content
    at.segmented_control(key="save_decimal").set_value(True).run()
    assert not downloads(at)
    job = prepared(at)
    assert job.choice == Choice("csv", decimal_comma=True)
    assert plain is not None
    assert job.content is not None
    head = job.content.decode("utf-8-sig").splitlines()[0]
    assert job.content.startswith(b"\xef\xbb\xbf")
    assert head.split(";") == plain.decode().splitlines()[0].split(",")


def test_without_chrome_it_says_what_to_install_and_still_saves(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch, chrome=False)
    assert options(at, "save_format") == ["HTML", "CSV", "JSON"]
    (said,) = [i.value for i in at.info]
    for part in ("Chrome or Chromium", "apt install chromium", "plotly_get_chrome", "The SVG button"):
        assert part in said
    job = prepared(at)
    assert job.content is not None
    assert job.content.startswith(b"<!doctype html>")
    (button,) = downloads(at)
    assert button.proto.label.startswith("Download (4.")


def test_a_prepared_file_is_offered_until_the_choice_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    at.segmented_control(key="save_format").set_value("json").run()
    at.segmented_control(key="save_style").set_value("dark").run()
    job = prepared(at)
    assert job.choice == Choice("json", "slide", "dark")
    assert len(downloads(at)) == 1
    assert "fedrot-latent-abc-slide-dark.json" in [c.value for c in at.caption]
    at.segmented_control(key="save_style").set_value("print").run()
    assert not downloads(at)
    assert part_of(at, Dialog).job is None
    assert at.button(key="save_prepare")


def test_the_choice_is_remembered_for_the_next_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    at = opened(monkeypatch)
    at.segmented_control(key="save_format").set_value("pdf").run()
    at.selectbox(key="save_size").set_value("poster").run()
    part_of(at, Dialog).asked = asked()
    at.run()
    assert part_of(at, Dialog).choice == Choice("pdf", "poster", "light")


def test_trouble_is_told_and_can_be_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*args: Any, **more: Any) -> bytes:
        raise ExportError("Chrome must draw the figure; got *nothing*.")

    monkeypatch.setattr(saves, "write", failing)
    at = opened(monkeypatch)
    prepared(at)
    assert "got \\*nothing\\*" in at.error[0].value
    at.button(key="save_again").click().run()
    assert not at.error
    assert at.button(key="save_prepare")


def test_while_a_file_is_made_it_shows_progress_and_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def slow(*args: Any, **more: Any) -> bytes:
        should_stop, on_step = args[6:8]
        on_step("Starting the browser")
        while not should_stop():
            time.sleep(0.01)
        ended.set()
        raise Cancelled("given up")

    monkeypatch.setattr(saves, "write", slow)
    at = opened(monkeypatch)
    at.button(key="save_prepare").click().run()
    assert not at.exception
    (bar,) = at.get("progress")
    assert "Starting the browser" in bar.proto.text
    at.button(key="save_cancel").click().run()
    assert ended.wait(10)
    assert part_of(at, Dialog).job is None
    assert at.button(key="save_prepare")


@pytest.mark.parametrize("wish", [asked(key="figure_of_another_card"), asked(page="/another_page")])
def test_a_wish_of_another_card_or_page_opens_nothing(monkeypatch: pytest.MonkeyPatch, wish: Asked) -> None:
    at = opened(monkeypatch, wish)
    assert not [b for b in at.button if b.key == "save_prepare"]
    assert (part_of(at, Dialog).asked is not None) == (wish.page == "")


def test_a_file_name_says_what_it_is() -> None:
    assert Choice("png", "poster", "dark", 3).name("fedrot-x") == "fedrot-x-poster-dark-3x.png"
    assert Choice("svg", "slide", "print").name("fedrot-x") == "fedrot-x-slide-print.svg"
    assert Choice("csv").name("fedrot-x") == "fedrot-x.csv"


def test_a_file_takes_about_as_long_as_the_last_of_its_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SaveJob, "taken", {})
    monkeypatch.setattr(SaveJob, "seconds", 3.0)
    job = SaveJob(asked().draw, Choice("svg"), asked().footer)
    assert (job.share, job.left) == (0.0, "3\u00a0s so far")
    monkeypatch.setattr(saves, "write", lambda *_, **__: b"file")
    job.work()
    monkeypatch.setattr(SaveJob, "seconds", 1.0)
    assert job.share == pytest.approx(1 / 3)
    assert job.left == "about 2\u00a0s left"
    assert SaveJob(asked().draw, Choice("png"), asked().footer).share == 0.0
