"""The configuration of a run: frozen, nested, validated where it is built.

Each leaf field carries its label, help, unit, range, step and URL key in its metadata. Widgets, the query string and
error messages are all made from that one place; nothing else repeats a default or a range.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from fedrot_core.errors import ConfigError, rule

__all__ = [
    "AlignmentConfig",
    "DataConfig",
    "FederationConfig",
    "FramesConfig",
    "Leaf",
    "LoraConfig",
    "Option",
    "ServerConfig",
    "TrainConfig",
    "leaves",
]

S = TypeVar("S", bound="Section")


@dataclass(frozen=True)
class Option:
    """What a person is told about one field, and which values it takes.

    Attributes:
        key: short, unique name in the URL.
        label, help: what the widget shows.
        unit: printed after the number, may be empty.
        low, high, step: inclusive numeric range; ``stops`` lists slider positions where equal steps would not do.
        choices: value -> label, for fields that pick one.
        registry: name of the registry that holds the choices ("workload", "method").
        when: ``{url key of another field: values}`` for which this field has an effect; empty means always.
    """

    key: str
    label: str
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    step: float | None = None
    stops: tuple[float, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    registry: str = ""
    when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def option(default: Any, key: str, label: str, help: str, **more: Any) -> Any:
    """A dataclass field with an :class:`Option` in its metadata."""
    return field(default=default, metadata={"option": Option(key, label, help, **more)})


@dataclass(frozen=True)
class Section:
    """Base of all sections: checks every field's type, range and choices when it is built."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for f in dataclasses.fields(self):
            opt: Option | None = f.metadata.get("option")
            if opt is not None:
                object.__setattr__(self, f.name, _checked(getattr(self, f.name), hints[f.name], opt))


def _checked(value: Any, kind: type, opt: Option) -> Any:
    """Return ``value`` as ``kind`` or raise a :class:`ConfigError` that names rule, value and remedy."""
    if kind in (int, float):
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number and isinstance(value, float):
            number = math.isfinite(value) if kind is float else value.is_integer()
        if not number:
            raise rule(opt.label, f"be a finite {'whole ' if kind is int else ''}number", value, "Enter one.", opt.key)
        if kind is float and isinstance(value, float):
            value = float(f"{value:.10g}")  # 0.1 + 0.2 and 0.3 are one setting
        low, high = opt.low, opt.high
        if (low is not None and value < low) or (high is not None and value > high):
            near = low if low is not None and value < low else high
            raise rule(opt.label, f"be in {low:g}..{high:g}", value, f"Use {near:g}, for example.", opt.key)
        value = kind(value)  # after the range check: an integer of any length has no float
    elif kind is str:
        if not isinstance(value, str) or (opt.choices and value not in opt.choices):
            names = ", ".join(opt.choices) or "the known names"
            raise rule(opt.label, f"be one of {names}", value, "Pick one of these.", opt.key)
    else:  # tuple[str, ...]
        items = tuple(value) if isinstance(value, (list, tuple)) else ()
        if not items or not all(isinstance(i, str) for i in items) or len(set(items)) != len(items):
            raise rule(opt.label, "name at least one entry, none of them twice", value, "List each once.", opt.key)
        value = items
    return value


