"""What every command that runs a study does with the results: print them, save rows, draw pictures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from fedrot_core.cli.output import all_different, check_out, comma_option, json_option, quiet_option, say, write_file
from fedrot_core.cli.pictures import style_and_size
from fedrot_core.errors import rule
from fedrot_core.export.picture.files import write_figure
from fedrot_core.export.picture.sizes import FORMATS, STYLES
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.kit.base import Drawing
from fedrot_core.study.tables import as_csv, as_json

TABLES = (".csv", ".json")


@dataclass(frozen=True)
class Wanted:
    """What the command line asks to be done with the results.

    Attributes:
        outs: files to write, the rows to a .csv and everything to a .json.
        pictures: pairs of a figure's name and the file to draw it to.
        style, size: style and size of the pictures.
        as_json: whether to print everything as JSON instead of text.
        quiet: whether to hide progress.
        decimal_comma: whether CSV is for spreadsheets that expect a decimal comma.
    """

    outs: tuple[Path, ...]
    pictures: tuple[tuple[str, Path], ...]
    style: str
    size: str | tuple[int, int]
    as_json: bool
    quiet: bool
    decimal_comma: bool

    def deliver(
        self, text: str, rows: Sequence[Mapping[str, Any]], content: Mapping[str, Any], drawings: Sequence[Drawing],
        footer: Callable[[str], Provenance | str],
    ) -> None:  # fmt: skip
        """Write the files, draw the pictures and print.

        Args:
            text: what to print.
            rows: the rows of a .csv file.
            content: the content of a .json file.
            drawings: the figures that can be drawn.
            footer: gives the footer of the figure of a name.
        """
        for out in self.outs:
            whole = as_csv(rows, self.decimal_comma) if out.suffix.lower() == ".csv" else as_json(content)
            write_file(out, whole.encode())
        by_name = {drawing.name: drawing for drawing in drawings}
        for name, file in self.pictures:
            figure = by_name[name].draw(STYLES[self.style].mode)
            kind = file.suffix.lower()[1:]
            picture = write_figure(
                figure, kind, self.size, self.style, footer(name), decimal_comma=self.decimal_comma
            )  # fmt: skip
            write_file(file, picture)
        if self.as_json:
            click.echo(as_json(content), nl=False)
        else:
            say(text)


class Picture(click.ParamType[Any]):
    """``NAME=FILE``: a figure and the file to draw it to."""

    name = "NAME=FILE"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return (name of the figure, path of the file)."""
        if isinstance(value, tuple):
            return value
        name, _, file = str(value).partition("=")
        if name not in self.names or not file:
            wanted = rule("--draw", f"read NAME=FILE with a NAME among {', '.join(self.names)}", value,
                          f"Write for example {self.names[0]}={self.names[0]}.svg.")  # fmt: skip
            self.fail(str(wanted), param, ctx)
        return name, Path(file)


def results(figures: Sequence[str]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command ``--out``, ``--draw``, ``--style``, ``--size``, ``--json`` and ``--quiet``.

    The command is passed their values as one argument, ``wanted``. Files that could not be written are refused before
    it runs.

    Args:
        figures: names of the figures that the command can draw.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapped(
            outs: tuple[Path, ...], as_json: bool, quiet: bool, decimal_comma: bool,
            pictures: tuple[tuple[str, Path], ...] = (), style: str = "light",
            size: str | tuple[int, int] = "slide", **arguments: Any,
        ) -> Any:  # fmt: skip
            for out in outs:
                check_out(out, TABLES)
            for _, file in pictures:
                check_out(file, [f".{format}" for format in FORMATS], "--draw")
            all_different([*outs, *(file for _, file in pictures)])
            return command(wanted=Wanted(outs, pictures, style, size, as_json, quiet, decimal_comma), **arguments)

        found: Callable[..., Any] = quiet_option(json_option(comma_option(wrapped)))
        if figures:
            found = click.option(
                "--draw", "pictures", multiple=True, type=Picture(figures), metavar="NAME=FILE",
                help=f"Draw a figure to a file; may be given several times. NAME can be {', '.join(figures)}. The "
                f"file's ending chooses the format: {', '.join(FORMATS)}. svg, pdf and png need Chrome or Chromium.",
            )(style_and_size(found))  # fmt: skip
        return click.option(
            "--out", "outs", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
            help="Write the rows to a .csv file, or everything to a .json file; may be given several times.",
        )(found)  # fmt: skip

    return add
