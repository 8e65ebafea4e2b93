"""The adapters of several clients, checked against one another: what can be combined, and what was left out and why."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fedrot_core.adapters.adapter import Adapter
from fedrot_core.adapters.layer_report import Shared
from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.adapters.unlike import (
    NAMED,
    extras_left_out,
    listed,
    modules_left_out,
    one_naming,
    refusals,
)
from fedrot_core.errors import adapter_rule
from fedrot_core.factors import Factors
from fedrot_core.wording import counted

NO_ROTATION = "No rotation exists between clients of different ranks"
REMEDIES = "Pad the factors with zeros (method “naive”), stack them (“stack”), or take the best rank r (“svd”)."


@dataclass(frozen=True)
class Cohort:
    """Clients whose adapters belong together.

    Attributes:
        adapters: the clients' adapters.
        weights: (K,), how much each client counts; they sum to 1.
        modules: the modules that all clients adapt in the same form.
        extras: names of the other tensors that can be averaged, such as heads.
        left_out: modules and other tensors that are not compared, and why.
        refused: clients and files that were refused, and why.
        notes: sentences about what is unusual.
    """

    adapters: tuple[Adapter, ...]
    weights: Tensor
    modules: tuple[Shared, ...]
    extras: tuple[str, ...]
    left_out: tuple[Refused, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The clients' names."""
        return tuple(adapter.name for adapter in self.adapters)

    @property
    def unmergeable(self) -> tuple[str, ...]:
        """Names of the clients whose update is not ``B A`` alone."""
        return tuple(a.name for a in self.adapters if a.beyond or a.settings.moves_base)

    def index(self, client: str) -> int:
        """Where the client of this name stands.

        Raises:
            AdapterError: if there is none.
        """
        if client not in self.names:
            known = ", ".join(self.names[:NAMED])
            raise adapter_rule("The reference", f"be a client, such as {known}", clean(client), "Name one of them.")
        return self.names.index(client)

    def weighted(self, weights: Mapping[str, float]) -> Cohort:
        """The same clients with other weights, by name; those that are not named count once.

        Raises:
            AdapterError: if a weight breaks a rule.
        """
        return dataclasses.replace(self, weights=_weights(self.adapters, weights, self.refused))

    def factors(self, module: Shared) -> Factors:
        """Factors of all clients, zero-padded to the largest rank, with :attr:`Shared.scale` before their products.

        Returns:
            A of shape (E, K, r, d_in) and B of shape (E, K, d_out, r), float64, one entry of the first axis an expert.
        """
        K, E, r = len(self.adapters), module.experts, module.rank
        A = torch.zeros(E, K, r, module.d_in, dtype=torch.float64)
        B = torch.zeros(E, K, module.d_out, r, dtype=torch.float64)
        for k, adapter in enumerate(self.adapters):
            found = adapter.modules[module.name].factors()
            A[:, k, : found.rank] = found.A
            B[:, k, :, : found.rank] = found.B * (module.scales[k] / module.scale)
        return Factors(A, B)


def cohort_of(
    adapters: Sequence[Adapter], refused: Sequence[Refused] = (), weights: Mapping[str, float] | None = None
) -> Cohort:
    """Compare what several clients adapt.

    Args:
        adapters: one a client.
        refused: what was refused before.
        weights: how much each client counts, by its name; equal by default, and 1 for those that are not named.

    Raises:
        AdapterError: if no client is left, if a weight breaks a rule, or if there is no module that all adapt.
    """
    kept, others = _of_one_base(adapters)
    gone = [*refused, *others]
    if not kept:
        why = " ".join(f"{r.name}: {r.reason}" for r in gone[:NAMED])
        raise adapter_rule("At least one adapter", "be readable", "none", why or "Check the files.")
    w = _weights(kept, weights, gone)
    kept, said = one_naming(kept)
    apart, tensors = modules_left_out(kept), extras_left_out(kept)
    extras = tuple(name for name in kept[0].extras if name not in tensors)
    left_out = refusals(apart | tensors)
    modules = [_shared(name, kept) for name in kept[0].modules if name not in apart]
    if not modules:
        why = " ".join(f"{r.name}: {r.reason}" for r in left_out[:NAMED])
        what = "adapt some module in the same form"
        raise adapter_rule("All clients", what, "none", f"{why} Compare adapters of one base model.")
    notes = (*_notes(kept, modules, extras), *said)
    return Cohort(tuple(kept), w, tuple(modules), extras, tuple(left_out), tuple(gone), notes)


