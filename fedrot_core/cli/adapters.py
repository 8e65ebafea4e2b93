"""What the commands about adapters share: their sources, weights and turns, and how they say what was left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.diagnosis import cohort
from fedrot_core.adapters.trees import Refused
from fedrot_core.cli.kinds import Decimal, OneOf
from fedrot_core.cli.output import progress
from fedrot_core.errors import rule

sources_argument = click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))


class Share(click.ParamType[Any]):
    """``name=2``: a client and how much it counts."""

    name = "name=X"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return (name, weight)."""
        if isinstance(value, tuple):
            return value
        client, _, number = value.rpartition("=")
        try:
            weight = float(number) if client else math.nan
            if not 0 <= weight < math.inf:
                raise ValueError
        except ValueError:
            text = "be a client and a number of at least 0, as in name=2"
            self.fail(str(rule("It", text, value, "Write name=2.")), param, ctx)
        return client, weight


weights_option = click.option(
    "--weights",
    multiple=True,
    type=Share(),
    help="How much a client counts, for example its number of samples; give it once a client. Others count 1.",
)


def turned(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags that say how clients are turned onto a reference."""
    for option in (
        click.option("--strength", type=Decimal(0, 1), metavar="X", default=1.0, show_default=True,
                     help="λ, how far clients are turned onto the reference."),
        click.option("--group", type=OneOf(["SO", "O"]), default="SO", show_default=True,
                     help="SO allows rotations onto the reference only, O reflections too."),
        click.option("--reference", metavar="NAME", help="The client onto which FedRot-LoRA turns the others."),
    ):  # fmt: skip
        command = option(command)
    return command


side_option = click.option(
    "--side",
    type=OneOf(["A", "B"]),
    default="A",
    show_default=True,
    help="The factor that FedRot-LoRA matches to the reference.",
)


def read(sources: Sequence[Path], weights: Iterable[tuple[str, float]], quiet: bool) -> Cohort:
    """Read the adapters, with a progress bar.

    Raises:
        AdapterError: if none can be read, or if nothing is shared by all.
        ConfigError: if a client has two weights.
    """
    shares: dict[str, float] = {}
    for name, weight in weights:
        if name in shares:
            raise rule("--weights", "name each client once", name, "Drop one of the two.")
        shares[name] = weight
    with progress(1, "Reading adapters", quiet) as bar:
        return cohort([*sources], shares or None, stepper(bar))


def stepper(bar: Any) -> Callable[[int, int], None]:
    """What moves a progress bar to so many steps of so many."""

    def step(done: int, total: int) -> None:
        bar.length = total
        bar.update(done - bar.pos)

    return step


def listed(title: str, rows: Iterable[Refused]) -> list[str]:
    """A title and a line each; nothing if there are none."""
    lines = [f"  {row.name}: {row.reason}" for row in rows]
    return [title, *lines] if lines else []


def note_turns(used: bool, needs: str) -> None:
    """Say on stderr which flags about turns have no effect, unless they are used."""
    context = click.get_current_context()
    for name in ("side", "group", "strength"):
        if not used and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            click.echo(f"Note: --{name} has no effect here; it needs {needs}.", err=True)


def absent(path: Path) -> None:
    """Refuse an output that is there already: an adapter may have cost days of training.

    Raises:
        ConfigError: if it is.
    """
    if path.exists():
        raise rule("--out", "be a file that is not there yet", path.name, "Name another one.")
