"""One adapted module from its tensors: of which kind it is, its sizes, and what stands before ``B A``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fedrot_core.adapters.adapter import Module, Slot
from fedrot_core.adapters.names import Part
from fedrot_core.adapters.settings import Settings
from fedrot_core.adapters.tensors import number_type
from fedrot_core.adapters.trees import clean
from fedrot_core.errors import adapter_rule

REMEDY = "Save the adapter again."
NO_PRODUCT = "Its update is no product B A."
NO_GROUPS = "A convolution in groups has no product B A."
SHARED = "Experts that share A or B have no rotation of their own: train them with both apart."


def module_of(name: str, roles: Mapping[str, tuple[Part, Slot]], settings: Settings) -> Module:
    """One module from its tensors, by what they are in it.

    Raises:
        AdapterError: if a factor is missing, if the shapes do not belong together, or if the update is no ``B A``.
    """
    shown = clean(name)
    if missing := [role for role in ("A", "B") if role not in roles]:
        raise adapter_rule(shown, "have both factors", f"no {missing[0]}", REMEDY)
    if "mid" in roles:
        raise adapter_rule(shown, "have two factors", "a third one", NO_PRODUCT)
    (part, A), (_, B) = roles["A"], roles["B"]
    for slot in (A, B):
        number_type(slot.key, slot.file.entries[slot.key])
    a, b = A.shape, B.shape
    got = f"{a} and {b}"
    if {len(a), len(b)} == {2, 3} or (len(a) == len(b) == 3 and b[2] != 1 and 1 in (a[0], b[0])):
        raise adapter_rule(shown, "have both factors of each expert", got, SHARED)
    if len(a) == len(b) == 3 and b[2] != 1 and a[0] == b[0]:
        what = "have experts stacked in two axes, as PEFT saves them: A (E r, in), B (out, r E)"
        raise adapter_rule(shown, what, got, "Stack them so.")
    if not 2 <= len(a) <= 5 or len(a) != len(b) or 0 in (*a, *b):
        raise adapter_rule(shown, "have factors with 2 to 5 axes, none empty", got, REMEDY)
    kind = "embedding" if part.naming == "embedding" else "linear"
    if len(a) > 2:
        kind = "conv"
        if any(n != 1 for n in b[2:]):
            raise adapter_rule(shown, "have a B of shape (out, r, 1, 1)", got, NO_PRODUCT)
    rank, experts, own = a[0], 1, name
    parameters = settings.parameters_of(name) if kind == "linear" else ()
    if parameters:
        rank, experts, own = _of_experts(shown, parameters, a[0], b[1], settings)
        kind = "experts"  # also of one expert: its config names a parameter
    if b[1] != rank * experts:
        what = "share their inner rank, as in A (r, in) and B (out, r)"
        raise adapter_rule(shown, what, got, NO_GROUPS if kind == "conv" else REMEDY)
    scale = _alpha(shown, roles["alpha"][1]) / rank if "alpha" in roles else settings.scale_of(own, rank)
    return Module(name, kind, A, B, math.prod(a[1:]), b[0], rank, experts, scale, part.naming)


def _of_experts(shown: str, parameters: tuple[str, ...], a: int, b: int, settings: Settings) -> tuple[int, int, str]:
    """Rank, experts, and the parameter whose patterns count.

    PEFT nests the wrappers of a module's parameters, and their order is not in the file: where they have other ranks
    or alphas, none can be told from another.

    Args:
        parameters: those of which the factors may be.
        a, b: sizes of A's first and B's second axis, each ``E r``.
    """
    ranks = {settings.rank_of(parameter) or a for parameter in parameters}
    scales = {settings.scale_of(parameter, 1) for parameter in parameters}
    if len(ranks) > 1 or len(scales) > 1:
        remedy = "Train them with one rank and alpha, or apart."
        raise adapter_rule(shown, "have one rank and alpha for all of its parameters", sorted(ranks), remedy)
    (rank,) = ranks
    if a != b and rank in (a, b):
        raise adapter_rule(shown, "have both factors of each expert", f"{a} rows of A, {b} columns of B", SHARED)
    if a % rank:
        what = f"have the rank {rank} of its config once for each expert"
        raise adapter_rule(shown, what, f"{a} rows of A", REMEDY)
    return rank, a // rank, parameters[0]


def _alpha(shown: str, slot: Slot) -> float:
    """The alpha that a tensor beside the factors gives."""
    value = float(slot.file.tensor(slot.key).sum()) if math.prod(slot.shape) == 1 else 0.0
    if not 0 < value < 1e9:
        raise adapter_rule(f"The alpha of {shown}", "be one number above 0", slot.shape, REMEDY)
    return value
