"""Kinds of values that flags take; what they refuse, they refuse by rule, value and remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from fedrot_core.errors import rule


class OneOf(click.Choice[str]):
    """One of several names."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__(list(names))

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """The error's text."""
        return str(rule("It", f"be one of {', '.join(self.choices)}", value, "Choose one of these."))


def _refused(value: Any, what: str, low: float | None, high: float | None) -> str:
    """The text about a value that is no number of this kind in this range."""
    within = "" if low is None else f" of at least {low:g}" if high is None else f" in {low:g}..{high:g}"
    return str(rule("It", f"be {what}{within}", value, f"Use {0 if low is None else low:g}, for example."))


class Whole(click.IntRange):
    """A whole number, in a range if one is given."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number."""
        try:
            return int(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(_refused(value, "a whole number", self.min, self.max), param, ctx)


class Decimal(click.FloatRange):
    """A number in a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        try:
            return float(super().convert(value, param, ctx))
        except click.BadParameter:
            self.fail(_refused(value, "a number", self.min, self.max), param, ctx)
