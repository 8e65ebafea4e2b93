"""Against PEFT itself: it loads what is merged and aligned, and computes with it what the algebra says."""

from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fedrot_core as fr
from fedrot_core.adapters.combine import RULES
from fedrot_core.errors import AdapterError
from tests.core.adapters.made import library

pytestmark = pytest.mark.filterwarnings("ignore")

WEIGHTS = {"a": 1.0, "b": 2.0, "c": 5.0}
SHARES = torch.tensor([1.0, 2.0, 5.0]) / 8


class Experts(nn.Module):
    """Two linear maps for each of three experts, as stacked parameters (expert, out, in)."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Parameter(torch.randn(3, 5, 8))
        self.down = nn.Parameter(torch.randn(3, 8, 5))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("eji,...ei->...j", self.down, torch.einsum("eij,...j->...ei", self.up, x))


class Net(nn.Module):
    """One layer of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.emb = nn.Embedding(11, 6)
        self.lin = nn.Linear(6, 8)
        self.norm = nn.LayerNorm(8)
        self.experts = Experts()
        self.conv = nn.Conv2d(1, 3, (2, 3))
        self.tone = nn.Conv1d(8, 4, 2)
        self.paired = nn.Conv1d(8, 4, 2, groups=2)
        self.q_lin = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm(self.lin(self.emb(tokens)))
        x = self.q_lin(x + self.experts(x))
        wide = self.conv(x[:, None]).flatten(1)
        tones = self.tone(x.mT) + self.paired(x.mT)
        return torch.cat([self.head(x).flatten(1), wide, tones.flatten(1)], 1)


torch.manual_seed(0)
BASE = Net()
TOKENS = torch.randint(11, (4, 5))


def client(folder: Path, seed: int, **config: Any) -> Tensor:
    """Save an adapter with random factors, and return what the model with it answers."""
    torch.manual_seed(seed)
    model = library("peft").get_peft_model(copy.deepcopy(BASE), library("peft").LoraConfig(lora_dropout=0.0, **config))
    for p in model.parameters():
        if p.requires_grad:
            p.data += torch.randn_like(p) * 0.3
    model.save_pretrained(str(folder))
    return answer(model)


def answer(model: nn.Module) -> Tensor:
    model.eval()
    with torch.no_grad():
        found: Tensor = model(TOKENS)
    return found


