"""``spin``: turn one client's frame and see which metrics move."""

from __future__ import annotations

import click

from fedrot_core.cli.flags import Teaching, configured
from fedrot_core.cli.kinds import Whole
from fedrot_core.cli.output import table
from fedrot_core.cli.program import FAILED, group
from fedrot_core.cli.results import Wanted, results
from fedrot_core.config import FederationConfig
from fedrot_core.study.spin import gauge_test, pair

EPILOG = """\b
Examples:
  fedrot spin
  fedrot spin --show gpa --round 3 --client 2 --out metrics.csv
"""


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option(
    "--round",
    "round_index",
    type=int,
    metavar="N",
    default=0,
    show_default=True,
    help="In which round the client is turned, from 0.",
)
@click.option("--show", metavar="METHOD", help="Which method to test; by default the first one of --arms.")
@click.option("--client", type=int, metavar="N", default=0, show_default=True, help="Which client is turned, from 0.")
@click.option(
    "--turn",
    type=Whole(0),
    metavar="N",
    default=0,
    show_default=True,
    help="Number of the random rotation; each gives another one.",
)
@results(())
def spin(
    config: FederationConfig, round_index: int, show: str | None, client: int, turn: int, wanted: Wanted
) -> int | None:
    """Turn one client's frame and see which metrics move, as the gauge badges in the lab do.

    The turn does not change the client's update B A, so a metric that moves depends on the client's frame.
    """
    found = gauge_test(config, show or config.methods[0], round_index, client, turn)
    lines = [
        {
            "metric": row.label,
            "gauge": row.claim,
            "as sent → turned": " → ".join(pair(row)),
            "moved": "against its badge" if not row.holds else "yes" if row.moved else "no",
        }
        for row in found.turn.rows
    ]
    wanted.deliver(f"{found.text}\n\n{table(lines)}", found.rows, found.content, (), lambda _: "")
    return None if all(row.holds for row in found.turn.rows) else FAILED