@dataclass(frozen=True)
class DataConfig(Section):
    """What the clients learn and who holds which part of it."""

    workload: str = option(
        "digits",
        "task",
        "Task",
        "Digits: real handwritten digits and a small frozen network. Teacher: each client fits a known low-rank "
        "matrix, so the best possible answer is known in closed form.",
        registry="workload",
    )
    clients: int = option(10, "clients", "Clients", "How many clients take part.", low=2, high=200, step=1)
    partition: str = option(
        "dirichlet",
        "split",
        "Split of the data",
        "How training samples are dealt to clients.",
        choices={"dirichlet": "Dirichlet label skew", "iid": "IID (no skew)"},
        when={"task": ("digits",)},
    )
    alpha: float = option(
        0.5,
        "alpha",
        "Heterogeneity (Dirichlet α)",
        "Small α: each client sees only a few digit classes. Large α: all clients see the same mix.",
        low=0.05,
        high=100.0,
        stops=(0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0),
        when={"task": ("digits",), "split": ("dirichlet",)},
    )
    heterogeneity: float = option(
        0.5,
        "het",
        "Heterogeneity (own share)",
        "Share of each client's teacher that is its own: 0 means all clients learn the same matrix.",
        low=0.0,
        high=1.0,
        step=0.05,
        when={"task": ("teacher",)},
    )
    min_samples: int = option(
        6,
        "min",
        "Fewest samples per client",
        "The split never leaves a client with fewer training samples.",
        unit="samples",
        low=1,
        high=32,
        step=1,
        when={"task": ("digits",)},
    )
    known_classes: int = option(
        5,
        "known",
        "Classes known before",
        "The frozen network was pretrained on this many digit classes; the federation must learn all ten.",
        unit="classes",
        low=2,
        high=10,
        step=1,
        when={"task": ("digits",)},
    )
    hidden: int = option(
        64,
        "width",
        "Layer width",
        "Width of the frozen network's hidden layers.",
        unit="units",
        low=16,
        high=128,
        step=16,
        when={"task": ("digits",)},
    )
    weights: str = option(
        "samples",
        "weights",
        "Client weights",
        "How much each client counts in the server's average.",
        choices={"samples": "by number of samples", "uniform": "all equal"},
    )


@dataclass(frozen=True)
class LoraConfig(Section):
    """The adapter: ``delta_w = (lora_alpha / rank) B A``."""

    rank: int = option(
        4,
        "rank",
        "Rank r",
        "Inner dimension of the LoRA factors: B is d_out × r, A is r × d_in.",
        low=1,
        high=32,
        step=1,
    )
    lora_alpha: float = option(
        8.0, "lora_alpha", "LoRA alpha", "Updates are scaled by lora_alpha / rank.", low=1.0, high=64.0, step=1.0
    )

    ranks: str = option(
        "equal",
        "ranks",
        "Ranks of the clients",
        "Mixed: a third of the clients has rank r, a third r/2, a third r/4. Only some methods can combine them.",
        choices={"equal": "all equal", "mixed": "mixed: r, r/2, r/4"},
    )

    def of_client(self, k: int) -> int:
        """Rank of client k, at least 1."""
        return self.rank if self.ranks == "equal" else max(1, self.rank >> k % 3)

    @property
    def scaling(self) -> float:
        """``lora_alpha / rank``."""
        return self.lora_alpha / self.rank


@dataclass(frozen=True)
class TrainConfig(Section):
    """How long and how clients train."""

    rounds: int = option(15, "rounds", "Rounds", "Broadcast, train, aggregate: one round.", low=1, high=100, step=1)
    local_steps: int = option(
        20,
        "steps",
        "Local steps",
        "Optimiser updates on each client in a round.",
        unit="steps",
        low=1,
        high=200,
        step=1,
    )
    batch_size: int = option(
        32,
        "batch",
        "Batch size",
        "Samples in one local step.",
        unit="samples",
        low=4,
        high=128,
        step=4,
        when={"task": ("digits",)},
    )
    optimizer: str = option(
        "adam",
        "opt",
        "Optimiser",
        "Adam scales every coordinate by itself and so turns the frames of factors; SGD hardly does.",
        choices={"adam": "Adam", "sgd": "SGD"},
    )
    learning_rate: float = option(
        0.01,
        "lr",
        "Learning rate",
        "Step size of the clients' optimiser.",
        low=0.0001,
        high=1.0,
        stops=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0),
    )


