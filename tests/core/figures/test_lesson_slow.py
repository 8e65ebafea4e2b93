"""Figures of lesson 3: the same traces and axes at every moment, arrows where they are told, bars last."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from fedrot_core.figures.kit.theme import HUES
from fedrot_core.figures.lesson.slow import LABEL_GAP, PANELS, PHASES, Moment, apart, numbers, slow_motion

TIPS = np.array([[0.2, 0.1], [0.1, 0.22], [-0.2, 0.05], [0.0, -0.2]])


def at(phase: int, **more: Any) -> Moment:
    seen = phase >= 4
    start = Moment(
        phase=phase,
        clients=TIPS,
        ghosts=TIPS[::-1],
        broadcast=np.array([0.1, 0.15]),
        naive=np.array([0.02, 0.03]) if seen else None,
        turned=np.array([0.09, 0.14]) if seen else None,
        errors=(0.78, 0.26, 0.25) if phase == 5 else None,
        reach=0.34,
        column=3,
        whole=True,
        panels=PANELS,
    )
    return dataclasses.replace(start, **more)


def drawn(moment: Moment, mode: str = "light") -> Any:
    return slow_motion(moment, "A title.", "An alternative text.", mode)


def tips(figure: Any) -> dict[str, tuple[float, float]]:
    return {t.uid: (t.x[-1], t.y[-1]) for t in figure.data if t.uid not in ("errors", "numbers")}


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_arrows_keep_their_identity_and_axes_never_move(mode: str) -> None:
    figures = [drawn(at(phase), mode) for phase in range(len(PHASES))]
    uids = [[t.uid for t in f.data] for f in figures]
    assert all(u == uids[0] for u in uids)
    assert len(set(uids[0])) == len(uids[0])
    ranges = {
        tuple(tuple(f.layout[a].range) for a in ("xaxis", "yaxis", "xaxis2", "yaxis2", "yaxis3")) for f in figures
    }
    assert len(ranges) == 1
    first = figures[0].layout
    assert first.xaxis.range == first.xaxis2.range, "both planes have one scale"
    widths = [np.ptp(first[a].domain) for a in ("xaxis", "xaxis2")]
    assert widths[0] == pytest.approx(widths[1])
    assert (first.yaxis.scaleanchor, first.yaxis2.scaleanchor) == ("x", "x2")


@pytest.mark.parametrize("panels", [("clients",), ("clients", "server"), ("server", "error"), PANELS])
def test_no_panel_stands_empty(panels: tuple[str, ...]) -> None:
    """What is drawn, on a screen of any kind, are the panels that were asked for, with their headings."""
    numbers_of = {"clients": "", "server": "2", "error": "3"}
    figure = drawn(at(5, panels=panels))
    wanted = {numbers_of[panel] for panel in panels}
    assert {(t.xaxis or "x")[1:] for t in figure.data} == wanted
    axes = figure.layout.to_plotly_json()
    assert {key.removeprefix("xaxis") for key in axes if key.startswith("xaxis")} == wanted
    for size in ("narrow", "present"):
        patch = figure.layout.meta[size]
        assert {key.removeprefix("xaxis") for key in patch if key.startswith("xaxis")} == wanted
        heads = [a["text"] for a in patch["annotations"] if str(a["xref"]).endswith("domain")]
        assert len(heads) == len(panels)


def test_every_arrow_ends_where_it_was_told_and_averages_wait_at_the_origin() -> None:
    early, late = tips(drawn(at(2))), tips(drawn(at(4)))
    for k, tip in enumerate(TIPS):
        assert early[f"client-{k}"] == pytest.approx(tuple(tip))
        assert early[f"ghost-{k}"] == pytest.approx(tuple(TIPS[::-1][k]))
    assert early["broadcast-1"] == early["broadcast-2"] == pytest.approx((0.1, 0.15))
    assert early["naive"] == early["turned"] == (0, 0)
    assert late["naive"] == pytest.approx((0.02, 0.03))
    assert late["turned"] == pytest.approx((0.09, 0.14))


def test_both_averages_can_be_seen_where_they_coincide() -> None:
    by_uid = {t.uid: t for t in drawn(at(5)).data}
    assert by_uid["turned"].line.width > 1.5 * by_uid["naive"].line.width
    assert by_uid["turned"].zorder < by_uid["naive"].zorder
    assert by_uid["naive"].line.color == HUES["light"]["vermillion"]


def test_bars_carry_numbers_only_once_the_phase_is_whole() -> None:
    half, whole, before = (drawn(m) for m in (at(5, whole=False), at(5), at(4)))
    bars = [next(t for t in f.data if t.uid == "errors") for f in (half, whole, before)]
    assert set(bars[0].text) == {""} == set(bars[2].text)
    assert list(bars[1].text) == ["78\u00a0%", "26\u00a0%", "25\u00a0%"]
    assert list(bars[2].y) == [0, 0, 0]
    assert list(whole.layout.xaxis3.ticktext) == ["naive", "turned", "floor"], "told apart without colour"


@pytest.mark.parametrize("phase", range(len(PHASES)))
def test_the_thread_brackets_the_present_phase(phase: int) -> None:
    thread = next(a.text for a in drawn(at(phase)).layout.annotations if " › " in a.text)
    assert f"[{PHASES[phase]}]" in thread
    assert thread.count("[") == 1
    assert [PHASES.index(name) for name in PHASES if name in thread] == list(range(len(PHASES)))


def test_what_transitions_cannot_redraw_is_not_used() -> None:
    """Plotly fails on bars with a pattern while it tweens."""
    figure = drawn(at(5))
    assert figure.layout.transition.duration > 0
    assert "pattern" not in json.dumps(json.loads(figure.to_json())["data"])


def test_numbers_stand_beyond_the_arrows_in_their_order_and_apart() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        angles = rng.uniform(-180, 180, 4) * rng.choice([1, 0.02])
        lengths = rng.uniform(0.05, 0.3, 4)
        arrows = lengths[:, None] * np.stack([np.cos(np.radians(angles)), np.sin(np.radians(angles))], axis=1)
        places, texts = numbers(arrows, 0.34)
        assert texts == ["0", "1", "2", "3"]
        assert np.linalg.norm(places, axis=1).min() > lengths.max()
        found = np.sort(np.degrees(np.arctan2(places[:, 1], places[:, 0])))
        gaps = np.append(np.diff(found), found[0] + 360 - found[-1])
        assert gaps.min() > LABEL_GAP - 0.1
        around = np.argsort(apart(angles, LABEL_GAP))
        assert list(around) == list(np.argsort(angles))


def test_arrows_that_lie_on_each_other_share_one_label() -> None:
    _, texts = numbers(np.tile(TIPS[0], (4, 1)), 0.34)
    assert texts == ["0 1 2 3", "", "", ""]
