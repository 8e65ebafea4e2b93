"""``run``: train one run, print how every method ends, and write the run to files."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import click

from fedrot_core.cli.flags import Teaching, configured, method_list
from fedrot_core.cli.output import (
    Writer,
    all_different,
    check_out,
    json_option,
    quiet_option,
    say,
    table,
    train,
    write_file,
)
from fedrot_core.cli.program import FAILED, group
from fedrot_core.config import FederationConfig
from fedrot_core.export.run import code, run_file
from fedrot_core.export.run.link_check import link_check
from fedrot_core.study import tables
from fedrot_core.study.presets import sentence
from fedrot_core.trace import Trace
from fedrot_core.wording import percent


def _npz(trace: Trace) -> bytes:
    file = io.BytesIO()
    trace.save(file)
    return file.getvalue()


WRITERS: dict[str, Writer] = {
    ".json": run_file.write,
    ".npz": _npz,
    ".py": lambda trace: code.script(trace.config, link_check(trace)).encode(),
    ".ipynb": lambda trace: code.notebook(trace.config, link_check(trace)),
}

EPILOG = f"""\b
Examples:
  fedrot run --frames turned --theta 90 --arms fedit,fedrot,gpa
  fedrot run --alpha 0.1 --rank 16 --out run.json --out run.npz
  fedrot run --preset independent --seed 3
  fedrot run --from run.json --seed 1 --json > result.json

{method_list()}
"""


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option(
    "--out",
    "outs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the run to a file; may be given several times. The ending chooses what is written: .json a run file "
    "for `fedrot verify`, .npz the whole trace, .py a script or .ipynb a notebook that repeats the run.",
)
@json_option
@quiet_option
def run(config: FederationConfig, outs: tuple[Path, ...], as_json: bool, quiet: bool) -> int | None:
    """Train one run, in which all methods share the seed, the split and the mini-batches."""
    for out in outs:
        check_out(out, WRITERS)
    all_different(outs)
    trace = train(config, quiet)
    for out in outs:
        write_file(out, WRITERS[out.suffix.lower()](trace))
    if as_json:
        click.echo(_json(trace), nl=False)
    else:
        say(_text(trace))
    done = [card for card in trace.arms if len(trace.arm(card.name)) == trace.config.train.rounds]
    return None if done else FAILED


def summary(trace: Trace) -> list[dict[str, Any]]:
    """One row per method: the numbers after its last round, and its mean traffic; NaN if it finished no round."""
    stops = {s.arm: s.message for s in trace.stopped}
    rows = []
    for card in trace.arms:
        records = trace.arm(card.name)
        last = records[-1] if records else None
        up, down = trace.traffic(card.name)
        rows.append(
            {
                "method": card.name,
                "label": card.label,
                "score": last.score if last else math.nan,
                "loss": last.loss if last else math.nan,
                "error": float(last.errors.own[-1]) if last else math.nan,
                "bytes_up": up,
                "bytes_down": down,
                "rounds": len(records),
                "stopped": stops.get(card.name, ""),
            }
        )
    return rows


def _json(trace: Trace) -> str:
    last = trace.centralised[-1] if trace.centralised else None
    return tables.as_json(
        {
            "engine": trace.engine,
            "device": trace.device,
            "precision": trace.precision,
            "notices": list(trace.notices),
            "made_with": trace.made_with,
            "config": trace.config.to_dict(),
            "checksum": trace.checksum,
            "score_name": trace.task.score_name,
            "loss_name": trace.task.loss_name,
            "start": {"score": trace.task.start_score, "loss": trace.task.start_loss},
            "look": sentence(trace, trace.rounds_done - 1) if trace.rounds_done else "",
            "centralised": {"score": last.score, "loss": last.loss} if last else None,
            "methods": summary(trace),
        }
    )


def _text(trace: Trace) -> str:
    rows = [
        {
            "method": row["label"],
            trace.task.score_name: percent(row["score"], 1),
            trace.task.loss_name: f"{row['loss']:.3g}" if row["rounds"] else "–",
            "error": percent(row["error"]),
            "kB up/down": f"{row['bytes_up'] / 1000:.1f}/{row['bytes_down'] / 1000:.1f}" if row["rounds"] else "–",
            "rounds": str(row["rounds"]),
        }
        for row in summary(trace)
    ]
    last = trace.centralised[-1].score
    lines = [
        trace.task.summary,
        "",
        table(rows),
        "",
        f"Start {percent(trace.task.start_score, 1)}, centralised {percent(last, 1)}. "
        "Errors are relative to the ideal update Σ w B A.",
        sentence(trace, trace.rounds_done - 1) if trace.rounds_done else "",
        *(stop.message for stop in trace.stopped),
        *trace.notices,
        f"Checksum {trace.checksum}.",
    ]
    return "\n".join(lines)
