"""What clients do not have in common: modules and tensors that are left out by name, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from fedrot_core.adapters.adapter import Adapter, Slot
from fedrot_core.adapters.names import inner
from fedrot_core.adapters.tensors import TYPES
from fedrot_core.adapters.trees import Refused, clean

NAMED = 5
"""How many clients or modules a sentence names before it only counts."""

MAX_LEFT_OUT = 10_000
"""Most modules and tensors that are left out by name; more are only counted."""

FUSIONS = tuple(
    (re.compile(whole), re.compile(part))
    for whole, part in (
        (
            r"(?:to_|attn_|w)?qkv(?:_proj|_linear)?|c_attn|query_key_value|W_pack|in_proj(?:_weight)?",
            r"(?:to_|w)?[qkv](?:_proj|_lin)?|query|key|value",
        ),
        (r"gate_up(?:_proj)?", r"(?:gate|up)(?:_proj)?"),
    )
)
"""Last parts of the names of layers that hold others, and of those that they hold."""

MANY = "Not in all clients."
ADDED = "tokens were added in some clients"
TOKENS = "Clients train other token indices there, so its rows are of other tokens."


def one_naming(adapters: Sequence[Adapter]) -> tuple[list[Adapter], list[str]]:
    """The same adapters with one name for each module, where tools put other first parts before it, and who had others.

    A client's names are only changed where none of its own become equal.
    """
    usual: dict[str, Counter[str]] = {}
    for adapter in adapters:
        for name in (*adapter.modules, *adapter.extras):
            usual.setdefault(inner(name), Counter())[name] += 1
    best = {short: names.most_common(1)[0][0] for short, names in usual.items()}
    out, said = [], []
    for adapter in adapters:
        new = {name: best[inner(name)] for name in (*adapter.modules, *adapter.extras)}
        changed = [name for name in new if new[name] != name]
        if not changed or len({*new.values()}) < len(new):
            out.append(adapter)
            continue
        modules = {new[name]: replace(m, name=new[name]) for name, m in adapter.modules.items()}
        extras = {new[name]: slot for name, slot in adapter.extras.items()}
        out.append(replace(adapter, modules=modules, extras=extras))
        own, other = (_begin(name) for name in (changed[0], new[changed[0]]))
        said.append(f"{adapter.name}: modules' names begin with {own} instead of {other}; they are taken for the same.")
    return out, said


def _begin(name: str) -> str:
    first = name.removesuffix(inner(name))
    return f"“{first}”" if first else "no prefix"


def modules_left_out(adapters: Sequence[Adapter]) -> dict[str, str]:
    """The modules that not all clients adapt in the same form, and why."""
    count = Counter(name for adapter in adapters for name in adapter.modules)
    refused = {(adapter.name, r.name): r.reason for adapter in adapters for r in adapter.refused}
    out: dict[str, str] = {}
    for name, have in count.items():
        if have < len(adapters):
            out[name] = _lacking(name, have, adapters, refused) if len(out) < MAX_LEFT_OUT else MANY
        elif why := _unlike(name, adapters):
            out[name] = why
    known = {clean(name) for name in count}
    for adapter in adapters:
        for r in adapter.refused:
            if r.name not in known:
                out.setdefault(r.name, f"Refused in {adapter.name}. {r.reason}")
    return out


def _lacking(name: str, have: int, adapters: Sequence[Adapter], refused: dict[tuple[str, str], str]) -> str:
    first = [*islice((adapter for adapter in adapters if name not in adapter.modules), NAMED)]
    who = listed([adapter.name for adapter in first], len(adapters) - have)
    if why := next((refused[a.name, clean(name)] for a in first if (a.name, clean(name)) in refused), ""):
        return f"Not in {who}, where it was refused. {why}"
    parent, _, own = name.rpartition(".")
    for whole, part in FUSIONS:
        for ours, theirs, how in ((part, whole, "fused with others"), (whole, part, "split into its parts")):
            if ours.fullmatch(own):
                near = {end for a in first for n in a.modules for up, _, end in [n.rpartition(".")] if up == parent}
                if found := sorted(filter(theirs.fullmatch, near)):
                    return f"Not in {who}, where it is {how} ({', '.join(found)}): these are different modules."
    return f"Not in {who}."


def _unlike(name: str, adapters: Sequence[Adapter]) -> str:
    """Why a module that all clients have cannot be compared; empty if it can."""
    found = [adapter.modules[name] for adapter in adapters]
    if len({module.form for module in found}) == 1:
        return ""
    if len({module.kind for module in found}) > 1:
        return "It is of another kind in some clients: a linear layer, an embedding, a convolution or experts."
    if len({module.experts for module in found}) > 1:
        numbers = sorted({module.experts for module in found})
        return f"Its numbers of experts differ: {', '.join(map(str, numbers[:NAMED]))}."
    shapes = sorted({f"{module.d_out} × {module.d_in}" for module in found})
    if found[0].kind == "embedding":
        return f"Its vocabularies differ ({', '.join(shapes[:NAMED])}): {ADDED}."
    return f"Its widths differ: {', '.join(shapes[:NAMED])}."


def extras_left_out(adapters: Sequence[Adapter]) -> dict[str, str]:
    """The other tensors that cannot be averaged, and why.

    A module that was trained whole is left out as a whole, since PEFT loads no part of one.
    """
    count = Counter(name for adapter in adapters for name in adapter.extras)
    out: dict[str, str] = {}
    for name, have in count.items():
        if have < len(adapters):
            lacking = islice((adapter.name for adapter in adapters if name not in adapter.extras), NAMED)
            out[name] = f"Not in {listed([*lacking], len(adapters) - have)}."
        elif why := _cannot([adapter.extras[name] for adapter in adapters], name) or _of_other_tokens(name, adapters):
            out[name] = why
    for module in {name for adapter in adapters for name in adapter.settings.saved}:
        own = [name for name in count if of_saved(name, module)]
        if any(name in out for name in own):
            out |= {name: f"Other tensors of {clean(module)} are left out." for name in own if name not in out}
    return out


def of_saved(name: str, module: str) -> bool:
    """Whether a tensor belongs to a module that was trained whole."""
    return f".{module}." in f".{name}"


def _of_other_tokens(name: str, adapters: Sequence[Adapter]) -> str:
    """Why a tensor with the embeddings of some tokens is not averaged; empty if it is, or if it is none."""
    if ".trainable_tokens_" not in name and ".token_adapter." not in f".{name}":
        return ""
    if len({adapter.settings.tokens for adapter in adapters}) > 1:
        return TOKENS
    listed_all = all("trainable_token_indices" in adapter.settings.fields for adapter in adapters)
    return "" if listed_all else "The config does not list the tokens of its rows in a way that is known."


def _cannot(slots: Sequence[Slot], name: str) -> str:
    shapes = sorted({slot.shape for slot in slots})
    if len(shapes) > 1:
        sizes = ", ".join(" × ".join(map(str, shape)) for shape in shapes[:NAMED])
        rows = len({shape[1:] for shape in shapes}) == 1 and re.search(r"emb|wte|lm_head|token", name)
        return f"Its sizes differ ({sizes})" + (f": {ADDED}." if rows else ".")
    if any(slot.file.entries[slot.key].dtype not in TYPES for slot in slots):
        return f"Its numbers are not of type {', '.join(TYPES)}."
    return ""


def refusals(reasons: dict[str, str]) -> list[Refused]:
    """What was left out, by name, and of very many the number of the others."""
    out = [Refused(clean(name), why) for name, why in [*reasons.items()][:MAX_LEFT_OUT]]
    more = len(reasons) - len(out)
    return [*out, Refused(f"{more:,} more", "They were left out as well.")] if more else out


def listed(names: Sequence[str], count: int = 0) -> str:
    """The first names, and how many more there are of ``count``, by default of all."""
    more = max(count, len(names)) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
