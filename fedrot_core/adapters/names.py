"""What a tensor's name says: which module it adapts, and which part of the adapter it is.

Namings that are met: PEFT's ``lora_A``, ``lora_B`` and ``lora_embedding_A``, also in lower case and with the adapter's
name inside; diffusers' ``lora.down``, ``lora.up``; kohya's ``lora_down``, ``lora_up`` and ``alpha``. Kohya writes
underscores where modules have dots; these are not guessed back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

WRAPPERS = ("_orig_mod.", "module.", "_fsdp_wrapped_module.")
"""Prefixes that torch's compiler and its kinds of data parallelism put before all names."""

BASES = ("model.base_model.model.", "base_model.model.")
"""Prefixes of PEFT's own models, the first as NVFlare writes them."""

OUTER = ("model", "language_model")
"""First parts of a module's name that some tools write and others leave out."""


@dataclass(frozen=True)
class Part:
    """One tensor of an adapter.

    Attributes:
        prefix: what tools wrote before the module's name.
        module: the module's name; of a tensor that is no part of LoRA, its own name.
        role: "A", "B", "alpha", "magnitude", "bias", "mid" (a factor of convolutions between two others) or "more" (a
            part that only variants of LoRA have); "extra" if it is no part of LoRA, "base" if it is a copy of what the
            base model has.
        naming: "peft", "embedding", "diffusers" or "kohya"; the part's own name if its role is "more"; empty if it is
            no part of LoRA.
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
MORE = re.compile(r"(.+?)\.(lora_[A-Za-z]\w*)(?:\..*)?", re.ASCII)
SAVED = re.compile(r"(.+)\.modules_to_save\.([^.]+)\.([^.]+)")


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
    if rest.endswith(".alpha") and rest != ".alpha":
        return Part(prefix, rest.removesuffix(".alpha"), "alpha", "kohya")
    if ".base_layer." in rest or ".original_module." in rest:
        return Part(prefix, rest, "base")
    if found := SAVED.fullmatch(rest):
        return Part(prefix, f"{found[1]}.{found[3]}", "extra", "", found[2])
    if found := MORE.fullmatch(rest):
        return Part(prefix, found[1], "more", found[2])
    return Part(prefix, rest, "extra")


def inner(module: str) -> str:
    """A module's name without the first parts that some tools leave out."""
    while (cut := module.partition("."))[0] in OUTER and cut[2]:
        module = cut[2]
    return module


def bare(module: str) -> str:
    """The name of the module that PEFT has wrapped: it nests its wrappers where several parameters are adapted."""
    while module.endswith(".base_layer"):
        module = module.removesuffix(".base_layer")
    return module


def ends(module: str) -> Iterator[str]:
    """What is left of a module's name when its first parts are cut off, the longest first."""
    return (module[at + 1 :] for at, letter in enumerate(module) if letter == ".")
