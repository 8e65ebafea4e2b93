"""Figures of the first two lessons: fixed axes, constant objects, hidden answers, text that fits."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from fedrot_core.figures.kit.rows import figure_rows
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.lessons.base import Knob

NAMES = ("one_update", "procrustes")
STEPS = [(name, n) for name in NAMES for n in range(len(LESSONS[name].steps))]


def corners(name: str, n: int) -> list[dict[str, Any]]:
    """Knob values of a step: the defaults, and each of its knobs at its ends."""
    lesson = LESSONS[name]
    found = [lesson.defaults()]
    hidden = ("spin",) if name == "one_update" and n == len(lesson.steps) - 1 else ()
    for key in (*lesson.steps[n].knobs, *hidden):
        knob: Knob = lesson.knob(key)
        ends: list[Any] = list(knob.choices) or [type(knob.default)(v) for v in (knob.low, knob.high)]
        found += [lesson.defaults() | {key: end} for end in ends]
    return found


def figures(name: str, n: int, values: dict[str, Any], mode: str) -> list[go.Figure]:
    step = LESSONS[name].steps[n]
    scenes = [step.scene(values, ())] + ([step.before(values, ())] if step.before is not None else [])
    return [scene.draw(mode) for scene in scenes]


def sizes(node: Any) -> list[float]:
    """Every font size in nested plain data."""
    if isinstance(node, list):
        return [s for v in node for s in sizes(v)]
    if not isinstance(node, dict):
        return []
    own = [v["size"] for k, v in node.items() if k.endswith("font") and isinstance(v, dict) and "size" in v]
    return own + [s for k, v in node.items() if k != "template" for s in sizes(v)]


def ranges(figure: go.Figure) -> dict[str, Any]:
    layout = figure.to_plotly_json()["layout"]
    return {key: axis["range"] for key, axis in layout.items() if "axis" in key and "range" in axis}


@pytest.mark.parametrize(("name", "n"), STEPS)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_scene_draws_at_the_ends_of_its_knobs(name: str, n: int, mode: str) -> None:
    for values in corners(name, n):
        for figure in figures(name, n, values, mode):
            plain = json.loads(figure.to_json())
            assert 10 < len(figure.layout.title.text) <= 90, figure.layout.title.text
            assert figure.layout.meta["alt"][-1] in ".!?"
            assert min(sizes(plain), default=12) >= 12
            for words in (figure.layout.title.text, figure.layout.meta["alt"]):
                assert "nan" not in words.lower().replace(",", " ").split(), words
                assert "−0 " not in words
                assert "-0" not in words
            uids = Counter(trace.uid for trace in figure.data)
            assert None not in uids
            assert max(uids.values()) == 1, uids
            assert figure_rows(figure) or LESSONS[name].steps[n].before is not None


@pytest.mark.parametrize(("name", "n"), [(a, b) for a, b in STEPS if LESSONS[a].steps[b].play])
def test_nothing_but_the_data_moves_while_a_knob_plays(name: str, n: int) -> None:
    """Axes keep their ranges; every object that stays keeps its identity and its axes."""
    lesson = LESSONS[name]
    key = lesson.steps[n].play
    assert key is not None
    knob = lesson.knob(key)
    shown = []
    for value in np.linspace(knob.low, knob.high, 5):
        values = lesson.defaults() | {key: type(knob.default)(round(value / knob.step) * knob.step)}
        shown.append(figures(name, n, values, "light")[0])
    first = shown[0]
    for figure in shown[1:]:
        assert ranges(figure) == ranges(first)
        assert [t.uid for t in figure.data] == [t.uid for t in first.data]
        assert [(t.type, t.xaxis) for t in figure.data] == [(t.type, t.xaxis) for t in first.data]


@pytest.mark.parametrize(("name", "n"), [(a, b) for a, b in STEPS if LESSONS[a].steps[b].before])
def test_question_and_answer_share_their_axes(name: str, n: int) -> None:
    answer, asked = figures(name, n, LESSONS[name].defaults(), "light")
    assert ranges(answer) == ranges(asked)
    assert "?" in asked.layout.title.text or asked.layout.title.text.startswith("No client is spun")


def test_cells_of_a_matrix_equation_share_one_size_and_one_scale() -> None:
    figure = figures("one_update", 0, LESSONS["one_update"].defaults(), "light")[0]
    assert {t.coloraxis for t in figure.data} == {"coloraxis"}
    assert figure.layout.coloraxis.cmin == -figure.layout.coloraxis.cmax
    layout = figure.to_plotly_json()["layout"]
    widths = [np.ptp(layout[f"xaxis{t}"]["range"]) / np.ptp(layout[f"xaxis{t}"]["domain"]) for t in ("", "2", "3")]
    np.testing.assert_allclose(widths, widths[0])
    heights = [np.ptp(layout[f"yaxis{t}"]["range"]) for t in ("", "2", "3")]
    assert len(set(heights)) == 1
    for place in ("narrow", "present"):  # rows and columns of the product meet those of its factors
        moved = layout["meta"][place]
        assert moved["xaxis2"]["domain"] == moved["xaxis3"]["domain"]
        assert moved["yaxis"]["domain"] == moved["yaxis3"]["domain"]


def test_an_unanswered_average_is_neither_arrow_nor_picture() -> None:
    lesson = LESSONS["one_update"]
    for n, panels in ((1, ("x2", "x3")), (2, ("x3", "x4"))):
        asked = figures("one_update", n, lesson.defaults(), "light")[1]
        drawn = {t.name for t in asked.data if t.xaxis in panels}
        assert drawn == {"length"}
    pictures = [t for t in asked.data if t.type == "heatmap" and "average" in t.name]
    assert len(pictures) == 2
    assert all(not np.asarray(t.z, dtype=float).any() for t in pictures)


def test_the_mean_arrow_is_as_long_as_it_is_said_to_be() -> None:
    figure = figures("one_update", 1, LESSONS["one_update"].defaults() | {"angle": 90}, "light")[0]
    arrows = {t.uid: float(np.hypot(t.x[1], t.y[1])) for t in figure.data if t.mode == "lines+markers"}
    for c in (0, 1):
        ratio = arrows[f"1-mean arrow, naive average-{c}"] / arrows[f"0-client 0-{c}"]
        assert ratio == pytest.approx(np.sqrt(0.5))
        assert f"{100 * ratio:.0f}\u00a0%" in figure.layout.title.text


def test_a_mirrored_client_shows_a_mirrored_letter() -> None:
    """Corners of the drawn F turn the other way round, until mirrors are allowed."""
    lesson = LESSONS["procrustes"]
    who = lesson.steps[3].moves[0].change(lesson.defaults())
    figure = figures("procrustes", 3, {**lesson.defaults(), **who}, "light")[0]
    letters = {t.uid: np.array([t.x, t.y], dtype=float) for t in figure.data if t.uid and "letter" in t.uid}

    def handedness(points: np.ndarray) -> float:
        (a, b), (c, d) = points[:, 1] - points[:, 0], points[:, 2] - points[:, 1]
        return float(np.sign(a * d - b * c))

    upright = handedness(letters["letter-1"])
    assert [handedness(letters[f"letter-{n}"]) for n in range(3)] == [-upright, upright, -upright]


def test_where_the_soft_turn_is_arbitrary_the_line_breaks_and_a_cross_says_so() -> None:
    values = LESSONS["procrustes"].defaults() | {"angle": 180, "soft": 0.5}
    for n in (4, 5):
        figure = figures("procrustes", n, values, "light")[0]
        now = next(t for t in figure.data if t.uid == "now")
        assert now.marker.symbol == "x"
        steep = [t for t in figure.data if t.uid.startswith("polar")][-1]
        assert [x for x, y in zip(steep.x, steep.y, strict=True) if y is None] == [0.5]
