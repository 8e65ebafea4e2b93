"""Where misalignment comes from: gradients, turns and facts against NumPy loops; verdicts on made-up scores."""

from __future__ import annotations

import dataclasses
import re
from functools import cache
from typing import Any

import numpy as np
import pytest

from fedrot_core.compute import CPU
from fedrot_core.config import FederationConfig
from fedrot_core.federation import Federation
from fedrot_core.learn.examples.frame_turns import CLIENTS, PACES, PLANES, RANK, STEPS, config_of, frame_turns
from fedrot_core.learn.lessons import LESSONS, Step
from fedrot_core.learn.lessons.base import Curve
from fedrot_core.learn.lessons.n4_sources import LAST, LIMIT, SCORE_TIE, SEEDS, SOURCES, TOP, VERDICTS
from fedrot_core.study.summary import ArmSummary, RunSummary
from fedrot_core.trace import Trace
from fedrot_core.wording import degrees, percent
from fedrot_core.workloads import build_task
from fedrot_core.workloads.teacher import Teacher
from tests.core import dense

LESSON = LESSONS["sources"]


def step(title: str) -> Step:
    return next(s for s in LESSON.steps if s.title == title)


def answer(title: str, values: dict[str, Any], runs: Any = ()) -> Any:
    asked = step(title).predict
    assert asked is not None
    return asked.answer(values, runs)


# The gradient, SGD and Adam


@dataclasses.dataclass(frozen=True)
class Path:
    """One client's round by a NumPy loop: A and B at every step, and the gradients at the first."""

    A: list[np.ndarray]
    B: list[np.ndarray]
    G_A: np.ndarray
    G_B: np.ndarray


def teachers(pace: str) -> tuple[list[np.ndarray], float]:
    config = config_of("sgd", pace)
    task = build_task(config, CPU)
    assert isinstance(task, Teacher)
    return [(task.teachers.B[k] @ task.teachers.A[k]).numpy() for k in range(CLIENTS)], config.lora.scaling


def descend(A: np.ndarray, B: np.ndarray, T: np.ndarray, s: float, optimizer: str, rate: float) -> Path:
    """``½ ‖s B A - T‖²`` in float64, SGD or Adam as in its paper."""
    As, Bs, first = [A], [B], None
    moments = [np.zeros_like(A), np.zeros_like(B), np.zeros_like(A), np.zeros_like(B)]
    for t in range(1, STEPS + 1):
        residual = s * B @ A - T
        grads = s * B.T @ residual, s * residual @ A.T
        first = first or grads
        moves = []
        for n, g in enumerate(grads):
            moments[n] = 0.9 * moments[n] + 0.1 * g
            moments[n + 2] = 0.999 * moments[n + 2] + 0.001 * g * g
            m, v = moments[n] / (1 - 0.9**t), moments[n + 2] / (1 - 0.999**t)
            moves.append(rate * (g if optimizer == "sgd" else m / (np.sqrt(v) + 1e-8)))
        A, B = A - moves[0], B - moves[1]
        As.append(A)
        Bs.append(B)
    assert first is not None
    return Path(As, Bs, *first)


@cache
def paths(pace: str, optimizer: str) -> list[Path]:
    """Every client's round 1, from the plain average of an SGD round 0."""
    config, (T, s) = config_of("sgd", pace), teachers(pace)
    A0 = Federation(config).start_A[0, 0].numpy()
    begun = [descend(A0, np.zeros((len(T[0]), RANK)), t, s, "sgd", PACES[pace]["sgd"]) for t in T]
    A, B = np.mean([p.A[-1] for p in begun], axis=0), np.mean([p.B[-1] for p in begun], axis=0)
    return [descend(A, B, t, s, optimizer, PACES[pace][optimizer]) for t in T]


