"""The map of settings: axes, the centre of its colours, texts, and cells without numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import pytest

from fedrot_core.figures.kit.theme import DIVERGING
from fedrot_core.figures.study.when import when_map
from fedrot_core.study.plotted import Axis, Cell
from fedrot_core.wording import signed, times

X, Y = Axis("Dirichlet α", "α", (0.05, 10.0)), Axis("rank r", "r", (1.0, 2.0, 4.0))


def cell(x: float, y: float, ratio: float, gain: float) -> Cell:
    return Cell(x, y, f"{x}/{y}", 0.1 * 10**ratio, 0.1, ratio, gain, done=True)


CELLS = (
    cell(0.05, 1, 0.0, 0.0),
    cell(10.0, 1, -0.2, -1.2),
    cell(0.05, 2, 0.9, 42.4),
    cell(10.0, 2, 1.2, 3.0),
    Cell(0.05, 4, "stopped", done=True, note="FedIT stopped in round 3."),
    Cell(10.0, 4, "pending"),
)


def drawn(cells: Any = CELLS, mode: str = "light") -> go.Figure:
    return when_map(cells, X, Y, "naive", "aligned", "accuracy", mode)


def named(figure: go.Figure, name: str) -> Any:
    return next(trace for trace in figure.data if trace.name == name)


def test_axes_show_the_values_in_order_at_equal_steps() -> None:
    figure = drawn()
    assert list(figure.layout.xaxis.ticktext) == ["0.05", "10"]
    assert list(figure.layout.yaxis.ticktext) == ["1", "2", "4"]
    assert list(figure.layout.yaxis.range) == [-0.5, 2.5]
    assert figure.layout.yaxis.title.text == "rank r"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colours_diverge_from_equal_errors(mode: str) -> None:
    scale = drawn(mode=mode).layout.coloraxis
    assert scale.cmid == 0
    assert scale.cmin == -scale.cmax
    assert [c for _, c in scale.colorscale] == list(DIVERGING[mode])
    assert scale.colorscale[1][0] == 0.5


def test_cells_hold_ratio_and_points_at_their_place() -> None:
    heat = drawn().data[0]
    assert heat.z[0][1] == -0.2
    assert "0.63×" in heat.text[0][1]
    assert "−1.2\u00a0pt" in heat.text[0][1]
    assert "7.9×" in heat.text[1][0]
    assert "+42\u00a0pt" in heat.text[1][0]


def test_missing_cells_are_pending_and_failed_ones_say_why() -> None:
    figure = drawn()
    heat, pending, failed = figure.data[0], named(figure, "pending"), named(figure, "no result")
    assert heat.z[2][0] is None
    assert heat.z[2][1] is None
    assert list(pending.customdata) == ["pending"]
    assert list(pending.text) == ["…"]
    assert "not run yet" in pending.hovertext[0]
    assert "stopped in round 3" in failed.hovertext[0]


def test_every_cell_has_one_clickable_square_with_its_key() -> None:
    figure = drawn()
    marks = figure.data[1:]
    assert {trace.marker.symbol for trace in marks} == {"square"}
    assert all(trace.meta == {"pick": "cell"} for trace in marks)
    assert sorted(key for trace in marks for key in trace.customdata) == sorted(c.key for c in CELLS)


def test_the_title_counts_and_names_the_extremes() -> None:
    title = drawn().layout.title.text
    assert "lower with aligned in 2 of 4\u00a0settings, higher in 1" in title
    assert "16×" in title
    assert "−1.2 to +42\u00a0points" in drawn().layout.meta["alt"]


def test_equal_everywhere_is_said_plainly() -> None:
    cells = [replace(c, ratio=0.0, gain=0.0, done=True) for c in CELLS]
    assert "equal in all 6\u00a0settings" in drawn(cells).layout.title.text


def test_nothing_done_yet_is_a_figure_too() -> None:
    cells = [Cell(c.x, c.y, c.key) for c in CELLS]
    figure = drawn(cells)
    assert figure.layout.title.text == "0 of 6\u00a0settings computed"
    assert len(named(figure, "pending").x) == 6
    json.loads(figure.to_json())


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1, "1.00×"), (7.94, "7.9×"), (31.6, "32×"), (0.63, "0.63×"), (0.977, "0.98×"), (1e9, ">1000×"), (0, "<0.001×")],
)
def test_ratios_read_as_factors(ratio: float, text: str) -> None:
    assert times(ratio) == text


@pytest.mark.parametrize(("points", "text"), [(0.04, "0"), (-0.04, "0"), (-1.23, "−1.2"), (42.4, "+42"), (9.96, "+10")])
def test_points_carry_their_sign(points: float, text: str) -> None:
    assert signed(points) == text
