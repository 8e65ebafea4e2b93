"""Everything that can be set: the configuration of a run, in frozen, nested sections that are checked when built.

The settings of a workload are defined in the workload's own file, as a subclass of :class:`TaskConfig`.
"""

from __future__ import annotations

import dataclasses
import functools
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
"""Where to find the registries. They are named by text because their modules import this one."""

MOST_WORK = 5e10
"""Most that one method of a run may take, see :attr:`FederationConfig.work`."""

WORK_PER_MINUTE = 1.2e10
"""What one core does in a minute, about."""

MEASURING = 12_000
"""What it takes to measure one client in one round, over the square of the rank."""


@dataclass(frozen=True)
class Skew:
    """A workload's axis of heterogeneity: the setting that makes its clients more or less alike.

    Attributes:
        key: URL key of the field that sets it.
        title: title of the axis on a map.
        letter: what stands before a value in short texts.
        values: the values shown on a map, from left to right.
        strongest, none: the values with which clients differ most, and least.
        also: other settings without which the field has no effect, by URL key.
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
    """The task: what the clients learn.

    Attributes:
        name: name of the workload, set when it is registered.
        score: what its score is called within a sentence.
        skew: its axis of heterogeneity; None if it has none.
    """

    name: ClassVar[str]
    score: ClassVar[str] = "score"
    skew: ClassVar[Skew | None] = None

    @property
    def skew_in_words(self) -> str:
        """How unequal the clients are, such as "α = 0.5"; empty if the workload has no such setting."""
        return ""

    def check(self, config: FederationConfig) -> None:
        """Raise a ConfigError if other settings do not fit these. By default all settings fit."""

    def held(self, config: FederationConfig) -> int:
        """About how many numbers one client of one method holds while it trains; they bound the size of a run."""
        return 20_000

    @classmethod
    def from_plain(cls, data: Any, where: str) -> Self:
        """Build the settings of the workload that ``data["name"]`` names."""
        if cls is not TaskConfig:
            return super().from_plain(data, where)
        if not isinstance(data, Mapping) or "name" not in data:
            raise rule(where, "hold the name of a workload", data, "Write it as an object with a name.")
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
        "Mixed: one third of the clients has rank r, one third r/2 and one third r/4. Only some methods can combine "
        "different ranks.",
        choices={"equal": "all equal", "mixed": "mixed: r, r/2, r/4"},
    )

    def of_client(self, k: int) -> int:
        """Rank of client ``k``, at least 1."""
        return self.rank if self.ranks == "equal" else max(1, self.rank >> k % 3)

    @property
    def scaling(self) -> float:
        """``lora_alpha / rank``."""
        return self.lora_alpha / self.rank


@dataclass(frozen=True)
class TrainConfig(Section):
    """Training: how many rounds, and how clients train in each."""

    rounds: int = option(
        15,
        "rounds",
        "Rounds",
        "In each round the server broadcasts, clients train, and the server aggregates.",
        low=1,
        high=100,
        step=1,
    )
    local_steps: int = option(
        20,
        "steps",
        "Local steps",
        "How many optimiser updates each client makes in a round.",
        unit="steps",
        low=1,
        high=200,
        step=1,
    )
    optimizer: str = option(
        "adam",
        "opt",
        "Optimiser",
        "Adam scales every coordinate separately, which turns the frames of the factors; SGD hardly turns them.",
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
    """The server: who takes part in a round, whose upload gets lost, and how the server steps."""

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
        "Chance that a sampled client is lost during the round: it trains, but its upload never arrives.",
        low=0.0,
        high=0.9,
        step=0.05,
    )
    staleness: int = option(
        0,
        "stale",
        "Age of the reference",
        "0: clients align to this round's broadcast. n: they align to the broadcast of n rounds earlier.",
        unit="rounds",
        low=0,
        high=5,
        step=1,
    )
    optimizer: str = option(
        "avg",
        "server",
        "Server optimiser",
        "FedAvg takes the average as it is; FedAdam takes an Adam step, with the average's change as the gradient.",
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
    """The frames in which clients' factors reach the server. No choice changes any ``B_k A_k``."""

    kind: str = option(
        "svd",
        "frames",
        "How factors reach the server",
        "The same update B A can be written in many frames. This sets the frames that the server sees.",
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
        "Half of the clients' frames are turned by +θ/2, the others by −θ/2, in random planes. An average of two equal "
        "halves keeps cos²(θ/2) of a shared direction.",
        unit="°",
        low=0.0,
        high=180.0,
        step=5.0,
        when={"frames": ("turned",)},
    )


@dataclass(frozen=True)
class AlignmentConfig(Section):
    """Alignment to the reference, in FedRot-LoRA and in the error ladder."""

    group: str = option(
        "SO",
        "group",
        "Allowed turns",
        "SO(r): rotations only, as in the paper; at rank 1 that is the identity alone. O(r): reflections too.",
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
        "Which factor is matched to the reference. The other factor is turned with it.",
        choices={"alternate": "A in odd, B in even rounds", "A": "A only", "B": "B only"},
    )


