"""The contract of a workload, and the registry of all of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fedrot_core.compute import Compute
from fedrot_core.config.fields import TASK, FederationConfig, TaskConfig
from fedrot_core.config.option import leaves_of
from fedrot_core.engine import Program
from fedrot_core.factors import Factors, LayerSpec
from fedrot_core.registry import Registry

POOLED = -1
"""Client index of the centralised run, which trains on the data of all clients."""


class RoundProgram(Program, Protocol):
    """A gradient program that is given the data of one round after another."""

    def start_round(self, batches: Sequence[Any]) -> None:
        """Take the rows and mini-batches of a round, in this order; each entry comes from a :meth:`Task.batch`."""


@dataclass(frozen=True)
class RowGroup:
    """Rows that train on top of the same frozen base.

    Attributes:
        clients: for each row, the client whose data it trains on, or :data:`POOLED` for the data of all.
        base: (L, o, i) what was merged into the frozen weights, in units of ``B A``; None for the untouched base.
    """

    clients: tuple[int, ...]
    base: Tensor | None = None


class Task(ABC):
    """A workload set up for one config: the clients' data, the frozen base, and the scoring of global adapters.

    Attributes:
        layers: the adapted layers.
        sample_counts: (K,), number of training samples of each client.
        class_counts: (K, classes), samples of each class on each client; None if the task has no classes.
        class_name: what one class is called.
        score_name: what axes call the score, the second number of :meth:`evaluate`. Higher is better, 1 is perfect.
        loss_name: what axes call the loss, the first number of :meth:`evaluate`.
        summary: one line that describes the model and the data, with their dimensions.
        inputs: names of the first layer's inputs if they mean something to a person, as pixels do.
    """

    layers: tuple[LayerSpec, ...]
    sample_counts: NDArray[np.int64]
    class_counts: NDArray[np.int64] | None = None
    class_name: str = "class"
    score_name: str
    loss_name: str
    summary: str
    inputs: tuple[str, ...] = ()

    @abstractmethod
    def program(self, rows: int) -> RoundProgram:
        """Make a gradient program for this many rows."""

    @abstractmethod
    def batch(self, round_index: int, groups: Sequence[RowGroup]) -> Any:
        """Make this round's rows and mini-batches, in the workload's own form, for :meth:`RoundProgram.start_round`.

        The same seed, round and client give the same mini-batches in every arm. A program takes the batches of several
        tasks at once if their configs differ in seed and methods only.
        """

    @abstractmethod
    def evaluate(self, adapters: Factors, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Score adapters on held-out data.

        Args:
            adapters: G adapters, (L, G, r, i) and (L, G, o, r).
            base: (L, o, i), what was merged into the frozen weights, in units of ``B A``; None if nothing was.

        Returns:
            Loss and score of each adapter, (G,) each.
        """

    def evaluate_each(self, models: Sequence[tuple[Factors, Tensor | None]]) -> list[tuple[Tensor, Tensor]]:
        """Call :meth:`evaluate` for several pairs (adapters, base), with all on the untouched base in one call."""
        found = {n: self.evaluate(f, base) for n, (f, base) in enumerate(models) if base is not None}
        plain = {n: f for n, (f, base) in enumerate(models) if base is None}
        if plain:
            A, B = torch.cat([f.A for f in plain.values()], dim=1), torch.cat([f.B for f in plain.values()], dim=1)
            each = (torch.split(x, [f.A.shape[1] for f in plain.values()]) for x in self.evaluate(Factors(A, B)))
            found |= dict(zip(plain, zip(*each, strict=True), strict=True))
        return [found[n] for n in range(len(models))]


@dataclass(frozen=True)
class Workload:
    """An entry of the registry of workloads.

    Attributes:
        name: its name in links and code.
        label: its name for people.
        about: what clients learn, in one sentence for people who choose a workload.
        settings: the class of its settings.
        task: makes the :class:`Task` of a config.
    """

    name: str
    label: str
    about: str
    settings: type[TaskConfig]
    task: Callable[[FederationConfig, Compute], Task]


WORKLOADS: Registry[Workload] = Registry("Task", "task")


def register(name: str, label: str, about: str, settings: type[TaskConfig]) -> Callable[[type[Task]], type[Task]]:
    """Class decorator that registers a :class:`Task` whose constructor takes ``(config, compute)``.

    The arguments are described at :class:`Workload`.

    Raises:
        ValueError: if the name or ``settings`` is taken, or if a setting has the URL key of another field.
    """

    def add(cls: type[Task]) -> type[Task]:
        if "name" in vars(settings):
            kind = settings.__name__
            raise ValueError(f"Settings must belong to one workload; {kind} belongs to {settings.name!r}. Extend it.")
        settings.name = name
        taken = {leaf.option.key: leaf.option for entry in WORKLOADS.values() for leaf in leaves_of(entry.settings)}
        taken |= {leaf.option.key: leaf.option for leaf in (TASK, *leaves_of(FederationConfig))}
        for leaf in leaves_of(settings):
            if taken.get(leaf.option.key, leaf.option) != leaf.option:
                raise ValueError(f"URL keys must be unique; {leaf.option.key!r} of {name!r} is taken. Rename one.")
        WORKLOADS.add(name, Workload(name, label, about, settings, cls))
        return cls

    return add


def build_task(config: FederationConfig, compute: Compute) -> Task:
    """Build the task that ``config`` names."""
    return WORKLOADS[config.task.name].task(config, compute)
