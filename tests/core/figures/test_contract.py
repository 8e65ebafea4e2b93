"""What every registered figure must do, on every kind of trace."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import pytest

from fedrot_core.figures import FIGURES, View, drawn
from fedrot_core.figures.kit.layout import rgba
from fedrot_core.figures.kit.theme import ON_PAPER, SURFACE
from fedrot_core.records import ArmStopped, RoundRecord
from fedrot_core.trace import Trace

KINDS = ("plain", "four arms", "rank 1", "rank 2", "teacher", "many")
FROM_RECORDS = [name for name in FIGURES if not FIGURES[name].from_start]


def texts(node: Any) -> list[tuple[str, Any]]:
    """Every (key, value) in nested plain data."""
    if isinstance(node, dict):
        return [pair for key, value in node.items() for pair in [(key, value), *texts(value)]]
    if isinstance(node, list):
        return [pair for value in node for pair in texts(value)]
    return []


def recoloured(figure: str) -> str:
    """A figure's JSON in the colours for paper, as the page's script makes it."""
    pairs = {a: b for dark, light in ON_PAPER.items() for a, b in ((dark, light), (clear(dark), clear(light)))}
    return re.sub("|".join(map(re.escape, pairs)), lambda found: pairs[found[0]], figure)


def clear(colour: str) -> str:
    """How a colour begins that has an opacity."""
    return rgba(colour, 1).removesuffix("1)")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contract(name: str, kind: str, mode: str, traces: dict[str, Trace]) -> None:
    trace = traces[kind]
    for arm in (trace.arms[0].name, trace.arms[-1].name):
        figure = drawn(name, trace, View(arm, 2, client=1, feature=1, mode=mode))
        title, meta = figure.layout.title.text, figure.layout.meta
        assert title
        assert len(title) <= 90
        assert (meta["alt"] and meta["alt"][-1] in ".!?") or not figure.data
        assert isinstance(meta["narrow"], dict)
        assert figure.layout.paper_bgcolor is None
        assert figure.layout.template.layout.paper_bgcolor == SURFACE[mode]
        plain = json.loads(figure.to_json())
        for key, value in texts(plain):
            if isinstance(value, str):
                assert "nan" not in value.lower().split(), (key, value)
                assert "inf" not in value.lower().split(), (key, value)
        fonts = [v["size"] for k, v in texts(plain) if k in ("font", "tickfont", "textfont") and "size" in (v or {})]
        assert min(fonts, default=12) >= 12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(FIGURES))
def test_a_dark_figure_in_colours_for_paper_is_the_light_one(name: str, kind: str, traces: dict[str, Trace]) -> None:
    trace = traces[kind]
    light, dark = (drawn(name, trace, View(trace.arms[-1].name, 2, mode=mode)).to_json() for mode in ("light", "dark"))
    assert recoloured(dark) == light


@pytest.mark.parametrize("name", list(FIGURES))
def test_trace_is_not_changed_and_drawing_is_pure(name: str, plain: Trace) -> None:
    before = plain.checksum
    view = View("fedrot", 2)
    first = drawn(name, plain, view).to_json()
    assert plain.checksum == before
    assert drawn(name, plain, view).to_json() == first


@pytest.mark.parametrize("name", FROM_RECORDS)
def test_before_the_first_record_the_figure_says_so(name: str, plain: Trace) -> None:
    empty = dataclasses.replace(plain, records=[], centralised=[], stopped=[])
    figure = drawn(name, empty, View("fedrot", 0))
    assert "first round is running" in figure.layout.title.text
    assert not figure.data


@pytest.mark.parametrize("name", FROM_RECORDS)
def test_an_arm_that_stopped_at_once_says_why(name: str, plain: Trace) -> None:
    stopped = [ArmStopped("fedrot", 0, "FedRot-LoRA stopped in round 0: every client returned NaN.")]
    empty = dataclasses.replace(plain, records=[], centralised=[], stopped=stopped)
    assert "stopped in round 0" in drawn(name, empty, View("fedrot", 0)).layout.title.text


@pytest.mark.parametrize("name", list(FIGURES))
@pytest.mark.parametrize("client", [-1, 99])
def test_a_missing_selected_client_is_no_error(name: str, client: int, plain: Trace) -> None:
    view = View("fedit", 1, client=client)
    figure = drawn(name, plain, view)
    assert figure.layout.title.text
    assert all(shape.type != "rect" or shape.xref != "x" for shape in figure.layout.shapes)


@pytest.mark.parametrize("name", FROM_RECORDS)
def test_a_dropped_client_is_absent_and_ids_stay_right(name: str, plain: Trace) -> None:
    kept = [0, 2, 3]

    def without_client_1(record: Any) -> Any:
        r = record.stored()
        cut = {"clients": r["clients"][kept], "weights": r["weights"][kept] / r["weights"][kept].sum()}
        for field in ("turn", "turn_angles", "reflected", "drift", "ambient_before", "ambient_after"):
            cut[field] = r[field][:, kept]
        for field in ("principal_A", "principal_B", "factor_angle_before", "factor_angle_after"):
            cut[field] = r[field][:, kept][:, :, kept]
        for field in ("residual_before", "residual_after", "conditioning"):
            cut[field] = r[field][:, :, kept]
        cut["latent_path"] = r["latent_path"][:, :, kept]
        return RoundRecord.of_stored(r | cut)

    trace = dataclasses.replace(plain, records=[without_client_1(r) for r in plain.records])
    figure = drawn(name, trace, View("fedit", 2, client=3))
    names = {t.name for t in figure.data}
    assert "client 1" not in names
    if name in ("latent", "ambient"):
        assert {"client 0", "client 2", "client 3"} <= names
    if name == "angles":
        assert list(figure.layout.xaxis.ticktext) == ["0", "2", "3"]


@pytest.mark.parametrize("name", ["learning", "errors", "ladder"])
def test_time_series_have_a_fixed_range_and_mark_the_selected_round(name: str, plain: Trace) -> None:
    partial = plain.upto(1)
    for trace, shown in ((plain, 1), (plain, 2), (partial, 0)):
        figure = drawn(name, trace, View("fedit", shown))
        assert tuple(figure.layout.xaxis.range) == (-0.5, 2.5)
        assert figure.layout.xaxis.title.text == "round"
        (line,) = figure.layout.shapes
        assert (line.x0, line.x1, line.yref) == (shown, shown, "paper")
        for series in figure.data:
            if series.type == "bar":
                assert list(series.x) == list(range(trace.rounds_done))
