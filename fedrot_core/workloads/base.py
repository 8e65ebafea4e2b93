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
"""Client index of the centralised run, which trains on everyone's data."""


class RoundProgram(Program, Protocol):
    """A program that can be given round after round."""

    def start_round(self, batches: Sequence[Any]) -> None:
        """Take the round's rows and mini-batches, in this order, each from a task's :meth:`Task.batch`."""


@dataclass(frozen=True)
class RowGroup:
    """Rows that stand on one frozen base.

    Attributes:
        clients: whose data each row trains on; a client index or :data:`POOLED`.
        base: (L, o, i) what was merged into the frozen weights, in units of ``B A``; None for the untouched base.
    """

    clients: tuple[int, ...]
    base: Tensor | None = None


class Task(ABC):
    """One workload built for one config: data dealt to clients, the frozen base, and how to score a global adapter.

    Attributes:
        layers: the adapted layers.
        sample_counts: (K,) training samples of each client.
        class_counts: (K, classes) or None where the task has no classes; class_name: what one class is called.
        score_name: what :meth:`evaluate`'s second number is called on axes; higher is better, 1 is perfect.
        loss_name: likewise for its first number.
        summary: one line that says what the model and data are, with their dimensions.
        inputs: names of the first layer's inputs, where they mean something to a person, such as pixels.
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
        """A gradient program for this many rows."""

    @abstractmethod
    def batch(self, round_index: int, groups: Sequence[RowGroup]) -> Any:
        """This round's rows and mini-batches, in the workload's own form, for :meth:`RoundProgram.start_round`.

        Equal (seed, round, client) means equal batches in every arm. A program takes the batches of several tasks at
        once where their configs differ in seed and methods only.
        """

    @abstractmethod
    def evaluate(self, adapters: Factors, base: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Loss and score (G,) of G adapters (L, G, r, i), (L, G, o, r) on held-out data.

        Args:
            base: (L, o, i) what was merged into the frozen weights, in units of ``B A``.
        """

    def evaluate_each(self, models: Sequence[tuple[Factors, Tensor | None]]) -> list[tuple[Tensor, Tensor]]:
        """:meth:`evaluate` of several (adapters, base); those on the untouched base in one call."""
        found = {n: self.evaluate(f, base) for n, (f, base) in enumerate(models) if base is not None}
        plain = {n: f for n, (f, base) in enumerate(models) if base is None}
        if plain:
            A, B = torch.cat([f.A for f in plain.values()], dim=1), torch.cat([f.B for f in plain.values()], dim=1)
            each = (torch.split(x, [f.A.shape[1] for f in plain.values()]) for x in self.evaluate(Factors(A, B)))
            found |= dict(zip(plain, zip(*each, strict=True), strict=True))
        return [found[n] for n in range(len(models))]


@dataclass(frozen=True)
class Workload:
    """A registry entry.

    Attributes:
        name: for links and code; label: for people; about: what clients learn, in one sentence for who chooses.
        settings: what can be set of it.
        task: builds the :class:`Task` of a config.
    """

    name: str
    label: str
    about: str
    settings: type[TaskConfig]
    task: Callable[[FederationConfig, Compute], Task]


WORKLOADS: Registry[Workload] = Registry("Task", "task")


def register(name: str, label: str, about: str, settings: type[TaskConfig]) -> Callable[[type[Task]], type[Task]]:
    """Class decorator for a :class:`Task` whose constructor takes ``(config, compute)``.

    Raises:
        ValueError: when the name or ``settings`` is taken, or a setting has the URL key of another field.
    """

    def add(cls: type[Task]) -> type[Task]:
        if "name" in vars(settings):
            kind = settings.__name__
            raise ValueError(f"Settings must be of one workload; {kind} is that of {settings.name!r}. Extend it.")
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
    """The task that ``config`` names."""
    return WORKLOADS[config.task.name].task(config, compute)
