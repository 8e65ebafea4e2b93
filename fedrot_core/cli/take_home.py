"""``take-home``: make an offline page with a small grid of runs, for students without Python."""

from __future__ import annotations

from pathlib import Path

import click

from fedrot_core.cli.flags import Teaching
from fedrot_core.cli.output import check_out, progress, quiet_option, write_file
from fedrot_core.cli.program import group
from fedrot_core.export.take_home.build import GRID_OF_PAGE, build
from fedrot_core.export.take_home.known import KnownRows

EPILOG = """\b
Examples:
  fedrot take-home --out take-home.html
"""


@group.command("take-home", cls=Teaching, epilog=EPILOG)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write, an .html."
)
@quiet_option
def take_home(out: Path, quiet: bool) -> None:
    """Make an offline page for students without Python, as on the page Take home."""
    check_out(out, (".html",))
    with progress(len(GRID_OF_PAGE.settings), "Training the page's settings", quiet) as bar:
        page = build(GRID_OF_PAGE, on_progress=lambda done, total: bar.update(done - bar.pos), rows=KnownRows())
        write_file(out, page)
