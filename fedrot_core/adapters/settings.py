"""What an adapter's ``adapter_config.json`` says that matters here, read by PEFT's rules (peft 0.21.2).

Nothing of it is ever shown or written but numbers and the names of fields: paths, users and tokens may stand in it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from fedrot_core.adapters.trees import clean
from fedrot_core.errors import adapter_rule, brief

MAX_BYTES = 2**20
MAX_PATTERNS = 10_000
MAX_RANK = 2**16

BEYOND = {
    "use_dora": "DoRA", "lora_bias": "a bias in B", "use_qalora": "QA-LoRA", "kasa_config": "KaSA",
    "use_bdlora": "block-diagonal LoRA", "arrow_config": "Arrow routing", "velora_config": "VeLoRA",
    "monteclora_config": "MonteCLoRA", "alora_invocation_tokens": "activated LoRA",
    "layer_replication": "replicated layers",
}  # fmt: skip
"""Fields that, when set, make the update more than ``B A``: such adapters are diagnosed, and not merged."""

MOVES_BASE = ("pissa", "olora", "corda", "lora_ga", "loftq")
"""Starts that change the base model, so that the update is a difference from the initial adapter."""

PLAIN = frozenset({
    "peft_type", "peft_version", "task_type", "auto_mapping", "base_model_name_or_path", "revision", "inference_mode",
    "r", "lora_alpha", "lora_dropout", "use_rslora", "fan_in_fan_out", "bias", "target_modules", "exclude_modules",
    "target_parameters", "modules_to_save", "init_lora_weights", "layers_to_transform", "layers_pattern",
    "rank_pattern", "alpha_pattern", "megatron_config", "megatron_core", "trainable_token_indices", "loftq_config",
    "eva_config", "corda_config", "lora_ga_config", "qalora_group_size", "runtime_config", "ensure_weight_tying",
    "num_transformer_submodules", "num_attention_heads", "num_layers", "token_dim", "enable_lora", "merge_weights",
    "modules_mapping", "_name_or_path",
})  # fmt: skip
"""Fields that are understood, or change nothing that is computed here."""

SIMPLE = re.compile(r"[\w\-.$^|\\\[\]()*+?]{1,200}", re.ASCII)
QUANTIFIED_GROUP = re.compile(r"\)[*+?{]")


@dataclass(frozen=True)
class Settings:
    """How an adapter's factors become an update.

    Attributes:
        rank, alpha: the usual rank and ``lora_alpha``; None without a config.
        rslora: whether the scale is ``alpha / √r`` instead of ``alpha / r``.
        rank_pattern, alpha_pattern: other ranks and alphas, by a pattern that the end of a module's name must match.
        parameters: names of parameters that are adapted directly, as in stacked experts.
        saved: names of the modules that were trained whole (``modules_to_save``).
        base: a digest of the base model's name, to compare; empty if it is not named.
        beyond: what makes the update more than ``B A``, in words.
        moves_base: whether the start changed the base model.
        tokens: a digest of the token indices that are trained; empty if there are none.
        fields: what is written again: the task type, the layout of weights, which biases and which tokens were trained.
        notes: sentences about what is unusual.
    """

    rank: int | None = None
    alpha: float | None = None
    rslora: bool = False
    rank_pattern: Mapping[str, int] = field(default_factory=dict)
    alpha_pattern: Mapping[str, float] = field(default_factory=dict)
    parameters: tuple[str, ...] = ()
    saved: tuple[str, ...] = ()
    base: str = ""
    beyond: tuple[str, ...] = ()
    moves_base: bool = False
    tokens: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def rank_of(self, module: str) -> int | None:
        """The rank that the config gives a module."""
        rank: int | None = _matching(self.rank_pattern, module, self.rank)
        return rank

    def scale_of(self, module: str, rank: int) -> float:
        """What stands before ``B A`` in a module of this rank; 1 without a config."""
        alpha = _matching(self.alpha_pattern, module, self.alpha)
        if alpha is None:
            return 1.0
        return float(alpha) / (math.sqrt(rank) if self.rslora else rank)

    def dead(self, modules: Iterable[str]) -> tuple[str, ...]:
        """Sentences about patterns that match no module."""
        names = list(modules)
        return tuple(
            f"The {kind} pattern “{clean(key, 60)}” matches no module, as PEFT matches names."
            for kind, patterns in (("rank", self.rank_pattern), ("alpha", self.alpha_pattern))
            for key in patterns
            if not any(_matches(key, name) for name in names)
        )


def _matches(key: str, module: str) -> bool:
    return re.match(rf"(.*\.)?({key})$", module) is not None


def _matching(patterns: Mapping[str, Any], module: str, otherwise: Any) -> Any:
    return next((value for key, value in patterns.items() if _matches(key, module)), otherwise)


def read_settings(content: bytes) -> Settings:
    """Read an ``adapter_config.json``.

    Raises:
        AdapterError: if it is no JSON object, is not about LoRA, or holds values of a wrong kind.
    """
    if len(content) > MAX_BYTES:
        raise adapter_rule("adapter_config.json", f"have at most {MAX_BYTES:,} bytes", len(content), "Save it again.")
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise adapter_rule("adapter_config.json", "be JSON", type(error).__name__, "Save it again.") from None
    if not isinstance(found, dict):
        raise adapter_rule("adapter_config.json", "be a JSON object", type(found).__name__, "Save it again.")
    kind = found.get("peft_type", "LORA")
    if kind != "LORA":
        raise adapter_rule("peft_type", "be LORA", brief(kind, 40), "Only LoRA has factors B and A.")
    rank, alpha = found.get("r", 8), found.get("lora_alpha", 8)
    if type(rank) is not int or not 1 <= rank <= MAX_RANK:
        raise adapter_rule("r", f"be a whole number in 1..{MAX_RANK:,}", rank, "Save the adapter again.")
    for name in ("use_rslora", "use_dora", "lora_bias", "use_qalora", "fan_in_fan_out"):
        if type(found.get(name, False)) not in (bool, type(None)):
            raise adapter_rule(name, "be true or false", found[name], "Save the adapter again.")
    start = found.get("init_lora_weights", True)
    start = start.lower() if isinstance(start, str) else ""
    tokens = found.get("trainable_token_indices")
    unknown = [clean(name, 60) for name in found if name not in PLAIN and name not in BEYOND and found[name]]
    notes = [f"The config sets “{name}”, which is not understood here." for name in unknown[:20]]
    return Settings(
        rank,
        _alpha("lora_alpha", alpha),
        bool(found.get("use_rslora")),
        {k: _rank(v) for k, v in _patterns(found, "rank_pattern").items()},
        {k: _alpha("alpha_pattern", v) for k, v in _patterns(found, "alpha_pattern").items()},
        _names(found, "target_parameters"),
        _names(found, "modules_to_save"),
        _base(found.get("base_model_name_or_path")),
        tuple(words for name, words in BEYOND.items() if found.get(name)),
        start.startswith(MOVES_BASE),
        "" if not tokens else _digest(json.dumps(tokens, sort_keys=True)),
        _written(found),
        tuple(notes),
    )


TASKS = (
    "SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION",
)  # fmt: skip
"""The task types of PEFT, which are written as they were read."""


NAME = re.compile(r"[\w\-.]{1,200}", re.ASCII)
"""What a module's or parameter's name in a list looks like; no path does."""


def _names(found: Mapping[str, Any], field_name: str) -> tuple[str, ...]:
    """The names in a list of modules or parameters."""
    names = found.get(field_name) or []
    if not isinstance(names, list) or len(names) > MAX_PATTERNS:
        what = f"be a list of at most {MAX_PATTERNS:,} names"
        raise adapter_rule(field_name, what, type(names).__name__, "Save the adapter again.")
    return tuple(name for name in names if isinstance(name, str) and NAME.fullmatch(name))


def _written(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that a merged adapter needs too, each one of a few known values."""
    known = {"task_type": TASKS, "bias": ("none", "all", "lora_only"), "fan_in_fan_out": (True, False)}
    fields = {name: found[name] for name, values in known.items() if name in found and found[name] in values}
    tokens = found.get("trainable_token_indices")
    return fields | ({"trainable_token_indices": tokens} if _are_tokens(tokens) else {})