def turn_from_start(path: Path, t: int) -> float:
    now, start = (np.hstack([path.A[n], path.B[n].T]) for n in (t, 0))
    return float(dense.eigen_angles(dense.best_orthogonal(now @ start.T)).max())


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_turns_and_moves_are_those_of_a_plain_loop(pace: str, optimizer: str) -> None:
    found, loops = frame_turns(pace), paths(pace, optimizer)
    for t in (0, 1, STEPS // 2, STEPS):
        wanted = [turn_from_start(path, t) for path in loops]
        np.testing.assert_allclose(found.degrees[optimizer][t], wanted, atol=1e-6)
    ends = [np.hstack([p.A[-1] - p.A[0], (p.B[-1] - p.B[0]).T]) for p in loops]
    start = np.hstack([loops[0].A[0], loops[0].B[0].T])
    moved = np.median([dense.frobenius(e) for e in ends]) / dense.frobenius(start)
    assert found.moved[optimizer][-1] == pytest.approx(moved, rel=1e-9)


@pytest.mark.parametrize("pace", PACES)
def test_the_gradients_parts_along_a_turn_cancel_and_adams_do_not(pace: str) -> None:
    found = frame_turns(pace)
    for k in range(CLIENTS):
        path = paths(pace, "sgd")[k]
        adam = paths(pace, "adam")[k]
        for n, (i, j) in enumerate(PLANES):
            X = np.zeros((RANK, RANK))
            X[i, j], X[j, i] = 1, -1
            T_A, T_B = -X @ path.A[0], path.B[0] @ X
            for what, (D_A, D_B) in {
                "gradient": (path.G_A, path.G_B),
                "adam": (adam.A[1] - adam.A[0], adam.B[1] - adam.B[0]),
            }.items():
                sizes = np.sqrt(((T_A**2).sum() + (T_B**2).sum()) * ((D_A**2).sum() + (D_B**2).sum()))
                parts = (D_A * T_A).sum() / sizes, (D_B * T_B).sum() / sizes
                np.testing.assert_allclose(found.along[what][n, k], parts, atol=1e-9)
    assert np.abs(found.along["gradient"].sum(-1)).max() < 1e-12
    assert np.abs(found.along["gradient"]).max() > 0.01  # they cancel; they do not vanish
    assert np.abs(found.along["adam"].sum(-1)).max() > 0.02


def test_one_gradient_step_of_any_loss_of_the_product_does_not_turn() -> None:
    """The theorem behind the lesson: ``Z Z'ᵀ`` is symmetric, so its closest orthogonal matrix is the identity."""
    rng = np.random.default_rng(0)
    A, B, G = rng.standard_normal((4, 9)), rng.standard_normal((7, 4)), rng.standard_normal((7, 9))
    Z = np.hstack([A, B.T])
    after = np.hstack([A - 0.01 * B.T @ G, (B - 0.01 * G @ A.T).T])
    np.testing.assert_allclose(dense.best_orthogonal(after @ Z.T), np.eye(4), atol=1e-12)


@pytest.mark.parametrize("pace", PACES)
def test_facts_of_the_turns_are_what_was_measured(pace: str) -> None:
    values = LESSON.defaults() | {"pace": pace}
    sgd, adam = (np.median([turn_from_start(p, STEPS) for p in paths(pace, name)]) for name in ("sgd", "adam"))
    facts = step("Adam").scene(values, ()).facts
    for name, angle in (("sgd", sgd), ("adam", adam)):
        assert float(facts[name][:-1]) == pytest.approx(angle, abs=0.55 if angle >= 9.95 else 0.08)
    assert facts["first"] == "0.00°"
    assert facts["steps"] == str(STEPS)
    assert facts["dots"] == str(CLIENTS * len(PLANES))
    assert answer("Plain SGD", values) == pytest.approx(sgd, abs=0.03)
    assert answer("Adam", values) == pytest.approx(adam, abs=0.03)
    assert sgd < adam


def test_bolder_steps_bend_more_as_the_prose_says() -> None:
    ends = [answer("Plain SGD", LESSON.defaults() | {"pace": pace}) for pace in ("gentle", "middle", "bold")]
    assert ends == sorted(ends)


@pytest.mark.parametrize("plane", LESSON.knob("plane").choices)
def test_the_two_numbers_on_show_are_client_0s_and_sum_to_nothing(plane: str) -> None:
    values = LESSON.defaults() | {"plane": plane}
    scene = step("The loss cannot feel a turn").scene(values, ())
    a, b = frame_turns("middle").along["gradient"][int(plane), 0]
    told = [float(scene.facts[n].replace("−", "-")) for n in ("part_A", "part_B", "sum")]
    np.testing.assert_allclose(told, [a, b, 0], atol=5.1e-4)
    mantissa, power = scene.facts["largest"].split("·10")
    exponent = int(power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")))
    largest = np.abs(frame_turns("middle").along["gradient"].sum(-1)).max()
    assert float(mantissa) * 10.0**exponent == pytest.approx(largest, rel=0.51)
    ring = next(t for t in scene.draw("light").data if t.uid == "chosen")
    np.testing.assert_allclose([ring.x[0], ring.y[0]], [a, b])
    assert answer("The loss cannot feel a turn", values) == 1


def test_fixed_axes_hold_every_dot_and_line() -> None:
    for pace in PACES:
        found = frame_turns(pace)
        assert max(np.abs(parts).max() for parts in found.along.values()) < LIMIT
        assert max(angles.max() for angles in found.degrees.values()) < TOP


# Real runs


@pytest.fixture(scope="module")
def runs() -> list[Trace]:
    """One run a source, in the lesson's order, with its defaults."""
    asked = step("Four sources").runs
    assert asked is not None
    return [Federation(config).run() for config in asked(LESSON.defaults())]


def largest_angles(trace: Trace, t: int) -> np.ndarray:
    record = next(r for r in trace.records if r.arm == "fedit" and r.round_index == t)
    return np.array([max(abs(float(a)) for a in client) for client in record.turns.angles[0]])


def mirrored(trace: Trace, t: int) -> int:
    """Of the rotations themselves, by their determinants."""
    record = next(r for r in trace.records if r.arm == "fedit" and r.round_index == t)
    return sum(np.linalg.det(R.astype(float)) < 0 for R in record.turns.rotation[0])


def test_runs_differ_in_their_source_only_and_svd_is_the_labs_default() -> None:
    for optim, names in (("adam", set()), ("sgd", {"opt", "lr"})):
        asked = step("Does it matter?").runs
        assert asked is not None
        configs = asked(LESSON.defaults() | {"optim": optim})
        assert [c.frames.kind for c in configs] == [name for name in SOURCES for _ in range(SEEDS)]
        assert [c.seed for c in configs] == [*range(SEEDS)] * len(SOURCES)
        base = FederationConfig().conditions
        for c in configs:
            changed = {key for key, value in c.conditions.items() if value != base[key]}
            assert changed <= names | {"frames", "theta"}
    whole = step("Four sources").runs
    assert whole is not None
    assert FederationConfig() in whole(LESSON.defaults())


@pytest.mark.parametrize("t", [0, 1, LAST])
def test_four_sources_tell_the_median_clients_angle(runs: list[Trace], t: int) -> None:
    values = LESSON.defaults() | {"when": str(t)}
    medians = [float(np.median(largest_angles(trace, t))) for trace in runs]
    scene = step("Four sources").scene(values, runs)
    assert [scene.facts[name] for name in SOURCES] == [degrees(m) for m in medians]
    assert scene.facts["round"] == str(t)
    assert answer("Four sources", values, runs) == int(np.argmax(medians))
    title = scene.draw("light").layout.title.text
    assert degrees(max(medians)) in title
    assert list(SOURCES.values())[int(np.argmax(medians))] in title


def test_own_starts_turn_far_in_round_0_only(runs: list[Trace]) -> None:
    own = [float(np.median(largest_angles(runs[1], t))) for t in range(LAST + 1)]
    asked = step("Separate starts").predict
    assert isinstance(asked, Curve)
    assert asked.answer(LESSON.defaults(), runs) == pytest.approx([own[int(tick)] for tick in asked.ticks])
    facts = step("Separate starts").scene(LESSON.defaults(), runs).facts
    assert (facts["first"], facts["second"], facts["last"]) == (degrees(own[0]), degrees(own[1]), degrees(own[-1]))
    assert own[0] > 5 * max(own[1:]), "the prose says that one average is enough"


@pytest.mark.parametrize("t", [0, 1, LAST])
def test_mirrored_clients_are_counted_by_determinant(runs: list[Trace], t: int) -> None:
    values = LESSON.defaults() | {"when": str(t)}
    scene = step("Signs and mirrors").scene(values, runs)
    svd, planted = mirrored(runs[2], t), mirrored(runs[3], t)
    assert scene.facts["svd"] == f"{svd} of 10"
    assert scene.facts["planted"] == f"{planted} of 10"
    assert answer("Signs and mirrors", values, runs) == pytest.approx(10 * svd)
    crosses = next(d for d in scene.draw("light").data if d.uid == "dots-svd").marker.symbol
    assert sum(symbol == "x-thin" for symbol in crosses) == svd
    angles = largest_angles(runs[3], t)
    assert scene.facts["near"] == degrees(np.median(angles[angles < 45]))
    assert scene.facts["far"] == degrees(np.median(angles[angles >= 45]))


# Scores, made up


def summaries(gain: dict[str, float]) -> list[RunSummary]:
    """Three seeds a source, whose aligned arm ends ``gain`` above its naive one."""

    def arm(score: float) -> ArmSummary:
        rounds = np.array([0.3, score])
        return ArmSummary(rounds, rounds, rounds, rounds, rounds, rounds, 0.0, "")

    return [
        RunSummary(FederationConfig(), {"fedit": arm(naive), "fedrot": arm(naive + gain[name])}, 0.4, np.zeros(2))
        for name in SOURCES
        for naive in (0.61, 0.63, 0.5)
    ]


@pytest.mark.parametrize(("gain", "verdict"), [(0.3, 0), (SCORE_TIE / 2, 1), (0.0, 1), (-SCORE_TIE / 2, 1), (-0.3, 2)])
def test_the_verdict_is_the_measured_one(gain: float, verdict: int) -> None:
    found = summaries({"trained": gain, "independent": 0.0, "svd": 0.31, "turned": 0.2})
    values = LESSON.defaults()
    assert answer("Does it matter?", values, found) == verdict
    scene = step("Does it matter?").scene(values, found)
    assert scene.facts["verdict"].split()[0] == VERDICTS[verdict].split()[0].lower()
    assert scene.facts["trained_naive"] == percent(0.61)
    assert scene.facts["trained_aligned"] == percent(0.61 + gain)
    assert scene.facts["svd_aligned"] == percent(0.92)
    title = scene.draw("light").layout.title.text
    assert len(title) <= 90
    word = ("helps", "does little", "hurts")[verdict]
    assert re.search(rf"{word} \([^)]*as trained", title)


# Every step


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("extreme", [{}, {"when": str(LAST), "pace": "bold", "plane": "5"}, {"pace": "gentle"}])
def test_every_scene_draws_and_no_question_gives_its_answer(
    runs: list[Trace], extreme: dict[str, str], mode: str
) -> None:
    values = LESSON.defaults() | extreme
    for s in LESSON.steps:
        given: Any = () if s.runs is None else runs if s.whole else summaries(dict.fromkeys(SOURCES, 0.1))
        scene, assumed = s.scene(values, given), s.before
        figure = scene.draw(mode)
        assert len(figure.layout.title.text) <= 90
        assert figure.layout.meta["alt"].endswith(".")
        assert assumed is not None
        asked = assumed(values, given).draw(mode)
        assert asked.layout.title.text.endswith("?")
        assert not re.search(r"\d", asked.layout.title.text + asked.layout.meta["alt"])
        assert {t.uid for t in asked.data} == {t.uid for t in figure.data}
    hidden = {
        "Four sources": "dots-",
        "The loss cannot feel a turn": "dots-",
        "Plain SGD": "median-",
        "Adam": "median-adam",
        "Separate starts": "line-independent",
        "Does it matter?": "turned first-",
    }
    for title, uid in hidden.items():
        s = step(title)
        given = () if s.runs is None else runs if s.whole else summaries(dict.fromkeys(SOURCES, 0.1))
        assert s.before is not None
        for drawn in s.before(values, given).draw(mode).data:
            assert not (drawn.uid.startswith(uid) and len(drawn.x)), (title, drawn.uid)
