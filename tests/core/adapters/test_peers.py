"""PEFT's own ways to merge beside ours: which of them depend on the frames in which clients happen to stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import fedrot_core as fr
from tests.core.adapters.made import Pair, library, pair, turn

pytestmark = pytest.mark.filterwarnings("ignore")

WEIGHTS = {"a": 1.0, "b": 2.0, "c": 5.0}
PEERS = {
    "linear": True, "ties": True, "dare_linear": True, "dare_ties": True, "magnitude_prune": True,
    "svd": False, "cat": False, "ties_svd": False, "dare_linear_svd": False, "magnitude_prune_svd": False,
}  # fmt: skip
"""PEFT's ways, and whether they depend on the clients' frames."""

OURS = {"naive": True, "gpa": False, "svd": False, "stack": False}


def clients(folder: Path, made: dict[str, Pair]) -> Path:
    for name, factors in made.items():
        fr.write_adapter(folder / name, {"q": factors})
    return folder


def theirs(folder: Path, way: str, weights: dict[str, float]) -> Tensor:
    """The update of the adapter that PEFT merges."""
    first, *rest = weights
    base = nn.Sequential()
    base.add_module("q", nn.Linear(10, 12, bias=False))
    model = library("peft").PeftModel.from_pretrained(base, str(folder / first), adapter_name=first)
    for name in rest:
        model.load_adapter(str(folder / name), name)
    torch.manual_seed(0)
    total = sum(weights.values())
    density = {} if way in ("linear", "svd", "cat") else {"density": 0.7}
    model.add_weighted_adapter([*weights], [w / total for w in weights.values()], "merged", way, **density)
    update: Tensor = model.base_model.model.q.get_delta_weight("merged").detach()
    return update


def ours(folder: Path, way: str) -> Tensor:
    (module,) = fr.merge(folder, way, WEIGHTS).modules
    return module.scale * module.factors.B[0] @ module.factors.A[0]


def test_turning_one_client_moves_merges_of_factors_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made, R = {name: pair(rng) for name in WEIGHTS}, turn(rng, 4)
    folders = [clients(tmp_path / "as it is", made)]
    folders.append(clients(tmp_path / "turned", made | {"b": (made["b"][0] @ R, R.T @ made["b"][1])}))

    def moved(before: Tensor, after: Tensor) -> float:
        return float((before - after).norm() / before.norm())

    found = {way: moved(*(theirs(folder, way, WEIGHTS) for folder in folders)) for way in PEERS}
    assert {way: share > 0.05 for way, share in found.items()} == PEERS
    found = {way: moved(*(ours(folder, way) for folder in folders)) for way in OURS}
    assert {way: share > 0.001 for way, share in found.items()} == OURS


def test_copies_of_one_adapter_are_that_adapter(tmp_path: Path) -> None:
    """PEFT's linear merge puts √w before A and before B and sums, so K copies at 1/K are K times the update."""
    B, A = pair(np.random.default_rng(1))
    folder = clients(tmp_path, dict.fromkeys("abc", (B, A)))
    update = torch.from_numpy(B @ A).float()
    for way in ("naive", "fedrot", "gpa", "svd", "stack"):
        torch.testing.assert_close(ours(folder, way), update, atol=1e-4, rtol=1e-4)
    linear = theirs(folder, "linear", dict.fromkeys("abc", 1.0))
    torch.testing.assert_close(linear, 3 * update, atol=1e-4, rtol=1e-4)
