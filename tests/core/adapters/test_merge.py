"""Merging and aligning adapters: what comes out is what the algebra says, and what cannot is refused or left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fedrot_core as fr
from fedrot_core.adapters.combine import RULES
from fedrot_core.errors import AdapterError, Cancelled
from tests.core.adapters.made import Array, Pair, pair, save, tensors_of, turn

RNG = np.random.default_rng(0)


def clients(folder: Path, count: int = 3, r: int = 4, noise: float = 1.0) -> list[dict[str, Pair]]:
    """Clients that are turned and differ by ``noise``."""
    base = {"q": pair(RNG, r=r), "v": pair(RNG, 9, 11, r)}
    made = []
    for k in range(count):
        own = {}
        for name, (B, A) in base.items():
            R = turn(RNG, r)
            own[name] = (
                (B + noise * RNG.normal(size=B.shape)) @ R,
                R.T @ (A + noise * RNG.normal(size=A.shape)),
            )
        save(folder / f"client {k}", tensors_of(own), r=r, lora_alpha=r)
        made.append(own)
    return made


def update(merged: fr.Merged, name: str) -> Array:
    (module,) = (m for m in merged.modules if m.name == name)
    found: Array = (module.scale * module.factors.B[0] @ module.factors.A[0]).double().numpy()
    return found


def exact(made: list[dict[str, Pair]], name: str, shares: list[float]) -> Array:
    mean: Array = np.sum([w * own[name][0] @ own[name][1] for w, own in zip(shares, made, strict=True)], axis=0)
    return mean


WEIGHTS = {"client 0": 1.0, "client 1": 2.0, "client 2": 5.0}
SHARES = [1 / 8, 2 / 8, 5 / 8]


@pytest.mark.parametrize("method", RULES)
def test_the_errors_are_the_dense_oracles(tmp_path: Path, method: str) -> None:
    made = clients(tmp_path)
    merged = fr.merge(tmp_path, method, WEIGHTS)
    squares = np.zeros(2)
    for name in ("q", "v"):
        ideal = exact(made, name, SHARES)
        missed, size = np.linalg.norm(update(merged, name) - ideal), np.linalg.norm(ideal)
        assert merged.errors[name] == pytest.approx(missed / size, abs=1e-6)
        squares += missed**2, size**2
    assert merged.total == pytest.approx((squares[0] / squares[1]) ** 0.5, abs=1e-6)
    assert merged.names == ("client 0", "client 1", "client 2")
    assert merged.weights == pytest.approx(SHARES)


def test_each_method_is_what_it_says(tmp_path: Path) -> None:
    made = clients(tmp_path)
    merged = {method: fr.merge(tmp_path, method, WEIGHTS) for method in RULES}
    B, A = (np.sum([w * own["q"][side] for w, own in zip(SHARES, made, strict=True)], axis=0) for side in (0, 1))
    np.testing.assert_allclose(update(merged["naive"], "q"), B @ A, atol=1e-5)
    U, S, Vh = np.linalg.svd(exact(made, "q", SHARES))
    np.testing.assert_allclose(update(merged["svd"], "q"), (U[:, :4] * S[:4]) @ Vh[:4], atol=1e-5)
    np.testing.assert_allclose(update(merged["stack"], "q"), exact(made, "q", SHARES), atol=1e-5)
    assert [merged[m].modules[0].factors.rank for m in RULES] == [4, 4, 4, 4, 12]
    assert merged["fedrot"].reference == "client 2"
    report = fr.diagnose(tmp_path, WEIGHTS)
    for method, rung in {"naive": "naive", "fedrot": "align_A", "gpa": "gpa", "svd": "floor"}.items():
        assert merged[method].total == pytest.approx(report.totals[rung], abs=1e-6)
    by_B = fr.merge(tmp_path, "fedrot", WEIGHTS, reference="client 0", side="B")
    assert by_B.total == pytest.approx(fr.diagnose(tmp_path, WEIGHTS, "client 0").totals["align_B"], abs=1e-6)


def test_a_planted_turn_is_removed(tmp_path: Path) -> None:
    clients(tmp_path, noise=0.0)
    assert fr.merge(tmp_path, "naive").total > 0.3
    for method in ("fedrot", "gpa", "svd", "stack"):
        assert fr.merge(tmp_path, method).total < 1e-5


def test_where_ranks_differ_factors_are_padded_or_stacked(tmp_path: Path) -> None:
    wide, thin = {"q": pair(RNG, r=4)}, {"q": pair(RNG, r=2)}
    save(tmp_path / "a", tensors_of(wide))
    save(tmp_path / "b", tensors_of(thin), r=2, lora_alpha=2)
    mean = exact([wide, thin], "q", [0.5, 0.5])
    B, A = (wide["q"][n].copy() for n in (0, 1))
    B[:, :2] += thin["q"][0]
    A[:2] += thin["q"][1]
    np.testing.assert_allclose(update(fr.merge(tmp_path, "naive"), "q"), B @ A / 4, atol=1e-5)
    merged = fr.merge(tmp_path, "stack")
    assert merged.modules[0].factors.rank == 6
    np.testing.assert_allclose(update(merged, "q"), mean, atol=1e-5)
    np.testing.assert_allclose(update(fr.merge(tmp_path, "svd", rank=9), "q"), mean, atol=1e-5)
    assert fr.merge(tmp_path, "svd", rank=1).modules[0].factors.rank == 1
    for refuse in (lambda: fr.merge(tmp_path, "gpa"), lambda: list(fr.align_adapters(tmp_path))):
        with pytest.raises(AdapterError, match=r"one rank; got 'ranks 2, 4 in q'.*svd"):
            refuse()


def test_scales_are_folded_and_flags_are_not_inherited(tmp_path: Path) -> None:
    one, other = {"q": pair(RNG)}, {"q": pair(RNG)}
    save(tmp_path / "a", tensors_of(one), lora_alpha=8, use_rslora=True)
    save(tmp_path / "b", tensors_of(other), lora_alpha=6)
    merged = fr.merge(tmp_path, "stack")
    np.testing.assert_allclose(update(merged, "q"), exact([one, other], "q", [8 / 4**0.5 / 2, 6 / 4 / 2]), atol=1e-5)
    config = json.loads(merged.files()["adapter_config.json"])
    assert (config["use_rslora"], config["r"], config["lora_alpha"]) == (False, 8, 32)


def test_numbers_that_overflow_are_refused(tmp_path: Path) -> None:
    B, A = pair(RNG)
    save(tmp_path / "a", tensors_of({"q": (B, A)}), lora_alpha=1e-9)
    save(tmp_path / "b", tensors_of({"q": (B * 1e30, A)}), lora_alpha=9e8)
    with pytest.raises(AdapterError, match="q must have a mean that fits into single precision"):
        fr.merge(tmp_path, "naive")


def test_adapters_that_learned_nothing_are_merged(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / name, tensors_of({"q": (np.zeros((12, 4)), pair(RNG)[1])}))
    for method in RULES:
        merged = fr.merge(tmp_path, method)
        assert (merged.total, float(np.abs(update(merged, "q")).max())) == (0, 0)


def test_a_client_of_weight_0_does_not_count(tmp_path: Path) -> None:
    made = clients(tmp_path, 2)
    save(tmp_path / "global", tensors_of(made[0]) | {"head.weight": torch.ones(2)}, use_dora=True)
    merged = fr.merge(tmp_path, "stack", {"global": 0})
    assert (merged.modules[0].factors.rank, merged.averaged) == (8, ())
    assert [gone.name for gone in merged.left_out] == ["head.weight"]
    assert fr.merge(tmp_path, "fedrot", {"global": 0}, reference="global").reference == "global"


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"use_dora": True}, "odd: DoRA"),
        ({"lora_bias": True}, "odd: a bias in B"),
        ({"init_lora_weights": "pissa_niter_4"}, "odd: a start that changes the base model.*path_initial_model"),
    ],
)
def test_what_is_more_than_a_product_is_refused_by_name(tmp_path: Path, config: dict[str, Any], why: str) -> None:
    clients(tmp_path)
    save(tmp_path / "odd", tensors_of({"q": pair(RNG)}), **config)
    for refuse in (lambda: fr.merge(tmp_path), lambda: list(fr.align_adapters(tmp_path))):
        with pytest.raises(AdapterError, match=why):
            refuse()


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"method": "ties"}, "method must be one of naive"),
        ({"method": "naive", "reference": "client 0"}, "reference must be left out"),
        ({"method": "fedrot", "reference": "nobody"}, "The reference must be a client"),
        ({"rank": 2}, "rank must be left out"),
        ({"method": "svd", "rank": 0}, "rank must be a whole number"),
        ({"side": "C"}, "side must be A or B"),
        ({"group": "U"}, "group must be"),
        ({"strength": 2}, "strength must be"),
        ({"weights": {"nobody": 1.0}}, "A weight must be of a client"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, wrong: dict[str, Any], why: str) -> None:
    clients(tmp_path)
    with pytest.raises(AdapterError, match=why):
        fr.merge(tmp_path, **wrong)


def test_a_cohort_has_its_own_weights(tmp_path: Path) -> None:
    clients(tmp_path)
    with pytest.raises(AdapterError, match=r"fr\.cohort"):
        fr.merge(fr.cohort(tmp_path), weights=WEIGHTS)
    assert fr.merge(fr.cohort(tmp_path, WEIGHTS)).weights == pytest.approx(SHARES)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    clients(tmp_path / "in")
    merged = fr.merge(tmp_path / "in", weights=WEIGHTS)
    merged.save(tmp_path / "out")
    (tmp_path / "out.zip").write_bytes(merged.zip())
    assert merged.zip() == fr.merge(tmp_path / "in", weights=WEIGHTS).zip()
    for source in (tmp_path / "out", tmp_path / "out.zip"):
        again = fr.merge(source, "stack")
        np.testing.assert_allclose(update(again, "q"), update(merged, "q"), atol=1e-6)
    with pytest.raises(AdapterError, match="hold no adapter yet"):
        merged.save(tmp_path / "out")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "README.md").write_text("mine")
    with pytest.raises(AdapterError, match="README"):
        merged.save(tmp_path / "notes")


def test_it_tells_how_far_it_is_and_can_be_stopped(tmp_path: Path) -> None:
    clients(tmp_path)
    seen: list[tuple[int, int]] = []
    fr.merge(tmp_path, on_progress=lambda *at: seen.append(at))
    [*fr.align_adapters(tmp_path, on_progress=lambda *at: seen.append(at))]
    assert seen == [(1, 2), (2, 2)] * 2
    with pytest.raises(Cancelled):
        fr.merge(fr.cohort(tmp_path), should_stop=lambda: True)
    with pytest.raises(Cancelled):
        [*fr.align_adapters(fr.cohort(tmp_path), should_stop=lambda: True)]


@pytest.mark.parametrize("reference", [None, "client 1"])
def test_aligned_adapters_do_the_same_in_one_frame(tmp_path: Path, reference: str | None) -> None:
    made = clients(tmp_path / "in", noise=0.1)
    own = tensors_of({**made[0], "only": pair(RNG)}) | {"head.weight": torch.ones(2)}
    save(tmp_path / "in" / "client 0", own, lora_alpha=12, modules_to_save=["head"])
    found = fr.cohort(tmp_path / "in")
    for one in fr.align_adapters(found, reference, side="B"):
        one.save(tmp_path / "out" / one.client)
        assert one.kept == (("only",) if one.client == "client 0" else ())
        assert max(one.degrees.values()) < 1 if one.client == reference else min(one.degrees.values()) >= 0
    again = fr.cohort(tmp_path / "out")
    for before, after in zip(found.adapters, again.adapters, strict=True):
        assert ([*before.modules], [*before.extras]) == ([*after.modules], [*after.extras])
        for name, module in before.modules.items():
            products = [m.scale * m.factors().B @ m.factors().A for m in (module, after.modules[name])]
            torch.testing.assert_close(products[1], products[0], atol=1e-4, rtol=1e-4)
    assert fr.diagnose(found).totals["naive"] > 0.3
    rung = "gpa" if reference is None else "align_B"
    totals = fr.diagnose(found, reference=reference).totals
    assert fr.diagnose(again).totals["naive"] == pytest.approx(totals[rung], abs=1e-5)
