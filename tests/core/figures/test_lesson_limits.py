"""Figures of lesson 5: they draw the numbers given, on fixed axes; a question shows the known part only."""

from __future__ import annotations

import numpy as np
import pytest

from fedrot_core.figures.kit.theme import INK, SURFACE
from fedrot_core.figures.lesson.alignment_hurts import HarmByRound, Pull, harm_bars, pulls
from fedrot_core.figures.lesson.mismatch import Pose, Split, dials, spectrum, split_bars


def pose(turn: float, tilt: float) -> Pose:
    t = np.radians(turn)
    return Pose(np.array([[np.cos(t), np.sin(t)], [-np.sin(t), np.cos(t)]]), turn, tilt)


def contrast(first: str, second: str) -> float:
    """WCAG contrast of two hex colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(("turn", "tilt"), [(0, 0), (60, 30), (180, 80)])
def test_dials_draw_both_angles_at_one_scale(turn: float, tilt: float, mode: str) -> None:
    figure = dials(pose(turn, tilt), mode)
    drawn = {t.uid: t for t in figure.data}
    ends = [(x, y) for x, y in zip(drawn["frame-1"].x, drawn["frame-1"].y, strict=True) if x is not None]
    assert ends[1] == pytest.approx((np.cos(np.radians(turn)), np.sin(np.radians(turn))))
    (x0, x1), (y0, y1) = drawn["span-1"].x, drawn["span-1"].y
    assert np.degrees(np.arctan2(y1 - y0, x1 - x0)) == pytest.approx(tilt)
    assert f"{turn}°" in figure.layout.title.text
    assert f"{tilt}°" in figure.layout.title.text
    ranges = {tuple(figure.layout[a].range) for a in ("xaxis", "yaxis", "xaxis2", "yaxis2")}
    assert len(ranges) == 1
    assert figure.layout.yaxis.scaleanchor == "x"
    assert contrast(drawn["frame-1"].line.color, SURFACE[mode]) >= 3


def test_alignment_leaves_a_ghost_and_keeps_every_other_mark() -> None:
    plain, after = dials(pose(60, 30), "light"), dials(pose(0, 30), "light", was=pose(60, 30))
    assert {t.uid for t in after.data} - {t.uid for t in plain.data} == {"frame-was"}
    assert {t.uid for t in plain.data} <= {t.uid for t in after.data}


def test_the_spectrum_parts_what_fits_from_what_does_not() -> None:
    values = [0.7, 0.6, 0.3, 0.2]
    figure = spectrum(values, 2, 40, 0.36, "light")
    fits, beyond = figure.data
    assert (list(fits.x), list(fits.y)) == ([1, 2], values[:2])
    assert (list(beyond.x), list(beyond.y)) == ([3, 4], values[2:])
    assert beyond.marker.pattern.shape
    assert "36\u00a0%" in figure.layout.title.text
    level = spectrum([0.8, 0.6, 0.0, 0.0], 2, 0, 0.0, "light", asked="How much?")
    assert not any("together" in note.text for note in level.layout.annotations)


def test_split_bars_add_up_to_the_naive_error_and_the_question_shows_their_sum_alone() -> None:
    tilts = np.arange(0.0, 81, 10)
    floor, rest, removed = np.linspace(0, 0.4, 9), np.linspace(0, 0.1, 9), np.linspace(0.3, 0.1, 9)
    split = Split(tilts, floor, rest, removed, 60, 3)
    figure = split_bars(split, "light")
    assert [t.uid for t in figure.data] == ["floor", "rest", "removed"]
    assert figure.layout.barmode == "stack"
    total = floor + rest + removed
    assert np.sum([t.y for t in figure.data], axis=0) == pytest.approx(total)
    share = f"{100 * removed[3] / total[3]:.0f}\u00a0%"
    assert share in figure.layout.title.text
    asked = split_bars(split, "light", asked="How much is left?")
    (known,) = asked.data
    assert np.array(known.y) == pytest.approx(total)
    assert asked.layout.yaxis.range == figure.layout.yaxis.range == (0, 1)


@pytest.mark.parametrize(("after", "word"), [(0.15, "rises"), (0.0, "No harm")])
def test_pulls_point_from_before_to_after(after: float, word: str) -> None:
    rows = (Pull("A", "blue", 0.5, 0.25), Pull("B", "purple", 0.0, 0.5), Pull("Error", "vermillion", 0.0, after))
    figure = pulls(rows, "light")
    drawn = {t.uid: t for t in figure.data}
    for n, row in enumerate(rows):
        assert tuple(drawn[f"path-{n}"].x) == (row.before, row.after)
        assert drawn[f"after-{n}"].marker.symbol == ("triangle-left" if row.after < row.before else "triangle-right")
    assert word in figure.layout.title.text
    asked = {t.uid for t in pulls(rows, "light", asked="What then?").data}
    assert "after-0" in asked
    assert not asked & {"path-1", "after-1", "path-2", "after-2"}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_harm_bars_count_rounds_above_zero(mode: str) -> None:
    harm = HarmByRound(
        np.arange(1.0, 5), np.array([-0.01, 0.02, 0.01, -0.02]), np.array([0.01, 0.03, -0.01, 0.02]), 0.8
    )
    figure = harm_bars(harm, mode)
    assert "in 3 of 4 rounds" in figure.layout.title.text
    assert "3\u00a0%" in figure.layout.title.text
    by = {t.uid: t for t in figure.data}
    assert list(by["B"].y) == pytest.approx([0.01, 0.03, -0.01, 0.02])
    assert by["B"].marker.pattern.shape
    assert figure.layout.yaxis.zerolinecolor == INK[mode]
    assert [t.uid for t in harm_bars(harm, mode, asked="How many?").data] == ["A"]
    helped = harm_bars(HarmByRound(harm.rounds, harm.by_A, -abs(harm.by_B), 0.8), mode)
    assert "lowered" in helped.layout.title.text
