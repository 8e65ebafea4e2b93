"""One client's adapter: its modules with their two factors, and what else its file holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fedrot_core.adapters.settings import Settings
from fedrot_core.adapters.tensors import TensorFile
from fedrot_core.adapters.trees import Refused
from fedrot_core.factors import Factors


@dataclass(frozen=True, slots=True)
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
        extras: tensors that are no part of LoRA, such as heads and biases, by name.
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
