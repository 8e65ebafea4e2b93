"""``verify``: run something again and compare it number by number."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import click

from fedrot_core.cli.flags import LEAVES, Teaching, changed
from fedrot_core.cli.inputs import bounded, open_run
from fedrot_core.cli.output import json_option, progress, quiet_option, train
from fedrot_core.cli.program import FAILED, UNDECIDED, group
from fedrot_core.config import FederationConfig
from fedrot_core.errors import rule
from fedrot_core.export.run.link_check import compare_link
from fedrot_core.export.run.run_file import RunFile
from fedrot_core.export.run.verdict import Verdict
from fedrot_core.export.run.verify import steady_rounds
from fedrot_core.export.run.verify import verify as rerun
from fedrot_core.export.take_home.check import MAX_BYTES as PAGE_BYTES
from fedrot_core.export.take_home.check import SAMPLE, PageVerdict, check_page
from fedrot_core.study.tables import as_json as json_text

EPILOG = """\b
Examples:
  fedrot run --out run.json
  fedrot verify run.json
  fedrot verify "http://127.0.0.1:8501/lab?rank=2&check=4-cpu-float64-0123456789abcdef-..."

\b
Exit codes: 0 every number is equal, or the same up to rounding; 1 a number differs, and the first one is
named; 2 TARGET cannot be read; 3 rounding hides whether all numbers are the same.
"""


@group.command(cls=Teaching, epilog=EPILOG)
@click.argument("target")
@click.option("--exact", is_flag=True, help="Accept only numbers that are equal bit for bit.")
@json_option
@quiet_option
def verify(target: str, exact: bool, as_json: bool, quiet: bool) -> int | None:
    """Rerun TARGET and say "reproduced" or "the same numbers", or name the first number that differs.

    TARGET is a run file (.json), a trace (.npz), a take-home page (.html, of which only a few settings are rerun), or a
    shared link that holds a `check`.
    """
    verdict = _link(target, quiet) if "://" in target or target.startswith("?") else _file(Path(target), quiet)
    told = {**dataclasses.asdict(verdict), "outcome": verdict.outcome, "text": str(verdict)}
    click.echo(json_text(told) if as_json else verdict, nl=not as_json)
    if verdict.outcome == "differs" or (exact and verdict.outcome != "reproduced"):
        return FAILED
    return UNDECIDED if verdict.outcome == "agrees" else None


def _file(path: Path, quiet: bool) -> Verdict | PageVerdict:
    try:
        if path.suffix.lower() == ".html":
            return _page(bounded(path, PAGE_BYTES, "a take-home page"), quiet)
        opened = open_run(path)
    except OSError as error:
        raise click.UsageError(f"{path} must be a file that can be read; {error.strerror}. Check its name.") from None
    run = opened if isinstance(opened, RunFile) else RunFile.of(opened)
    with progress(run.rounds, "Running it again", quiet) as bar:
        return rerun(run, on_round=lambda done: bar.update(1))


def _page(content: bytes, quiet: bool) -> PageVerdict:
    with progress(SAMPLE, "Training some settings again", quiet) as bar:
        return check_page(content, on_setting=lambda: bar.update(1))


def _link(link: str, quiet: bool) -> Verdict:
    """Settings and check from a link; what it says of the page's own selection does not matter here."""
    config, check = linked(link)
    trace = train(config, quiet)
    verdict = compare_link(check, trace)
    return compare_link(check, trace, steady_rounds(trace)) if verdict.may_be_rounding else verdict


def linked(link: str) -> tuple[FederationConfig, str]:
    """The config and the check of a shared link.

    Raises:
        ConfigError, click.UsageError: if it cannot be read, or holds a setting that breaks a rule.
    """
    try:
        query = dict(parse_qsl(urlsplit(link).query))
    except ValueError as error:  # an address that is none
        raise rule("A link", f"be an address ({error})", link, "Copy the whole link again.") from None
    if "check" not in query:
        raise rule("A link", "hold a check to be verified", link, "Share the link of a whole run.")
    config = changed(FederationConfig(), {key: LEAVES[key].parse(query[key]) for key in query if key in LEAVES})
    return config, query["check"]
