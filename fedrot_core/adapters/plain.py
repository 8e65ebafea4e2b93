"""What is averaged plainly: heads and other tensors that are trained whole and have no frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from fedrot_core.adapters.adapter import Adapter, Slot
from fedrot_core.adapters.tensors import number_type
from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.adapters.write import Extra
from fedrot_core.errors import AdapterError
from fedrot_core.records import Array
from fedrot_core.wording import counted

TOKENS = ".trainable_tokens_"
"""What is in the name of a tensor with the new embeddings of some tokens."""


@dataclass(frozen=True)
class Plain:
    """Tensors that are no part of LoRA.

    Attributes:
        extra: what is written of them.
        left_out: what is not, and why.
    """

    extra: Extra
    left_out: tuple[Refused, ...]

    @property
    def averaged(self) -> tuple[str, ...]:
        """The names of the tensors that are written."""
        return tuple(self.extra.tensors)


def averaged(adapters: Sequence[Adapter], weights: Sequence[float]) -> Plain:
    """Average by weight what the adapters hold besides LoRA, one tensor at a time.

    A module that was trained whole is left out as a whole, since PEFT loads no part of one.

    Args:
        adapters: the clients that count.
        weights: how much each does; they sum to 1.
    """
    found = {name: [adapter.extras.get(name) for adapter in adapters] for a in adapters for name in a.extras}
    why = {name: _why_not(name, slots, adapters) for name, slots in found.items()}
    wanted = sorted({name for adapter in adapters for name in adapter.settings.saved})
    saved = []
    for module in wanted:
        own = [name for name in found if f".{module}." in f".{name}"]
        if any(why[name] for name in own):
            why.update({name: why[name] or f"Other tensors of {module} were left out." for name in own})
        else:
            saved.append(module)
    tensors = {name: _mean(slots, weights) for name, slots in found.items() if not why[name]}
    parameters = sorted({name for adapter in adapters for name in adapter.settings.parameters})
    fields = _fields(adapters, tensors)
    if saved != wanted:
        fields.pop("task_type", None)  # for some tasks PEFT asks for a head, even if it is not listed
    extra = Extra(tensors, saved, parameters, fields)
    return Plain(extra, tuple(Refused(clean(name), reason) for name, reason in why.items() if reason))


def _why_not(name: str, slots: Sequence[Slot | None], adapters: Sequence[Adapter]) -> str:
    """Why a tensor is not averaged; empty if it is."""
    there = [slot for slot in slots if slot is not None]
    if len(there) < len(slots):
        return f"It is in {counted(len(there), 'client')} of {len(slots)}."
    shapes = sorted({slot.shape for slot in there})
    if len(shapes) > 1:
        return f"Its shapes differ: {', '.join(map(str, shapes[:5]))}."
    if TOKENS in name and (len({a.settings.tokens for a in adapters}) > 1 or not _tokens(adapters)):
        return "Clients train different tokens, or tokens that their config does not list."
    try:
        for slot in there:
            number_type(slot.key, slot.file.entries[slot.key])
    except AdapterError as error:
        return str(error)
    return ""


def _mean(slots: Sequence[Slot | None], weights: Sequence[float]) -> Array:
    """The weighted mean of one tensor, in single precision."""
    there = [slot for slot in slots if slot is not None]
    total = torch.zeros(there[0].shape, dtype=torch.float64)
    for slot, weight in zip(there, weights, strict=True):
        total += weight * slot.file.tensor(slot.key)
    mean: Array = total.to(torch.float32).numpy()
    return mean


def _tokens(adapters: Sequence[Adapter]) -> bool:
    return all("trainable_token_indices" in adapter.settings.fields for adapter in adapters)


def _fields(adapters: Sequence[Adapter], tensors: Mapping[str, Array]) -> dict[str, object]:
    """Fields of the config in which all agree; tokens only where their embeddings are written."""
    first = adapters[0].settings.fields
    same = {k: v for k, v in first.items() if all(a.settings.fields.get(k) == v for a in adapters)}
    if not any(TOKENS in name for name in tensors):
        same.pop("trainable_token_indices", None)
    return same
