"""What a config is made of: fields that carry their own description and the values that they allow.

Each leaf field holds its label, help, unit, range, step and URL key in its metadata. Widgets, flags, the query string
and error messages are all made from that metadata; nothing else repeats a default or a range.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, get_type_hints

from fedrot_core.errors import ConfigError, brief, rule
from fedrot_core.registry import lookup

MOST_NAMES, LONGEST_NAME = 64, 64
"""Most entries of a field that names several, and most characters of each. Three times what is registered."""


@dataclass(frozen=True)
class Option:
    """The description of one field, and the values that it allows.

    Attributes:
        key: short, unique name of the field in URLs and flags.
        label, help: texts for widgets and for the command line.
        unit: unit shown after the number; may be empty.
        low, high: smallest and largest value allowed.
        step: distance between two values of a slider.
        stops: positions of a slider whose values are not equally spaced.
        choices: values with their labels, for fields that choose one of several values.
        registry: the registry that holds the choices, written as for :func:`fedrot_core.registry.lookup`.
        when: values of other fields, by URL key, with which this field has an effect; empty means always.
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
    """Base class of all sections. Building one checks the type, range and choices of every field."""

    def __new__(cls, *args: Any, **given: Any) -> Self:
        """Refuse names that are no field, before Python does so in its own words."""
        names = [f.name for f in dataclasses.fields(cls)]
        unknown = [name for name in given if name not in names]
        if unknown:
            raise rule(cls.__name__, f"be given {', '.join(names)} only", unknown[0], cls._remedy(unknown[0]))
        return super().__new__(cls)

    @classmethod
    def _remedy(cls, name: str) -> str:
        """What to do instead of passing ``name``, which is no field of this section."""
        return "Correct the name."

    def __post_init__(self) -> None:
        hints = hints_of(type(self))
        for f in dataclasses.fields(self):
            opt: Option | None = f.metadata.get("option")
            if opt is None:
                self._holds(f.name, hints[f.name])
            else:
                object.__setattr__(self, f.name, _checked(getattr(self, f.name), hints[f.name], opt))

    def _holds(self, name: str, section: type[Section]) -> None:
        """Refuse a field that should be a section but is not one."""
        value = getattr(self, name)
        if not isinstance(value, section):
            remedy = "Pass one, or change single values with FederationConfig().with_values({'rank': 8})."
            raise rule(f"{type(self).__name__}.{name}", f"be a {section.__name__}", value, remedy)

    @classmethod
    def from_plain(cls, data: Any, where: str) -> Self:
        """Build a section from a mapping that holds exactly its fields.

        Args:
            data: values by field name; sections within this section are mappings themselves.
            where: what error messages call the section.

        Raises:
            ConfigError: if a name is missing or unknown, or if a value breaks its field's rule.
        """
        if not isinstance(data, Mapping):
            raise rule(where, "be a mapping", type(data).__name__, "Write it as an object.")
        hints, names = hints_of(cls), {f.name for f in dataclasses.fields(cls)}
        if names != set(data):
            wrong = sorted(names ^ set(data), key=str)
            raise ConfigError(
                f"{where} must hold exactly {sorted(names)}; {brief(wrong)} is missing or unknown. Correct the names."
            )
        return cls(
            **{
                name: hints[name].from_plain(data[name], f"{where}.{name}")
                if isinstance(hints[name], type) and issubclass(hints[name], Section)
                else data[name]
                for name in names
            }
        )


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
        if len(items) > MOST_NAMES or any(isinstance(i, str) and len(i) > LONGEST_NAME for i in items):
            most = f"name at most {MOST_NAMES} entries of at most {LONGEST_NAME} characters"
            raise rule(opt.label, most, value, "Leave some out.", opt.key)
        if not items or not all(isinstance(i, str) for i in items) or len(set(items)) != len(items):
            raise rule(opt.label, "name at least one entry, none of them twice", value, "List each once.", opt.key)
        value = items
    return value


def hints_of(section: type) -> dict[str, Any]:
    """The type of each field of ``section``, by field name."""
    return _hints(section)


@functools.cache
def _hints(section: Any) -> dict[str, Any]:
    return get_type_hints(section)


@dataclass(frozen=True)
class Leaf:
    """One leaf field of a config.

    Attributes:
        path: names that lead from the config to the field.
        kind: type of its values.
        default: its default value.
        option: its description and allowed values.
        section: the section class that holds it.
    """

    path: tuple[str, ...]
    kind: type
    default: Any
    option: Option
    section: type

    def get(self, config: Any) -> Any:
        """This leaf's value in ``config``."""
        value = config
        for part in self.path:
            value = getattr(value, part)
        return value

    def active(self, values: Mapping[str, Any]) -> bool:
        """Whether the field has an effect in a config with these ``values``, by URL key."""
        return all(values.get(key) in allowed for key, allowed in self.option.when.items())

    @property
    def choices(self) -> dict[str, str]:
        """Values with their labels, from the field itself or from its registry; empty for numbers."""
        return lookup(self.option.registry).labels() if self.option.registry else dict(self.option.choices)

    def parse(self, text: str) -> Any:
        """Convert ``text`` to this leaf's type. Range and choices are checked only when a config is built.

        Raises:
            ConfigError: if a number is needed and ``text`` is none, or if it names nothing that is registered.
        """
        if self.kind in (int, float):
            try:
                return self.kind(text)
            except ValueError:
                what = "a whole number" if self.kind is int else "a number"
                raise rule(self.option.label, f"be {what}", text, "Enter one.", self.option.key) from None
        value: Any = text.strip() if self.kind is str else tuple(part.strip() for part in text.split(","))
        if self.option.registry:
            for name in (value,) if isinstance(value, str) else value:
                lookup(self.option.registry)[name]
        return value

    def text(self, value: Any) -> str:
        """Write ``value`` as text; the inverse of :meth:`parse`."""
        if isinstance(value, tuple):
            return ",".join(value)
        return f"{value:.10g}" if isinstance(value, float) else str(value)


def leaves_of(section: type, path: tuple[str, ...] = ()) -> tuple[Leaf, ...]:
    """Every leaf of ``section`` and of the sections within it, in order of definition."""
    return _leaves(section, path)


@functools.cache
def _leaves(section: Any, path: tuple[str, ...]) -> tuple[Leaf, ...]:
    found: list[Leaf] = []
    for f in dataclasses.fields(section):
        kind = hints_of(section)[f.name]
        if "option" in f.metadata:
            found.append(Leaf((*path, f.name), kind, f.default, f.metadata["option"], section))
        else:
            found += _leaves(kind, (*path, f.name))
    return tuple(found)
