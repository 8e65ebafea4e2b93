"""What a lecture's room said: every answer is counted once, and the true one is marked only where it may be seen."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import plotly.graph_objects as go
import pytest

from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.figures.kit.theme import HUES
from fedrot_core.figures.lesson.room import said_choices, said_curves, said_numbers

OPTIONS = ("It turns with them", "It <b>fades</b> " + "and fades " * 12, "It stays the same")
TICKS = ("1", "2", "4", "8")
CURVES = [[float(10 * k + t) for t in range(4)] for k in range(9)]

FIGURES: dict[str, Callable[[bool, str], go.Figure]] = {
    "choices": lambda seen, mode: said_choices(OPTIONS, [0, 0, 1, 2, 2, 2, 7], 2 if seen else None, mode),
    "no choice": lambda seen, mode: said_choices(OPTIONS, [], 0 if seen else None, mode),
    "numbers": lambda seen, mode: said_numbers(0, 100, 1, "%", [0, 50.5, 99, 100, 101], 37.5 if seen else None, mode),
    "few numbers": lambda seen, mode: said_numbers(0, 5, 1, "rounds", [0, 5, 5], 5 if seen else None, mode),
    "no number": lambda seen, mode: said_numbers(-1, 1, 0.01, "", [], 0 if seen else None, mode),
    "curves": lambda seen, mode: said_curves(
        TICKS, "rank", "accuracy", "%", 0, 100, [*CURVES, [1.0]], CURVES[0] if seen else None, mode
    ),
    "no curve": lambda seen, mode: said_curves(TICKS, "rank", "accuracy", "%", 0, 100, [], None, mode),
}


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_figure_has_its_words_and_hides_the_answer(name: str, mode: str) -> None:
    for seen in (False, True):
        figure = FIGURES[name](seen, mode)
        assert 5 < len(figure.layout.title.text) <= 90
        assert figure.layout.meta["alt"][-1] == "."
        assert "nan" not in figure.to_json().lower()
        assert figure_rows(figure)
        if name != "no curve":
            assert (HUES[mode]["green"] in figure.to_json()) == seen
        assert None not in {trace.uid for trace in figure.data}


def test_every_answer_within_the_range_is_counted_once() -> None:
    assert list(FIGURES["choices"](False, "light").data[0].x) == [2, 1, 3]
    for said in ([0, 50, 100], list(range(101)), np.linspace(0, 100, 41).tolist()):
        assert sum(said_numbers(0, 100, 1, "%", said, None, "light").data[0].y) == len(said)
    assert sum(FIGURES["numbers"](False, "light").data[0].y) == 4
    assert list(FIGURES["few numbers"](True, "light").data[0].y) == [1, 0, 0, 0, 0, 2]


def test_a_fan_shows_the_middle_curve_and_where_half_of_them_lie() -> None:
    figure = FIGURES["curves"](False, "light")
    by_name = {trace.uid: trace for trace in figure.data}
    assert list(by_name["middle"].y) == CURVES[4]
    assert list(by_name["half"].y) == CURVES[6] + CURVES[2][::-1]
    assert "9\u00a0curves" in figure.layout.title.text


def test_options_are_text_and_no_markup() -> None:
    figure = json.loads(said_choices(OPTIONS, [1], None, "light").to_json())
    assert "&lt;b&gt;fades" in figure["layout"]["annotations"][1]["text"]
