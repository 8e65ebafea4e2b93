"""Cells and hatched bars as shapes: where they were, as large, in the same colours."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
import pytest

from fedrot_core.export.picture.vectors import in_shapes

LAYOUT: dict[str, Any] = {
    "width": 420, "height": 220, "margin": {"l": 10, "r": 10, "t": 10, "b": 10}, "xaxis": {"range": [-0.5, 3.5]},
    "yaxis": {"range": [0, 2]},
}  # fmt: skip
HATCHED = {"shape": "/", "fgcolor": "#123456", "size": 5, "solidity": 0.2}


def spec(figure: go.Figure, **layout: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(figure.update_layout(**LAYOUT, **layout).to_json())
    in_shapes(made)
    return made


def test_a_cell_becomes_a_bar_of_its_size_with_its_colour_and_text() -> None:
    figure = go.Figure().add_heatmap(
        z=[[1, 2.6, None], [4, 5, 6]], x=[0, 1, 2], y=[0, 1], zmin=0, zmax=9, colorscale="Cividis", xgap=10, ygap=5,
        texttemplate="%{z:.0f}", name="cells",
    )  # fmt: skip
    (bars,) = spec(figure)["data"]
    assert bars["type"] == "bar"
    assert list(zip(bars["x"], bars["marker"]["color"], bars["text"], strict=True)) == [
        (0, 1, "1"), (1, 2.6, "3"), (0, 4, "4"), (1, 5, "5"), (2, 6, "6"),
    ]  # fmt: skip
    assert (bars["marker"]["cmin"], bars["marker"]["cmax"]) == (0, 9)
    assert bars["width"] == pytest.approx(0.9)  # 100 px a column, of which 10 are gap
    assert bars["y"] == pytest.approx([0.95] * 5)
    assert bars["base"] == pytest.approx([-0.475] * 2 + [0.525] * 3)


@pytest.mark.parametrize(
    ("mode", "places", "bars"),
    [
        ("stack", [0, 1], [(-0.4, 0.4, 0.5, 1.5), (0.6, 1.4, 1.0, 1.25)]),
        ("group", [0, 1], [(0.0, 0.4, 0.0, 1.0), (1.0, 1.4, 0.0, 0.25)]),
        ("group", [2, 3], [(1.6, 2.4, 0.0, 1.0), (2.6, 3.4, 0.0, 0.25)]),
    ],
)
def test_hatching_lies_within_its_bars_and_reaches_their_edges(
    mode: str, places: list[int], bars: list[tuple[float, float, float, float]]
) -> None:
    figure = go.Figure().add_bar(x=[0, 1], y=[0.5, 1.0])
    figure.add_bar(x=places, y=[1.0, 0.25], marker={"color": "#FFFFFF", "pattern": HATCHED})
    _, hatched, lines = spec(figure, barmode=mode, bargap=0.2)["data"]
    assert "pattern" not in hatched["marker"]
    assert (hatched["marker"]["color"], lines["line"]["color"]) == ("#FFFFFF", "#123456")
    ends = [p for p in zip(lines["x"], lines["y"], strict=True) if p[0] is not None]
    for left, right, bottom, top in bars:
        own = [(x, y) for x, y in ends if left - 1e-9 <= x <= right + 1e-9]
        assert own
        assert all(bottom - 1e-9 <= y <= top + 1e-9 for _, y in own)
        xs, ys = zip(*own, strict=True)
        assert (min(xs), max(xs), min(ys), max(ys)) == pytest.approx((left, right, bottom, top))
    assert all(x1 > x0 and y1 > y0 for (x0, y0), (x1, y1) in zip(ends[::2], ends[1::2], strict=True))
