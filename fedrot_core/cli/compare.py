"""``compare``: several methods on several seeds, and which one to choose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from fedrot_core import ENGINE_VERSION
from fedrot_core.cli.flags import Teaching, configured, method_list
from fedrot_core.cli.output import (
    as_csv,
    check_out,
    json_option,
    quiet_option,
    share,
    small,
    summaries,
    table,
    write_file,
)
from fedrot_core.cli.output import (
    as_json as json_text,
)
from fedrot_core.cli.program import FAILED, group
from fedrot_core.config import FederationConfig
from fedrot_core.errors import ConfigError
from fedrot_core.federation import Federation
from fedrot_core.methods import METHODS
from fedrot_core.summary import ArmStatistics, RunSummary, choose, statistics

MOST_SEEDS = 100

EPILOG = f"""\b
Examples:
  python -m fedrot_core compare --arms fedit,fedrot,gpa,fedex --seeds 10
  python -m fedrot_core compare --frames trained --alpha 0.05 --out compare.csv

{method_list()}
"""


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option(
    "--seeds",
    type=click.IntRange(1, MOST_SEEDS),
    metavar="N",
    default=5,
    show_default=True,
    help="How many seeds, from --seed on.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    metavar="X",
    default=0.01,
    show_default=True,
    help="Recommend the cheapest method whose median score is within this much of the best.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table as .csv or .json.")
@json_option
@quiet_option
def compare(
    config: FederationConfig, seeds: int, margin: float, out: Path | None, as_json: bool, quiet: bool
) -> int | None:
    """Compare methods over seeds: medians, quartiles, and a recommendation.

    Methods that cannot do what the settings ask are left out, with the reason.
    """
    if out:
        check_out(out, (".csv", ".json"))
    refused = {name: why for name in config.methods if (why := _refusal(config.with_values({"arms": (name,)})))}
    able = tuple(name for name in config.methods if name not in refused)
    if not able:
        raise ConfigError(" ".join(refused.values()), "arms")
    configs = [config.with_values({"arms": able, "seed": (config.seed + n) % 10_000}) for n in range(seeds)]
    runs = summaries(configs, f"Running {len(able)} methods on {seeds} seeds", quiet)
    found = [statistics(runs, name) for name in able]
    rows, advice = [_row(arm) for arm in found], recommendation(runs, found, margin)
    content = _content(config, runs, rows, refused, advice)
    if out:
        text = as_csv(rows) if out.suffix.lower() == ".csv" else json_text(content)
        write_file(out, text.encode())
    if as_json:
        click.echo(json_text(content), nl=False)
    else:
        click.echo(_text(config, found, refused, advice, seeds, runs[0].score_name))
    for run in runs:
        if run.error:
            click.echo(f"Seed {run.config.seed}: {run.error}", err=True)
    return FAILED if any(run.error for run in runs) or choose(found, margin) is None else None


def _refusal(config: FederationConfig) -> str:
    """Why ``config`` cannot run, or empty."""
    try:
        Federation(config)
    except ConfigError as error:
        return str(error)
    return ""


def recommendation(runs: Sequence[RunSummary], arms: Sequence[ArmStatistics], margin: float) -> str:
    """Which method to choose, why, and what the seeds do not settle."""
    choice = choose(arms, margin)
    if choice is None:
        return "No method ran to its last round on every seed, so there is nothing to choose between."
    chosen, best, name = choice.chosen, choice.best, runs[0].score_name
    if len(arms) == 1:
        return f"{_label(chosen)} alone: median {name} {share(chosen.score.median)}."
    text = f"Choose {_label(chosen)}: median {name} {share(chosen.score.median)}"
    if chosen is best:
        text += ", the best, and nobody as good is cheaper."
    else:
        part = 100 * chosen.traffic / best.traffic
        text += f", within {100 * margin:g} points of {_label(best)} ({share(best.score.median)}), at {part:.0f} % "
        text += "of its traffic."
    if choice.tied:
        ties = ", ".join(f"{_label(arm)} (at least as good on {n} of {len(runs)} seeds)" for arm, n in choice.tied)
        text += f" The seeds do not separate it from: {ties}."
    if len(runs) < 3:
        text += " Fewer than three seeds show too little of the spread."
    return text


def _label(arm: ArmStatistics) -> str:
    return METHODS[arm.name].card.label


def _row(arm: ArmStatistics) -> dict[str, Any]:
    return {
        "method": arm.name,
        "label": _label(arm),
        "score": float(arm.score.median),
        "score_low": float(arm.score.low),
        "score_high": float(arm.score.high),
        "error": float(arm.error.median),
        "error_low": float(arm.error.low),
        "error_high": float(arm.error.high),
        "exact": arm.exact,
        "bytes_up": arm.bytes_up,
        "bytes_down": arm.bytes_down,
        "work_seconds": arm.work,
        "seeds": len(arm.finals),
        "stopped_seeds": len(arm.stopped),
    }


def _content(
    config: FederationConfig,
    runs: Sequence[RunSummary],
    rows: Sequence[dict[str, Any]],
    refused: dict[str, str],
    advice: str,
) -> dict[str, Any]:
    return {
        "engine": ENGINE_VERSION,
        "config": config.to_dict(),
        "seeds": [run.config.seed for run in runs],
        "score_name": runs[0].score_name,
        "methods": rows,
        "refused": refused,
        "recommendation": advice,
        "scores": {row["method"]: [_final(run, row["method"]) for run in runs] for row in rows},
    }


def _final(run: RunSummary, name: str) -> float | None:
    """A seed's score after the last round; None where it stopped early."""
    arm = run.arms.get(name)
    return None if arm is None or arm.stopped or not len(arm.scores) else float(arm.scores[-1])


def _text(
    config: FederationConfig,
    arms: Sequence[ArmStatistics],
    refused: dict[str, str],
    advice: str,
    seeds: int,
    score_name: str,
) -> str:
    ordered = sorted(arms, key=lambda arm: -np.nan_to_num(float(arm.score.median), nan=-1.0))
    rows = [
        {
            "method": _label(arm),
            score_name: share(arm.score.median),
            "quartiles": f"{share(arm.score.low)} .. {share(arm.score.high)}",
            "error": "exact" if arm.exact else small(arm.error.median),
            "kB up/down": f"{arm.bytes_up / 1000:.1f}/{arm.bytes_down / 1000:.1f}",
            "stopped": f"{len(arm.stopped)} of {len(arm.finals)}" if arm.stopped else "",
        }
        for arm in ordered
    ]
    lines = [table(rows), "", advice, *(f"Left out: {why}" for why in refused.values())]
    many = "1 seed" if seeds == 1 else f"{seeds} seeds"
    lines.append(f"Median and quartiles of {many} after {config.train.rounds} rounds. A small model, not an LLM.")
    return "\n".join(lines)
