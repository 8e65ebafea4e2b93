"""``when``: map settings around a config: where does alignment matter, and where does it hurt?"""

from __future__ import annotations

import click

from fedrot_core.cli.flags import Teaching, configured
from fedrot_core.cli.kinds import OneOf
from fedrot_core.cli.output import summaries, table
from fedrot_core.cli.program import FAILED, group
from fedrot_core.cli.results import Wanted, results
from fedrot_core.config import FederationConfig
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.study.when import when_figure
from fedrot_core.study.when import ALIGNED, DEPTHS, NAIVE, ROWS, Finding, Findings, label, plan
from fedrot_core.wording import counted, percent, signed, times

EPILOG = """\b
Examples:
  fedrot when
  fedrot when --map theta --aligned gpa --out map.csv
  fedrot when --frames trained --search --draw when=map.svg
"""


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option(
    "--map", "rows", type=OneOf(ROWS), default=next(iter(ROWS)), show_default=True,
    help="What the rows of the map vary: "
    + " or ".join(f"{text} ({key})" for key, text in ROWS.items())
    + ". The columns vary the task's heterogeneity.",
)  # fmt: skip
@click.option(
    "--aligned", type=OneOf(ALIGNED), default=ALIGNED[0], show_default=True,
    help=f"The method that is compared with {NAIVE}.",
)  # fmt: skip
@click.option(
    "--depth", type=OneOf(DEPTHS), default=DEPTHS[0], show_default=True,
    help="How long each run is: quick runs a few rounds, full runs all of --rounds.",
)  # fmt: skip
@click.option("--search", is_flag=True, help="Also run further settings in which alignment may fail.")
@results(("when",))
def when(config: FederationConfig, rows: str, aligned: str, depth: str, search: bool, wanted: Wanted) -> int | None:
    """Map where alignment matters and where it hurts, as on the page When.

    Every cell is one run that compares naive averaging with an aligned method, starting from the settings below. The
    map itself sets what its axes vary (and --frames with --map theta); --arms has no effect.
    """
    planned = plan(config, rows, aligned, depth)
    configs = planned.runs(search)
    runs = summaries(configs, f"Running {counted(len(configs), 'setting')}", wanted.quiet)
    found = Findings.of(planned, runs, search)
    first = planned.settings[0].config
    footer = Provenance.of_study(f"map {planned.key}", first, counted(len(planned.settings), "setting"), planned.varied)
    score = config.task.score
    drawing = when_figure(found.cells, planned.x, planned.y, label(NAIVE), label(aligned), score)
    wanted.deliver(_text(found), found.rows, found.content, [drawing], lambda name: footer)
    by_reason: dict[str, list[str]] = {}
    for finding in found.every:
        if not finding.cell.known:
            by_reason.setdefault(finding.verdict, []).append(finding.setting.name)
    for why, names in by_reason.items():
        click.echo(f"{names[0] if len(names) == 1 else f'{len(names)} settings'}: {why}", err=True)
    return FAILED if any(run.error for run in runs) else None


def _text(found: Findings) -> str:
    lines = [found.plan.around, found.headline, "", table([_row(f) for f in found.every])]
    lines += ["", f"By {found.plan.base.task.score}: {found.by_score}. By error: {found.by_error}.", found.plan.limits]
    return "\n".join(lines)


def _row(f: Finding) -> dict[str, str]:
    known = f.cell.known
    return {
        "setting": f.setting.name,
        "naive error": percent(f.cell.naive_error),
        "aligned error": percent(f.cell.aligned_error),
        "naive ÷ aligned": times(10**f.cell.ratio) if known else "–",
        "naive": percent(f.naive_score, 1),
        "aligned": percent(f.aligned_score, 1),
        "points": signed(f.cell.gain) if known else "–",
    }
