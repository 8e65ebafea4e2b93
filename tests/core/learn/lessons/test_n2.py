"""Procrustes, step by step: every number of the lesson against plain NumPy, and questions that keep their answers."""

from __future__ import annotations

import itertools
import math
import re

import numpy as np
import pytest

from fedrot_core.learn.examples.latex import bmatrix, number
from fedrot_core.learn.examples.procrustes_steps import CLIFF_ANGLES, STRENGTHS, by_hand, cliff, fit, outcome, soft
from fedrot_core.learn.examples.small_federation import CLIENTS, SEED, second_round
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.wording import percent
from tests.core import dense
from tests.core.learn.lessons.reveal import answer, no_answer_in_question

LESSON = LESSONS["procrustes"]
HAND, CROSS, CIRCLE, MIRROR, SOFT, CLIFF, ALL = range(7)
W = np.full(CLIENTS, 1 / CLIENTS)
EXAMPLE = second_round()
A_REF, B_REF = EXAMPLE.reference.A.numpy(), EXAMPLE.reference.B.numpy()
SENT_A, SENT_B = EXAMPLE.sent.A.numpy(), EXAMPLE.sent.B.numpy()


def rotation(angle: float) -> dense.Array:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[c, -s], [s, c]])


def misfit(A: dense.Array) -> float:
    return dense.frobenius(A - A_REF) / dense.frobenius(A_REF)


def facts(step: int, **values: object) -> dict[str, str]:
    return dict(LESSON.steps[step].scene(LESSON.defaults() | values, ()).facts)


def worked(step: int, **values: object) -> dict[str, str]:
    return dict(LESSON.steps[step].scene(LESSON.defaults() | values, ()).worked)


def matrices(latex: str) -> list[dense.Array]:
    """Every bmatrix of numbers in a piece of LaTeX."""
    found = re.findall(r"\\begin\{bmatrix\}(.*?)\\end\{bmatrix\}", latex)
    numeric = [f for f in found if re.fullmatch(r"[-\d.&\\\s]+", f)]
    return [np.array([[float(v) for v in row.split("&")] for row in f.split(r"\\")]) for f in numeric]


def test_the_example_holds_the_same_updates_in_other_frames_and_one_mirror() -> None:
    """SVD frames keep every product; exactly one client is mirrored; nobody is after training alone."""
    trained = EXAMPLE.trained
    for k in range(CLIENTS):
        np.testing.assert_allclose(SENT_B[k] @ SENT_A[k], (trained.B[k] @ trained.A[k]).numpy(), atol=1e-12)
    dets = [np.linalg.det(dense.best_orthogonal(A @ A_REF.T)) for A in SENT_A]
    assert sum(d < 0 for d in dets) == 1
    assert all(np.linalg.det(dense.best_orthogonal(A.numpy() @ A_REF.T)) > 0 for A in trained.A)
    assert [fit(k).det for k in range(CLIENTS)] == [round(d) for d in dets]
    assert SEED >= 0


@pytest.mark.parametrize("k", range(CLIENTS))
def test_no_turn_fits_better_than_procrustes(k: int) -> None:
    """Every rotation and every mirror on a fine grid."""
    A, f = SENT_A[k], fit(k)
    flip = np.diag([1.0, -1.0])
    grid = np.arange(-180, 180, 0.25)
    rotations = [misfit(rotation(a) @ A) for a in grid]
    mirrors = [misfit(rotation(a) @ flip @ A) for a in grid]
    assert f.misfit_rotated <= min(rotations)
    assert f.misfit_rotated == pytest.approx(min(rotations), abs=1e-4)
    assert f.misfit_turned <= min(rotations + mirrors)
    assert f.misfit_turned == pytest.approx(min(rotations + mirrors), abs=1e-4)
    assert f.angle == pytest.approx(grid[int(np.argmin(rotations))], abs=0.2)
    for hand in (-180, -35, 0, 90, 180):
        h = by_hand(k, hand)
        assert h.misfit == pytest.approx(misfit(rotation(hand) @ A))
        np.testing.assert_allclose(h.columns, (rotation(hand) @ A).T, atol=1e-12)
        shown = {
            "hand": f"{hand}°".replace("-", "−"), "misfit": percent(misfit(rotation(hand) @ A)),
            "best": f"{f.angle:.0f}°".replace("-", "−"), "least": percent(f.misfit_rotated),
        }  # fmt: skip
        assert facts(HAND, who=k, hand=hand) == shown
    np.testing.assert_allclose(
        by_hand(k, 0).misfits, [misfit(rotation(a) @ A) for a in range(-180, 181, 5)], atol=1e-12
    )