def _are_tokens(found: Any) -> bool:
    """Whether these are token indices: a list, or one a module."""
    lists = list(found.values()) if isinstance(found, dict) else [found]
    named = not isinstance(found, dict) or all(NAME.fullmatch(name) for name in found)
    return named and bool(lists) and all(isinstance(x, list) and all(type(n) is int for n in x) for x in lists)


def _patterns(found: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A pattern field, if each key is a short expression that no name can make slow to match."""
    patterns = found.get(name) or {}
    if not isinstance(patterns, dict) or len(patterns) > MAX_PATTERNS:
        raise adapter_rule(
            name, f"be an object with at most {MAX_PATTERNS:,} names", type(patterns).__name__, "Shorten it."
        )
    for key in patterns:
        try:
            simple = SIMPLE.fullmatch(key) is not None and not QUANTIFIED_GROUP.search(key)
            simple = simple and sum(key.count(c) for c in "*+?") <= 2 and len(re.findall(r"\.[*+]", key)) <= 1
            re.compile(key)
        except (re.error, RecursionError, OverflowError):
            simple = False
        if not simple:
            raise adapter_rule(name, "have names that are simple expressions", clean(key, 60), "Write names out.")
    return patterns


def _rank(value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_RANK:
        raise adapter_rule("rank_pattern", f"have whole numbers in 1..{MAX_RANK:,}", value, "Save the adapter again.")
    return value


def _alpha(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1e9:
        raise adapter_rule(name, "be a number above 0 and below 1e9", value, "Save the adapter again.")
    return float(value)


def _base(name: Any) -> str:
    """A digest of the last part of a base model's name: the same model may lie in another folder of each client."""
    if not isinstance(name, str) or not name.strip("/\\ "):
        return ""
    return _digest(PurePosixPath(name.replace("\\", "/").rstrip("/ ")).name.lower())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