@dataclass(frozen=True)
class ServerConfig(Section):
    """Who takes part in a round, who gets lost, and how the server steps."""

    participation: float = option(
        1.0,
        "part",
        "Participation",
        "Share of the clients sampled in each round.",
        low=0.05,
        high=1.0,
        step=0.05,
    )
    dropout: float = option(
        0.0,
        "drop",
        "Dropout",
        "Chance that a sampled client is lost in mid-round: it trains, but its upload never arrives.",
        low=0.0,
        high=0.9,
        step=0.05,
    )
    staleness: int = option(
        0,
        "stale",
        "Age of the reference",
        "0: clients align to the broadcast of this round. n: to the one n rounds before.",
        unit="rounds",
        low=0,
        high=5,
        step=1,
    )
    optimizer: str = option(
        "avg",
        "server",
        "Server optimiser",
        "FedAvg takes the average as it is; FedAdam treats the change as a gradient.",
        choices={"avg": "FedAvg", "adam": "FedAdam"},
    )
    learning_rate: float = option(
        0.03,
        "slr",
        "Server learning rate",
        "Step size of FedAdam.",
        low=0.001,
        high=1.0,
        stops=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
        when={"server": ("adam",)},
    )


@dataclass(frozen=True)
class FramesConfig(Section):
    """In which frame a client's factors reach the server. No choice changes any ``B_k A_k``."""

    kind: str = option(
        "svd",
        "frames",
        "How factors reach the server",
        "Factors B, A mean the same update in any frame. This sets the frames that the server sees.",
        choices={
            "trained": "as trained (shared start)",
            "independent": "independent random starts",
            "svd": "re-factorised by SVD",
            "turned": "two halves turned θ apart",
        },
    )
    angle: float = option(
        60.0,
        "theta",
        "Turn θ",
        "Half of the clients' frames are turned by +θ/2, the others by −θ/2, in random planes. Equal halves θ apart "
        "keep cos²(θ/2) of a shared direction.",
        unit="°",
        low=0.0,
        high=180.0,
        step=5.0,
        when={"frames": ("turned",)},
    )


@dataclass(frozen=True)
class AlignmentConfig(Section):
    """FedRot-LoRA's settings; also those of the reference-aligned rungs of the error ladder."""

    group: str = option(
        "SO",
        "group",
        "Allowed turns",
        "SO(r): rotations only, as in the paper. O(r): reflections too.",
        choices={"SO": "SO(r), rotations (paper)", "O": "O(r), reflections too"},
    )
    strength: float = option(
        0.8,
        "lam",
        "Strength λ",
        "0 leaves a client as it is, 1 turns it fully onto the reference. The paper uses 0.2 to 0.8.",
        low=0.0,
        high=1.0,
        step=0.05,
    )
    side: str = option(
        "alternate",
        "side",
        "Factor matched",
        "Which factor is matched to the reference; the other is turned along.",
        choices={"alternate": "alternate (odd rounds A, even rounds B)", "A": "A only", "B": "B only"},
    )


