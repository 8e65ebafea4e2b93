"""One way to register things that menus, docs and tests list: workloads and methods."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Generic, TypeVar

from fedrot_core.errors import rule

T = TypeVar("T")


class Registry(Generic[T]):
    """Name -> entry, in order of registration; unknown or repeated names fail loudly."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        self._entries: dict[str, T] = {}

    def add(self, name: str, entry: T) -> None:
        """Register ``entry``; raises ValueError when the name is taken."""
        if name in self._entries:
            raise ValueError(f"{self.kind} names must be unique; {name!r} is registered twice. Rename one.")
        self._entries[name] = entry

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str) or name not in self._entries:
            known = ", ".join(self._entries)
            raise rule(self.kind, f"be one of {known}", name, "Pick one of these names.", self.key)
        return self._entries[name]

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
        """Names with their entries."""
        return list(self._entries.items())

    def labels(self) -> dict[str, str]:
        """Name -> what people read, of entries that have a ``label``."""
        return {name: str(getattr(entry, "label", name)) for name, entry in self._entries.items()}


def import_all(package: ModuleType) -> None:
    """Import every module of ``package``, so that each file registers what it holds."""
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        importlib.import_module(f"{package.__name__}.{info.name}")


def lookup(where: str) -> Registry[Any]:
    """The registry at ``"package:NAME"``, filled: importing a package imports every file in it.

    For modules below that package, which only need to know what it holds once they are called.
    """
    package, _, name = where.partition(":")
    registry: Registry[Any] = getattr(importlib.import_module(package), name)
    return registry
