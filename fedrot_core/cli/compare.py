"""``compare``: run several methods on several seeds, and say which one to choose."""

from __future__ import annotations

import click
import numpy as np
from click.core import ParameterSource

from fedrot_core.cli.flags import PREFIX, Teaching, configured, method_list
from fedrot_core.cli.kinds import Decimal, Whole
from fedrot_core.cli.output import summaries, table
from fedrot_core.cli.program import FAILED, group
from fedrot_core.cli.results import Wanted, results
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures.study.comparison import compare_figures
from fedrot_core.study.comparison import USUAL, Comparison, plan
from fedrot_core.study.seeds import MOST_SEEDS
from fedrot_core.study.summary import TIE
from fedrot_core.wording import counted, percent

FIGURES = ("compare_learning", "compare_errors", "compare_cost")

EPILOG = f"""\b
Examples:
  fedrot compare --arms fedit,fedrot,gpa,fedex --seeds 10
  fedrot compare --frames trained --alpha 0.05 --out compare.csv
  fedrot compare --seeds 6 --draw compare_cost=cost.svg

{method_list()}
"""


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option(
    "--seeds",
    type=Whole(1, MOST_SEEDS),
    metavar="N",
    default=5,
    show_default=True,
    help="How many seeds to run, counted up from --seed; after the last possible seed comes 0.",
)
@click.option(
    "--margin",
    type=Decimal(0, 1),
    metavar="X",
    default=TIE,
    show_default=True,
    help="Recommend the cheapest method whose median score is within this share of the best (0.01 is one point).",
)
@results(FIGURES)
def compare(config: FederationConfig, seeds: int, margin: float, wanted: Wanted) -> int | None:
    """Compare methods over several seeds and recommend one, as on the page Compare.

    Without --arms, --from and --preset, it compares the six methods that the page shows first.
    The output has medians and quartiles over the seeds. Methods that cannot do what the settings ask for are left out,
    and the reason is given.
    """
    given = click.get_current_context().get_parameter_source
    chosen = any(given(name) is ParameterSource.COMMANDLINE for name in (f"{PREFIX}arms", "base", "preset"))
    planned = plan(config, config.methods if chosen else USUAL, seeds, margin)
    if not planned.configs:
        raise ConfigError(" ".join(planned.refused.values()), "arms")
    work = f"Running {counted(len(planned.cards), 'method')} on {counted(seeds, 'seed')}"
    runs = summaries(planned.configs, work, wanted.quiet)
    found = Comparison(planned, tuple(runs))
    extent = f"{len(runs)} of {counted(seeds, 'seed')}"
    footer = Provenance.of_study(f"comparison {planned.key}", planned.configs[0], extent)
    drawings = compare_figures(found.runs, planned.cards, seeds)
    wanted.deliver(_text(found), found.rows, found.content, drawings, lambda name: footer)
    for run in runs:
        if run.error:
            click.echo(f"Seed {run.config.seed}: {run.error}", err=True)
    return FAILED if any(run.error for run in runs) or found.choice is None else None


def _text(found: Comparison) -> str:
    ordered = sorted(found.rows, key=lambda row: -np.nan_to_num(row["score"], nan=-1.0))
    rows = [
        {
            "method": row["label"],
            found.score_name: percent(row["score"], 1),
            "quartiles": f"{percent(row['score_low'], 1)} .. {percent(row['score_high'], 1)}",
            "error": "exact" if row["exact"] else percent(row["error"]),
            "kB up/down": f"{row['bytes_up'] / 1000:.1f}/{row['bytes_down'] / 1000:.1f}",
            "stopped": f"{row['stopped_seeds']} of {row['seeds']}" if row["stopped_seeds"] else "",
        }
        for row in ordered
    ]
    return "\n".join([table(rows), "", " ".join(found.verdict), *found.plan.left_out, found.note])
