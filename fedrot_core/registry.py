"""Registries of things that menus, docs and tests list, such as workloads and methods."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Generic, TypeVar

from fedrot_core.errors import rule

T = TypeVar("T")


class Registry(Generic[T]):
    """A mapping from names to entries, in order of registration. Unknown or repeated names raise an error."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Register ``entry`` under ``name``; raises a ValueError if the name is taken."""
        if name in self._entries:
            raise ValueError(f"{self.kind} names must be unique; {name!r} is registered twice. Rename one.")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str) or name not in self._entries:
            known = ", ".join(self._entries)
            raise rule(self.kind, f"be one of {known}", name, "Pick one of these names.", self.key)
        return self._entries[name]

    def __repr__(self) -> str:
        return f"<{self.kind}: {', '.join(self._entries)}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def values(self) -> list[T]:
        """The entries."""
        return list(self._entries.values())

    def items(self) -> list[tuple[str, T]]:
        """Pairs of a name and its entry."""
        return list(self._entries.items())

    def labels(self) -> dict[str, str]:
        """The label of every entry for people, by name. An entry without a ``label`` is labelled by its name."""
        return {name: str(getattr(entry, "label", name)) for name, entry in self._entries.items()}


def import_all(package: ModuleType) -> None:
    """Import every module of ``package``, so that each registers what it holds."""
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        importlib.import_module(f"{package.__name__}.{info.name}")


def lookup(where: str) -> Registry[Any]:
    """The registry at ``"package:NAME"``, with all its entries.

    Modules that the package itself imports can use this when they are called, since they cannot import the package.
    """
    package, _, name = where.partition(":")
    registry: Registry[Any] = getattr(importlib.import_module(package), name)
    return registry
