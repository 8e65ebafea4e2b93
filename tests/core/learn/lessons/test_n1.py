"""One update, many frames: every number of the lesson against plain NumPy, and questions that keep their answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fedrot_core.alignment import random_rotations
from fedrot_core.learn.examples.one_update import (
    DRAWS,
    MOST_CLIENTS,
    SPUN_CLIENT,
    crowd,
    law,
    letter,
    pair,
    spun,
    turned,
)
from fedrot_core.learn.examples.small_federation import plane_turn, second_round
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.rng import stream
from fedrot_core.wording import degrees, percent
from tests.core import dense
from tests.core.learn.lessons.reveal import answer, no_answer_in_question

LESSON = LESSONS["one_update"]
SAME, ARROWS, PICTURES, LAW, CROWD, SPIN = range(6)
ANGLES = range(0, 181, 15)
PICTURE = np.array([[1] * 8, [1, 1] + [0] * 6, [1] * 8, *[[1, 1] + [0] * 6] * 3], dtype=float)


def rotation(angle: float) -> dense.Array:
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.array([[c, -s], [s, c]])


def facts(step: int, **values: object) -> dict[str, str]:
    return dict(LESSON.steps[step].scene(LESSON.defaults() | values, ()).facts)


def averaged(angles: list[float]) -> tuple[dense.Array, dense.Array]:
    """Naive mean of the letter's factors over clients whose frames are turned by ``angles``."""
    A, B = letter().A.numpy(), letter().B.numpy()
    turned_A = [rotation(a).T @ A for a in angles]
    turned_B = [B @ rotation(a) for a in angles]
    w = np.full(len(angles), 1 / len(angles))
    return dense.mean(np.stack(turned_A), w), dense.mean(np.stack(turned_B), w)


@pytest.mark.parametrize("angle", ANGLES)
def test_a_turn_changes_the_factors_and_not_their_product(angle: int) -> None:
    shown = turned(angle)
    np.testing.assert_allclose(shown.B @ shown.A, PICTURE, atol=1e-12)
    np.testing.assert_allclose(shown.product, PICTURE, atol=1e-12)
    A, B = letter().A.numpy(), letter().B.numpy()
    np.testing.assert_allclose(shown.A, rotation(angle).T @ A, atol=1e-12)
    changed = sum(
        abs(x - y) > 1e-9 for X, Y in ((shown.A, A), (shown.B, B)) for x, y in zip(X.flat, Y.flat, strict=True)
    )
    assert facts(SAME, angle=angle) == {
        "theta": f"{angle}°", "changed": str(changed), "numbers": "28", "gap": percent(0.0),
    }  # fmt: skip
    assert changed == (0 if angle == 0 else 28)
    assert max(np.abs(shown.A).max(), np.abs(shown.B).max()) <= shown.limit + 1e-12


@pytest.mark.parametrize("angle", ANGLES)
def test_two_clients_keep_cosine_squared_of_half_the_angle(angle: int) -> None:
    A, B = averaged([0, angle])
    along = float((B @ A * PICTURE).sum() / (PICTURE**2).sum())
    cosine = math.cos(math.radians(angle / 2))
    assert along == pytest.approx(cosine**2, abs=1e-12)
    for factor, whole in ((A, letter().A), (B, letter().B)):  # both shrink alike
        assert dense.frobenius(factor) / float(whole.norm()) == pytest.approx(cosine, abs=1e-12)
    missed = dense.frobenius(PICTURE - B @ A) / dense.frobenius(PICTURE)
    expected = {
        "theta": f"{angle}°", "kept": percent(along), "error": percent(missed), "arrow": percent(cosine),
        "kept_aligned": percent(1.0), "arrow_aligned": percent(1.0),
    }  # fmt: skip
    for step in (ARROWS, PICTURES, LAW):
        assert facts(step, angle=angle) == expected
    p = pair(angle)
    np.testing.assert_allclose(p.naive_picture, B @ A, atol=1e-12)
    np.testing.assert_allclose(p.pictures, np.stack([PICTURE, PICTURE]), atol=1e-12)
    np.testing.assert_allclose(p.aligned_picture, PICTURE, atol=1e-9)
    np.testing.assert_allclose(p.naive, A[:, [0, 7]].T, atol=1e-12)


def test_the_experiment_lies_on_the_law() -> None:
    found = law()
    half = np.radians(found.angles) / 2
    np.testing.assert_allclose(found.kept, np.cos(half) ** 2, atol=1e-12)
    np.testing.assert_allclose(found.error, np.sin(half) ** 2, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 5, MOST_CLIENTS])
