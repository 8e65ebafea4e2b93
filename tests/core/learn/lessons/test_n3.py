"""A round in slow motion: it is a federation's round, and every fact is what plain NumPy finds in its factors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from fedrot_core.factors import UPLOAD_STEP, Factors
from fedrot_core.federation import Federation, Finished, lockstep
from fedrot_core.figures.lesson.slow import PHASES
from fedrot_core.learn.examples.slow_round import CLIENTS, PARTS, ROUNDS, config_of, slow_rounds
from fedrot_core.learn.lessons import LESSONS, Step
from fedrot_core.learn.lessons.n3_slow_motion import REACH, moment
from fedrot_core.wording import degrees, percent
from tests.core import dense

LESSON = LESSONS["slow_motion"]
APART = LESSON.knob("apart")
ANGLES = (0.0, 75.0, 120.0, 180.0)
W = np.full(CLIENTS, 1 / CLIENTS)


@dataclass(frozen=True)
class Played:
    """One round of the federation: what was broadcast, sent and made of it, one layer, as NumPy arrays."""

    A_ref: np.ndarray
    B_ref: np.ndarray
    A: np.ndarray
    B: np.ndarray
    A_next: np.ndarray
    B_next: np.ndarray


@cache
def played(apart: float) -> list[Played]:
    """The same run by the federation itself."""

    def parts(*pairs: Factors) -> list[np.ndarray]:
        return [x[0].numpy() for f in pairs for x in (f.A, f.B)]

    def keep(c: Finished) -> Played:
        return Played(*parts(c.context.reference, c.sent, c.after.factors))

    events = lockstep([Federation(config_of(apart))], keep)
    return [event for _, event in events if isinstance(event, Played)]


@cache
def turned(apart: float, t: int) -> tuple[np.ndarray, np.ndarray]:
    """What FedRot makes of the uploads, by the dense oracle: the matched side alternates, round 0 is left alone."""
    p = played(apart)[t]
    if t == 0:
        return p.A, p.B
    R = dense.reference_rotations(p.A, p.B, p.A_ref, p.B_ref, "A" if t % 2 else "B", "SO", 1.0)
    return dense.turned(p.A, p.B, R)


def values(apart: float, t: int, phase: float = 0.0) -> dict[str, Any]:
    return {"apart": apart, "round": t, "phase": phase}


def step(title: str) -> Step:
    return next(s for s in LESSON.steps if s.title == title)


def answer(title: str, at: dict[str, Any]) -> Any:
    asked = step(title).predict
    assert asked is not None
    return asked.answer(at, ())


def relative_error(product: np.ndarray, A: np.ndarray, B: np.ndarray) -> float:
    ideal = dense.ideal(A, B, W)
    return dense.frobenius(product - ideal) / dense.frobenius(ideal)


@pytest.mark.parametrize("apart", ANGLES)
@pytest.mark.parametrize("t", range(ROUNDS))
def test_a_slow_round_is_the_federations_round(apart: float, t: int) -> None:
    shown, p = slow_rounds(apart)[t], played(apart)[t]
    c, (A, B) = shown.column, turned(apart, t)
    np.testing.assert_allclose(shown.broadcast, p.A_ref[:, c], atol=1e-12)
    np.testing.assert_allclose(shown.turn[0], p.A[:, :, c], atol=1e-12)
    np.testing.assert_allclose(shown.turn[-1], A[:, :, c], atol=1e-9)
    np.testing.assert_allclose(shown.turned, p.A_next[:, c], atol=2 * UPLOAD_STEP)
    np.testing.assert_allclose(dense.mean(B, W), p.B_next, atol=2 * UPLOAD_STEP)


@pytest.mark.parametrize("apart", ANGLES)
@pytest.mark.parametrize("t", range(ROUNDS))
def test_frames_turn_rigidly_and_phases_join(apart: float, t: int) -> None:
    shown = slow_rounds(apart)[t]
    for move in (shown.upload, shown.turn):
        lengths = np.linalg.norm(move, axis=-1)  # (P, K)
        np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], lengths.shape), atol=1e-12)
        angles = np.unwrap(np.arctan2(move[..., 1], move[..., 0]), axis=0)
        np.testing.assert_allclose(np.diff(angles, 2, axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(shown.train[0], np.tile(shown.broadcast, (CLIENTS, 1)), atol=1e-12)
    np.testing.assert_allclose(shown.train[-1], shown.upload[0], atol=1e-12)
    np.testing.assert_allclose(shown.upload[-1], shown.turn[0], atol=3 * UPLOAD_STEP)
    assert len(shown.train) == len(shown.upload) == len(shown.turn) == PARTS + 1


@pytest.mark.parametrize("apart", ANGLES)
@pytest.mark.parametrize("t", range(ROUNDS))
def test_facts_and_answers_are_what_numpy_finds(apart: float, t: int) -> None:
    at, p, (A, B) = values(apart, t), played(apart)[t], turned(apart, t)
    facts = step("Error").scene(at, ()).facts
    c = slow_rounds(apart)[t].column

    def widest(tips: np.ndarray) -> float:
        return max(dense.angle_between(x, y) for x in tips for y in tips)

    length = np.mean([np.linalg.norm(a[:, c]) for a in p.A])
    naive_kept = np.linalg.norm(dense.mean(p.A, W)[:, c]) / length
    turned_kept = np.linalg.norm(dense.mean(A, W)[:, c]) / length
    ideal = dense.ideal(p.A, p.B, W)
    tail = np.linalg.svd(ideal)[1][2:]
    naive = relative_error(dense.naive(p.A, p.B, W), p.A, p.B)
    first = relative_error(dense.naive(A, B, W), p.A, p.B)
    assert facts["apart"] == degrees(widest(p.A[:, :, c]))
    assert facts["naive_kept"] == percent(naive_kept)
    assert facts["turned_kept"] == percent(turned_kept)
    assert facts["theory"] == percent(np.cos(np.radians(apart / 2)))
    assert facts["naive"] == percent(naive)
    assert facts["turned"] == percent(first)
    assert facts["floor"] == percent(np.sqrt((tail**2).sum()) / dense.frobenius(ideal))
    assert facts["change"] == percent(0)
    assert facts["clients"] == str(CLIENTS)
    assert answer("Average", at) == pytest.approx(100 * naive_kept)
    assert answer("Error", at) == pytest.approx(100 * naive)
    assert answer("Upload", at) == 2  # not at all
    if t == 0:
        assert "round 0" in facts["result"]
        assert answer("Turn", at) == pytest.approx(0, abs=1e-9)
    else:
        side, X, X_ref = ("A", (p.A, A), p.A_ref) if t % 2 else ("B", (p.B, B), p.B_ref)
        before, after = (np.mean([dense.frobenius(x - X_ref) for x in xs]) / dense.frobenius(X_ref) for xs in X)
        angle = dense.eigen_angles(dense.best_orthogonal(p.A[0] @ A[0].T, "SO")).max()
        for told in (f"[[{side}]]", f"{before:.2f}", f"{after:.2f}", degrees(angle)):
            assert told in facts["result"]
        assert answer("Turn", at) == pytest.approx(angle, abs=1e-4)
        assert ("next to nothing" in facts["rest"]) == (first >= 0.99 * naive)


@pytest.mark.parametrize("apart", ANGLES)
def test_training_alone_is_what_the_frames_undone_would_show(apart: float) -> None:
    """The spread after training is that of the uploads once the planted turns are taken back."""
    for t in range(1, ROUNDS):
        shown, at = slow_rounds(apart)[t], values(apart, t)
        p = played(apart)[t]
        half = np.radians(apart / 2)
        best = []
        for k, a in enumerate(p.A):
            turns = [np.array([[np.cos(h), -np.sin(h)], [np.sin(h), np.cos(h)]]) for h in (half, -half)]
            column = [R @ a[:, shown.column] for R in turns]
            best.append(column[int(np.argmin([np.linalg.norm(v - shown.train[-1][k]) for v in column]))])
        np.testing.assert_allclose(best, shown.train[-1], atol=3 * UPLOAD_STEP)
        spread = max(dense.angle_between(x, y) for x in np.array(best) for y in np.array(best))
        assert answer("Train", at) == pytest.approx(spread, abs=1e-3)
        assert step("Train").scene(at, ()).facts["spread"] == degrees(spread)


def test_where_frames_agree_turning_changes_next_to_nothing_and_the_lesson_says_so() -> None:
    shown = slow_rounds(0.0)[3]
    assert shown.angles.max() < 5
    assert shown.error_turned == pytest.approx(shown.error_naive, rel=0.02)
    assert "next to nothing" in step("Error").scene(values(0.0, 3), ()).facts["rest"]


def test_no_arrow_of_any_round_and_angle_leaves_the_fixed_plane() -> None:
    for apart in np.arange(APART.low, APART.high + 1, APART.step):
        for shown in slow_rounds(float(apart)):
            for tips in (shown.train, shown.upload, shown.turn, shown.naive, shown.turned):
                assert np.abs(tips).max() < REACH


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("apart", [0.0, 120.0, 180.0])
@pytest.mark.parametrize("t", [0, 1, ROUNDS - 1])
def test_every_scene_draws_and_no_question_gives_its_answer(apart: float, t: int, mode: str) -> None:
    for n, s in enumerate(LESSON.steps):
        for phase in (0.0, 2.5, 3.5, 4.5, 5.0) if s.play else (0.0,):
            at = values(apart, t, phase)
            figure = s.scene(at, ()).draw(mode)
            assert len(figure.layout.title.text) <= 90
            assert figure.layout.meta["alt"].startswith(f"Round {t} ")
        if s.before is not None:
            asked = s.before(at, ()).draw(mode)
            assert asked.layout.title.text.endswith("?")
            assert not any(c.isdigit() for c in asked.layout.title.text)
            assert f"phase {PHASES[n - 1]}" in asked.layout.meta["alt"]
            bars = [trace for trace in asked.data if trace.uid == "errors"]
            assert bool(bars) == ("error" in s.title.lower())
            assert all(set(trace.text) == {""} for trace in bars)


@pytest.mark.parametrize("at", np.arange(0, 5.5, 0.5))
def test_a_moment_holds_what_its_phase_has_reached(at: float) -> None:
    shown = slow_rounds(120.0)[3]
    now = moment(shown, float(at))
    assert now.phase == int(np.ceil(at))
    assert now.whole == (at == int(at))
    assert (now.naive is None) == (at <= 3)
    assert (now.errors is None) == (at <= 4)
    whole_moves = {0: shown.train[0], 1: shown.train[-1], 2: shown.upload[-1]}
    if at == int(at):
        np.testing.assert_allclose(now.clients, whole_moves.get(int(at), shown.turn[-1]), atol=3 * UPLOAD_STEP)
    if at == 3.5:
        assert now.naive is not None
        np.testing.assert_allclose(now.naive, shown.naive / 2)
    if at == 4.5:
        assert now.errors == pytest.approx(tuple(v / 2 for v in (shown.error_naive, shown.error_turned, shown.floor)))
