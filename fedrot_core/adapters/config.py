"""Reads an ``adapter_config.json`` by PEFT's rules (peft 0.21.2).

Nothing of it is ever shown or written but numbers and the names of fields: paths, users and tokens may stand in it.
Names of modules and parameters are kept as far as tensors have them too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from fedrot_core.adapters.patterns import Patterns
from fedrot_core.adapters.settings import NAMED, Settings
from fedrot_core.errors import adapter_rule

MAX_BYTES = 4 * 2**20
MAX_NAMES = 10_000
MAX_SAVED = 100
MAX_RANK = 2**16
REMEDY = "Save the adapter again."

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


KINDS = frozenset({
    "ADALORA", "ADAPTION_PROMPT", "BOFT", "BONE", "C3A", "CPT", "FOURIERFT", "HRA", "IA3", "LN_TUNING", "LOHA", "LOKR",
    "MISS", "MULTITASK_PROMPT_TUNING", "OFT", "POLY", "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "RANDLORA", "ROAD",
    "SHIRA", "TRAINABLE_TOKENS", "VBLORA", "VERA", "WAVEFT", "XLORA",
})  # fmt: skip
"""Other kinds of adapters that PEFT knows, which may be shown."""

TASKS = ("SEQ_CLS", "SEQ_2_SEQ_LM", "CAUSAL_LM", "TOKEN_CLS", "QUESTION_ANS", "FEATURE_EXTRACTION")
"""The task types of PEFT, which are written as they were read."""

FLAGS = ("use_rslora", "use_dora", "lora_bias", "use_qalora", "fan_in_fan_out", "ensure_weight_tying")

NAME = re.compile(r"[\w\-.]{1,200}", re.ASCII)
"""What a module's or parameter's name in a list looks like; no path does."""

FIELD = re.compile(r"[A-Za-z_]\w{0,59}", re.ASCII)
"""What the name of a field looks like."""

PARAMETER = re.compile(
    r"(?:(?:gate|up|down|in|out|input|output|proj|projection|linear|mlp|experts?|weights?|kernel|wi|wo|[wv]\d?|fc\d?)"
    r"(?:_(?=\w)|$)){1,6}"
)
"""Names of parameters that hold stacked experts. Tensors do not have them, so others are not written again."""

MOST_OF_ONE = 16
"""Most parameters of one module."""


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
        shown = kind if isinstance(kind, str) and kind in KINDS else "another"
        raise adapter_rule("peft_type", "be LORA", shown, "Only LoRA has factors B and A.")
    for name in FLAGS:
        if type(found.get(name, False)) not in (bool, type(None)):
            raise adapter_rule(name, "be true or false", type(found[name]).__name__, REMEDY)
    start = found.get("init_lora_weights", True)
    start = start.lower() if isinstance(start, str) else ""
    adapted = _adapted(_names(found, "target_parameters"))
    parameters = tuple(f"{end}.{own}".lstrip(".") for end, names in adapted.items() for own in names if _known(own))
    unclear = ["parameters of unknown names"] if len(parameters) < sum(map(len, adapted.values())) else []
    return Settings(
        _rank("r", found.get("r", 8)),
        _alpha("lora_alpha", found.get("lora_alpha", 8)),
        bool(found.get("use_rslora")),
        _patterns(found, "rank_pattern", _rank),
        _patterns(found, "alpha_pattern", _alpha),
        frozenset(_names(found, "target_modules")),
        adapted,
        parameters,
        _names(found, "modules_to_save"),
        _base(found.get("base_model_name_or_path")),
        _owner(found.get("base_model_name_or_path")),
        (*(words for name, words in BEYOND.items() if found.get(name)), *unclear),
        start.startswith(MOVES_BASE),
        _tokens(found.get("trainable_token_indices")),
        bool(found.get("ensure_weight_tying")),
        _written(found),
        tuple(_unknown(found)),
    )


def _unknown(found: Mapping[str, Any]) -> list[str]:
    """Sentences about fields that are set and not understood. Their values are not shown."""
    fields = [name for name, value in found.items() if value and name not in PLAIN and name not in BEYOND]
    shown = [name for name in fields if FIELD.fullmatch(name)][:NAMED]
    notes = [f"The config sets “{name}”, which is not understood here." for name in shown]
    if len(shown) < len(fields):
        notes.append(f"The config sets other fields that are not understood here: {len(fields) - len(shown)}.")
    return notes


def _names(found: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The names in a list of modules or parameters. An expression instead of a list names none."""
    names = found.get(name) or []
    if isinstance(names, str) and name == "target_modules":
        return ()
    most = MAX_SAVED if name == "modules_to_save" else MAX_NAMES
    if not isinstance(names, list) or len(names) > most:
        raise adapter_rule(name, f"be a list of at most {most:,} names", type(names).__name__, REMEDY)
    return tuple(dict.fromkeys(text for text in names if isinstance(text, str) and NAME.fullmatch(text)))


