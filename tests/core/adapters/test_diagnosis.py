"""The diagnosis against dense oracles, and what its verdict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.adapters.diagnosis import Diagnosis, cohort, diagnose
from fedrot_core.adapters.gram import inner_products, shortened
from fedrot_core.errors import AdapterError, Cancelled
from fedrot_core.factors import Factors
from tests.core import dense
from tests.core.adapters.made import Array, Pair, pair, save, tensors_of, turn


def clients_in(folder: Path, clients: list[dict[str, Pair]], **config: object) -> Path:
    for k, modules in enumerate(clients):
        save(folder / f"client {k}", tensors_of(modules), **config)
    return folder


def near(rng: np.random.Generator, modules: dict[str, Pair], noise: float, turned: bool) -> dict[str, Pair]:
    """One client: what all learned, and something of its own, perhaps in another frame."""
    out = {}
    for name, (B, A) in modules.items():
        r = len(A)
        R = turn(rng, r) if turned else np.eye(r)
        out[name] = ((B + noise * rng.normal(size=B.shape)) @ R, R.T @ (A + noise * rng.normal(size=A.shape)))
    return out


def dense_ladder(A: Array, B: Array, w: Array, reference: int) -> dict[str, float]:
    whole = dense.ideal(A, B, w)
    size = np.linalg.norm(whole)
    out = {"naive": np.linalg.norm(whole - dense.naive(A, B, w)) / size}
    for side in "AB":
        R = dense.reference_rotations(A, B, A[reference], B[reference], side, "SO", 1.0)
        out[f"align_{side}"] = np.linalg.norm(whole - dense.naive(*dense.turned(A, B, R), w)) / size
    R = dense.generalised_procrustes(A, B, w, 300)
    out["gpa"] = np.linalg.norm(whole - dense.naive(*dense.turned(A, B, R), w)) / size
    out["floor"] = np.linalg.norm(np.linalg.svd(whole)[1][A.shape[1] :]) / size
    return {name: float(error) for name, error in out.items()}


@pytest.mark.parametrize("shape", [(12, 10, 3), (60, 70, 2), (9, 40, 4)])
def test_every_rung_is_that_of_dense_products(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    modules = {name: pair(rng, *shape) for name in ("q", "v", "k")}
    made = [near(rng, modules, 0.3, turned=True) for _ in range(4)]
    weights = {f"client {k}": k + 1.0 for k in range(4)}
    found = diagnose(clients_in(tmp_path, made), weights, reference="client 1")
    w = np.arange(1.0, 5) / 10
    for layer in found.layers:
        B, A = (np.stack([m[layer.name][n].astype(np.float32).astype(float) for m in made]) for n in (0, 1))
        assert layer.errors == pytest.approx(dense_ladder(A, B, w, 1), abs=1e-4)
        scale = 4 / shape[2]
        assert layer.size == pytest.approx(scale * np.linalg.norm(dense.ideal(A, B, w)))
        assert layer.principal_A[0, 1] == pytest.approx(dense.largest_principal_angle(A[0], A[1]), abs=1e-4)
        products = [[(B[j] @ A[j] * (B[k] @ A[k])).sum() * scale**2 for k in range(4)] for j in range(4)]
        np.testing.assert_allclose(layer.products, products, rtol=1e-6)
    pooled = np.sqrt(
        sum((x.size * x.errors["naive"]) ** 2 for x in found.layers) / sum(x.size**2 for x in found.layers)
    )
    assert found.totals["naive"] == pytest.approx(pooled)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.integers(1, 5), st.integers(1, 40), st.integers(1, 40))
def test_coordinates_of_the_span_keep_every_inner_product(seed: int, K: int, r: int, o: int, i: int) -> None:
    g = torch.Generator().manual_seed(seed)
    f = Factors(*(torch.randn(2, K, *s, generator=g, dtype=torch.float64) for s in ((r, i), (o, r))))
    short = shortened(f)
    for x, y in ((f.A, short.A), (f.B.mT, short.B.mT)):
        assert y.shape[-1] <= max(K * r, x.shape[-1])
        x, y = x.flatten(1, 2), y.flatten(1, 2)
        torch.testing.assert_close(y @ y.mT, x @ x.mT, rtol=1e-9, atol=1e-9)
    products = (f.B @ f.A).flatten(2)
    torch.testing.assert_close(inner_products(f), products @ products.mT, rtol=1e-9, atol=1e-9)


def test_clients_in_other_frames_are_told_to_turn(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    modules = {"q": pair(rng), "v": pair(rng)}
    found = diagnose(clients_in(tmp_path, [near(rng, modules, 0.0, turned=True) for _ in range(3)]))
    assert found.verdict.method == "gpa"
    assert found.verdict.removed == pytest.approx(1, abs=1e-3)
    assert "Turning the clients removes" in found.verdict.sentence
    assert set(found.verdict.matter) <= {"q", "v"}
    assert all(layer.turn > 20 for layer in found.layers)


def test_a_shared_start_leaves_little_to_turn(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    modules = {"q": pair(rng)}
    found = diagnose(clients_in(tmp_path, [near(rng, modules, 0.01, turned=False) for _ in range(3)]))
    assert found.verdict.method == "naive"
    assert found.verdict.sentence.startswith("Plain averaging is fine")
    assert any("shared start" in note for note in found.verdict.notes)


def test_unrelated_clients_keep_their_error_at_this_rank(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    found = diagnose(clients_in(tmp_path, [{"q": pair(rng, 40, 40)} for _ in range(6)]))
    assert found.verdict.method == "svd"
    assert found.verdict.stays > 0.5
    assert any("Stacking" in note for note in found.verdict.notes)


def test_where_ranks_differ_no_rotation_exists(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    save(tmp_path / "a", tensors_of({"q": pair(rng, r=4)}))
    save(tmp_path / "b", tensors_of({"q": pair(rng, r=2)}), r=2)
    found = diagnose(tmp_path)
    assert [*found.totals] == ["naive", "floor"]
    assert (found.verdict.turned, found.verdict.removed) == (None, None)
    assert any("No rotation exists" in note and "svd" in note for note in found.cohort.notes)


def test_scales_that_differ_are_folded(tmp_path: Path) -> None:
    B, A = pair(np.random.default_rng(6))
    save(tmp_path / "a", tensors_of({"q": (B, A)}), lora_alpha=8)
    save(tmp_path / "b", tensors_of({"q": (2 * B, A)}), lora_alpha=4)
    assert diagnose(tmp_path).totals["naive"] < 1e-6


def test_modules_that_not_all_have_are_left_out_by_name(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    save(tmp_path / "a", tensors_of({"q": pair(rng), "v": pair(rng), "wide": pair(rng)}))
    save(tmp_path / "b", tensors_of({"q": pair(rng), "wide": pair(rng, i=11)}))
    found = cohort(tmp_path)
    assert [m.name for m in found.modules] == ["q"]
    assert [(r.name, r.reason) for r in found.left_out] == [
        ("v", "Not in b."),
        ("wide", "Its widths differ: 12 × 10, 12 × 11."),
    ]


def test_another_base_model_is_refused(tmp_path: Path) -> None:
    made = tensors_of({"q": pair(np.random.default_rng(8))})
    for name, base in (("a", "org/llama"), ("b", "/data/me/llama"), ("c", "org/qwen")):
        save(tmp_path / name, made, base_model_name_or_path=base)
    found = cohort(tmp_path)
    assert (found.names, found.refused[0].name) == (("a", "b"), "c")
    assert "llama" not in found.refused[0].reason


def test_a_client_that_is_unlike_the_others_stands_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    modules = {"q": pair(rng)}
    made = [near(rng, modules, 0.1, turned=True) for _ in range(5)]
    made[1]["q"] = (20 * made[1]["q"][0], made[1]["q"][1])
    made[3]["q"] = (0 * made[3]["q"][0], made[3]["q"][1])
    assert [o.client for o in diagnose(clients_in(tmp_path, made)).outliers] == ["client 1", "client 3"]


def test_the_answer_does_not_depend_on_the_clients_frames(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    modules = {"q": pair(rng)}
    made = [near(rng, modules, 0.2, turned=False) for _ in range(4)]
    turned = [{n: (B @ R, R.T @ A) for n, (B, A) in m.items()} for m in made for R in [turn(rng, 4)]]
    found: list[Diagnosis] = [diagnose(clients_in(tmp_path / n, m)) for n, m in (("a", made), ("b", turned))]
    for rung in ("align_A", "align_B", "gpa", "floor"):
        assert found[0].totals[rung] == pytest.approx(found[1].totals[rung], abs=1e-4)
    assert found[0].totals["naive"] < found[1].totals["naive"]


def test_it_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    clients_in(tmp_path, [{"q": pair(rng), "v": pair(rng), "o": pair(rng, 7)}] * 2)
    seen: list[tuple[int, int]] = []
    diagnose(tmp_path, on_progress=lambda *at: seen.append(at))
    assert seen == [(2, 3), (3, 3)]
    with pytest.raises(Cancelled):
        diagnose(cohort(tmp_path), should_stop=lambda: True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": {"nobody": 1.0}},
        {"weights": {"client 0": -1.0}},
        {"reference": "nobody"},
        {"group": "U"},
        {"strength": 2},
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    clients_in(tmp_path, [{"q": pair(np.random.default_rng(12))}] * 2)
    with pytest.raises(AdapterError):
        diagnose(tmp_path, **wrong)


def opposite(folder: Path, factor: float) -> Path:
    B, A = pair(np.random.default_rng(3))
    return clients_in(folder, [{"q": (B, A)}, {"q": (factor * B, A)}])


def test_where_there_is_nothing_to_average_it_says_so(tmp_path: Path) -> None:
    cancelled = diagnose(opposite(tmp_path / "opposite", -1.0))
    assert "cancel one another" in cancelled.verdict.sentence
    assert set(cancelled.totals.values()) == {0.0}
    B, A = pair(np.random.default_rng(3))
    assert "nothing was trained" in diagnose(clients_in(tmp_path / "zero", [{"q": (0 * B, A)}] * 2)).verdict.sentence
    assert "one client" in diagnose(clients_in(tmp_path / "one", [{"q": (B, A)}])).verdict.sentence


def test_clients_of_several_bases_are_told_apart(tmp_path: Path) -> None:
    B, A = pair(np.random.default_rng(3))
    names = {
        "a": "/home/a/llama/checkpoint-500", "b": "/data/b/llama/checkpoint-7", "c": "/home/c/qwen/checkpoint-500",
        "d": "one/llama", "e": "one/llama", "f": "two/llama",
    }  # fmt: skip
    for name, base in names.items():
        save(tmp_path / name, tensors_of({"q": (B, A)}), base_model_name_or_path=base)
    found = diagnose(tmp_path)
    assert found.clients == ("a", "b", "d", "e")
    assert sorted(gone.name for gone in found.refused) == ["c", "f"]


def test_unrelated_clients_do_not_stand_out(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    assert not diagnose(clients_in(tmp_path, [{"q": pair(rng)} for _ in range(4)])).outliers
