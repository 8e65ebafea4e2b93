"""The options of every command that draws: size and colours of pictures."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from fedrot_core.cli.kinds import OneOf
from fedrot_core.errors import ConfigError
from fedrot_core.export.picture.sizes import SIZES, STYLES, pixels


class SizeType(click.ParamType[Any]):
    """A size of a picture: a registered name, or width and height such as ``1600x900``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | tuple[int, int]:
        """Return a registered name, or (width, height) in pixels."""
        if value in SIZES:
            return str(value)
        parts = re.fullmatch(r"([0-9]{3,5})x([0-9]{3,5})", str(value))
        if parts is None:
            known = ", ".join(SIZES)
            self.fail(
                f"A size must be one of {known}, or WIDTHxHEIGHT in pixels; got {value!r}. Use slide.", param, ctx
            )
        size = int(parts[1]), int(parts[2])
        try:
            pixels(*size)
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return size


def _labels(registry: Any) -> str:
    return "; ".join(f"{entry.name}: {entry.label}" for entry in registry.values())


def style_and_size(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--style`` and ``--size``."""
    command = click.option(
        "--size", type=SizeType(), metavar="SIZE", default="slide",
        help=f"Size of pictures. [{_labels(SIZES)}; or WIDTHxHEIGHT in px; default slide]",
    )(command)  # fmt: skip
    colours = f"Colours of pictures. [{_labels(STYLES)}; default light]"
    return click.option("--style", type=OneOf(STYLES), default="light", help=colours)(command)
