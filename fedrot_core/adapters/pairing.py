"""Pairs the tensors of one adapter: which factors belong together, what else there is, and what is unusual."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from fedrot_core.adapters.adapter import Adapter, Module, Slot
from fedrot_core.adapters.factoring import module_of
from fedrot_core.adapters.names import Part, ends, part_of
from fedrot_core.adapters.settings import Settings
from fedrot_core.adapters.tensors import TensorFile, number_type
from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.errors import AdapterError, adapter_rule

VARIANTS = {"lora_diag": "KaSA", "lora_E": "AdaLoRA", "lora_monteclora_sampler": "MonteCLoRA"}
"""What a part is a sign of that plain LoRA does not have."""

TIED = "The embedding is tied to the output layer, and turning or averaging the two apart would untie them."

Roles = Mapping[str, tuple[Part, Slot]]


def adapter_of(name: str, settings: Settings, files: list[TensorFile]) -> Adapter:
    """Pair the tensors of one adapter.

    Raises:
        AdapterError: if it holds no pair of factors, two adapters, a tensor twice, or a number that is not finite.
    """
    slots = [(part_of(key), Slot(file, key)) for file in files for key in file.entries]
    _once(slot.key for _, slot in slots)
    inside = _adapter_name(part for part, _ in slots)
    by_module: dict[str, dict[str, tuple[Part, Slot]]] = {}
    extras: dict[str, Slot] = {}
    beyond, copies = list(settings.beyond), 0
    biases = settings.fields.get("bias") in ("all", "lora_only")
    for part, slot in slots:
        if part.role == "extra" or (part.role == "base" and biases and part.module.endswith(".bias")):
            if part.module in extras:
                raise adapter_rule(f"Tensor {clean(part.module)}", "be there once", "two", "Save the adapter again.")
            extras[part.module] = slot
        elif part.role == "base":
            copies += 1
        elif part.role == "more":
            beyond.append(VARIANTS.get(part.naming, f"the part {clean(part.naming, 30)}"))
        else:
            roles = by_module.setdefault(part.module, {})
            if part.role in roles:
                raise adapter_rule(clean(part.module), "have each factor once", part.role, "Save the adapter again.")
            roles[part.role] = (part, slot)
            beyond += {"magnitude": ["DoRA"], "bias": ["a bias in B"]}.get(part.role, [])
    modules, refused = _modules(by_module, settings)
    if not modules:
        why = refused[0].reason if refused else "Save it with PEFT's save_pretrained."
        raise adapter_rule("An adapter", "hold a pair of factors A and B", "none", why)
    _all_finite([slot for m in modules.values() for slot in (m.A, m.B)] + [s for s in extras.values() if _is_number(s)])
    prefixes = sorted({part.prefix for part, _ in slots if part.role in ("A", "B")})
    notes = (*settings.notes, *_notes(modules, inside, prefixes, copies, settings))
    kept = _seen(settings, modules, extras)
    return Adapter(name, kept, modules, extras, tuple(refused), tuple(dict.fromkeys(beyond)), notes)


def _once(keys: Iterable[str]) -> None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            raise adapter_rule(f"Tensor {clean(key)}", "be in one shard", "it in two", "Save the adapter again.")
        seen.add(key)


def _adapter_name(parts: Iterable[Part]) -> str:
    """The adapter's name inside the keys; empty if there is none.

    Raises:
        AdapterError: if there are several.
    """
    names = sorted({part.adapter for part in parts if part.role != "extra" or part.adapter})
    heads = [name for name in names if name]
    if len(heads) > 1 or (heads and "" in names):
        shown = " and ".join(f"“{clean(name, 30)}”" if name else "one without a name" for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        remedy = "Save each by itself: model.save_pretrained(folder, selected_adapters=[name])."
        raise adapter_rule("A file", "hold one adapter", shown + more, remedy)
    return heads[0] if heads else ""


def _modules(by_module: Mapping[str, Roles], settings: Settings) -> tuple[dict[str, Module], list[Refused]]:
    """The modules by name, and those that cannot be read."""
    modules: dict[str, Module] = {}
    refused = []
    for name in by_module:  # a config whose patterns take too long is refused as a whole
        for key in settings.parameters_of(name) or (name,):
            settings.rank_of(key)
            settings.scale_of(key, 1)
    for name, roles in by_module.items():
        try:
            modules[name] = module_of(name, roles, settings)
        except AdapterError as error:
            refused.append(Refused(clean(name), str(error)))
    if settings.tied:
        sizes = {(m.d_in, m.d_out) for m in modules.values() if m.kind == "embedding"}
        tied = [m for m in modules.values() if m.kind == "embedding" or (m.d_out, m.d_in) in sizes]
        for module in tied:
            refused.append(Refused(clean(module.name), TIED))
            del modules[module.name]
    return modules, refused


def _seen(settings: Settings, modules: Iterable[str], extras: Iterable[str]) -> Settings:
    """The same, with those names of modules alone that the tensors have too."""
    others = "\n".join(f".{name}." for name in extras)
    saved = tuple(name for name in settings.saved if f".{name}." in others)
    known = frozenset(settings.parameters)
    keys = {key for module in modules for key in settings.parameters_of(module)}
    direct = {end for key in keys for end in (key, *ends(key)) if end in known}
    tokens = settings.fields.get("trainable_token_indices")
    named = isinstance(tokens, dict) and any(f".{name}.token_adapter." not in others for name in tokens)
    fields = {k: v for k, v in settings.fields.items() if k != "trainable_token_indices" or not named}
    parameters = tuple(name for name in settings.parameters if name in direct)
    return replace(settings, saved=saved, parameters=parameters, fields=fields)


def _notes(
    modules: Mapping[str, Module], inside: str, prefixes: list[str], copies: int, settings: Settings
) -> list[str]:
    """Sentences about what is unusual in the names and sizes of the tensors."""
    notes = []
    if inside:
        notes.append(f"The tensors' names hold the adapter's name “{clean(inside, 30)}”, which was left out.")
    if prefixes != ["base_model.model."] and any(m.naming in ("peft", "embedding") for m in modules.values()):
        notes.append("Names begin with " + " and ".join(f"“{p}”" if p else "no prefix" for p in prefixes) + ".")
    if copies:
        notes.append(f"Copies of the base model's layers were left out: {copies}.")
    whole = [module for module in modules.values() if not settings.parameters_of(module.name)]
    if any(settings.rank_of(module.name) not in (None, module.rank) for module in whole):
        notes.append("The config names other ranks than the tensors have; those of the tensors count.")
    notes += settings.dead(module.name for module in whole)
    return notes


def _all_finite(slots: list[Slot]) -> None:
    for slot in slots:
        if not slot.file.finite(slot.key):
            what = "hold finite numbers only"
            raise adapter_rule(f"Tensor {clean(slot.key)}", what, "NaN or Inf", "Its training diverged: leave it out.")


def _is_number(slot: Slot) -> bool:
    """Whether an extra tensor can be averaged at all; others are left out by name when that is tried."""
    try:
        number_type(slot.key, slot.file.entries[slot.key])
    except AdapterError:
        return False
    return True
