"""Each method's rule against plain loops over clients."""

from __future__ import annotations

import numpy as np
import pytest

from fedrot_core.config import AlignmentConfig
from fedrot_core.methods import METHODS, RoundContext
from tests.core import dense
from tests.core.samples import Sample, product, sample, unpadded

SHAPES = [([(12, 9), (7, 10)], 5, 3), ([(30, 20)], 3, 1), ([(8, 7)], 6, 4)]
EACH_SHAPE = pytest.mark.parametrize(("widths", "K", "r"), SHAPES)


def assert_average_of_turned(name: str, s: Sample, t: int, align: AlignmentConfig, rotations: list[np.ndarray]) -> None:
    """The method's factors are the plain weighted means of the clients' factors, each turned by its rotation."""
    done = METHODS[name].aggregate(s.sent, s.received, RoundContext(t, align, s.weights))
    w = s.weights.numpy()
    for layer, (width, R) in enumerate(zip(s.widths, rotations, strict=True)):
        A, B = dense.turned(*s.clients(layer), R)
        found_A, found_B = unpadded(done.factors, layer, width)
        np.testing.assert_allclose(found_A, dense.mean(A, w), atol=1e-6)
        np.testing.assert_allclose(found_B, dense.mean(B, w), atol=1e-6)
        np.testing.assert_allclose(
            product(done.factors)[layer, : width[1], : width[0]], dense.naive(A, B, w), atol=1e-6
        )


def still(s: Sample) -> list[np.ndarray]:
    K, r = s.sent.A.shape[1:3]
    return [np.stack([np.eye(r)] * K) for _ in s.widths]


def towards(s: Sample, side: str, group: str, strength: float) -> list[np.ndarray]:
    return [
        dense.reference_rotations(*s.clients(n), *s.reference(n), side, group, strength) for n in range(len(s.widths))
    ]


@EACH_SHAPE
@pytest.mark.parametrize("t", [0, 1, 2])
def test_fedit_averages_factors(widths: list[tuple[int, int]], K: int, r: int, t: int) -> None:
    s = sample(1, widths, K, r)
    assert_average_of_turned("fedit", s, t, AlignmentConfig(), still(s))
    assert (
        METHODS["fedit"].aggregate(s.sent, s.received, RoundContext(t, AlignmentConfig(), s.weights)).alignment is None
    )


@EACH_SHAPE
@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("group", ["SO", "O"])
@pytest.mark.parametrize("strength", [0.0, 0.4, 0.8, 1.0])
def test_fedrot_turns_onto_the_broadcast(
    widths: list[tuple[int, int]], K: int, r: int, side: str, group: str, strength: float
) -> None:
    s = sample(2, widths, K, r)
    align = AlignmentConfig(group=group, strength=strength, side=side)
    assert_average_of_turned("fedrot", s, 3, align, towards(s, side, group, strength))


@pytest.mark.parametrize(("t", "side"), [(0, None), (1, "A"), (2, "B"), (3, "A"), (4, "B")])
@pytest.mark.parametrize("name", ["fedrot", "fedrot_code"])
def test_fedrot_alternates_and_leaves_round_zero_alone(name: str, t: int, side: str | None) -> None:
    s = sample(3, [(12, 9)], 4, 3)
    align = AlignmentConfig()
    group, strength = ("O", 1.0) if name == "fedrot_code" else (align.group, align.strength)
    rotations = still(s) if side is None else towards(s, side, group, strength)
    assert_average_of_turned(name, s, t, align, rotations)
    done = METHODS[name].aggregate(s.sent, s.received, RoundContext(t, align, s.weights))
    assert (done.alignment is None) == (t == 0)


def test_authors_code_ignores_the_runs_settings() -> None:
    s = sample(4, [(12, 9)], 4, 3)
    align = AlignmentConfig(group="SO", strength=0.2, side="B")
    assert_average_of_turned("fedrot_code", s, 1, align, towards(s, "A", "O", 1.0))


@EACH_SHAPE
@pytest.mark.parametrize("t", [0, 1])
def test_gpa_averages_what_generalised_procrustes_aligned(
    widths: list[tuple[int, int]], K: int, r: int, t: int
) -> None:
    s = sample(5, widths, K, r)
    rotations = [dense.generalised_procrustes(*s.clients(n), s.weights.numpy()) for n in range(len(widths))]
    assert_average_of_turned("gpa", s, t, AlignmentConfig(), rotations)