@dataclass(frozen=True)
class FederationConfig(Section):
    """Everything that decides a run. On one type of device, equal configs give equal traces."""

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
        "All methods run on the same seed, split and mini-batches, so only the method differs.",
        registry=METHODS,
    )
    seed: int = option(0, "seed", "Seed", "All randomness of the run comes from this number.", low=0, high=9999, step=1)
    device: str = option(
        "auto",
        "device",
        "Device",
        "Where clients train. Auto takes CUDA if there is one, otherwise the CPU. Apple's MPS has no float64, so auto "
        "considers it for float32 only.",
        choices={"auto": "auto", "cpu": "CPU", "cuda": "CUDA GPU", "mps": "Apple MPS"},
    )
    precision: str = option(
        "auto",
        "precision",
        "Precision",
        "In float64 every machine gets the same numbers. In float32 rounding errors grow from step to step, and two "
        "machines soon agree in the first digits only. Auto takes float64 if the device has it.",
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
        if self.work > MOST_WORK:
            raise rule(
                "A run",
                f"take at most {minutes(MOST_WORK)} per method on one core",
                minutes(self.work),
                "Take fewer clients, rounds or local steps, or a lower rank.",
                self._heaviest,
            )

    @classmethod
    def _remedy(cls, name: str) -> str:
        key = next((leaf.option.key for leaf in leaves() if name in (leaf.option.key, leaf.path[-1])), None)
        if key is None:
            return super()._remedy(name)
        return f"Use FederationConfig().with_values({{{key!r}: ...}}), or change it in its section."

    @property
    def participants(self) -> int:
        """How many clients are sampled in each round."""
        return round(self.server.participation * self.data.clients)

    @property
    def work(self) -> float:
        """About how many numbers one method of the run goes through: in each local step those that its clients hold,
        and in each round what measuring them takes.
        """
        each = self.train.local_steps * self.task.held(self) + MEASURING * self.lora.rank**2
        return float(self.participants * self.train.rounds * each)

    @property
    def seconds(self) -> float:
        """About how long one core takes for the whole run."""
        return 60 * self.work * len(self.methods) / WORK_PER_MINUTE

    @property
    def _heaviest(self) -> str:
        """URL key of the setting that adds most to the work, beside its default."""
        keys = {leaf.option.key: leaf for leaf in leaves_of(FederationConfig)}
        return max(("clients", "rounds", "steps", "rank"), key=lambda key: keys[key].get(self) / keys[key].default)

    def to_dict(self) -> dict[str, Any]:
        """The config as nested plain dictionaries; :meth:`from_dict` is the inverse."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))
        plain["task"]["name"] = self.task.name
        return plain

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> FederationConfig:
        """Build a config from nested dictionaries; the inverse of :meth:`to_dict`.

        Raises:
            ConfigError: if a name is missing or unknown, or if a value breaks a rule.
        """
        return cls.from_plain(data, "config")

    @functools.cached_property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the config as canonical JSON."""
        text = json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def conditions(self) -> dict[str, Any]:
        """All values but the seed and the methods, by URL key. Runs that agree in these may train as one batch."""
        return {key: value for key, value in self.values().items() if key not in ("seed", "arms")}

    def leaves(self) -> Iterator[Leaf]:
        """Every leaf of this config: those of its workload, and those that every config has."""
        return leaves(self.task.name)

    def values(self) -> dict[str, Any]:
        """The value of every leaf of this config, by URL key."""
        return {leaf.option.key: leaf.get(self) for leaf in self.leaves()}

    def with_values(self, values: Mapping[str, Any]) -> FederationConfig:
        """A copy of the config with some values replaced.

        A change of task brings the new task's fields, at their defaults. Fields of other tasks have no effect.

        Args:
            values: new values, by URL key.

        Raises:
            ConfigError: if a key is unknown or a value breaks a rule.
        """
        if not isinstance(values, Mapping):
            raise rule("Settings", "be a mapping from names to values", values, "Write {'rank': 8}, for example.")
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


def minutes(work: float) -> str:
    """How long one core takes, in words."""
    return f"about {max(1, round(work / WORK_PER_MINUTE)):,} min"


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
"""The leaf that chooses the workload, which in turn decides which other leaves there are."""


def default_task() -> TaskConfig:
    """The settings of the default workload, at their defaults."""
    task: TaskConfig = lookup(WORKLOADS)[TASK.default].settings()
    return task


def leaves(workload: str | None = None) -> Iterator[Leaf]:
    """Every leaf of a config: the task first, then the workload's own fields, then those that every config has.

    The ``when`` of a workload's field names the workloads that have it.

    Args:
        workload: name of the workload; None gives the fields of all workloads.
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
