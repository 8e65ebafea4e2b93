"""Files met in the wild, and what must come of them: accepted, or refused by name, and everything else kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from tests.core.adapters.made import pair, tensors_of

RNG = np.random.default_rng(0)
PAIRS = {name: pair(RNG) for name in ("q_proj", "k_proj", "v_proj")}
P = "base_model.model."
Tensors = dict[str, torch.Tensor]


def layers(*names: str, prefix: str = P) -> Tensors:
    return tensors_of({name: PAIRS.get(name.rpartition(".")[2], PAIRS["q_proj"]) for name in names}, prefix=prefix)


def named(A: str, B: str) -> Tensors:
    return {A: torch.ones(4, 10), B: torch.ones(12, 4)}


Q = layers("q_proj")
V = layers("v_proj")


@dataclass(frozen=True)
class Case:
    """Clients as they were saved, and what must come of them.

    Attributes:
        name: what was met.
        clients: tensors and config of the clients a, b and so on.
        modules: the modules that all share.
        refused, left_out: names, and words of the reason.
        notes: words of notes.
        extras: the other tensors that are averaged.
        scales: the scales of the first module.
        beyond: what the first client has beyond B A.
    """

    name: str
    clients: list[tuple[Tensors, dict[str, Any]]]
    modules: tuple[str, ...] = ("q_proj",)
    refused: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    scales: tuple[float, ...] = ()
    beyond: tuple[str, ...] = ()


def both(tensors: Tensors, **config: Any) -> list[tuple[Tensors, dict[str, Any]]]:
    return [(tensors, config)] * 2


def apart(one: Tensors, two: Tensors, **config: Any) -> list[tuple[Tensors, dict[str, Any]]]:
    return [(one, config), (two, config)]


def with_name(name: str, tensors: Tensors = Q) -> Tensors:
    return {key.replace(".weight", f".{name}.weight"): tensor for key, tensor in tensors.items()}


NAN = {**Q, f"{P}q_proj.lora_B.weight": torch.full((12, 4), float("nan"))}
EXPERTS = {
    f"{P}m.experts.lora_A.weight": torch.randn(6, 10),
    f"{P}m.experts.lora_B.weight": torch.randn(8, 6),
}
NESTED = {
    f"{P}m.experts.base_layer.lora_A.weight": torch.randn(6, 8),
    f"{P}m.experts.base_layer.lora_B.weight": torch.randn(10, 6),
}
WIDE = {f"{P}lin.lora_A.weight": torch.randn(6, 8), f"{P}lin.lora_B.weight": torch.randn(8, 6)}
HEAD = {f"{P}classifier.weight": torch.ones(3, 5)}
MODEL = {"target_parameters": ["experts.gate_up_proj", "experts.down_proj"], "target_modules": ["lin", "q_proj"]}


def table(tokens: int) -> Tensors:
    return {f"{P}e.lora_embedding_A": torch.ones(4, tokens), f"{P}e.lora_embedding_B": torch.ones(6, 4)}


CASES = [
    Case("the adapter's name inside the key", both(with_name("default")), notes=("“default”",)),
    Case("a numbered adapter's name inside the key", apart(with_name("default_0"), Q), notes=("“default_0”",)),
    Case(
        "two adapters in one file",
        [*both(Q), ({**with_name("one"), **with_name("two")}, {})],
        refused={"c": "“one” and “two”"},
    ),
    Case(
        "one adapter with a name and one without",
        [*both(Q), ({**Q, **with_name("two", V)}, {})],
        refused={"c": "one without a name"},
    ),
    Case("a prefix of another tool", both(layers("q_proj", prefix="model.base_model.model.")), notes=("begin with",)),
    Case("no prefix", apart(layers("q_proj", prefix=""), Q), notes=("no prefix",)),
    Case(
        "a first part that one tool leaves out",
        [*both(layers("model.q_proj")), (layers("language_model.model.q_proj"), {})],
        modules=("model.q_proj",),
        notes=("c: modules' names begin with “language_model.model.” instead of “model.”",),
    ),
    Case("lower case", both(named("q_proj.lora_a.weight", "q_proj.lora_b.weight"))),
    Case("rsLoRA", [(Q, {"use_rslora": True}), (Q, {})], scales=(2.0, 1.0), notes=("folded into B",)),
    Case("DoRA", both({**Q, f"{P}q_proj.lora_magnitude_vector": torch.ones(12)}, use_dora=True), beyond=("DoRA",)),
    Case("a bias in B", both({**Q, f"{P}q_proj.lora_B.bias": torch.ones(12)}), beyond=("a bias in B",)),
    Case("KaSA", both({**Q, f"{P}q_proj.lora_diag": torch.ones(4)}, kasa_config={"beta": 1}), beyond=("KaSA",)),
    Case("KaSA in tensors alone", both({**Q, f"{P}q_proj.lora_diag": torch.ones(4)}), beyond=("KaSA",)),
    Case("variants that are null", both(Q, kasa_config=None, use_dora=False, arrow_config=None, use_bdlora=None)),
    Case(
        "patterns that match nothing",
        both(Q, rank_pattern={"q_proj": 4, "w": 3}, alpha_pattern={"k": 3}),
        notes=("rank_pattern has dead keys", "number 2 of 2", "alpha_pattern has dead keys"),
    ),
    Case(
        "a pattern in PEFT's way", both(layers("x.q_proj"), alpha_pattern={"q_proj": 8}), ("x.q_proj",), scales=(2, 2)
    ),
    Case("a pattern that is an expression", both(Q, alpha_pattern={r"(?:k|q)_\w+": 8}), scales=(2, 2)),
    Case("a pattern of the inner part alone", both(Q, alpha_pattern={"proj": 8}), scales=(1, 1), notes=("dead",)),
    Case("an alpha beside the factors", both({**Q, f"{P}q_proj.alpha": torch.tensor(2.0)}), scales=(0.5, 0.5)),
    Case(
        "kohya's names",
        both(named("u_q.lora_down.weight", "u_q.lora_up.weight")),
        ("u_q",),
    ),
    Case("names of image models", both(named("t.to_q.lora_A.weight", "t.to_q.lora_B.weight")), ("t.to_q",)),
    Case(
        "other ranks",
        [(Q, {}), (tensors_of({"q_proj": pair(RNG, r=2)}), {"r": 2})],
        notes=("No rotation exists between clients of different ranks (2, 4)", "Pad", "stack", "svd"),
    ),
    Case("experts", both(EXPERTS, r=2, **MODEL), modules=("m.experts",)),
    Case("experts of two parameters", both({**NESTED, **EXPERTS}, r=2, **MODEL), ("m.experts.base_layer", "m.experts")),
    Case("an ordinary layer beside experts", both({**WIDE, **EXPERTS}, r=2, **MODEL), ("lin", "m.experts")),
    Case(
        "experts that share one side",
        both(
            {
                **Q,
                f"{P}m.experts.lora_A.weight": torch.ones(2, 9),
                f"{P}m.experts.lora_B.weight": torch.ones(8, 6),
            },
            r=2,
            **MODEL,
        ),
        left_out={"m.experts": "Experts that share A or B"},
    ),
    Case(
        "experts in three axes that share one side",
        both({**Q, "m.w1.lora_A.weight": torch.ones(1, 2, 9), "m.w1.lora_B.weight": torch.ones(3, 8, 2)}),
        left_out={"m.w1": "Experts that share A or B"},
        notes=("no prefix",),
    ),
    Case(
        "experts whose parameters have other ranks",
        both({**Q, **NESTED, **EXPERTS}, r=2, rank_pattern={"experts.down_proj": 3}, **MODEL),
        left_out={"m.experts": "one rank and alpha", "m.experts.base_layer": "one rank and alpha"},
    ),
    Case("heads", both({**Q, **HEAD}, modules_to_save=["classifier"]), extras=("classifier.weight",)),
    Case(
        "heads of a raw state",
        both({**with_name("default"), f"{P}classifier.modules_to_save.default.weight": torch.ones(3)}),
        extras=("classifier.weight",),
    ),
    Case("copies of base layers", both({**Q, f"{P}q_proj.base_layer.weight": torch.ones(2)}), notes=("Copies",)),
    Case(
        "trained biases",
        both({**Q, f"{P}q_proj.base_layer.bias": torch.ones(12)}, bias="lora_only"),
        extras=("q_proj.base_layer.bias",),
    ),
    Case(
        "embeddings of other sizes",
        apart({**Q, **table(20)}, {**Q, **table(21)}),
        left_out={"e": "vocabularies differ (6 × 20, 6 × 21): tokens were added"},
    ),
    Case(
        "whole embeddings of other sizes",
        apart({**Q, "embed_tokens.weight": torch.ones(5, 2)}, {**Q, "embed_tokens.weight": torch.ones(6, 2)}),
        left_out={"embed_tokens.weight": "sizes differ (5 × 2, 6 × 2): tokens were added"},
    ),
    Case(
        "tied embeddings",
        both({**Q, **table(20)}, ensure_weight_tying=True),
        left_out={"e": "tied to the output layer"},
    ),
    Case(
        "other token indices",
        [
            (
                {**Q, f"{P}e.token_adapter.trainable_tokens_delta": torch.ones(2, 8)},
                {"trainable_token_indices": [n, 9]},
            )
            for n in (1, 2)
        ],
        left_out={"e.token_adapter.trainable_tokens_delta": "other token indices"},
        notes=("different token indices",),
    ),
    Case("unknown fields that are not set", both(Q, new_flag=False, new_list=[], new_config=None)),
    Case("unknown fields that are set", both(Q, new_flag=True), notes=("sets “new_flag”",)),
    Case("a layer that one client lacks", apart({**Q, **V}, Q), left_out={"v_proj": "Not in b."}),
    Case(
        "a pair that lacks a factor",
        apart({**Q, **V}, {**Q, f"{P}v_proj.lora_A.weight": torch.ones(4, 10)}),
        left_out={"v_proj": "Not in b, where it was refused. v_proj must have both factors; got 'no B'"},
    ),
    Case("tensors of no known kind", both({**Q, "x": torch.ones(3)}), extras=("x",)),
    Case("tensors of no known kind in one client", apart({**Q, "x": torch.ones(3)}, Q), left_out={"x": "Not in b."}),
    Case("whole numbers", both({**Q, "n": torch.ones(3, dtype=torch.int64)}), left_out={"n": "not of type F32"}),
    Case(
        "query, key and value, and all three fused",
        [
            (layers("o", "a.q_proj", "a.k_proj", "a.v_proj"), {}),
            (layers("o", "a.qkv_proj"), {}),
        ],
        modules=("o",),
        left_out={
            "a.q_proj": "Not in b, where it is fused with others (qkv_proj): these are different modules.",
            "a.qkv_proj": "Not in a, where it is split into its parts (k_proj, q_proj, v_proj): these are different",
        },
    ),
    Case("a start that changes the base", both(Q, init_lora_weights="pissa_niter_4"), notes=("compared, not merged",)),
    Case("numbers that are not finite", [*both(Q), (NAN, {})], refused={"c": "q_proj.lora_B.weight must hold finite"}),
    Case(
        "another base model",
        [*[(Q, {"base_model_name_or_path": "x/one"})] * 2, (Q, {"base_model_name_or_path": "two"})],
        refused={"c": "base model must be the same"},
    ),
    Case(
        "another kind of adapter",
        [*both(Q), (Q, {"peft_type": "IA3"})],
        refused={"c": "peft_type must be LORA; got 'IA3'"},
    ),
]
