"""Merge the adapters of several clients into one that PEFT loads."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedrot_core.adapters.card import card
from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.combine import RULES, Way, combined
from fedrot_core.adapters.config import MAX_RANK
from fedrot_core.adapters.gather import can_turn, checked_way, combinable, gathered, only_products
from fedrot_core.adapters.layer_report import SMALLEST, Shared
from fedrot_core.adapters.plain import averaged
from fedrot_core.adapters.read import Progress, Source
from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.adapters.write import Extra, Written, adapter_files, write_files, zipped
from fedrot_core.errors import Cancelled, adapter_rule
from fedrot_core.vocabulary import FLAG_TEXTS
from fedrot_core.wording import counted


@dataclass(frozen=True)
class Merged:
    """One adapter made of several clients'.

    Attributes:
        way: the method and its settings.
        names: the clients' names.
        weights: how much each client counted; they sum to 1.
        errors: by module, the norm of what the merged update misses of the exact mean ``Σ w_k s_k B_k A_k``, over the
            norm of that mean.
        total: the same over all modules together.
        left_out: modules and tensors that are not in it, and why.
        refused: clients and files that were not read, and why.
        notes: sentences about what is unusual.
        modules: the modules as they are written, in single precision.
        extra: what was averaged plainly, and what the config says besides ranks and scales.
    """

    way: Way
    names: tuple[str, ...]
    weights: tuple[float, ...]
    errors: Mapping[str, float]
    total: float
    left_out: tuple[Refused, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    modules: tuple[Written, ...]
    extra: Extra

    @property
    def method(self) -> str:
        """How: "naive", "fedrot", "gpa", "svd" or "stack"."""
        return self.way.method

    @property
    def reference(self) -> str | None:
        """The client to which "fedrot" turned the others; None for other methods."""
        return self.names[self.way.reference] if self.way.method == "fedrot" else None

    @property
    def averaged(self) -> tuple[str, ...]:
        """Names of the tensors that were averaged plainly, such as heads."""
        return tuple(self.extra.tensors)

    def files(self) -> dict[str, bytes]:
        """The files of the adapter, by name: tensors, config and model card.

        Raises:
            AdapterError: if PEFT has no config for them.
        """
        return adapter_files(self.modules, self.extra, card(self))

    def save(self, folder: str | Path) -> None:
        """Write the files into a folder, which is made if it is not there.

        Raises:
            AdapterError: if the folder holds an adapter already.
            OSError: if it cannot be written.
        """
        write_files(folder, self.files())

    def zip(self) -> bytes:
        """The files as a zip, the same bytes each time."""
        return zipped(self.files())


def merge(
    sources: Sequence[Source] | Source | Cohort,
    method: str = "gpa",
    weights: Mapping[str, float] | None = None,
    reference: str | None = None,
    side: str = "A",
    group: str = "SO",
    strength: float = 1.0,
    rank: int | None = None,
    on_progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Merged:
    """Make one adapter of several clients'.

    Scales before ``B A`` are folded before anything is averaged. Factors of one module are in memory at a time. Heads
    and other tensors that were trained whole are averaged plainly.

    Args:
        sources: folders, zips or files with the clients' adapters, or what :func:`cohort` returned.
        method: "naive" averages A and B apart; "fedrot" first turns each client onto a reference client, by one factor;
            "gpa" turns all clients onto one another (generalised Procrustes); "svd" takes the best approximation of the
            exact mean; "stack" puts all factors side by side, which is exact and adds up the ranks. Where ranks
            differ, "naive" pads with zeros, and "fedrot" and "gpa" are refused.
        weights: how much each client counts, by name; equal by default.
        reference: name of the client to which "fedrot" turns the others; the one that counts most by default.
        side: the factor that "fedrot" matches, "A" or "B".
        group: "SO" allows "fedrot" rotations only, "O" reflections too.
        strength: λ in [0, 1], how far "fedrot" turns clients.
        rank: the rank of "svd"; the clients' largest by default.
        on_progress: called with how many modules are done, and of how many.
        should_stop: asked before each module and before each file.

    Raises:
        AdapterError: if an argument breaks a rule, if no client can be read, or if a client's update is more than
            ``B A``.
        Cancelled: if ``should_stop`` says so.

    Source: FedRot-LoRA (arXiv:2602.23638); Gower (1975); Eckart and Young (1936); FLoRA (arXiv:2409.05976).

    Examples:
        Two clients that learned the same, each in a frame of its own:

        >>> import tempfile
        >>> import numpy as np
        >>> import fedrot_core as fr
        >>> rng = np.random.default_rng(0)
        >>> B, A = rng.normal(size=(32, 4)), rng.normal(size=(4, 24))
        >>> R = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name, factors in {"hospital": (B, A), "clinic": (B @ R, R.T @ A)}.items():
        ...         fr.write_adapter(f"{folder}/{name}", {"layer": factors})
        ...     merged = fr.merge(folder)
        ...     merged.save(f"{folder}/merged")
        ...     again = fr.cohort(f"{folder}/merged")
        >>> merged.total < 1e-3, [module.ranks for module in again.modules]
        (True, [(4,)])
    """
    checked_way(side, group, strength)
    _check(method, reference, rank)
    found = gathered(sources, weights, should_stop)
    client = found.index(reference) if reference is not None else int(found.weights.argmax())
    way = Way(method, client, side, group, strength, rank)
    shares = tuple(found.weights.tolist())
    counting = [adapter for adapter, share in zip(found.adapters, shares, strict=True) if share > 0]
    only_products(counting)
    modules, left_out = combinable(found, counting)
    if way.turns:
        can_turn(modules)
    written, errors, missed, whole = [], {}, 0.0, 0.0
    flags: Counter[str] = Counter()
    for count, module in enumerate(modules):
        if should_stop is not None and should_stop():
            raise Cancelled("Merging was stopped.")
        factors, apart, size, own = combined(found.factors(module), found.weights, module.ranks, way)
        if not math.isfinite(float(apart)):
            what = "have a mean that fits into single precision"
            raise adapter_rule(clean(module.name), what, "Inf", "Its numbers or scales are too large.")
        window = counting[0].modules[module.name].window
        written.append(Written(module.name, module.kind, factors, module.scale, window))
        errors[module.name] = _share(float(apart), float(size))
        missed += (module.scale * float(apart)) ** 2
        whole += (module.scale * float(size)) ** 2
        flags.update(own)
        if on_progress is not None:
            on_progress(count + 1, len(modules))
    unread = {row.name: row for adapter in counting for row in adapter.refused}
    left_out += [row for name, row in unread.items() if name not in {r.name for r in found.left_out}]
    extra = averaged(counting, [share for share in shares if share > 0], found.extras)
    return Merged(
        way, found.names, shares, errors,
        _share(missed**0.5, whole**0.5), (*found.left_out, *left_out), found.refused,
        (*found.notes, *_notes(flags, found, modules)), tuple(written), extra,
    )  # fmt: skip


def _check(method: str, reference: str | None, rank: int | None) -> None:
    if method not in RULES:
        raise adapter_rule("method", f"be one of {', '.join(RULES)}", method, "Use gpa.")
    if reference is not None and method != "fedrot":
        raise adapter_rule("reference", "be left out unless the method is fedrot", reference, "Drop it.")
    if rank is not None and method != "svd":
        raise adapter_rule("rank", "be left out unless the method is svd", rank, "Drop it, or use svd.")
    if rank is not None and (type(rank) is not int or not 1 <= rank <= MAX_RANK):
        raise adapter_rule("rank", f"be a whole number in 1..{MAX_RANK:,}", rank, "Use the clients' rank.")


def _share(apart: float, size: float) -> float:
    share = apart / size if size > 0 else 0.0
    return share if share > SMALLEST else 0.0


def _notes(flags: Mapping[str, int], found: Cohort, modules: Sequence[Shared]) -> list[str]:
    notes = [f"In {counted(count, 'module')}: {FLAG_TEXTS[flag]}" for flag, count in flags.items()]
    namings = {adapter.modules[module.name].naming for adapter in found.adapters for module in modules}
    if namings & {"kohya", "diffusers"}:
        notes.append("Tensors were named as another tool names them; they are written by PEFT's names.")
    return notes
