"""Every sample is dealt once, nobody starves, and skew follows alpha."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.errors import ConfigError
from fedrot_core.partition import Indices, class_counts, dirichlet, iid

LABELS = np.random.default_rng(0).integers(0, 10, 1347)


def assert_dealt_once(parts: list[Indices], samples: int) -> None:
    assert sorted(np.concatenate(parts).tolist()) == list(range(samples))
    assert all(list(p) == sorted(p) for p in parts)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 100.0])
@pytest.mark.parametrize("clients", [2, 10, 100])
@pytest.mark.parametrize("seed", range(3))
def test_every_sample_is_dealt_exactly_once_and_nobody_starves(alpha: float, clients: int, seed: int) -> None:
    parts = dirichlet(LABELS, clients, alpha, 8, np.random.default_rng(seed))
    assert len(parts) == clients
    assert_dealt_once(parts, len(LABELS))
    assert min(len(p) for p in parts) >= 8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 60), st.integers(1, 12), st.integers(1, 6), st.sampled_from([0.05, 1.0]))
def test_dealing_ends_for_any_feasible_request(seed: int, samples: int, clients: int, low: int, alpha: float) -> None:
    """Down to requests that leave no slack at all (clients * min_samples == samples)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, samples)
    if clients * low > samples:
        with pytest.raises(ConfigError):
            dirichlet(labels, clients, alpha, low, rng)
        with pytest.raises(ConfigError):
            iid(labels, clients, low, rng)
        return
    for parts in (dirichlet(labels, clients, alpha, low, rng), iid(labels, clients, low, rng)):
        assert len(parts) == clients
        assert_dealt_once(parts, samples)
        assert min(len(p) for p in parts) >= low


@pytest.mark.parametrize("clients", [5, 20])
def test_no_slack_deals_everyone_the_same_number(clients: int) -> None:
    labels = np.zeros(clients * 7, dtype=np.int64)
    parts = dirichlet(labels, clients, 0.05, 7, np.random.default_rng(0))
    assert [len(p) for p in parts] == [7] * clients


def test_impossible_requests_say_what_to_lower() -> None:
    with pytest.raises(ConfigError, match=r"at most 6 \(= 1347 samples / 200 clients\); got 8\. Lower it") as caught:
        dirichlet(LABELS, 200, 0.5, 8, np.random.default_rng(0))
    assert caught.value.key == "min"
    with pytest.raises(ConfigError, match="at most 6"):
        iid(LABELS, 200, 8, np.random.default_rng(0))


def test_skew_grows_as_alpha_falls() -> None:
    """The mean share of a client's commonest class, from nearly one half of the classes' mix to nearly one."""

    def commonest(alpha: float) -> float:
        shares = []
        for seed in range(5):
            counts = class_counts(LABELS, dirichlet(LABELS, 10, alpha, 1, np.random.default_rng(seed)), 10)
            shares.append((counts.max(1) / counts.sum(1)).mean())
        return float(np.mean(shares))

    found = [commonest(alpha) for alpha in (100.0, 1.0, 0.3, 0.05)]
    assert found == sorted(found)
    assert found[0] < 0.2
    assert found[-1] > 0.6


def test_iid_parts_are_even_in_size_and_class() -> None:
    parts = iid(LABELS, 10, 1, np.random.default_rng(0))
    assert_dealt_once(parts, len(LABELS))
    assert {len(p) for p in parts} == {134, 135}
    shares = class_counts(LABELS, parts, 10) / 134.7
    assert float(shares.max()) < 0.25


def test_dealing_is_decided_by_the_generator() -> None:
    for kind in ("dirichlet", "iid"):
        one, same, other = (
            dirichlet(LABELS, 6, 0.3, 4, g) if kind == "dirichlet" else iid(LABELS, 6, 4, g)
            for g in map(np.random.default_rng, (1, 1, 2))
        )
        assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
        assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_class_counts_by_hand() -> None:
    labels = np.array([0, 2, 2, 1])
    parts = [np.array([0, 1]), np.array([2, 3])]
    assert class_counts(labels, parts, 4).tolist() == [[1, 0, 1, 0], [0, 1, 1, 0]]
