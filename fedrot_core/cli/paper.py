"""``paper``: show the paper's numbers beside ours."""

from __future__ import annotations

import math
from typing import Any

import click

from fedrot_core.cli.flags import Teaching, some_settings
from fedrot_core.cli.kinds import Whole
from fedrot_core.cli.output import summaries, table
from fedrot_core.cli.program import FAILED, group
from fedrot_core.cli.results import Wanted, results
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.figures.study.paper import paper_figures
from fedrot_core.study import paper as reported
from fedrot_core.study.replica import BASE, MOST_SEEDS, SEEDS, SETTINGS, VARIED, PaperCard, plan
from fedrot_core.wording import counted, percent, times

TABLES = ("clients", "strength", "rank")
FIGURES = (*(f"{whose}_{name}" for name in TABLES for whose in ("paper", "ours")), "error_ratios")

EPILOG = """\b
Examples:
  fedrot paper
  fedrot paper --frames svd --seeds 1 --out paper.csv
  fedrot paper --rounds 5 --draw ours_clients=ours.svg --draw paper_clients=paper.svg
"""


@group.command(cls=Teaching, epilog=EPILOG)
@click.option(
    "--seeds", type=Whole(1, MOST_SEEDS), metavar="N", default=SEEDS, show_default=True,
    help="How many seeds each setting runs on, counted up from --seed.",
)  # fmt: skip
@some_settings(SETTINGS, BASE)
@results(FIGURES)
def paper(seeds: int, settings: dict[str, Any], wanted: Wanted) -> int | None:
    """Set the numbers of the FedRot-LoRA paper beside ours, as on the page Paper card.

    By default, skew, rank, scaling, local steps and frames are as in the paper, as far as a small model allows. The
    settings below may be changed.
    """
    planned = plan(settings, seeds)
    runs = summaries(planned.configs, f"Running {counted(len(planned.configs), 'run')}", wanted.quiet)
    card = PaperCard.of(planned, runs)
    ours = Provenance.of_study("runs beside the paper", planned.base, counted(len(runs), "run"), VARIED)
    theirs = Provenance(line(f"numbers of {reported.SOURCE}"))
    drawings = paper_figures(card.tables, card.ratios)
    wanted.deliver(_text(card), card.rows, card.content, drawings, lambda n: theirs if n.startswith("paper") else ours)
    for trouble in card.troubles:
        click.echo(trouble, err=True)
    return FAILED if any(run.error for run in runs) else None


def _text(card: PaperCard) -> str:
    lines = [f"{card.headline} {card.elsewhere}"]
    for found in card.tables:
        rows = [
            {
                found.what: f"{whose}, {line.card.label}",
                **{f"{at:g}": percent(v, 1) for at, v in zip(found.x, line.values, strict=True)},
            }
            for whose, drawn in (("paper", found.theirs), ("ours", found.ours))
            for line in drawn
        ]
        lines += ["", table(rows)]
    ratios = [
        {"naive error ÷ aligned error": name, "": times(value) if math.isfinite(value) else "–"}
        for group in card.ratios
        for name, value in group.values.items()
    ]
    differences = [
        f"{what}. Paper: {theirs.rstrip('.')}. Here: {ours.rstrip('.')}." for what, theirs, ours in card.differences
    ]
    return "\n".join([*lines, "", table(ratios), "", card.note, "", "What differs:", *differences])
