"""What can be set: the configuration of a run, frozen, nested, validated where it is built.

What a workload lets people set stands in the workload's own file, as a :class:`TaskConfig`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from fedrot_core.config.option import Leaf, Option, Section, leaves_of, option
from fedrot_core.errors import rule
from fedrot_core.registry import lookup

WORKLOADS = "fedrot_core.workloads:WORKLOADS"
METHODS = "fedrot_core.methods:METHODS"
"""Where the registries stand: they are above the config, and filled by whoever adds a file."""


@dataclass(frozen=True)
class Skew:
    """A workload's axis of heterogeneity, for maps, searches and sliders.

    Attributes:
        key: URL key of the field that sets it.
        title, letter: of the axis, and in front of a value.
        values: shown on the map, from left to right.
        strongest, none: the values for clients that differ most, and not at all.
        also: what else must be set so that the field counts, by URL key.
    """

    key: str
    title: str
    letter: str
    values: tuple[float, ...]
    strongest: float
    none: float
    also: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TaskConfig(Section):
    """What the clients learn: the task.

    Attributes:
        name: of the workload; set where it is registered.
        score: what its score is called in running text.
        skew: its axis of heterogeneity, or None.
    """

    name: ClassVar[str]
    score: ClassVar[str] = "score"
    skew: ClassVar[Skew | None] = None

    @property
    def skew_in_words(self) -> str:
        """How unequal the clients are, as in "α = 0.5"; empty where a workload has no such thing."""
        return ""

    def check(self, config: FederationConfig) -> None:
        """Raise ConfigError where other settings do not go with these. Default: everything does."""

    @classmethod
    def from_plain(cls, data: Any, where: str) -> Self:
        """Of the workload that ``data["name"]`` names."""
        if cls is not TaskConfig:
            return super().from_plain(data, where)
        if not isinstance(data, Mapping) or "name" not in data:
            raise rule(where, "hold the workload's name", data, "Write it as an object with a name.")
        own: type[Self] = lookup(WORKLOADS)[data["name"]].settings
        return own.from_plain({name: value for name, value in data.items() if name != "name"}, where)


@dataclass(frozen=True)
class DataConfig(Section):
    """The clients."""

    clients: int = option(10, "clients", "Clients", "How many clients take part.", low=2, high=200, step=1)
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

    task: TaskConfig = field(default_factory=lambda: default_task())
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
        "All run on the same seed, split and batches, so only the method differs.",
        registry=METHODS,
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
        self.task.check(self)
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
        plain["task"]["name"] = self.task.name
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FederationConfig:
        """Inverse of :meth:`to_dict`; unknown or missing names raise :class:`ConfigError`."""
        return cls.from_plain(data, "config")

    @property
    def hash(self) -> str:
        """First 16 hex digits of SHA-256 over the canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def conditions(self) -> dict[str, Any]:
        """All values but seed and methods, by key. Runs that agree in them may train as one batch, and be compared."""
        return {key: value for key, value in self.values().items() if key not in ("seed", "arms")}

    def leaves(self) -> Iterator[Leaf]:
        """Every leaf of this config: those of its own workload and those that all have."""
        return leaves(self.task.name)

    def values(self) -> dict[str, Any]:
        """URL key -> value, for every leaf of this config."""
        return {leaf.option.key: leaf.get(self) for leaf in self.leaves()}

    def with_values(self, values: Mapping[str, Any]) -> FederationConfig:
        """A copy with some leaves replaced, by URL key.

        Another task brings its own fields, at their defaults; those of other tasks have no effect.

        Raises:
            ConfigError: on unknown keys, and where a rule is broken.
        """
        known = [leaf.option.key for leaf in leaves()]
        for key in values:
            if key not in known:
                raise rule("Setting", f"be one of {', '.join(known)}", key, "Remove it.", key)
        merged = self.values() | dict(values)
        plain: dict[str, Any] = {}
        for leaf in leaves(merged["task"]):
            target = plain
            for part in leaf.path[:-1]:
                target = target.setdefault(part, {})
            target[leaf.path[-1]] = merged.get(leaf.option.key, leaf.default)
        return FederationConfig.from_dict(plain)


TASK = Leaf(
    ("task", "name"),
    str,
    "digits",
    Option(
        "task",
        "Task",
        "What the clients learn.",
        registry=WORKLOADS,
    ),
    TaskConfig,
)
"""The leaf that says which workload runs, and so which other leaves there are."""


def default_task() -> TaskConfig:
    """The default workload with its defaults."""
    task: TaskConfig = lookup(WORKLOADS)[TASK.default].settings()
    return task


def leaves(workload: str | None = None) -> Iterator[Leaf]:
    """Every leaf of a config of this workload, or of configs of all workloads: the task and its own fields first.

    A field that only some workloads have says so in its option's ``when``.
    """
    about = " ".join(f"{entry.label}: {entry.about}" for entry in lookup(WORKLOADS).values())
    yield dataclasses.replace(TASK, option=dataclasses.replace(TASK.option, help=f"{TASK.option.help} {about}"))
    tasks = {name: leaves_of(entry.settings, ("task",)) for name, entry in lookup(WORKLOADS).items()}
    shown = [leaf for name, own in tasks.items() if workload in (None, name) for leaf in own]
    for key, leaf in {leaf.option.key: leaf for leaf in shown}.items():
        having = tuple(name for name, own in tasks.items() if any(other.option.key == key for other in own))
        when = {"task": having} | dict(leaf.option.when)
        yield dataclasses.replace(leaf, option=dataclasses.replace(leaf.option, when=when))
    yield from leaves_of(FederationConfig)
