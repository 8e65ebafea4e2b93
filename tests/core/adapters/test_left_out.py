"""What a merged adapter holds besides turned factors, what is left out of it by name, and what its card says."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fedrot_core as fr
from fedrot_core.adapters.card import card, escaped, told_apart
from tests.core.adapters.made import file_of, pair, save, tensors_of

RNG = np.random.default_rng(0)


def extras(folder: Path, *each: dict[str, torch.Tensor], **config: Any) -> fr.Merged:
    """Clients of growing weight with these tensors beside the same factors."""
    factors = tensors_of({"q": pair(RNG)})
    for k, own in enumerate(each):
        save(folder / f"{k}", factors | {f"base_model.model.{n}": x for n, x in own.items()}, **config)
    return fr.merge(folder, "stack", {f"{k}": k + 1.0 for k in range(len(each))})


def test_heads_are_averaged_by_weight(tmp_path: Path) -> None:
    head = {"head.weight": torch.ones(2, 3), "head.bias": torch.zeros(2)}
    merged = extras(tmp_path, head, {n: x + 3 for n, x in head.items()}, modules_to_save=["head"])
    assert {n: float(x.mean()) for n, x in merged.extra.tensors.items()} == {"head.weight": 3, "head.bias": 2}
    assert json.loads(merged.files()["adapter_config.json"])["modules_to_save"] == ["head"]
    assert "- head\\.weight" in card(merged)


def test_tensors_that_cannot_be_averaged_are_left_out_by_name(tmp_path: Path) -> None:
    one = {
        "head.weight": torch.ones(2, 3), "head.bias": torch.zeros(2), "steps": torch.ones(1, dtype=torch.int64),
        "only.here": torch.ones(1), "kept.weight": torch.ones(1),
    }  # fmt: skip
    other = {
        "head.weight": torch.ones(4, 3),
        "head.bias": torch.zeros(2),
        "steps": one["steps"],
        "kept.weight": one["steps"].float(),
    }
    merged = extras(tmp_path, one, other, modules_to_save=["head", "kept"])
    reasons = {r.name: r.reason for r in merged.left_out}
    assert "sizes differ (2 × 3, 4 × 3)" in reasons["head.weight"]
    assert reasons["head.bias"] == "Other tensors of head are left out."
    assert "not of type F32" in reasons["steps"]
    assert reasons["only.here"] == "Not in 1."
    assert (merged.averaged, merged.extra.saved) == (("kept.weight",), ["kept"])
    assert "head\\.weight" in card(merged).split("## Left out")[1]


def test_other_tokens_are_left_out(tmp_path: Path) -> None:
    name = "emb.token_adapter.trainable_tokens_delta"
    same = extras(tmp_path / "same", *[{name: torch.ones(2, 4)}] * 2, trainable_token_indices=[1, 5])
    assert same.averaged == (name,)
    assert same.extra.fields["trainable_token_indices"] == [1, 5]
    save(
        tmp_path / "same" / "1", tensors_of({"q": pair(RNG)}) | {name: torch.ones(2, 4)}, trainable_token_indices=[1, 6]
    )
    other = fr.merge(tmp_path / "same")
    assert [r.name for r in other.left_out] == [name]
    assert "trainable_token_indices" not in other.extra.fields


def test_convolutions_of_other_windows_are_left_out(tmp_path: Path) -> None:
    for name, window in (("a", (2, 3)), ("b", (3, 2))):
        conv = {"c.lora_A.weight": torch.ones(4, 5, *window), "c.lora_B.weight": torch.ones(6, 4, 1, 1)}
        save(tmp_path / name, tensors_of({"q": pair(RNG)}) | conv)
    merged = fr.merge(tmp_path)
    assert ([*merged.errors], [(r.name, r.reason) for r in merged.left_out]) == (["q"], [("c", "Its windows differ.")])


def experts(folder: Path, parameters: list[str], **config: Any) -> None:
    tensors = {"x.experts.lora_A.weight": torch.randn(6, 5), "x.experts.lora_B.weight": torch.randn(7, 6)}
    more = tensors_of({"q": pair(RNG)})
    save(folder, tensors | more, target_parameters=parameters, **{"r": 2, "rank_pattern": {"q": 4}, **config})


def test_experts_of_other_parameters_are_left_out(tmp_path: Path) -> None:
    experts(tmp_path / "a", ["experts.up"])
    experts(tmp_path / "b", ["experts.down"])
    merged = fr.merge(tmp_path)
    assert [*merged.errors] == ["q"]
    assert "target_parameters" in merged.left_out[0].reason


def test_the_rank_of_experts_is_found_by_their_parameters(tmp_path: Path) -> None:
    experts(tmp_path / "a", ["experts.up"], rank_pattern={"q": 4, "up": 3})
    found = fr.cohort(tmp_path / "a")
    assert [(m.name, m.kind, m.experts, m.rank) for m in found.modules] == [
        ("x.experts", "experts", 2, 3),
        ("q", "linear", 1, 4),
    ]
    experts(tmp_path / "b", ["experts.up", "experts.down"], rank_pattern={"q": 4, "up": 3})
    assert "x.experts" in fr.cohort(tmp_path / "b").adapters[0].refused[0].name


def test_nothing_of_a_machine_is_written(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for client in ("first | <b>", "second"):
            folder = save(
                tmp_path / client.replace("|", "_"), tensors_of({"q": pair(RNG)}), task_type="CAUSAL_LM",
                base_model_name_or_path="/home/alice/llama", revision="hf_secret", auto_mapping={"user": "alice"},
            )  # fmt: skip
            for file in folder.iterdir():
                archive.write(file, f"home/alice/{client}/out/{file.name}")
    merged = fr.merge(fr.Upload("all.zip", packed.getvalue()), "fedrot")
    assert merged.names == ("home/alice/first | <b>/out", "home/alice/second/out")
    files = merged.files()
    for content in files.values():
        assert not any(word in content for word in (b"alice", b"llama", b"hf_secret", str(tmp_path).encode()))
    text = files["README.md"].decode()
    assert text.startswith("---\nlibrary_name: peft\n")
    assert "| first \\| \\<b\\> | 50.0 % |" in text
    assert "The reference was first \\| \\<b\\>, of which A was matched by rotations, λ = 1." in text
    assert json.loads(files["adapter_config.json"])["task_type"] == "CAUSAL_LM"


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["home/me/a"], ["a"]),
        (["x/a/out", "x/b/out"], ["a", "b"]),
        (["x/a/1", "x/b/2"], ["a/1", "b/2"]),
        (["x/a", "x/a (2)"], ["a", "a (2)"]),
        (["a", "a/b"], ["a", "a/b"]),
        (["x/a", "x/a/b"], ["a", "a/b"]),
    ],
)
def test_names_are_cut_to_what_differs(names: list[str], shown: list[str]) -> None:
    assert told_apart(names) == shown


def test_names_mean_nothing_to_markdown() -> None:
    assert escaped("[a](http://b)\n# c") == r"\[a\]\(http\:\/\/b\)\?\# c"


def test_kohyas_names_are_told(tmp_path: Path) -> None:
    B, A = map(torch.from_numpy, pair(RNG))
    (tmp_path / "k.safetensors").write_bytes(file_of({"m.lora_down.weight": A.float(), "m.lora_up.weight": B.float()}))
    assert any("PEFT's names" in note for note in fr.merge(tmp_path / "k.safetensors").notes)
