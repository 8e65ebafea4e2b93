"""What is averaged plainly: heads and other tensors that are trained whole and have no frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from fedrot_core.adapters.adapter import Adapter, Slot
from fedrot_core.adapters.unlike import of_saved
from fedrot_core.adapters.write import Extra
from fedrot_core.records import Array


def averaged(adapters: Sequence[Adapter], weights: Sequence[float], names: Sequence[str]) -> Extra:
    """Average by weight what the adapters hold besides LoRA, one tensor at a time.

    Args:
        adapters: the clients that count.
        weights: how much each does; they sum to 1.
        names: of the tensors, which all hold in the same form.
    """
    wanted = sorted({name for adapter in adapters for name in adapter.settings.saved})
    present = [name for adapter in adapters for name in adapter.extras]
    kept = set(names)
    gone = [m for m in wanted if any(of_saved(name, m) and name not in kept for name in present)]
    parameters = sorted({name for adapter in adapters for name in adapter.settings.parameters})
    tensors = {name: _mean([adapter.extras[name] for adapter in adapters], weights) for name in names}
    fields = _fields(adapters, tensors)
    if gone:
        fields.pop("task_type", None)  # for some tasks PEFT asks for a head, even if it is not listed
    return Extra(tensors, [module for module in wanted if module not in gone], parameters, fields)


def _mean(slots: Sequence[Slot], weights: Sequence[float]) -> Array:
    """The weighted mean of one tensor, in single precision."""
    total = torch.zeros(slots[0].shape, dtype=torch.float64)
    for slot, weight in zip(slots, weights, strict=True):
        total += weight * slot.file.tensor(slot.key)
    mean: Array = total.to(torch.float32).numpy()
    return mean


def _fields(adapters: Sequence[Adapter], tensors: Mapping[str, Array]) -> dict[str, object]:
    """Fields of the config in which all agree; tokens only where their embeddings are written."""
    first = adapters[0].settings.fields
    same = {k: v for k, v in first.items() if all(a.settings.fields.get(k) == v for a in adapters)}
    if not any(".trainable_tokens_" in name for name in tensors):
        same.pop("trainable_token_indices", None)
    return same
