"""One client's adapter: its modules with their two factors, and what else its file holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from fedrot_core.adapters.names import Part, part_of
from fedrot_core.adapters.settings import Settings
from fedrot_core.adapters.tensors import TensorFile, number_type
from fedrot_core.adapters.trees import Refused, clean
from fedrot_core.errors import AdapterError, adapter_rule
from fedrot_core.factors import Factors


@dataclass(frozen=True)
class Slot:
    """One tensor and the file in which it stands."""

    file: TensorFile
    key: str

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return self.file.entries[self.key].shape


@dataclass(frozen=True)
class Module:
    """An adapted module of one client.

    Attributes:
        name: its name, without what tools put before it.
        kind: "linear", "embedding", "conv" or "experts".
        A, B: where the factors stand.
        d_in, d_out, rank, experts: sizes of the factors; a convolution's window counts to ``d_in``.
        scale: what stands before ``B A``.
        naming: who names tensors like that, see :mod:`fedrot_core.adapters.names`.
    """

    name: str
    kind: str
    A: Slot
    B: Slot
    d_in: int
    d_out: int
    rank: int
    experts: int
    scale: float
    naming: str

    @property
    def form(self) -> tuple[str, int, int, int]:
        """What has to be the same for all clients."""
        return self.kind, self.experts, self.d_out, self.d_in

    @property
    def window(self) -> tuple[int, ...]:
        """Shape of a convolution's A after its first axis; empty for other kinds."""
        return self.A.shape[1:] if self.kind == "conv" else ()

    def factors(self) -> Factors:
        """The factors as they were trained, float64: A (E, r, d_in) and B (E, d_out, r), one pair an expert."""
        A = self.A.file.tensor(self.A.key).reshape(self.experts, self.rank, self.d_in)
        B = self.B.file.tensor(self.B.key)
        if self.kind == "experts":  # PEFT keeps (out, r E), the expert last
            return Factors(A, B.reshape(self.d_out, self.rank, self.experts).permute(2, 0, 1).contiguous())
        return Factors(A, B.reshape(1, self.d_out, self.rank))


@dataclass(frozen=True)
class Adapter:
    """What was found in one client's files.

    Attributes:
        name: the client's name.
        settings: what its config says.
        modules: the adapted modules, by name.
        extras: tensors that are no part of LoRA, such as heads, by name.
        refused: modules that cannot be read, and why.
        beyond: what makes the update more than ``B A``, in words.
        notes: sentences about what is unusual.
    """

    name: str
    settings: Settings
    modules: Mapping[str, Module]
    extras: Mapping[str, Slot] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    beyond: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def adapter_of(name: str, settings: Settings, files: list[TensorFile]) -> Adapter:
    """Pair the tensors of one adapter.

    Raises:
        AdapterError: if it holds no pair of factors, two adapters, a tensor twice, or a number that is not finite.
    """
    slots = [(part_of(key), Slot(file, key)) for file in files for key in file.entries]
    if len({slot.key for _, slot in slots}) < len(slots):
        raise adapter_rule("The parts of an adapter", "hold each tensor once", "one twice", "Save the adapter again.")
    inside = sorted({part.adapter for part, _ in slots if part.role in ("A", "B")})
    if len(inside) > 1:
        shown = " and ".join(clean(n, 30) or "one without a name" for n in inside[:3])
        raise adapter_rule("A file", "hold one adapter", shown, "Save each adapter by itself.")
    by_module: dict[str, dict[str, tuple[Part, Slot]]] = {}
    extras: dict[str, Slot] = {}
    beyond, copies = list(settings.beyond), 0
    for part, slot in slots:
        if part.role == "base":
            copies += 1
        elif part.role == "extra":
            extras[part.module] = slot
        else:
            roles = by_module.setdefault(part.module, {})
            if part.role in roles:
                raise adapter_rule(clean(part.module), "have each factor once", part.role, "Save the adapter again.")
            roles[part.role] = (part, slot)
            beyond += {"magnitude": ["DoRA"], "bias": ["a bias in B"]}.get(part.role, [])
    modules, refused = {}, []
    for module, roles in by_module.items():
        try:
            modules[module] = _module(module, roles, settings)
        except AdapterError as error:
            refused.append(Refused(clean(module), str(error)))
    if not modules:
        why = refused[0].reason if refused else "none"
        raise adapter_rule("An adapter", "hold a pair of factors A and B", why, "Save it with PEFT's save_pretrained.")
    _all_finite([slot for m in modules.values() for slot in (m.A, m.B)] + [s for s in extras.values() if _is_number(s)])
    prefixes = sorted({part.prefix for part, _ in slots if part.role in ("A", "B")})
    notes = (*settings.notes, *settings.dead(modules), *_notes(modules, inside, prefixes, copies, settings))
    return Adapter(name, settings, modules, extras, tuple(refused), tuple(dict.fromkeys(beyond)), notes)