def test_a_shared_update_arrives_as_B_M_Mt_A(count: int) -> None:
    A, B = letter().A.numpy(), letter().B.numpy()
    R = random_rotations(stream(0, "crowd", count), DRAWS * count, 2).numpy().reshape(DRAWS, count, 2, 2)
    kept = []
    for frames in R:
        M = sum(frames) / count
        kept.append((B @ M @ M.T @ A * PICTURE).sum() / (PICTURE**2).sum())
    found = crowd()
    np.testing.assert_allclose(found.kept[count - 1], kept, atol=1e-12)
    assert found.mean[count - 1] == pytest.approx(np.mean(kept))
    assert abs(np.mean(kept) - 1 / count) <= 3 * np.std(kept) / math.sqrt(DRAWS) + 1e-12
    if count > 1:
        assert facts(CROWD, many=count) == {"clients": str(count), "kept": percent(float(np.mean(kept)))}


def oracle_errors(turns: list[float]) -> tuple[float, float]:
    """Naive and aligned error of the small federation, each client turned by an angle."""
    example = second_round()
    A, B = (x.numpy() for x in (example.trained.A, example.trained.B))
    A_ref, B_ref = example.reference.A.numpy(), example.reference.B.numpy()
    A, B = dense.turned(A, B, np.stack([rotation(a) for a in turns]))
    w = np.full(4, 0.25)
    ideal = dense.ideal(A, B, w)
    R = dense.reference_rotations(A, B, A_ref, B_ref, "A", "SO", 1.0)
    aligned = dense.naive(*dense.turned(A, B, R), w)
    size = dense.frobenius(ideal)
    return dense.frobenius(dense.naive(A, B, w) - ideal) / size, dense.frobenius(aligned - ideal) / size


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4, 17, 9999])
def test_a_spin_breaks_the_naive_average_and_not_the_aligned_one(seed: int) -> None:
    s = spun(seed)
    own, at_spin = s.before[SPUN_CLIENT], s.arrows[SPUN_CLIENT]
    signed = math.degrees(
        math.atan2(own[0] * at_spin[1] - own[1] * at_spin[0], own @ at_spin)
    )  # (Qᵀ A) turns by -angle
    # Qᵀ A turns an arrow by minus the angle of Q
    turns = [-signed if k == SPUN_CLIENT else 0.0 for k in range(4)]
    naive, aligned = oracle_errors(turns)
    naive_before, aligned_before = oracle_errors([0.0] * 4)
    assert s.secret == pytest.approx(abs(signed), abs=1e-9)
    assert s.naive == pytest.approx(naive)
    assert s.aligned == pytest.approx(aligned)
    assert aligned == pytest.approx(aligned_before, rel=1e-9)
    assert facts(SPIN, spin=seed) == {
        "secret": degrees(abs(signed)), "found": degrees(s.found), "gap": percent(0.0),
        "before": percent(naive_before), "naive": percent(naive),
        "aligned_before": percent(aligned_before), "aligned": percent(aligned_before),
    }  # fmt: skip
    drift = spun(0).found
    assert abs(s.found - s.secret) <= drift + 1e-9
    if seed:
        assert 60 <= s.secret <= 180
        assert naive > 2 * naive_before
    else:
        assert naive == naive_before


def test_the_spin_button_draws_a_new_secret_and_undo_takes_it_back() -> None:
    spin, undo = LESSON.steps[SPIN].moves
    values = LESSON.defaults()
    seen = []
    for _ in range(3):
        values.update(spin.change(values))
        seen.append(spun(values["spin"]).secret)
    assert len(set(seen)) == 3
    assert spun(undo.change(values)["spin"]).secret == 0
    assert LESSON.knob("spin").parse(str(spin.change({"spin": 9999})["spin"])) == 1


def test_answers_are_the_true_options() -> None:
    chosen = {n: answer(LESSON, n, {}) for n in (SAME, PICTURES, SPIN)}
    assert chosen == {SAME: "It stays the same", PICTURES: "Nothing", SPIN: "The naive one"}


@pytest.mark.parametrize("angle", [0, 60, 90, 180])
def test_estimates_and_the_curve_have_the_true_values(angle: int) -> None:
    arrow, curve, many = (answer(LESSON, n, {"angle": angle, "many": 5}) for n in (ARROWS, LAW, CROWD))
    assert arrow == pytest.approx(100 * math.cos(math.radians(angle / 2)))
    assert curve == pytest.approx([100 * math.cos(math.radians(a / 2)) ** 2 for a in (0, 45, 90, 135, 180)], abs=1e-9)
    assert many == pytest.approx(100 * crowd().kept[4].mean())


ANSWERS = {SAME: {"gap", "changed"}, ARROWS: {"arrow", "arrow_aligned"}, PICTURES: {"kept", "kept_aligned"},
           LAW: {"kept", "error"}, CROWD: {"kept"}, SPIN: {"naive", "found", "secret"}}  # fmt: skip


@pytest.mark.parametrize("step", ANSWERS)
@pytest.mark.parametrize("values", [{}, {"angle": 150, "many": 3, "spin": 2}])
def test_a_question_does_not_hold_its_answer(step: int, values: dict[str, object]) -> None:
    no_answer_in_question(LESSON, step, values, ANSWERS[step])


def test_the_plane_turn_is_the_rotation_of_the_oracle() -> None:
    np.testing.assert_allclose(plane_turn(37.0).numpy(), rotation(37.0), atol=1e-15)
