"""``merge``: make one adapter of several clients'."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from fedrot_core.adapters.combine import RULES
from fedrot_core.adapters.config import MAX_RANK
from fedrot_core.adapters.merge import Merged
from fedrot_core.adapters.merge import merge as merged_of
from fedrot_core.adapters.write import unwritten
from fedrot_core.cli.adapters import (
    absent,
    listed,
    note_turns,
    read,
    side_option,
    sources_argument,
    stepper,
    turned,
    weights_option,
)
from fedrot_core.cli.flags import Teaching
from fedrot_core.cli.kinds import OneOf, Whole
from fedrot_core.cli.output import check_out, json_option, progress, quiet_option, say, table, write_file
from fedrot_core.cli.program import group
from fedrot_core.study.tables import as_json as json_text
from fedrot_core.wording import percent

EPILOG = """\b
Examples:
  fedrot merge clients/ --out merged
  fedrot merge clients/ --method svd --rank 16 --out merged.zip
  fedrot merge clients/ --method fedrot --reference hospital --side B --out merged
  fedrot merge clients/ --weights hospital=1200 --weights clinic=300 --out merged

\b
Methods:
  naive   averages A and B apart
  fedrot  turns each client onto a reference by one factor, then averages (FedRot-LoRA)
  gpa     turns all clients onto one another (generalised Procrustes), then averages
  svd     the best approximation of the exact weighted mean at one rank
  stack   all factors side by side: exact, and ranks add up
"""


@group.command(cls=Teaching, epilog=EPILOG)
@sources_argument
@click.option("--method", type=OneOf(RULES), default="gpa", show_default=True, help="How to merge; see below.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder or .zip to write.")
@weights_option
@turned
@side_option
@click.option("--rank", type=Whole(1, MAX_RANK), metavar="N", help="The rank of svd; the clients' largest by default.")
@json_option
@quiet_option
def merge(
    sources: tuple[Path, ...], method: str, out: Path, weights: tuple[tuple[str, float], ...], reference: str | None,
    group: str, strength: float, side: str, rank: int | None, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Merge the adapters in SOURCES into one that PEFT loads, with a model card that says what was done.

    SOURCES are folders, zips or .safetensors files with PEFT LoRA adapters. A folder is looked through; each folder in
    it that holds an adapter is one client, and is called as its folder is. Pickles are refused.
    """
    packed = out.suffix.lower() == ".zip"
    if packed:
        check_out(out, [".zip"])
        absent(out)
    else:
        unwritten(out)
    note_turns(method == "fedrot", "--method fedrot")
    found = read(sources, weights, quiet)
    with progress(len(found.modules), "Merging layers", quiet) as bar:
        made = merged_of(found, method, None, reference, side, group, strength, rank, stepper(bar))
    if packed:
        write_file(out, made.zip())
    else:
        made.save(out)
        click.echo(f"Wrote {out}.", err=True)
    if as_json:
        click.echo(_json(made), nl=False)
    else:
        say(_text(made))


def _json(made: Merged) -> str:
    return json_text(
        {
            "method": made.method,
            "reference": made.reference,
            "clients": made.names,
            "weights": made.weights,
            "error": made.total,
            "errors": made.errors,
            "averaged": made.averaged,
            "left_out": [dataclasses.asdict(row) for row in made.left_out],
            "refused": [dataclasses.asdict(row) for row in made.refused],
            "notes": made.notes,
        }
    )


def _text(made: Merged) -> str:
    rows = [{"layer": name, "missed": percent(error, 1)} for name, error in made.errors.items()]
    lines = [
        f"The merged adapter misses {percent(made.total)} of the exact weighted mean of {len(made.names)} clients.",
        "",
        table([*rows, {"layer": "all layers", "missed": percent(made.total, 1)}]),
        "",
        *([f"Averaged plainly: {', '.join(made.averaged)}."] if made.averaged else []),
        *listed("Left out:", made.left_out),
        *listed("Refused:", made.refused),
        *(["Notes:", *(f"  {note}" for note in made.notes)] if made.notes else []),
        "How accurate a model with it is, no file says: evaluate it.",
    ]
    return "\n".join(lines)
