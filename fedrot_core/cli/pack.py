"""``pack``: make the files of a lecture from a lesson or a run, as one zip."""

from __future__ import annotations

from pathlib import Path

import click

from fedrot_core.cli.flags import Teaching, configured, settings_given
from fedrot_core.cli.kinds import OneOf, Whole
from fedrot_core.cli.output import check_out, progress, quiet_option, write_file
from fedrot_core.cli.program import group
from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.export.lecture.outline_lesson import lesson_outline
from fedrot_core.export.lecture.outlines import run_outline
from fedrot_core.export.lecture.pack import Options, build
from fedrot_core.export.lecture.pack_runs import Tell, runs_of, trained
from fedrot_core.export.lecture.slides import Outline
from fedrot_core.export.lecture.worksheet import MOST
from fedrot_core.export.picture.sizes import STYLES
from fedrot_core.export.run.run_file import RunFile
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.trace import Trace

EPILOG = """\b
Examples:
  fedrot pack --lesson one_update --out pack.zip
  fedrot pack --alpha 0.1 --rank 8 --style dark --out run.zip
  fedrot pack --from run.npz --questions 10 --worksheet-seed 7 --out pack.zip

\b
Lessons:
""" + "\n".join(f"  {lesson.name:15} {lesson.question}" for lesson in LESSONS.values())


@group.command(cls=Teaching, epilog=EPILOG)
@configured
@click.option("--lesson", type=OneOf(LESSONS), help="Make the pack from this lesson instead of from a run.")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write, a .zip."
)
@click.option(
    "--style",
    type=OneOf(STYLES),
    default="light",
    show_default=True,
    help="Colours of slides and figures.",
)
@click.option(
    "--questions",
    type=Whole(0, MOST),
    metavar="N",
    default=6,
    show_default=True,
    help="How many questions the worksheet has.",
)
@click.option(
    "--worksheet-seed",
    type=Whole(1, 9999),
    metavar="N",
    default=1,
    show_default=True,
    help="Chooses the questions: the same seed gives the same ones.",
)
@quiet_option
def pack(
    config: FederationConfig,
    source: RunFile | Trace | None,
    lesson: str | None,
    out: Path,
    style: str,
    questions: int,
    worksheet_seed: int,
    quiet: bool,
) -> None:
    """Make a lecture pack: slides for PowerPoint, browsers and LaTeX, figures, data, a worksheet and its answers.

    The pack is made from a lesson or from a run. The run is trained with the settings below, or is a trace given by
    --from, which is not trained again. Figures as SVG, PDF or PNG need Chrome or Chromium; without it the slides
    describe in words what the figures show.
    """
    check_out(out, [".zip"])
    if lesson is not None and (flags := settings_given()):
        raise rule("--lesson", "be used without settings of a run", ", ".join(flags), "Drop them, or drop --lesson.")
    options = Options(style, questions, worksheet_seed)
    given = source if isinstance(source, Trace) and source.config == config else None
    with progress(1, "Making the pack", quiet) as bar:

        def tell(done: int, total: int, what: str) -> None:
            bar.length, bar.pos, bar.label = total, done, what
            bar.update(0)

        content = build(_outline(lesson, config, given, tell), options, tell)
    write_file(out, content)


def never() -> bool:
    """Do not stop."""
    return False


def _outline(lesson: str | None, config: FederationConfig, given: Trace | None, tell: Tell) -> Outline:
    if lesson is None:
        return run_outline(given or trained(config, never, tell))
    values = LESSONS[lesson].defaults()
    return lesson_outline(LESSONS[lesson], values, runs_of(values, never, tell))
