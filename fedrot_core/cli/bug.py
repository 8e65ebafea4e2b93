"""``bug``: run a mistake found in public code beside the correct rule."""

from __future__ import annotations

from typing import Any

import click

from fedrot_core import ENGINE_VERSION
from fedrot_core.cli.flags import Teaching, some_settings
from fedrot_core.cli.kinds import OneOf, Whole
from fedrot_core.cli.output import table, train
from fedrot_core.cli.program import FAILED, group
from fedrot_core.cli.results import Wanted, results
from fedrot_core.errors import rule
from fedrot_core.export.provenance import Provenance
from fedrot_core.figures import View
from fedrot_core.figures.kit.base import FIGURES, of_run
from fedrot_core.learn.mistakes import MISTAKES
from fedrot_core.learn.mistakes.evidence import in_run, method_note, on_bench
from fedrot_core.learn.mistakes.game import BASE, CASES, SETTINGS, config_of, hidden

DRAWN = ("learning", "errors")

EPILOG = """\b
Examples:
  fedrot bug transposed
  fedrot bug --case 17

\b
Mistakes:
""" + "\n".join(f"  {name:14} {MISTAKES[name].title}" for name in MISTAKES)


@group.command(cls=Teaching, epilog=EPILOG)
@click.argument("name", required=False, type=OneOf(MISTAKES), metavar="[NAME]")
@click.option("--case", type=Whole(1, CASES), metavar="N", help="Show the mistake that case N of the game hides.")
@some_settings(SETTINGS, BASE)
@results(DRAWN)
def bug(name: str | None, case: int | None, settings: dict[str, Any], wanted: Wanted) -> int | None:
    """Run a mistake found in public code beside the correct rule, as on the page Spot the bug.

    NAME is one of the mistakes listed below. The evidence is the same measurements on the correct and the faulty copy,
    in a run and on a test bench.
    """
    if (name is None) == (case is None):
        given = "neither" if name is None else "both"
        remedy = f"Name one of {', '.join(MISTAKES)}, for example."
        raise rule("bug", "have a NAME or a --case, and not both", given, remedy)
    mistake = hidden(case) if case is not None else MISTAKES[name or ""]
    config = config_of({**settings, **({} if case is None else {"seed": case})})
    trace = train(config, wanted.quiet, mistake.arms(config))
    found = [*in_run(trace), *on_bench(mistake, config)]
    rows = [e.row for e in found]
    content = {
        "engine": ENGINE_VERSION, "config": config.to_dict(), "mistake": mistake.name, "title": mistake.title,
        "right": mistake.right, "wrong": mistake.wrong, "why": mistake.why, "tell": mistake.tell, "evidence": rows,
    }  # fmt: skip
    lines = [
        {"measured": e.asked, "correct": e.texts[0], "faulty": ("≠ " if e.differs else "") + e.texts[1]} for e in found
    ]
    told = [f"{mistake.title}.", table(lines), "", f"Right: {mistake.right}", f"Wrong: {mistake.wrong}", mistake.why]
    text = "\n".join([*told, f"What gives it away: {mistake.tell}", method_note(trace)])
    view = View(trace.arms[0].name, trace.rounds_done - 1)
    footer = Provenance.of_run(config, f"mistake {mistake.name}", checksum=trace.checksum)
    wanted.deliver(text, rows, content, [of_run(FIGURES[n], trace, view) for n in DRAWN], lambda _: footer)
    for stop in trace.stopped:
        click.echo(stop.message, err=True)
    return None if in_run(trace) else FAILED
