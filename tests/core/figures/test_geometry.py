"""Angles, clock, retention, ambient plane and data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedrot_core.figures import View, drawn
from fedrot_core.figures.run.clock import stacked_radii
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace
from tests.core.figures.conftest import shown_percent


def last(trace: Trace, arm: str) -> RoundRecord:
    return trace.arm(arm)[-1]


def pair_mean(angles: np.ndarray) -> float:
    return float(np.mean([angles[i, j] for i in range(len(angles)) for j in range(i)]))


def test_angles_have_fixed_scales_and_the_recorded_matrices(plain: Trace) -> None:
    record = last(plain, "fedit")
    figure = drawn("angles", plain, View("fedit", 2, layer=1))
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 90)
    assert (figure.layout.coloraxis2.cmin, figure.layout.coloraxis2.cmax) == (0, 180)
    assert [t.coloraxis for t in figure.data] == ["coloraxis", "coloraxis2", "coloraxis2"]
    expected = (record.pairs.principal_A, record.pairs.factors_before, record.pairs.factors_after)
    for series, matrix in zip(figure.data, expected, strict=True):
        np.testing.assert_allclose(series.z, matrix[1], atol=0.06)
        assert series.texttemplate
    for matrix in expected:
        assert f"{pair_mean(matrix[1]):.0f}°" in figure.layout.title.text
        assert f"{pair_mean(matrix[1]):.0f}°" in figure.layout.meta["alt"]


def test_angles_drop_cell_text_for_many_clients(traces: dict[str, Trace]) -> None:
    figure = drawn("angles", traces["many"], View("fedit", 0))
    assert all(not t.texttemplate and len(t.z) == 24 for t in figure.data)


def test_angles_say_when_turning_brings_nothing(plain: Trace, edited: Callable[..., Trace]) -> None:
    trace = edited(plain, "fedit", lambda r: {"factor_angle_after": r.pairs.factors_before})
    assert "brings clients no closer" in drawn("angles", trace, View("fedit", 2)).layout.title.text


def test_clock_draws_every_eigen_angle_on_or_beyond_the_circle(plain: Trace) -> None:
    record = last(plain, "fedit")
    figure = drawn("clock", plain, View("fedit", 2, client=2))
    others, chosen = figure.data[:2]
    assert chosen.name == "client 2"
    np.testing.assert_allclose(sorted(c[1] for c in chosen.customdata), sorted(record.turns.angles[0, 2]), atol=1e-4)
    assert len(others.x) + len(chosen.x) == record.turns.angles[0].size
    for series in (others, chosen):
        radius = np.hypot(series.x, series.y)
        assert (radius >= 1 - 1e-6).all()
        assert (radius <= 1.46).all()
        angle = np.degrees(np.arctan2(series.y, series.x))
        apart = (angle - [c[1] for c in series.customdata] + 180) % 360 - 180
        np.testing.assert_allclose(apart, 0, atol=1e-4)
    assert figure.layout.yaxis.scaleanchor == "x"
    assert tuple(figure.layout.yaxis2.range) == (0, 185)
    assert "degrees" in figure.layout.yaxis2.title.text


def test_clock_crosses_are_the_reflections(plain: Trace, edited: Callable[..., Trace]) -> None:
    def one_reflection(r: RoundRecord) -> dict[str, Any]:
        angles, reflected = np.zeros_like(r.turns.angles), np.zeros_like(r.turns.reflected)
        angles[:, 1, -1], reflected[:, 1] = 180, True
        angles[:, 2, :2] = 180, -180  # a half turn in a plane: two eigenvalues -1, no reflection
        return {"turn_angles": angles, "reflected": reflected}

    figure = drawn("clock", edited(plain, "fedit", one_reflection), View("fedit", 2, client=0))
    crossed = [
        (c[0], c[1])
        for t in figure.data[:2]
        for c, s in zip(t.customdata, t.marker.symbol, strict=True)
        if s != "circle"
    ]
    assert crossed == [(1, 180)]
    assert "1 of 4 reflected" in figure.layout.title.text
    assert "180°" in figure.layout.title.text


def test_stacked_dots_of_one_angle_do_not_coincide() -> None:
    radii = stacked_radii(np.array([0.0, 0.5, 90.0, 359.9, 180.0, -180.0]))
    assert radii[2] == 1
    assert len({*radii[[0, 1, 3]]}) == 3
    assert len({*radii[[4, 5]]}) == 2


def test_retention_stacks_to_one_and_is_called_a_proxy_unless_exact(plain: Trace, edited: Callable[..., Trace]) -> None:
    for exact in (False, True):
        trace = edited(
            plain,
            "fedit",
            lambda r, exact=exact: {
                "shared_update": np.full_like(r.turns.shared, exact),
                "retention": np.tile(np.array([0.81, 0.5, 0.4, 0.22]), (3, 1)),
            },
        )
        figure = drawn("retention", trace, View("fedit", 2))
        kept, lost = figure.data
        np.testing.assert_allclose(kept.y, [0.81, 0.5, 0.4, 0.22], rtol=1e-6)
        np.testing.assert_allclose(np.add(kept.y, lost.y), 1)
        assert lost.marker.pattern.shape
        assert tuple(figure.layout.yaxis.range) == (0, 1)
        title = figure.layout.title.text
        assert "81\u00a0%" in title
        assert "22\u00a0%" in title
        assert ("(proxy)" in title) == (not exact)
        assert any(a.text.startswith("Exact" if exact else "Proxy") for a in figure.layout.annotations)


def test_ambient_shows_rows_before_and_after_on_one_scale(plain: Trace) -> None:
    record = last(plain, "fedrot")
    figure = drawn("ambient", plain, View("fedrot", 2))
    by = {t.uid: t for t in figure.data}
    for panel, rows in (("1", record.arrows.ambient_before[0]), ("2", record.arrows.ambient_after[0])):
        for s, k in enumerate(record.clients):
            np.testing.assert_allclose(by[f"{panel}-{k}"].x[1::3], rows[s, :, 0], rtol=1e-6)
            np.testing.assert_allclose(by[f"{panel}-{k}"].y[1::3], rows[s, :, 1], rtol=1e-6)
        np.testing.assert_allclose(by[f"mean-{panel}"].x[1::3], rows[:, :, 0].mean(0), rtol=1e-5)
    assert figure.layout.xaxis.range == figure.layout.xaxis2.range == figure.layout.yaxis.range
    assert shown_percent(record.arrows.ambient_share[0, 0]) in figure.layout.xaxis.title.text
    assert shown_percent(record.arrows.ambient_share[0].sum()) in figure.layout.meta["alt"]


@pytest.mark.parametrize(("share", "warned"), [((0.3, 0.2), True), ((0.5, 0.2), False)])
def test_ambient_warns_below_60_percent(
    share: tuple[float, float], warned: bool, plain: Trace, edited: Callable[..., Trace]
) -> None:
    trace = edited(plain, "fedit", lambda r: {"ambient_share": np.tile(np.array(share), (3, 1))})
    figure = drawn("ambient", trace, View("fedit", 2))
    assert any("Careful" in a.text for a in figure.layout.annotations) == warned
    assert (f"{100 * sum(share):.0f}\u00a0%" in figure.layout.title.text) == warned


def test_data_is_the_class_counts_and_needs_no_record(plain: Trace) -> None:
    counts = np.array(plain.task.class_counts)
    figure = drawn("data", plain.upto(0), View("fedit", 0, client=2))
    (heat,) = figure.data
    np.testing.assert_array_equal(np.array(heat.z).T, counts)
    assert heat.zmin == 0
    assert heat.zmax == counts.max()
    assert heat.texttemplate
    average = np.mean([row.max() / row.sum() for row in counts])
    assert shown_percent(average) in figure.layout.title.text
    assert f"client 2: {shown_percent(counts[2].max() / counts[2].sum())}" in figure.layout.title.text
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1) == (1.5, 2.5)


def test_data_says_that_teachers_have_no_classes(traces: dict[str, Trace]) -> None:
    figure = drawn("data", traces["teacher"], View("fedit", 0))
    assert "no classes" in figure.layout.title.text
    assert not figure.data
