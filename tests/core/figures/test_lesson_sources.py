"""Figures of lesson 4: they draw the numbers given, on fixed axes; a hidden part is not drawn."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fedrot_core.figures.lesson.sources import STYLE, Score, Source, by_round, gains, strip
from fedrot_core.figures.lesson.turns import HUE, Turning, degrees_of, turning

ANGLES = np.array([2.0, 2.5, 90.0, 180.0])
MIRRORED = np.array([False, False, False, True])
WORDS = ("A title.", "An alternative text.")


def sources(hidden: str = "") -> list[Source]:
    return [Source(n, f"label {n}", None if n == hidden else ANGLES, MIRRORED) for n in STYLE]


def by_uid(figure: Any) -> dict[str, Any]:
    return {t.uid: t for t in figure.data}


def fonts(node: Any) -> list[float]:
    if isinstance(node, dict):
        own = [v["size"] for k, v in node.items() if k in ("font", "tickfont", "textfont") and "size" in (v or {})]
        return own + [size for value in node.values() for size in fonts(value)]
    return [size for value in node for size in fonts(value)] if isinstance(node, list) else []


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_strip_has_one_dot_a_client_and_a_bar_at_the_median(mode: str) -> None:
    figure = strip(sources(hidden="svd"), *WORDS, mode)
    drawn = by_uid(figure)
    for n, name in enumerate(STYLE):
        dots, median = drawn[f"dots-{name}"], drawn[f"median-{name}"]
        seen = name != "svd"
        assert list(dots.y) == (list(ANGLES) if seen else [])
        assert list(median.y) == ([np.median(ANGLES)] * 2 if seen else [])
        assert all(abs(x - n) < 0.5 for x in dots.x)
        assert ("46°" in figure.layout.xaxis.ticktext[n]) == seen
    assert figure.layout.yaxis.range[0] < 0
    assert figure.layout.yaxis.range[1] > 180
    assert min(fonts(json.loads(figure.to_json()))) >= 12


def test_dots_of_equal_height_do_not_hide_each_other() -> None:
    crowd = [Source("svd", "SVD", np.full(9, 180.0), np.zeros(9, dtype=bool))]
    assert len(set(by_uid(strip(crowd, *WORDS, "light"))["dots-svd"].x)) == 9


def test_mirrored_clients_are_crosses_only_where_asked() -> None:
    plain, marked = (by_uid(strip(sources(), *WORDS, "light", m))["dots-svd"].marker.symbol for m in (False, True))
    assert "x-thin" not in plain
    assert [s == "x-thin" for s in marked] == list(MIRRORED)


def test_sources_differ_in_hue_dash_and_marker() -> None:
    for n in range(3):
        assert len({style[n] for style in STYLE.values()}) == len(STYLE)


def test_the_asked_line_keeps_its_trace_but_is_not_drawn() -> None:
    medians = {n: (f"label {n}", np.linspace(150, k, 6)) for k, n in enumerate(STYLE)}
    asked, whole = (by_round(medians, hidden, 6, *WORDS, "light") for hidden in ("independent", None))
    assert [t.uid for t in asked.data] == [t.uid for t in whole.data]
    assert len(by_uid(asked)["line-independent"].x) == 0
    assert "label independent" not in " ".join(a.text for a in asked.layout.annotations)
    np.testing.assert_allclose(by_uid(whole)["line-independent"].y, medians["independent"][1])
    assert asked.layout.yaxis.range == whole.layout.yaxis.range


def test_gains_join_the_medians_of_both_rules() -> None:
    naive, aligned = np.array([0.5, 0.52, 0.6]), np.array([0.9, 0.93, 0.91])
    scores = [Score("svd", "SVD", naive, aligned), Score("trained", "as trained", naive, None)]
    figure = gains(scores, 0.48, "test accuracy", *WORDS, "light")
    drawn = by_uid(figure)
    assert list(drawn["between-svd"].y) == pytest.approx([0.52, 0.91])
    assert list(drawn["between-trained"].y) == []
    assert list(drawn["turned first-trained"].y) == []
    assert "52" in figure.layout.xaxis.ticktext[0]
    assert "91" in figure.layout.xaxis.ticktext[0]
    assert "?" in figure.layout.xaxis.ticktext[1]
    assert figure.layout.shapes[0].y0 == 0.48
    assert drawn["naive-svd"].marker.symbol != drawn["turned first-svd"].marker.symbol


def shown(parts: str = "", angles: str = "") -> Turning:
    rng = np.random.default_rng(0)
    gradient = rng.uniform(-0.05, 0.05, (12, 1)) * np.array([1.0, -1.0])
    dots = {"sgd": gradient, "adam": rng.uniform(-0.1, 0.1, (12, 2))}
    lines = {"sgd": np.linspace(0, 2, 7)[:, None] * np.ones(3), "adam": np.linspace(0, 12, 7)[:, None] * np.ones(3)}
    return Turning(
        {n: dots[n] for n in parts.split()},
        {n: lines[n] for n in angles.split()},
        ("client 0", 0.01, -0.01),
        0.12,
        22,
        6,
    )


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_turning_shows_what_is_given_on_axes_that_never_move(mode: str) -> None:
    empty, half, full = (
        turning(shown(*names), *WORDS, mode) for names in (("", ""), ("sgd", "sgd"), ("sgd adam", "sgd adam"))
    )
    assert [t.uid for t in empty.data] == [t.uid for t in half.data] == [t.uid for t in full.data]
    axes = ("xaxis", "yaxis", "xaxis2", "yaxis2")
    assert len({tuple(tuple(f.layout[a].range) for a in axes) for f in (empty, half, full)}) == 1
    assert full.layout.yaxis.scaleanchor == "x"
    assert len(by_uid(half)["dots-adam"].x) == len(by_uid(half)["median-adam"].x) == 0
    assert list(by_uid(full)["median-adam"].y) == pytest.approx(list(np.linspace(0, 12, 7)))
    ends = " ".join(a.text for a in full.layout.annotations)
    assert "<b>12°</b> Adam" in ends
    assert "<b>2.0°</b> SGD" in ends
    line = by_uid(full)["cancel"]
    np.testing.assert_allclose(np.add(line.x, line.y), 0)
    assert {by_uid(full)[f"dots-{name}"].marker.symbol for name in HUE} == {"circle", "diamond"}


def test_small_angles_keep_a_decimal() -> None:
    assert [degrees_of(a) for a in (0.04, 1.75, 9.94, 9.96, 12.3)] == ["0.0°", "1.8°", "9.9°", "10°", "12°"]
