"""``sweep``: run a grid over any settings, and write the results as CSV or JSON."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from fedrot_core.cli.flags import LEAVES, Teaching, changed, configured, note_idle
from fedrot_core.cli.kinds import Whole
from fedrot_core.cli.output import check_out, comma_option, quiet_option, summaries, write_file
from fedrot_core.cli.program import FAILED, group
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError, rule
from fedrot_core.study.seeds import over_seeds
from fedrot_core.study.summary import RunSummary
from fedrot_core.study.tables import as_csv, as_json
from fedrot_core.wording import counted

MOST_RUNS = 10_000

EPILOG = """\b
Examples:
  fedrot sweep --grid alpha=0.1,1,10 --grid rank=2,4,8 --out sweep.csv
  fedrot sweep --grid theta=0,60,120,180 --frames turned --seeds 3 > theta.csv
  fedrot sweep --grid arms=fedit,fedrot+gpa --every-round --out curves.json

\b
Columns of each row: the grid's settings, seed, method, rounds, score, loss, error (relative to the ideal update),
naive_error (error of the naive average of the same factors), start (score before training), centralised (score of
training on all data), bytes_up and bytes_down (per client and round; a row of a whole run has the
mean over its rounds), stopped and problem (why an arm or a run ended early).
"""


class Axis(click.ParamType[Any]):
    """``key=value,value``: a setting and its values. A value of ``arms`` joins the methods of one run with ``+``."""

    name = "key=v,v"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return (key, values)."""
        if isinstance(value, tuple):
            return value
        key, equals, text = value.partition("=")
        key = key.strip().lstrip("-").replace("-", "_")
        try:
            if not equals:
                raise rule("A grid", "have the form key=value,value", value, "Write for example rank=2,4,8.")
            if key not in LEAVES:
                raise rule("A grid's key", f"be one of {', '.join(LEAVES)}", key, "Name one of these settings.")
            leaf = LEAVES[key]
            joined = leaf.kind not in (int, float, str)
            found = [leaf.parse(part.replace("+", ",") if joined else part) for part in text.split(",")]
            if len(set(found)) != len(found):
                raise rule("A grid", "name each value once", value, "Leave out the repeated one.")
        except ConfigError as error:
            self.fail(str(error), param, ctx)
        return key, found


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option(
    "--grid",
    "axes",
    multiple=True,
    type=Axis(),
    required=True,
    help="A setting and its values, such as rank=2,4,8; give it several times to run all combinations.",
)
@click.option(
    "--seeds",
    type=Whole(1, 1000),
    metavar="N",
    default=1,
    show_default=True,
    help="How many seeds each combination runs on, counted up from --seed.",
)
@click.option("--every-round", is_flag=True, help="Write one row for each round instead of the last one only.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The .csv or .json file to write; by default CSV is printed on stdout.",
)
@comma_option
@quiet_option
def sweep(
    config: FederationConfig,
    axes: tuple[tuple[str, list[Any]], ...],
    seeds: int,
    every_round: bool,
    out: Path | None,
    decimal_comma: bool,
    quiet: bool,
) -> int | None:
    """Run a grid over any settings and write one row for each run and method."""
    if out:
        check_out(out, (".csv", ".json"))
    keys = [key for key, _ in axes]
    if len(set(keys)) != len(keys):
        raise rule("--grid", "name each setting once", ", ".join(keys), "Join the values of one setting.")
    if seeds > 1 and "seed" in keys:
        raise rule("--seeds", "be 1 if the grid varies the seed", seeds, "Drop one of the two.")
    count = math.prod(len(values) for _, values in axes) * seeds
    if count > MOST_RUNS:
        raise rule("A sweep", f"hold at most {MOST_RUNS:,} runs", count, "Take fewer values.")
    combinations = [dict(zip(keys, values, strict=True)) for values in itertools.product(*(v for _, v in axes))]
    wanted = [run for values in combinations for run in over_seeds(changed(config, values), seeds)]
    configs = list(dict.fromkeys(wanted))  # another task may not know a setting: its values are then one run
    note_idle(configs, keys)
    found: list[RunSummary] = []
    try:
        summaries(configs, f"Sweeping {counted(len(configs), 'run')}", quiet, found)
    finally:  # Ctrl-C keeps what is done
        order = {config.hash: n for n, config in enumerate(configs)}
        found.sort(key=lambda run: order[run.config.hash])
        rows = [row for run in found for row in _rows(run, keys, every_round)]
        if rows:
            text = as_json(rows) if out and out.suffix.lower() == ".json" else as_csv(rows, decimal_comma)
            if out:
                write_file(out, text.encode())
            else:
                click.echo(text, nl=False)
    for run in found:
        if run.error:
            click.echo(f"{_named(run, keys)}: {run.error}", err=True)
    return FAILED if any(run.error for run in found) else None


def _named(run: RunSummary, keys: Sequence[str]) -> str:
    values = run.config.values()
    return ", ".join(f"{key}={_plain(values[key])}" for key in dict.fromkeys([*keys, "seed"]) if key in values)


def _plain(value: Any) -> Any:
    return "+".join(value) if isinstance(value, tuple) else value


def _rows(run: RunSummary, keys: Sequence[str], every_round: bool) -> Iterator[dict[str, Any]]:
    """One row an arm, or an arm and round; one for the run if it could not be done."""
    values = run.config.values()
    head = {key: _plain(values.get(key, "")) for key in keys if key != "arms"} | {"seed": run.config.seed}
    if run.error:
        yield head | {"problem": run.error}
    for name, arm in run.arms.items():
        done = len(arm.scores)
        up, down = (
            traffic if every_round or not done else np.full(done, traffic.mean())
            for traffic in (arm.bytes_up, arm.bytes_down)
        )
        shown = range(done) if every_round and done else [done - 1]
        for t in shown:
            numbers = {
                "score": arm.scores, "loss": arm.losses, "error": arm.errors, "naive_error": arm.naive_errors,
                "centralised": run.centralised, "bytes_up": up, "bytes_down": down,
            }  # fmt: skip
            yield {
                **head,
                "method": name,
                "rounds": t + 1,
                "start": run.start_score,
                **{key: float(column[t]) if 0 <= t < len(column) else float(np.nan) for key, column in numbers.items()},
                "stopped": arm.stopped,
                "problem": "",
            }