def _notes(
    modules: Mapping[str, Module], inside: list[str], prefixes: list[str], copies: int, settings: Settings
) -> list[str]:
    """Sentences about what is unusual in the names and sizes of the tensors."""
    notes = []
    if any(inside):
        notes.append(f"The tensors' names hold the adapter's name “{clean(inside[0], 30)}”, which was left out.")
    if prefixes != ["base_model.model."] and any(m.naming in ("peft", "embedding") for m in modules.values()):
        notes.append("Names begin with " + " and ".join(f"“{p}”" if p else "no prefix" for p in prefixes) + ".")
    if copies:
        notes.append(f"Copies of the base model's layers were left out: {copies}.")
    named = {m.name: settings.rank_of(m.name) for m in modules.values() if m.kind != "experts"}
    if any(rank not in (None, modules[name].rank) for name, rank in named.items()):
        notes.append("The config names other ranks than the tensors have; those of the tensors count.")
    return notes


def _module(name: str, roles: Mapping[str, tuple[Part, Slot]], settings: Settings) -> Module:
    """One module from its tensors."""
    shown = clean(name)
    if missing := [role for role in ("A", "B") if role not in roles]:
        raise adapter_rule(shown, "have both factors", f"no {missing[0]}", "Save the adapter again.")
    if "mid" in roles:
        raise adapter_rule(shown, "have two factors", "a third one", "Its update is no product B A.")
    (part, A), (_, B) = roles["A"], roles["B"]
    for slot in (A, B):
        number_type(slot.key, slot.file.entries[slot.key])
    a, b = A.shape, B.shape
    got = f"{a} and {b}"
    if not 2 <= len(a) <= 5 or len(a) != len(b) or 0 in (*a, *b):
        raise adapter_rule(shown, "have factors with 2 to 5 axes, none empty", got, "Save the adapter again.")
    rank, experts, scale, kind = a[0], 1, 1.0, "embedding" if part.naming == "embedding" else "linear"
    if len(a) > 2:
        kind = "conv"
        if any(n != 1 for n in b[2:]):
            raise adapter_rule(shown, "have a B of shape (out, r, 1, 1)", got, "Its update is no product B A.")
    elif names := _parameters(name, rank, settings):
        kind, (rank, scale) = "experts", _of_parameters(shown, names, rank, settings)
        experts = a[0] // rank
    if b[1] != rank * experts:
        what = "share their inner rank, as in A (r, in) and B (out, r)"
        remedy = "A convolution in groups has no product B A." if kind == "conv" else "Save the adapter again."
        raise adapter_rule(shown, what, got, remedy)
    if "alpha" in roles:
        scale = _alpha(shown, roles["alpha"][1]) / rank
    elif kind != "experts":
        scale = settings.scale_of(name, rank)
    return Module(name, kind, A, B, math.prod(a[1:]), b[0], rank, experts, scale, part.naming)


def _parameters(name: str, rows: int, settings: Settings) -> list[str]:
    """The parameters that a module's factors may adapt, as PEFT looks them up; none if they adapt the module itself.

    PEFT wraps a module once a parameter, each around the one before, so only their number shows in the names. A
    parameter that is listed without its module can be of any that was wrapped twice or whose A has more rows than the
    rank.
    """
    many = ".base_layer" in name or rows > (settings.rank or rows)
    module = name.replace(".base_layer", "")
    found = []
    for parameter in settings.parameters:
        owner, _, own = parameter.rpartition(".")
        if (module == owner or module.endswith(f".{owner}")) if owner else many:
            found.append(f"{module}.{own}")
    return found


def _of_parameters(shown: str, names: list[str], rows: int, settings: Settings) -> tuple[int, float]:
    """Rank and scale of the factors of parameters, of which A has this many rows over all experts."""
    ranks = {settings.rank_of(name) for name in names}
    scales = {settings.scale_of(name, rank) for name in names for rank in ranks if rank}
    if len(ranks) > 1 or len(scales) > 1:
        got = ", ".join(f"rank {rank}" for rank in ranks)
        raise adapter_rule(shown, "have one rank and scale for its parameters", got, "Nothing says whose is whose.")
    ((rank,), (scale,)) = ranks, scales
    if not rank or rows % rank:
        raise adapter_rule(shown, f"have a multiple of {rank} rows in A", rows, "Give the rank in the config.")
    return rank, scale


def _alpha(shown: str, slot: Slot) -> float:
    """The alpha that a tensor beside the factors gives."""
    value = float(slot.file.tensor(slot.key).sum()) if math.prod(slot.shape) == 1 else 0.0
    if not 0 < value < 1e9:
        raise adapter_rule(f"The alpha of {shown}", "be one number above 0", slot.shape, "Save the adapter again.")
    return value


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
