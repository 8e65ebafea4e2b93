"""Figures of lesson 6: medians, whiskers and words that follow the numbers, whichever way they point."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fedrot_core.figures.kit.theme import INK
from fedrot_core.figures.lesson.skew import Series, Way, error_lines, gain_line, score_lines, ways, who_holds
from fedrot_core.study.plotted import Axis

ALPHA = Axis("Dirichlet α (small: few classes each)", "α", (0.1, 0.3, 1.0, 10.0))
RANK = Axis("rank r", "rank", (1.0, 2.0, 4.0))


def series(median: list[float], spread: float = 0.0, name: str = "gain", hue: str = "ink") -> Series:
    m = np.array(median)
    return Series(name, hue, "solid", "circle", m - spread, m, m + 2 * spread)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_counts_stand_in_their_cells_on_a_fixed_scale(mode: str) -> None:
    counts = np.array([[6, 0, 2], [1, 5, 0]])
    figure = who_holds(counts, 0.4, "α 0.1", mode)
    (cells,) = figure.data
    assert np.array_equal(np.array(cells.z), counts.T)
    assert cells.zmax == 7  # the largest class, whoever holds it
    assert cells.textfont.color == INK[mode]
    assert f"{100 * (6 / 8 + 5 / 6) / 2:.0f}\u00a0%" in figure.layout.title.text


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ([28, 38, 43, 44], "The gain rises: +28 points at α 0.1, +44 at α 10"),
        ([44, 38, 43, 20], "The gain falls: +44 points at α 0.1, +20 at α 10"),
        ([30, 38, 43, 31], "about the same everywhere"),
        ([0.2, -0.4, 0.1, 0.0], "next to nothing: the gain lies between −0.4 and +0.2"),
        ([-7, -3, -1, -5], "Alignment hurts: −7.0 points at α 0.1, −5.0 at α 10"),
    ],
)
def test_the_title_says_what_the_gains_do(gains: list[float], words: str) -> None:
    figure = gain_line(series(gains, 1.0), ALPHA, "3 seeds", "light")
    assert words in figure.layout.title.text
    (line,) = figure.data
    assert list(line.y) == gains
    assert list(line.error_y.arrayminus) == pytest.approx([1.0] * 4)
    assert list(line.error_y.array) == pytest.approx([2.0] * 4)
    assert list(figure.layout.xaxis.ticktext) == ["0.1", "0.3", "1", "10"]
    asked = gain_line(series(gains), ALPHA, "3 seeds", "light", asked="How many?")
    assert not asked.data
    assert asked.layout.yaxis.range == figure.layout.yaxis.range


def test_scores_are_read_from_even_to_skewed() -> None:
    lines = [
        series([0.5, 0.5, 0.5, 0.5], 0.01, "naive", "vermillion"),
        series([0.78, 0.8, 0.9, 0.94], 0.01, "aligned", "blue"),
    ]
    figure = score_lines(lines, 0.5, ALPHA, "3 seeds", "light")
    title = figure.layout.title.text.replace("\u00a0", " ")
    assert title == "α 10 → 0.1: naive stays (50 % → 50 %), aligned falls (94 % → 78 %)"
    assert [t.uid for t in figure.data] == ["start", "naive", "aligned"]
    assert [t.uid for t in score_lines(lines, 0.5, ALPHA, "3 seeds", "light", asked="Who?").data] == ["start"]


def test_errors_share_a_log_axis_with_the_floor_and_labels_stand_at_their_heights() -> None:
    lines = [series([0.6, 0.8, 0.95], 0, "naive"), series([0.6, 0.1, 0.04], 0, "aligned"), series([0.04, 0.03, 0.01])]
    figure = error_lines(lines, RANK, "7 rounds", "light")
    assert figure.layout.yaxis.type == "log"
    assert "naive rises" in figure.layout.title.text
    assert "aligned falls" in figure.layout.title.text
    low, high = figure.layout.yaxis.range
    heights = sorted(note.y for note in figure.layout.annotations)
    assert heights == pytest.approx(sorted((math.log10(v) - low) / (high - low) for v in (0.95, 0.04, 0.01)), abs=0.02)
    assert len(error_lines(lines, RANK, "7 rounds", "light", asked="Does it?").data) == 1


@pytest.mark.parametrize(
    ("gains", "words"),
    [((44.0, 43.0, 0.1, -0.3), "As trained, no difference"), ((44.0, 1.0, 0.1, -0.3), "Gain under 2 points in 3 of 4")],
)
def test_ways_name_the_group_that_gains_nothing_only_if_it_alone_does(gains: tuple[float, ...], words: str) -> None:
    groups = ["by SVD", "by SVD", "as trained", "as trained"]
    rows = [
        Way(group, f"rank {n}", 0.5, 0.5 + g / 100, (g - 1, g, g + 2))
        for n, (group, g) in enumerate(zip(groups, gains, strict=True))
    ]
    figure = ways(rows, 0.5, "3 seeds", "light")
    assert words in figure.layout.title.text
    drawn = {t.uid: t for t in figure.data}
    assert list(drawn["aligned"].x) == [w.aligned for w in rows]
    assert not ways(rows, 0.5, "3 seeds", "light", asked="Which?").data
