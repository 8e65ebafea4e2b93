"""Numbers that Plotly would write in its own way: ticks, hovers and labels of every figure are worded by us."""

from __future__ import annotations

import json
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from fedrot_core.figures import FIGURES, View, drawn
from fedrot_core.figures.kit.base import Drawing
from fedrot_core.figures.kit.numbers import degree_ticks, percent_ticks, tick_step, tip_texts
from fedrot_core.figures.study.comparison import compare_figures
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.study.sweep import summarise
from fedrot_core.trace import Trace
from tests.core.export.picture.test_figures import nodes
from tests.core.figures.conftest import VARIANTS
from tests.core.learn.lessons.test_content import runs_of

UNTIDY = re.compile(r"\d%|(?<![\w\d.)-])-\d|\d(?:rounds?|points?|seeds?|clients?|settings?)\b")
"""A number without a space before its unit, or a hyphen for a minus sign."""

OWN_FORMAT = re.compile(r"%\{[^}]*:[^}]*(?:%|[+(]|e)[^}]*\}")
"""A format of Plotly's that writes a per cent sign, a sign or an exponent."""

DRAWN = ("text", "ticktext", "hovertext", "hovertemplate", "alt", "name", "suffix")
"""Keys of texts that may be drawn."""


def tidy(figure: go.Figure) -> None:
    plain = json.loads(figure.to_json())
    plain["layout"].pop("template", None)
    found = list(nodes(plain))
    for text in [value for key, value in found if key in DRAWN and isinstance(value, str)]:
        assert not UNTIDY.search(re.sub(r"<[^>]*>", "", text)), text
        assert not OWN_FORMAT.search(text), text
    assert not [value for key, value in found if key in ("tickformat", "hoverformat") and "%" in str(value)]
    for trace in figure.data:
        template = trace.hovertemplate or ""
        if "%{hovertext}" in template:
            assert np.size(trace.hovertext) == np.size(trace.z if trace.type == "heatmap" else trace.x), trace.uid
        for letter in re.findall(r"%\{([xyz]):", template):
            values = [v for v in np.ravel(trace[letter]) if v is not None]
            assert min(values, default=0) >= 0, (trace.uid, "Plotly's formats write a hyphen")


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("kind", list(VARIANTS))
def test_numbers_of_a_run_are_worded(name: str, kind: str, traces: dict[str, Trace]) -> None:
    trace = traces[kind]
    for shown in range(trace.config.train.rounds):
        figure = drawn(name, trace, View(trace.arms[0].name, shown, client=1))
        tidy(figure)
        for frame in figure.frames:
            for moved in frame.data:
                assert moved.x is None or len(moved.hovertext) == len(moved.x)


@pytest.mark.parametrize("name", LESSONS)
def test_numbers_of_a_lesson_are_worded(name: str) -> None:
    lesson = LESSONS[name]
    for step in lesson.steps:
        runs = runs_of(step, lesson.defaults())
        for make in (step.scene, step.before):
            if make is not None:
                tidy(make(lesson.defaults(), runs).draw("light"))


def test_numbers_of_a_comparison_are_worded(traces: dict[str, Trace]) -> None:
    trace = traces["four arms"]
    runs = summarise([trace.config])
    figures: tuple[Drawing, ...] = compare_figures(runs, trace.arms, len(runs))
    for entry in figures:
        tidy(entry.draw("light"))


def test_ticks_stand_at_multiples_and_say_them() -> None:
    assert percent_ticks(0.4, 1, 0.2) == {
        "tickvals": [0.4, 0.6, 0.8, 1],
        "ticktext": ["40\u00a0%", "60\u00a0%", "80\u00a0%", "100\u00a0%"],
    }
    assert degree_ticks(-180, 180, 180) == {"tickvals": [-180, 0, 180], "ticktext": ["−180°", "0°", "180°"]}
    for top in (1e-3, 0.07, 0.6, 1.0, 2.4):
        step = tick_step(top)
        assert 2 <= top / step <= 6 + 1e-9
        assert f"{step:.0e}"[0] in "125"


def test_an_arrow_says_its_tip_at_its_tip() -> None:
    assert tip_texts(np.array([[0.125, -0.5], [-0.001, 1]])) == [
        "(0, 0)", "(0.12, −0.50)", "", "(0, 0)", "(0.00, 1.00)",
    ]  # fmt: skip
