"""``align``: write each client's adapter again, turned onto a common frame."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path

import click

from fedrot_core.adapters.align import AlignedAdapter, align_adapters
from fedrot_core.adapters.cohort import Cohort
from fedrot_core.adapters.trees import Refused
from fedrot_core.adapters.write import unwritten
from fedrot_core.cli.adapters import (
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
from fedrot_core.cli.output import json_option, progress, quiet_option, say, table
from fedrot_core.cli.program import group
from fedrot_core.study.tables import as_json as json_text
from fedrot_core.wording import counted, degrees

EPILOG = """\b
Examples:
  fedrot align clients/ --out aligned
  fedrot align clients/ --reference hospital --side B --out aligned
  fedrot align clients/ --out aligned && fedrot diagnose aligned
"""


@group.command(cls=Teaching, epilog=EPILOG)
@sources_argument
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write, one in it a client.")
@weights_option
@turned
@side_option
@json_option
@quiet_option
def align(
    sources: tuple[Path, ...], out: Path, weights: tuple[tuple[str, float], ...], reference: str | None, group: str,
    strength: float, side: str, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Write each adapter in SOURCES again with its factors turned: (B R)(Rᵀ A) = B A, so no client's update changes.

    Without --reference, clients are turned onto one another (generalised Procrustes). Adapters whose frames agree can
    be averaged by any tool that averages A and B apart.

    SOURCES are folders, zips or .safetensors files with PEFT LoRA adapters. A folder is looked through; each folder in
    it that holds an adapter is one client, and is called as its folder is. Pickles are refused.
    """
    note_turns(reference is not None, "--reference")
    found = read(sources, weights, quiet)
    folders = [out / where for where in _folders(found.names)]
    for folder in folders:
        unwritten(folder)
    made: list[AlignedAdapter] = []
    with progress(len(found.modules), "Turning layers", quiet) as bar:
        for one in align_adapters(found, reference, side, group, strength, stepper(bar)):
            one.save(folders[len(made)])
            made.append(one)
    click.echo(f"Wrote {counted(len(made), 'adapter')} into {out}.", err=True)
    if as_json:
        rows = [
            {"client": one.client, "folder": str(folder), "degrees": one.degrees, "kept": one.kept}
            | {"left_out": [dataclasses.asdict(row) for row in one.left_out]}
            for one, folder in zip(made, folders, strict=True)
        ]
        click.echo(json_text({"reference": reference, "clients": rows, "notes": found.notes}), nl=False)
    else:
        say(_text(made, found))


def _text(made: Sequence[AlignedAdapter], found: Cohort) -> str:
    rows = [{"client": one.client, "turned by up to": degrees(max(one.degrees.values()))} for one in made]
    left_out = [Refused(f"{one.client}, {row.name}", row.reason) for one in made for row in one.left_out]
    lines = [
        table(rows),
        "",
        *listed("Written as they were:", found.left_out),
        *listed("Left out:", left_out),
        *listed("Refused:", found.refused),
        *(["Notes:", *(f"  {note}" for note in found.notes)] if found.notes else []),
        "No client's update has changed.",
    ]
    return "\n".join(lines)


def _folders(names: Sequence[str]) -> list[Path]:
    """A folder for each client, by its name, of characters that any system takes."""
    found: list[Path] = []
    for name in names:
        parts = [re.sub(r"[^\w.\- ()]", "_", part).strip(". ") or "_" for part in name.split("/")]
        wanted, count = Path(*parts), 1
        while wanted in found:
            count += 1
            wanted = Path(*parts[:-1], f"{parts[-1]} ({count})")
        found.append(wanted)
    return found
