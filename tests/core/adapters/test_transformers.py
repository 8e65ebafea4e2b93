"""Models of the transformers library, with random weights: what is merged loads, and answers as it should."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import fedrot_core as fr
from fedrot_core.adapters.combine import RULES
from tests.core.adapters.made import library

pytestmark = pytest.mark.filterwarnings("ignore")


def models() -> Any:
    """The transformers library, where PEFT is there too."""
    library("peft")
    found = library("transformers")
    found.logging.set_verbosity_error()
    return found


def gpt2() -> Any:
    return models().GPT2LMHeadModel(models().GPT2Config(n_embd=16, n_layer=2, n_head=2, vocab_size=50, n_positions=16))


def bert(labels: int = 2) -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 20}
    return models().BertForSequenceClassification(models().BertConfig(vocab_size=50, num_labels=labels, **sizes))


LLAMA = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "vocab_size": 50,
}  # fmt: skip


def llama() -> Any:
    return models().LlamaForCausalLM(models().LlamaConfig(**LLAMA))


def tied() -> Any:
    return models().LlamaForCausalLM(models().LlamaConfig(tie_word_embeddings=True, **LLAMA))


def mixtral() -> Any:
    return models().MixtralForCausalLM(models().MixtralConfig(num_key_value_heads=2, num_local_experts=4, **LLAMA))


CAUSAL = {"task_type": "CAUSAL_LM"}
CASES: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "transposed layers": (gpt2, {**CAUSAL, "target_modules": ["c_attn", "c_proj"], "fan_in_fan_out": True}),
    "a classifier's head": (bert, {"task_type": "SEQ_CLS", "target_modules": ["query", "value"]}),
    "all linear layers": (llama, {**CAUSAL, "target_modules": "all-linear", "use_rslora": True}),
    "one layer": (llama, {**CAUSAL, "target_modules": ["q_proj"], "layers_to_transform": [1]}),
    "embeddings": (llama, {**CAUSAL, "target_modules": ["embed_tokens", "lm_head", "q_proj"]}),
    "tokens": (tied, {**CAUSAL, "target_modules": ["q_proj"], "trainable_token_indices": [1, 2, 3]}),
    "experts": (
        mixtral,
        {
            **CAUSAL, "target_modules": ["q_proj"],
            "target_parameters": ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"],
        },
    ),
}  # fmt: skip


def answer(model: nn.Module) -> Tensor:
    model.eval()
    with torch.no_grad():
        found: Tensor = model(input_ids=torch.arange(8)[None]).logits
    return found


@pytest.mark.parametrize("case", CASES)
def test_adapters_of_transformers_models_come_back(tmp_path: Path, case: str) -> None:
    make, config = CASES[case]
    peft = library("peft")
    torch.manual_seed(0)
    base = make()
    merged_by_peft = []
    for name in ("a", "b"):
        model = peft.get_peft_model(copy.deepcopy(base), peft.LoraConfig(r=2, lora_dropout=0.0, **config))
        for p in model.parameters():
            if p.requires_grad:
                p.data += torch.randn_like(p) * 0.1
        model.save_pretrained(str(tmp_path / "in" / name))
        before = answer(model)
        assert float((before - answer(base)).abs().max()) > 1e-4
        fr.merge(tmp_path / "in" / name).save(tmp_path / name)
        after = answer(peft.PeftModel.from_pretrained(copy.deepcopy(base), str(tmp_path / name)))
        torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)
        merged_by_peft.append(model.merge_and_unload().state_dict())
    for method in RULES:
        fr.merge(tmp_path / "in", method).save(tmp_path / method)
    stack = peft.PeftModel.from_pretrained(copy.deepcopy(base), str(tmp_path / "stack"))
    mean = copy.deepcopy(base)
    one, other = merged_by_peft
    mean.load_state_dict({key: (one[key] + other[key]) / 2 for key in one if key in mean.state_dict()}, strict=False)
    torch.testing.assert_close(answer(stack), answer(mean), atol=1e-5, rtol=1e-4)


def test_tied_embeddings_are_refused(tmp_path: Path) -> None:
    """Turning or averaging the two apart would untie them; PEFT merges them into their one weight twice."""
    peft = library("peft")
    config = {**CAUSAL, "target_modules": ["embed_tokens", "lm_head", "q_proj"], "ensure_weight_tying": True}
    peft.get_peft_model(tied(), peft.LoraConfig(r=2, **config)).save_pretrained(str(tmp_path / "a"))
    found = fr.cohort(tmp_path)
    assert all(module.name.endswith("q_proj") for module in found.modules)
    assert any("tied" in gone.reason for gone in found.left_out)


def test_a_head_that_is_left_out_does_not_stop_peft(tmp_path: Path) -> None:
    peft = library("peft")
    for name, labels in (("a", 2), ("b", 3)):
        torch.manual_seed(0)
        model = peft.get_peft_model(bert(labels), peft.LoraConfig(r=2, task_type="SEQ_CLS", target_modules=["query"]))
        model.save_pretrained(str(tmp_path / "in" / name))
    merged = fr.merge(tmp_path / "in")
    assert {r.name for r in merged.left_out} == {"classifier.weight", "classifier.bias"}
    merged.save(tmp_path / "out")
    torch.manual_seed(0)
    assert answer(peft.PeftModel.from_pretrained(bert(2), str(tmp_path / "out"))).shape == (1, 2)