@dataclass(frozen=True)
class FederationConfig(Section):
    """Everything that decides a run. Equal configs on one device type give equal traces."""

    data: DataConfig = field(default_factory=DataConfig)
    lora: LoraConfig = field(default_factory=LoraConfig)
    frames: FramesConfig = field(default_factory=FramesConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    align: AlignmentConfig = field(default_factory=AlignmentConfig)
    server: ServerConfig = field(default_factory=ServerConfig)
    methods: tuple[str, ...] = option(
        ("fedit", "fedrot"),
        "arms",
        "Methods compared",
        "Each is one arm: same seed, same split, same mini-batches, so only the method differs.",
        registry="method",
    )
    seed: int = option(0, "seed", "Seed", "All randomness of the run comes from it.", low=0, high=9999, step=1)
    device: str = option(
        "auto",
        "device",
        "Device",
        "Where clients train. Auto takes CUDA, then the CPU; Apple's MPS, which has no float64, only for float32.",
        choices={"auto": "auto", "cpu": "CPU", "cuda": "CUDA GPU", "mps": "Apple MPS"},
    )
    precision: str = option(
        "auto",
        "precision",
        "Precision",
        "In float64 every machine gets the same numbers. In float32 rounding grows from step to step, and two machines "
        "soon agree in the first digits only. Auto takes float64 wherever the device has it.",
        choices={"auto": "auto", "float64": "float64", "float32": "float32"},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.data.workload == "digits" and self.lora.rank > self.data.hidden:
            raise rule(
                "Rank r",
                f"be in 1..{self.data.hidden} (= layer width)",
                self.lora.rank,
                "Lower the rank or widen the layer.",
                "rank",
            )

        if self.participants < 1:
            raise rule(
                "Participation",
                f"leave at least one client (>= {1 / self.data.clients:.3g} with {self.data.clients} clients)",
                self.server.participation,
                "Raise it or take more clients.",
                "part",
            )

    @property
    def participants(self) -> int:
        """Clients sampled in each round."""
        return round(self.server.participation * self.data.clients)

    def to_dict(self) -> dict[str, Any]:
        """Nested plain dict; ``from_dict`` turns it back."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FederationConfig:
        """Inverse of :meth:`to_dict`; unknown or missing names raise :class:`ConfigError`."""
        return _section_from(cls, data, "config")

    @property
    def hash(self) -> str:
        """First 16 hex digits of SHA-256 over the canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def setting(self) -> dict[str, Any]:
        """All values but seed and methods, by key. Runs of one setting can be trained as one batch, and compared."""
        return {key: value for key, value in self.values().items() if key not in ("seed", "arms")}

    def values(self) -> dict[str, Any]:
        """URL key -> value, for every leaf."""
        return {leaf.option.key: leaf.get(self) for leaf in leaves()}

    def with_values(self, values: Mapping[str, Any]) -> FederationConfig:
        """A copy with some leaves replaced, by URL key; raises :class:`ConfigError` on unknown keys."""
        plain = self.to_dict()
        known = {leaf.option.key: leaf for leaf in leaves()}
        for key, value in values.items():
            if key not in known:
                raise rule("Setting", f"be one of {', '.join(known)}", key, "Remove it.", key)
            target = plain
            for part in known[key].path[:-1]:
                target = target[part]
            target[known[key].path[-1]] = value
        return FederationConfig.from_dict(plain)


@dataclass(frozen=True)
class Leaf:
    """One leaf field: where it sits, its type, default and :class:`Option`."""

    path: tuple[str, ...]
    kind: type
    default: Any
    option: Option

    def get(self, config: FederationConfig) -> Any:
        """This leaf's value in ``config``."""
        value: Any = config
        for part in self.path:
            value = getattr(value, part)
        return value

    def active(self, values: Mapping[str, Any]) -> bool:
        """Whether the field has an effect, given all ``values`` by URL key."""
        return all(values[key] in allowed for key, allowed in self.option.when.items())


def leaves() -> Iterator[Leaf]:
    """Every leaf of :class:`FederationConfig`, in order of definition."""
    yield from _leaves(FederationConfig, ())


def _leaves(section: type, path: tuple[str, ...]) -> Iterator[Leaf]:
    hints = get_type_hints(section)
    for f in dataclasses.fields(section):
        if "option" in f.metadata:
            yield Leaf((*path, f.name), hints[f.name], f.default, f.metadata["option"])
        else:
            yield from _leaves(hints[f.name], (*path, f.name))


def _section_from(cls: type[S], data: Any, where: str) -> S:
    if not isinstance(data, Mapping):
        raise rule(where, "be a mapping", type(data).__name__, "Write it as an object.")
    hints = get_type_hints(cls)
    names = {f.name for f in dataclasses.fields(cls)}
    if names != set(data):
        wrong = sorted(names ^ set(data), key=str)
        raise ConfigError(
            f"{where} must hold exactly {sorted(names)}; {wrong} is missing or unknown. Correct the names."
        )
    built = {
        name: _section_from(hints[name], data[name], f"{where}.{name}")
        if isinstance(hints[name], type) and issubclass(hints[name], Section)
        else data[name]
        for name in names
    }
    return cls(**built)
