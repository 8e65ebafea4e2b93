"""What a tensor's name says: which module it adapts, and which part of the adapter it is.

Namings that are met: PEFT's ``lora_A``, ``lora_B`` and ``lora_embedding_A``, also in lower case and with the adapter's
name inside; diffusers' ``lora.down``, ``lora.up``; kohya's ``lora_down``, ``lora_up`` and ``alpha``. Kohya writes
underscores where modules have dots; these are not guessed back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

WRAPPERS = ("_orig_mod.", "module.")
"""Prefixes that torch's compiler and data parallelism put before all names."""

BASES = ("model.base_model.model.", "base_model.model.")
"""Prefixes of PEFT's own models, the first as NVFlare writes them."""


@dataclass(frozen=True)
class Part:
    """One tensor of an adapter.

    Attributes:
        prefix: what tools wrote before the module's name.
        module: the module's name; of a tensor that is no part of LoRA, its own name.
        role: "A", "B", "alpha", "magnitude", "bias" or "mid" (a factor of convolutions between two others); "extra" if
            it is no part of LoRA, "base" if it is a copy of what the base model has. A bias of the base model is saved
            where it was trained, so it is an extra.
        naming: "peft", "embedding", "diffusers" or "kohya"; empty if it is no part of LoRA.
        adapter: the adapter's name inside the key, if any.
    """

    prefix: str
    module: str
    role: str
    naming: str = ""
    adapter: str = ""


ROLES = {"down": "A", "up": "B", "mid": "mid", "a": "A", "b": "B"}

FORMS = tuple(
    (re.compile(pattern), naming)
    for pattern, naming in (
        (r"(?P<m>.+)\.lora_(?P<s>[ABab])(?:\.(?P<n>[^.]+))?\.(?P<w>weight|bias)", "peft"),
        (r"(?P<m>.+)\.lora_embedding_(?P<s>[ABab])(?:\.weight|\.(?P<n>[^.]+))?", "embedding"),
        (r"(?P<m>.+)\.lora_(?P<s>[ABab])(?:\.(?P<n>[^.]+))?", "peft"),
        (r"(?P<m>.+)\.lora_(?P<s>down|up|mid)\.weight", "kohya"),
        (r"(?P<m>.+)[._]lora(?:_linear_layer)?\.(?P<s>down|up)\.weight", "diffusers"),
    )
)
MAGNITUDE = re.compile(r"(.+)\.lora_magnitude_vector(?:\.weight|\.([^.]+)(?:\.weight)?)?")


def part_of(key: str) -> Part:
    """What the tensor of this name is."""
    prefix, rest = "", key
    for known in WRAPPERS:
        if rest.startswith(known):
            prefix, rest = prefix + known, rest.removeprefix(known)
    for known in BASES:
        if rest.startswith(known):
            prefix, rest = prefix + known, rest.removeprefix(known)
            break
    for form, naming in FORMS:
        if found := form.fullmatch(rest):
            groups = found.groupdict()
            role = "bias" if groups.get("w") == "bias" else ROLES[groups["s"].lower()]
            return Part(prefix, groups["m"], role, naming, groups.get("n") or "")
    if found := MAGNITUDE.fullmatch(rest):
        return Part(prefix, found[1], "magnitude", "peft", found[2] or "")
    if rest.endswith(".alpha"):
        return Part(prefix, rest.removesuffix(".alpha"), "alpha", "kohya")
    if (".base_layer." in rest and not rest.endswith(".base_layer.bias")) or ".original_module." in rest:
        return Part(prefix, rest, "base")
    return Part(prefix, rest, "extra")
