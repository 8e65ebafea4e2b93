"""``quiz``: make a worksheet of questions, and its answers."""

from __future__ import annotations

from pathlib import Path

import click

from fedrot_core.cli.flags import Teaching
from fedrot_core.cli.kinds import OneOf, Whole
from fedrot_core.cli.output import all_different, check_out, say, write_file
from fedrot_core.cli.program import group
from fedrot_core.export.lecture.worksheet import MOST, as_html, as_markdown, questions
from fedrot_core.export.provenance import line
from fedrot_core.learn.lessons import LESSONS
from fedrot_core.learn.quiz import topics
from fedrot_core.learn.quiz.base import EVERYTHING, SEEDS

EPILOG = """\b
Examples:
  fedrot quiz --topic procrustes --seed 7
  fedrot quiz --questions 12 --out sheet.html --key key.html
"""


@group.command(cls=Teaching, epilog=EPILOG)
@click.option(
    "--topic",
    type=OneOf([EVERYTHING, *topics()]),
    default=EVERYTHING,
    show_default=True,
    help="What the questions are about.",
)
@click.option(
    "--seed", type=Whole(1, SEEDS), metavar="N", default=1, show_default=True,
    help="The same seed gives everyone the same questions, here and on the page Quiz.",
)  # fmt: skip
@click.option("--questions", "count", type=Whole(1, MOST), metavar="N", default=6, show_default=True,
    help="How many questions.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the questions to this .html or .md file."
)
@click.option(
    "--key", type=click.Path(dir_okay=False, path_type=Path), help="Write the answers to this .html or .md file."
)
@click.option("--answers", is_flag=True, help="Print the answers instead of the questions.")
def quiz(topic: str, seed: int, count: int, out: Path | None, key: Path | None, answers: bool) -> None:
    """Make quiz questions, with numbers drawn from a seed, as on the page Quiz."""
    files = [(file, is_key) for file, is_key in ((out, False), (key, True)) if file is not None]
    for file, is_key in files:
        check_out(file, (".html", ".md"), "--key" if is_key else "--out")
    all_different([file for file, _ in files])
    titles = {EVERYTHING: "all lessons", **{name: LESSONS[name].title for name in topics()}}
    asked = questions(seed, count, topic)
    title, source = (
        "Quiz: federated LoRA",
        line(f"topic: {titles[topic]}", f"seed {seed}, {count} question{'s' * (count > 1)}"),
    )
    for file, is_key in files:
        write = as_html if file.suffix.lower() == ".html" else as_markdown
        write_file(file, write(title, source, asked, is_key).encode())
    if answers or not files:
        say(as_markdown(title, source, asked, answers))