def _adapted(parameters: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Parameters' own names by the end of their module's."""
    found: dict[str, list[str]] = {}
    for parameter in parameters:
        end, _, own = parameter.rpartition(".")
        found.setdefault(end, []).append(own)
    if any(len(names) > MOST_OF_ONE for names in found.values()):
        what = f"name at most {MOST_OF_ONE} parameters of one module"
        raise adapter_rule("target_parameters", what, max(map(len, found.values())), REMEDY)
    return {end: tuple(names) for end, names in found.items()}


def _known(parameter: str) -> bool:
    return PARAMETER.fullmatch(parameter) is not None


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


def _patterns(found: Mapping[str, Any], name: str, value: Callable[[str, Any], Any]) -> Patterns:
    patterns = found.get(name) or {}
    if not isinstance(patterns, dict):
        raise adapter_rule(name, "be an object", type(patterns).__name__, REMEDY)
    return Patterns(name, {key: value(name, given) for key, given in patterns.items()})


def _rank(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= MAX_RANK:
        raise adapter_rule(name, f"be a whole number in 1..{MAX_RANK:,}", _number(value), REMEDY)
    return value


def _alpha(name: str, value: Any) -> float:
    if type(value) not in (int, float) or not 0 < value < 1e9:
        raise adapter_rule(name, "be a number above 0 and below 1e9", _number(value), REMEDY)
    return float(value)


def _number(value: Any) -> Any:
    """A number as it is, and of anything else its type: texts of a config are not shown."""
    return value if isinstance(value, (int, float)) else type(value).__name__


def _base(name: Any) -> str:
    """A digest of the last part of a base model's name: the same model may lie in another folder of each client.

    Of a checkpoint it is the folder's around it.
    """
    if not isinstance(name, str) or not name.strip("/\\ "):
        return ""
    path = PurePosixPath(name.replace("\\", "/").rstrip("/ "))
    while re.fullmatch(r"checkpoint-\d+", path.name) and path.parent.name:
        path = path.parent
    return _digest(path.name.lower())


HUB = re.compile(r"([\w\-.]+)/[\w\-.]+", re.ASCII)


def _owner(name: Any) -> str:
    """A digest of who owns a base model on a hub; empty where that is not named."""
    found = HUB.fullmatch(name) if isinstance(name, str) else None
    return _digest(found[1].lower()) if found and found[1] not in (".", "..") else ""


def _tokens(indices: Any) -> str:
    """A digest of the token indices, by module or for the embedding alone."""
    by_module = indices if isinstance(indices, dict) else {"": indices}
    if not all(isinstance(own, list) and all(type(n) is int for n in own) for own in by_module.values() if own):
        what = "be a list of token numbers, or one for each module"
        raise adapter_rule("trainable_token_indices", what, type(indices).__name__, REMEDY)
    used = {name: own for name, own in by_module.items() if own}
    return _digest(json.dumps(used, sort_keys=True)) if used else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