def _shared(name: str, adapters: Sequence[Adapter]) -> Shared:
    found = [adapter.modules[name] for adapter in adapters]
    ranks, scales = tuple(m.rank for m in found), tuple(m.scale for m in found)
    return Shared(name, found[0].kind, found[0].d_in, found[0].d_out, found[0].experts, ranks, scales)


def _of_one_base(adapters: Sequence[Adapter]) -> tuple[list[Adapter], list[Refused]]:
    """The adapters of the base model that most are about; those that do not say theirs, or whose it is, are kept."""
    kept, gone = _of_most(adapters, lambda adapter: adapter.settings.base)
    kept, others = _of_most(kept, lambda adapter: adapter.settings.owner)
    return kept, gone + others


def _of_most(adapters: Sequence[Adapter], said: Callable[[Adapter], str]) -> tuple[list[Adapter], list[Refused]]:
    count = Counter(said(adapter) for adapter in adapters if said(adapter))
    if len(count) < 2:
        return list(adapters), []
    (most, many), *_ = count.most_common(1)
    got = f"another than that of {counted(many, 'other client')}"
    why = str(adapter_rule("The base model", "be the same for all clients", got, "Diagnose it apart."))
    kept = [adapter for adapter in adapters if said(adapter) in (most, "")]
    return kept, [Refused(adapter.name, why) for adapter in adapters if said(adapter) not in (most, "")]


def _weights(kept: Sequence[Adapter], weights: Mapping[str, float] | None, gone: Sequence[Refused]) -> Tensor:
    given = dict(weights or {})
    names = [adapter.name for adapter in kept]
    unknown = [name for name in given if name not in names and name not in {r.name for r in gone}]
    if unknown:
        known = ", ".join(names[:NAMED])
        raise adapter_rule("A weight", f"be of a client, such as {known}", clean(unknown[0]), "Check the name.")
    try:
        w = torch.tensor([float(given.get(name, 1.0)) for name in names], dtype=torch.float64)
    except (TypeError, ValueError):
        raise adapter_rule("A weight", "be a number", list(given.values())[:NAMED], "Use 1, for example.") from None
    if not bool((w >= 0).all()) or not 0 < float(w.sum()) < float("inf"):
        raise adapter_rule("Weights", "be finite, none negative and not all zero", w.tolist()[:NAMED], "Use 1 each.")
    return w / w.sum()


def _notes(kept: Sequence[Adapter], modules: Sequence[Shared], extras: Sequence[str]) -> list[str]:
    notes = []
    said: dict[str, list[str]] = {}
    for adapter in kept:
        for note in adapter.notes:
            said.setdefault(note, []).append(adapter.name)
    notes += [note if len(who) == len(kept) else f"{listed(who)}: {note}" for note, who in said.items()]
    unlike = [module for module in modules if not module.turns]
    if unlike:
        ranks = ", ".join(map(str, sorted({r for module in unlike for r in module.ranks})))
        where = "" if len(unlike) == len(modules) else f" in {counted(len(unlike), 'module')}"
        notes.append(f"{NO_ROTATION} ({ranks}){where}. {REMEDIES}")
    if any(len(set(module.scales)) > 1 for module in modules):
        notes.append("Clients have different scales before B A; they are folded into B before averaging.")
    if len({adapter.settings.tokens for adapter in kept}) > 1:
        notes.append("Clients train different token indices, so what they learned of these is left out.")
    if extras:
        shown = listed([clean(name, 60) for name in extras])
        notes.append(f"Tensors beside the factors, such as heads and biases, are averaged as they are: {shown}.")
    for adapter in kept:
        if adapter.beyond:
            notes.append(
                f"{adapter.name} has more than B A ({listed(adapter.beyond)}): compared by B A alone, not merged."
            )
        if adapter.settings.moves_base:
            notes.append(
                f"{adapter.name} began by changing the base model, so B A is no update by itself: compared, not merged."
            )
    return notes