@pytest.mark.parametrize("k", range(CLIENTS))
def test_the_cross_matrix_and_the_overlap(k: int) -> None:
    A, f = SENT_A[k], fit(k)
    S = np.array([[sum(A[p, i] * A_REF[q, i] for i in range(A.shape[1])) for q in range(2)] for p in range(2)])
    np.testing.assert_allclose(f.S, S, atol=1e-12)
    best = max(np.trace(X @ rotation(a) @ S) for a in np.arange(0, 360, 0.1) for X in (np.eye(2), np.diag([1.0, -1.0])))
    assert f.overlap_best == pytest.approx(best, abs=1e-4)
    assert facts(CROSS, who=k) == {
        "client": str(k), "overlap": f"{np.trace(S):.1f}".replace("-", "−"), "best": f"{best:.1f}",
    }  # fmt: skip
    squares = dense.frobenius(A) ** 2 + dense.frobenius(A_REF) ** 2 - 2 * best  # least misfit is largest trace
    assert f.misfit_turned * dense.frobenius(A_REF) == pytest.approx(math.sqrt(squares), rel=1e-4)


@pytest.mark.parametrize(("k", "group"), [*itertools.product(range(CLIENTS), ("SO", "O"))])
def test_the_worked_example_can_be_checked_by_hand(k: int, group: str) -> None:
    """Numbers are read back from the LaTeX; products of rounded matrices agree to rounding."""
    rows = worked(ALL, who=k, mirror=group) | worked(CROSS, who=k)
    for latex in rows.values():
        assert latex.count(r"\begin{bmatrix}") == latex.count(r"\end{bmatrix}")
        assert "-0.00" not in latex
    (A,), (A_ref,), (S,) = (
        matrices(rows[what]) for what in (f"A as client {k} sent it", "The reference", "Cross matrix")
    )
    U, sigma, Vt = matrices(rows["Its SVD"])
    (UV,) = matrices(rows["Both stretches set to 1"])
    np.testing.assert_allclose(A, SENT_A[k], atol=0.005001)
    np.testing.assert_allclose(A @ A_ref.T, S, atol=0.05)
    np.testing.assert_allclose(U @ sigma @ Vt, S, atol=0.1)
    np.testing.assert_allclose(U @ Vt, UV, atol=0.02)
    assert float(rows["Determinant"].split("=")[1]) == pytest.approx(np.linalg.det(UV), abs=0.03)
    *_, R = matrices(rows["Determinant fix: the best rotation"])
    assert np.linalg.det(R) == pytest.approx(1, abs=0.03)
    (end,) = matrices(rows[f"A of client {k}, turned"])
    np.testing.assert_allclose((UV if group == "O" else R).T @ A, end, atol=0.03)
    assert misfit(end) == pytest.approx(fit(k).misfit_turned if group == "O" else fit(k).misfit_rotated, abs=0.01)


def test_latex_numbers_have_two_decimals_and_no_negative_zero() -> None:
    assert [number(v) for v in (-0.004, 1.0, -2.345, 0.996)] == ["0.00", "1.00", "-2.35", "1.00"]
    assert bmatrix(np.array([[1.0, -0.5], [0.0, 2.0]])) == r"\begin{bmatrix} 1.00 & -0.50 \\ 0.00 & 2.00 \end{bmatrix}"


@pytest.mark.parametrize("k", range(CLIENTS))
def test_only_mirrors_undo_a_mirror(k: int) -> None:
    mirrored = np.linalg.det(dense.best_orthogonal(SENT_A[k] @ A_REF.T)) < 0
    free, fixed = (misfit(dense.best_orthogonal(SENT_A[k] @ A_REF.T, g).T @ SENT_A[k]) for g in ("O", "SO"))
    assert (fixed > free + 0.01) == mirrored
    assert facts(MIRROR, who=k) == {
        "client": str(k), "det": "−1" if mirrored else "+1", "orthogonal": percent(free), "rotation": percent(fixed),
    }  # fmt: skip
    assert answer(LESSON, MIRROR, {"who": k}) == ("Not as close" if mirrored else "As close as with mirrors")
    mirror, plain = (move.change(LESSON.defaults())["who"] for move in LESSON.steps[MIRROR].moves)
    assert (fit(mirror).det, fit(plain).det) == (-1, 1)


