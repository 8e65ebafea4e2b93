"""``figure``: draw one of the lab's figures of a run to a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from fedrot_core.cli.flags import Teaching, configured
from fedrot_core.cli.kinds import Decimal, OneOf, Whole
from fedrot_core.cli.output import check_out, comma_option, quiet_option, train, write_file
from fedrot_core.cli.pictures import style_and_size
from fedrot_core.cli.program import group
from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.export.picture.files import write_figure
from fedrot_core.export.picture.sizes import FORMATS, SCALES, STYLES
from fedrot_core.export.provenance import Provenance
from fedrot_core.export.run.run_file import RunFile
from fedrot_core.figures import FIGURES, View, drawn
from fedrot_core.trace import Trace

EPILOG = """\b
Examples:
  fedrot figure errors --out errors.html
  fedrot figure latent --frames turned --theta 90 --round 3 --client 2 --out latent.svg
  fedrot figure ladder --from run.npz --size column --style print --out ladder.pdf

\b
Figures:
""" + "\n".join(f"  {entry.name:10} {entry.question}" for entry in FIGURES.values())


@group.command(cls=Teaching, epilog=EPILOG)
@click.argument("name", type=OneOf(FIGURES), metavar="NAME")
@configured
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"The file to write. Its ending chooses the format: {', '.join(FORMATS)}. svg, pdf and png need Chrome or "
    "Chromium.",
)
@click.option(
    "--round", "round_index", type=Whole(), metavar="N", help="Which round to show, from 0; by default the last."
)
@click.option(
    "--show",
    metavar="METHOD",
    help="Which method's clients to show; by default fedrot if the run has it, otherwise the first method.",
)
@click.option(
    "--client", type=Whole(), metavar="N", default=0, show_default=True, help="Which client to highlight, from 0."
)
@click.option("--layer", type=Whole(), metavar="N", default=0, show_default=True, help="Which layer to show, from 0.")
@click.option(
    "--feature",
    type=Whole(),
    metavar="N",
    default=0,
    show_default=True,
    help="Which of the recorded columns of A to show, from 0.",
)
@style_and_size
@click.option(
    "--scale",
    type=Decimal(SCALES[0], SCALES[-1]),
    metavar="X",
    default=2.0,
    show_default=True,
    help="How many pixels of a png stand for one px of its size.",
)
@click.option("--no-footer", is_flag=True, help="Leave out the footer, the line that says which run the figure shows.")
@comma_option
@quiet_option
def figure(
    name: str,
    config: FederationConfig,
    source: RunFile | Trace | None,
    out: Path,
    round_index: int | None,
    show: str | None,
    client: int,
    layer: int,
    feature: int,
    style: str,
    size: str | tuple[int, int],
    scale: float,
    no_footer: bool,
    decimal_comma: bool,
    quiet: bool,
) -> None:
    """Draw one of the lab's figures of a run to a file.

    NAME is one of the figures listed below. A trace given by --from is drawn as it is, without training.
    """
    check_out(out, [f".{format}" for format in FORMATS])
    arm = show or ("fedrot" if "fedrot" in config.methods else config.methods[0])
    last = config.train.rounds - 1
    view = View(arm, last if round_index is None else round_index, client, layer, feature, STYLES[style].mode)
    _check(view, config)
    given = isinstance(source, Trace) and source.config == config
    trace = source if isinstance(source, Trace) and given else train(config, quiet)
    _within("--layer", layer, len(trace.task.layers))
    fig = drawn(name, trace, view)
    footer = Provenance.of_run(config, version=trace.engine, checksum=trace.checksum)
    footer = replace(footer, text="") if no_footer else footer
    write_file(out, write_figure(fig, out.suffix.lower()[1:], size, style, footer, scale, decimal_comma=decimal_comma))
    click.echo(fig.layout.meta["alt"])


def _check(view: View, config: FederationConfig) -> None:
    """Refuse a selection that the run does not hold."""
    if view.arm not in config.methods:
        raise rule("--show", f"be one of {', '.join(config.methods)}", view.arm, "Name a method of the run.")
    _within("--round", view.round_index, config.train.rounds)
    _within("--client", view.client, config.data.clients)
    _within("--feature", view.feature, 6)


def _within(name: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        raise rule(name, f"be in 0..{end - 1}", value, "Use 0, for example.")
