"""The hero: arrows, lengths, frames and its title on recorded numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedrot_core.figures import View, drawn
from fedrot_core.figures.kit.theme import HUES
from fedrot_core.metrics import PATH_STEPS
from fedrot_core.records import RoundRecord
from fedrot_core.trace import Trace
from tests.core.figures.conftest import shown_percent


def tip(series: Any) -> tuple[float, float]:
    return series.x[-1], series.y[-1]


def kept_shares(record: RoundRecord, layer: int = 0, feature: int = 0) -> tuple[float, float]:
    """Naive and turned share by hand, client by client."""
    lengths = [w * np.linalg.norm(record.arrows.path[0, layer, s, :, feature]) for s, w in enumerate(record.weights)]
    means = [np.linalg.norm(record.arrows.mean[p, layer, :, feature]) for p in (0, -1)]
    return means[0] / sum(lengths), means[1] / sum(lengths)


def test_title_and_alt_hold_the_recorded_shares(plain: Trace) -> None:
    for arm in ("fedit", "fedrot"):
        record = plain.at(arm, 2)
        assert record is not None
        naive, turned = kept_shares(record)
        figure = drawn("latent", plain, View(arm, 2))
        for share in (naive, turned):
            if 0.0995 <= share < 0.995:
                assert shown_percent(share) in figure.layout.title.text
                assert shown_percent(share) in figure.layout.meta["alt"]
        assert ("would keep" in figure.layout.title.text) == (not record.applied)


def test_shares_follow_the_client_weights(plain: Trace, edited: Callable[..., Trace]) -> None:
    def uneven(r: RoundRecord) -> dict[str, Any]:
        path = r.arrows.path.copy()
        path[:, :, 0] *= 5
        return {"weights": np.array([0.85, 0.05, 0.05, 0.05]), "latent_path": path, "latent_mean": 2 * r.arrows.mean}

    trace = edited(plain, "fedrot", uneven)
    record = trace.at("fedrot", 2)
    assert record is not None
    _, turned = kept_shares(record)
    assert shown_percent(turned) in drawn("latent", trace, View("fedrot", 2)).layout.title.text


def test_arrow_tips_are_the_recorded_columns(plain: Trace) -> None:
    record = plain.at("fedrot", 2)
    assert record is not None
    layer, feature = 1, 2
    figure = drawn("latent", plain, View("fedrot", 2, layer=layer, feature=feature))
    plane = record.arrows.plane[layer, feature]
    path, mean = record.arrows.path[:, layer, ..., feature] @ plane, record.arrows.mean[:, layer, :, feature] @ plane
    by_uid = {t.uid: t for t in figure.data}
    for s, k in enumerate(record.clients):
        np.testing.assert_allclose(tip(by_uid[f"1-{k}"]), path[0, s], atol=1e-12)
        np.testing.assert_allclose(tip(by_uid[f"2-{k}"]), path[0, s], atol=1e-12)
        np.testing.assert_allclose(tip(by_uid[f"3-{k}"]), path[-1, s], atol=1e-12)
    np.testing.assert_allclose(tip(by_uid["mean-2"]), mean[0], atol=1e-12)
    np.testing.assert_allclose(tip(by_uid["mean-3"]), mean[-1], atol=1e-12)
    assert abs(tip(by_uid["mean-3"])[0]) < 1e-9 < tip(by_uid["mean-3"])[1]


def test_frames_move_panel_3_from_as_sent_to_the_static_end(plain: Trace) -> None:
    record = plain.at("fedrot", 2)
    assert record is not None
    figure = drawn("latent", plain, View("fedrot", 2))
    assert len(figure.frames) == PATH_STEPS
    uids = [t.uid for t in figure.data]
    moving = {f"3-{k}" for k in record.clients} | {"mean-3"}
    for frame in figure.frames:
        assert list(frame.traces) == list(range(len(uids))), "Plotly removes traces that a frame leaves out"
        assert {uid for uid, data in zip(uids, frame.data, strict=True) if data.x is not None} == moving
    first, last = (dict(zip(uids, figure.frames[p].data, strict=True)) for p in (0, -1))
    static = {t.uid: tip(t) for t in figure.data}
    for uid in moving:
        assert tip(last[uid]) == static[uid]
        assert tip(first[uid]) == static["mean-2" if uid == "mean-3" else uid.replace("3-", "1-")]


def test_one_fixed_scale_for_all_rounds_and_panels_with_equal_aspect(plain: Trace) -> None:
    ranges = set()
    for shown in (0, 1, 2):
        layout = drawn("latent", plain, View("fedrot", shown)).layout
        for n in ("", "2", "3"):
            ranges.add((tuple(layout[f"xaxis{n}"].range), tuple(layout[f"yaxis{n}"].range)))
            assert layout[f"yaxis{n}"].scaleanchor == f"x{n}"
            assert layout[f"xaxis{n}"].constrain == layout[f"yaxis{n}"].constrain == "domain"
    assert len(ranges) == 1
    ((x_range, y_range),) = ranges
    for record in plain.arm("fedrot"):
        for axis, half in enumerate((x_range[1], y_range[1])):
            assert np.abs(record.arrows.path[:, 0, ..., 0] @ record.arrows.plane[0, 0, :, axis]).max() <= half


def test_selected_client_stands_out_without_a_change_of_order(plain: Trace) -> None:
    first, second = (drawn("latent", plain, View("fedit", 2, client=k)) for k in (0, 3))
    assert [t.uid for t in first.data] == [t.uid for t in second.data]
    widths = {t.uid: (t.line.width, t.zorder) for t in second.data}
    assert widths["1-3"] > widths["1-0"]
    assert all(t.meta == {"client": int(t.uid[2:])} for t in second.data if t.name.startswith("client"))


def test_hue_of_the_turned_mean_is_the_arms_where_it_was_applied(plain: Trace) -> None:
    colours = {
        arm: {t.uid: t.line.color for t in drawn("latent", plain, View(arm, 2)).data} for arm in ("fedit", "fedrot")
    }
    assert colours["fedit"]["mean-2"] == HUES["light"]["vermillion"]
    assert colours["fedit"]["mean-3"] == HUES["light"]["green"]
    assert colours["fedrot"]["mean-3"] == HUES["light"]["blue"]


def test_title_says_when_turning_does_not_help_or_hurts(plain: Trace, edited: Callable[..., Trace]) -> None:
    still = edited(plain, "fedit", lambda r: {"latent_mean": np.repeat(r.arrows.mean[:1], PATH_STEPS, axis=0)})
    assert "does not help" in drawn("latent", still, View("fedit", 2)).layout.title.text

    def worse(r: RoundRecord) -> dict[str, Any]:
        mean = r.arrows.mean.copy()
        mean[-1] = mean[0] * 0.5
        return {"latent_mean": mean}

    assert "hurts" in drawn("latent", edited(plain, "fedit", worse), View("fedit", 2)).layout.title.text


def test_rank_1_has_one_axis(traces: dict[str, Trace]) -> None:
    figure = drawn("latent", traces["rank 1"], View("fedit", 2))
    assert all(t.x[-1] == 0 for t in figure.data if t.uid[0] in "123")
    assert any(t.y[-1] != 0 for t in figure.data if t.uid[0] in "123")
    assert not figure.layout.xaxis.showticklabels


def test_many_clients_show_the_first_ones_and_say_so(traces: dict[str, Trace]) -> None:
    figure = drawn("latent", traces["many"], View("fedit", 0))
    assert sum(t.uid.startswith("1-") for t in figure.data) == 24
    assert "first 24 of 60\u00a0clients" in figure.layout.meta["alt"]
    assert "estimated" in figure.layout.meta["alt"]


@pytest.mark.parametrize(
    ("kind", "layer", "words"), [("plain", 0, "pixel row"), ("plain", 1, "layer 2"), ("teacher", 0, "teacher")]
)
def test_note_names_the_column(kind: str, layer: int, words: str, traces: dict[str, Trace]) -> None:
    trace = traces[kind]
    record = trace.at("fedit", 2)
    assert record is not None
    column = int(record.arrows.features[layer, 0])
    notes = " ".join(a.text for a in drawn("latent", trace, View("fedit", 2, layer=layer)).layout.annotations)
    assert f"column {column} of A" in notes
    assert words in notes
    if words == "pixel row":
        assert f"pixel row {column // 8}, col {column % 8}" in notes