@pytest.mark.parametrize("theta", [0, 30, 90, 150, 175, 180])
def test_the_soft_turn_follows_the_arctangent_and_the_error_is_measured(theta: int) -> None:
    turns = np.stack([rotation(0), rotation(0), rotation(theta), rotation(theta)])
    A, B = dense.turned(EXAMPLE.trained.A.numpy(), EXAMPLE.trained.B.numpy(), turns)
    ideal = dense.ideal(A, B, W)
    errors = []
    for n, strength in enumerate(STRENGTHS):
        s, radians = soft(theta, strength), math.radians(theta)
        assert s.at == n
        expected = math.degrees(math.atan2(strength * math.sin(radians), 1 - strength + strength * math.cos(radians)))
        if (theta, strength) == (180, 0.5):
            assert math.isnan(s.angle)
            assert math.isnan(s.polar[n])
            assert s.margin == pytest.approx(0, abs=1e-12)
        else:
            assert s.angle == pytest.approx(abs(expected), abs=1e-6)
            assert s.polar[n] == s.angle
        full = dense.reference_rotations(A, B, A_REF, B_REF, "A", "SO", 1.0)
        R = np.stack([dense.softened(R, strength) for R in full])
        errors.append(dense.frobenius(dense.naive(*dense.turned(A, B, R), W) - ideal) / dense.frobenius(ideal))
    np.testing.assert_allclose(soft(theta, 0.0).errors, errors, atol=1e-9)
    best = int(np.argmin(errors))
    shown = facts(SOFT, angle=theta, soft=0.25)
    assert shown["least"] == percent(errors[best])
    assert shown["best"] == f"{STRENGTHS[best]:g}"
    assert shown["straight"] == f"{0.25 * theta:.0f}°"
    expected_curve = []
    for q in (0, 0.25, 0.5, 0.75, 1):
        radians = math.radians(theta)
        expected_curve.append(math.degrees(math.atan2(q * math.sin(radians), 1 - q + q * math.cos(radians))))
    expected_curve[2] = theta / 2
    assert answer(LESSON, SOFT, {"angle": theta}) == pytest.approx([abs(v) for v in expected_curve], abs=1e-6)


def test_half_a_turn_has_a_cliff_and_less_than_half_a_turn_has_none() -> None:
    c = cliff()
    for m, theta in enumerate(CLIFF_ANGLES):
        for n, strength in enumerate(STRENGTHS):
            mixed = 1 - strength + strength * complex(math.cos(math.radians(theta)), math.sin(math.radians(theta)))
            assert c.margins[m, n] == pytest.approx(abs(mixed) if 0 < strength < 1 else 1, abs=1e-9)
    jump = np.diff(c.polar, axis=1)
    assert np.isnan(c.polar[-1]).sum() == 1
    assert set(np.round(c.polar[-1][~np.isnan(c.polar[-1])])) == {0, 180}
    assert not np.isnan(jump[:-1]).any()
    assert facts(CLIFF, soft=0.5) == {"lambda": "0.5", "polar": "an arbitrary angle", "least": "0"}
    assert facts(CLIFF, soft=0.45)["polar"] == "0°"
    assert facts(CLIFF, soft=0.55)["polar"] == "180°"
    assert answer(LESSON, CLIFF, {}) == "It jumps by half a turn"


@pytest.mark.parametrize("group", ["SO", "O"])
def test_turning_everybody_cuts_the_error_but_not_below_the_floor(group: str) -> None:
    ideal = dense.ideal(SENT_A, SENT_B, W)
    size = dense.frobenius(ideal)
    R = dense.reference_rotations(SENT_A, SENT_B, A_REF, B_REF, "A", group, 1.0)
    A, B = dense.turned(SENT_A, SENT_B, R)
    after = dense.frobenius(dense.naive(A, B, W) - ideal) / size
    before = dense.frobenius(dense.naive(SENT_A, SENT_B, W) - ideal) / size
    floor = math.sqrt((np.linalg.svd(ideal)[1][2:] ** 2).sum()) / size
    o = outcome(group)
    assert (o.error, o.error_after, o.floor) == pytest.approx((before, after, floor))
    assert floor <= after < before
    np.testing.assert_allclose(o.misfits, [misfit(a) for a in SENT_A])
    np.testing.assert_allclose(o.misfits_after, [misfit(a) for a in A], atol=1e-12)
    assert facts(ALL, mirror=group) == {
        "group": {"SO": "rotations only", "O": "rotations and reflections"}[group], "error": percent(before),
        "after": percent(after), "floor": percent(floor),
    }  # fmt: skip
    assert answer(LESSON, ALL, {"mirror": group}) == pytest.approx(100 * after)


@pytest.mark.parametrize("k", range(CLIENTS))
def test_answers_about_one_client_are_true(k: int) -> None:
    angle = answer(LESSON, HAND, {"who": k})
    R = dense.best_orthogonal(SENT_A[k] @ A_REF.T, "SO")
    assert angle == pytest.approx(math.degrees(math.atan2(R.T[1, 0], R.T[0, 0])))
    assert answer(LESSON, CIRCLE, {"who": k}) == "Set both stretches to 1"
    back = facts(CIRCLE, who=k)["back"]
    assert ("mirrors" in back) == (fit(k).det < 0)


ANSWERS = {HAND: {"best", "least"}, MIRROR: {"orthogonal", "rotation"}, SOFT: {"polar", "least"}, ALL: {"after"}}


@pytest.mark.parametrize("step", ANSWERS)
@pytest.mark.parametrize("values", [{}, {"who": 2, "angle": 110, "soft": 0.3, "mirror": "O"}])
def test_a_question_does_not_hold_its_answer(step: int, values: dict[str, object]) -> None:
    no_answer_in_question(LESSON, step, values, ANSWERS[step])