def loaded(folder: Path) -> Any:
    """The base model with an adapter; PEFT warns of keys that are missing, and must not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*missing adapter keys.*")
        return library("peft").PeftModel.from_pretrained(copy.deepcopy(BASE), str(folder))


VARIANTS: dict[str, dict[str, Any]] = {
    "linear": {"target_modules": ["lin", "q_lin"]},
    "rslora": {"target_modules": ["lin", "q_lin"], "use_rslora": True, "lora_alpha": 5},
    "patterns": {
        "target_modules": ["lin", "q_lin", "conv"],
        "rank_pattern": {"q_lin": 3, "conv": 1}, "alpha_pattern": {"lin": 7},
    },
    "embedding": {"target_modules": ["emb", "lin"]},
    "convolutions": {"target_modules": ["conv", "tone"], "lora_alpha": 9},
    "experts": {"target_parameters": ["experts.up"], "target_modules": []},
    "all experts": {"target_parameters": ["experts.up", "experts.down"], "target_modules": ["lin"], "lora_alpha": 3},
    "experts with patterns": {
        "target_parameters": ["experts.up", "experts.down"], "target_modules": ["lin"],
        "rank_pattern": {"up": 4, "down": 4, "lin": 1}, "alpha_pattern": {"experts.*": 3},
    },
    "a parameter": {"target_parameters": ["lin.weight"], "target_modules": ["q_lin"]},
    "head": {"target_modules": ["lin"], "modules_to_save": ["head"]},
    "biases of layers": {"target_modules": ["lin", "q_lin"], "bias": "lora_only"},
    "all biases": {"target_modules": ["lin"], "bias": "all"},
    "tokens": {"target_modules": ["lin"], "trainable_token_indices": {"emb": [1, 4]}},
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_one_adapter_comes_back(tmp_path: Path, variant: str) -> None:
    before = client(tmp_path / "a", 1, r=2, **VARIANTS[variant])
    assert (before - answer(BASE)).norm() > 0.1
    for method in RULES:
        fr.merge(tmp_path / "a", method).save(tmp_path / method)
        torch.testing.assert_close(answer(loaded(tmp_path / method)), before, atol=1e-4, rtol=1e-4)
    (again,) = fr.align_adapters(tmp_path / "a")
    again.save(tmp_path / "aligned")
    torch.testing.assert_close(answer(loaded(tmp_path / "aligned")), before, atol=1e-4, rtol=1e-4)


REFUSED: dict[str, dict[str, Any]] = {
    "DoRA": {"use_dora": True},
    "a bias in B": {"lora_bias": True},
    "changes the base": {"init_lora_weights": "pissa"},
    "changes the base model": {"init_lora_weights": "olora"},
}


@pytest.mark.parametrize("variant", REFUSED)
def test_what_is_more_than_a_product_is_refused_by_name(tmp_path: Path, variant: str) -> None:
    client(tmp_path / "clinic", 1, r=2, target_modules=["lin"], **REFUSED[variant])
    for refuse in (lambda: fr.merge(tmp_path / "clinic"), lambda: list(fr.align_adapters(tmp_path / "clinic"))):
        with pytest.raises(AdapterError, match=f"clinic: .*{variant}"):
            refuse()


def test_convolutions_in_groups_are_refused_by_name(tmp_path: Path) -> None:
    client(tmp_path / "clinic", 1, r=2, target_modules=["lin", "paired"])
    (refused,) = fr.merge(tmp_path / "clinic").left_out
    assert (refused.name, refused.reason[-43:]) == ("paired", "A convolution in groups has no product B A.")


EVERYTHING: dict[str, Any] = {
    "target_modules": ["emb", "lin", "conv", "tone", "q_lin"], "target_parameters": ["experts.up", "experts.down"],
    "modules_to_save": ["head"], "bias": "all",
}  # fmt: skip


def three(folder: Path, **config: Any) -> fr.Cohort:
    for seed, name in enumerate(WEIGHTS):
        client(folder / name, seed, **config)
    return fr.cohort(folder, WEIGHTS)


def by_hand(folder: Path) -> Net:
    """The base model with the weighted mean of all that clients changed, merged by PEFT itself."""
    models = [loaded(folder / name).merge_and_unload() for name in WEIGHTS]
    out, states = Net(), [model.state_dict() for model in models]
    mean = {key: sum(w * state[key] for w, state in zip(SHARES, states, strict=True)) for key in states[0]}
    out.load_state_dict(mean)
    return out


def test_stacking_is_the_exact_mean(tmp_path: Path) -> None:
    merged = fr.merge(three(tmp_path / "in", r=2, lora_alpha=3, **EVERYTHING), "stack")
    assert merged.total == 0
    assert {"head.weight", "norm.bias", "q_lin.base_layer.bias"} < {*merged.averaged}
    merged.save(tmp_path / "out")
    torch.testing.assert_close(answer(loaded(tmp_path / "out")), answer(by_hand(tmp_path / "in")), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("method", RULES)
def test_the_error_is_what_peft_computes(tmp_path: Path, method: str) -> None:
    merged = fr.merge(three(tmp_path / "in", r=2, **EVERYTHING), method)
    merged.save(tmp_path / "out")
    exact = by_hand(tmp_path / "in").state_dict()
    got = loaded(tmp_path / "out").merge_and_unload().state_dict()
    start = BASE.state_dict()
    for name in ("emb", "lin", "conv", "tone", "q_lin"):
        whole = f"{name}.weight"
        missed, size = got[whole] - exact[whole], exact[whole] - start[whole]
        assert merged.errors[name] == pytest.approx(float(missed.norm() / size.norm()), abs=1e-5)


def test_clients_of_other_ranks_and_scales(tmp_path: Path) -> None:
    client(tmp_path / "in" / "a", 1, r=2, lora_alpha=3, target_modules=["lin", "q_lin"])
    client(tmp_path / "in" / "b", 2, r=4, use_rslora=True, target_modules=["lin", "q_lin"])
    client(tmp_path / "in" / "c", 3, r=1, target_modules=["lin", "q_lin"], rank_pattern={"lin": 3})
    exact = answer(by_hand(tmp_path / "in"))
    for method, rank in (("stack", None), ("svd", 8)):
        merged = fr.merge(tmp_path / "in", method, WEIGHTS, rank=rank)
        merged.save(tmp_path / method)
        torch.testing.assert_close(answer(loaded(tmp_path / method)), exact, atol=1e-4, rtol=1e-4)
    for method in ("fedrot", "gpa"):
        with pytest.raises(AdapterError, match="No rotation exists"):
            fr.merge(tmp_path / "in", method)


def test_aligned_clients_answer_as_before(tmp_path: Path) -> None:
    found = three(tmp_path / "in", r=2, **EVERYTHING)
    for reference in (None, "b"):
        for one in fr.align_adapters(found, reference):
            one.save(tmp_path / str(reference) / one.client)
            before, after = (answer(loaded(tmp_path / where / one.client)) for where in ("in", str(reference)))
            torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    naive = fr.merge(tmp_path / "None", "naive", WEIGHTS)
    assert naive.errors == pytest.approx(fr.merge(found, "gpa").errors, abs=1e-5)
