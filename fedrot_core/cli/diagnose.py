"""``diagnose``: say what averaging the adapters of several clients loses, layer by layer, and what to do about it."""

from __future__ import annotations

from pathlib import Path

import click

from fedrot_core.adapters.diagnosis import Diagnosis
from fedrot_core.adapters.diagnosis import diagnose as diagnosed
from fedrot_core.adapters.layer_report import LayerReport
from fedrot_core.cli.adapters import listed, read, sources_argument, stepper, turned, weights_option
from fedrot_core.cli.flags import Teaching
from fedrot_core.cli.output import (
    check_out,
    comma_option,
    json_option,
    progress,
    quiet_option,
    say,
    table,
    write_file,
)
from fedrot_core.cli.program import group
from fedrot_core.study.tables import as_csv
from fedrot_core.study.tables import as_json as json_text
from fedrot_core.wording import degrees, percent

EPILOG = """\b
Examples:
  fedrot diagnose clients/
  fedrot diagnose hospital clinic.zip --weights hospital=1200 --weights clinic=300
  fedrot diagnose clients/ --json > found.json
  fedrot diagnose clients/ --out layers.csv

\b
Columns: errors of plain averaging, of FedRot-LoRA by A and by B, of generalised Procrustes (gpa), and the smallest
that any factors of this rank can have (floor), all relative to the exact weighted mean Σ w B A; the mean angle by
which generalised Procrustes turns the client that it turns most.
"""


@group.command(cls=Teaching, epilog=EPILOG)
@sources_argument
@weights_option
@turned
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table to a .csv file too.")
@comma_option
@json_option
@quiet_option
def diagnose(
    sources: tuple[Path, ...], weights: tuple[tuple[str, float], ...], reference: str | None, group: str,
    strength: float, out: Path | None, decimal_comma: bool, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Say what averaging the adapters in SOURCES loses, layer by layer, and how much of it turning them removes.

    SOURCES are folders, zips or .safetensors files with PEFT LoRA adapters. A folder is looked through; each folder in
    it that holds an adapter is one client, and is called as its folder is. Pickles are refused.
    """
    if out:
        check_out(out, [".csv"])
    found = read(sources, weights, quiet)
    with progress(len(found.modules), "Comparing layers", quiet) as bar:
        told = diagnosed(found, None, reference, group, strength, stepper(bar))
    if out:
        write_file(out, as_csv(told.rows, decimal_comma).encode())
    if as_json:
        click.echo(json_text(told.content), nl=False)
    else:
        say(_text(told))


SHOWN = 20
"""How many clients are named before they are only counted."""

HEADS = {"naive": "plain", "align_A": "FedRot A", "align_B": "FedRot B", "gpa": "gpa", "floor": "floor"}


def _text(told: Diagnosis) -> str:
    rows = [_shown(layer.name, layer.errors, _angle(layer)) for layer in told.layers]
    angles = [angle for angle in map(_angle, told.layers) if angle is not None]
    rows.append(_shown("all layers", told.totals, max(angles, default=None)))
    found = told.cohort
    shares = [f"{name} {percent(w)}" for name, w in zip(told.clients, found.weights.tolist(), strict=True)]
    if len(shares) > SHOWN:
        shares[SHOWN:] = [f"and {len(shares) - SHOWN} more"]
    odd = [f"  {one.client}: {one.reason}" for one in told.outliers]
    notes = [f"  {note}" for note in (*told.verdict.notes, *found.notes)]
    lines = [
        told.verdict.sentence,
        "",
        table(rows),
        "",
        f"Clients and their weights: {', '.join(shares)}. FedRot-LoRA turns them onto {told.reference}.",
        *(["Clients that stand out:", *odd] if odd else []),
        *listed("Left out:", found.left_out),
        *listed("Refused:", found.refused),
        *["Notes:", *notes],
    ]
    return "\n".join(lines)


def _angle(layer: LayerReport) -> float | None:
    return layer.turn if layer.angles.size else None


def _shown(name: str, errors: dict[str, float], angle: float | None) -> dict[str, str]:
    """One row of the table."""
    shares = {head: percent(errors[rung], 1) if rung in errors else "–" for rung, head in HEADS.items()}
    return {"layer": name, **shares, "turn": "–" if angle is None else degrees(angle)}
