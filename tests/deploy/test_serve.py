"""What ``deploy.serve`` refuses before it starts anything, and the files beside it."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy import serve
from tests import ROOT

DEPLOY = ROOT / "deploy"


@pytest.mark.parametrize(("given", "base"), [("", ""), ("/", ""), ("fed", "/fed"), ("/fed/", "/fed"), ("a/b", "/a/b")])
def test_a_path_is_taken_with_or_without_slashes(given: str, base: str) -> None:
    assert serve.path_below(click.Context(serve.main), click.Option(["--base"]), given) == base


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--base", "fed { respond"], "letters, digits"),
        (["--workers", "0"], "x>=1"),
        (["--key", "KEY"], "give --certificate and --key together"),
        (["--certificate", "KEY", "--key", "KEY", "--internal"], "or --internal"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: name)
    key = tmp_path / "key"
    key.touch()
    said = CliRunner().invoke(serve.main, [str(key) if word == "KEY" else word for word in arguments])
    assert said.exit_code != 0
    assert told in said.output


def test_without_caddy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert "Debian's package is called caddy" in CliRunner().invoke(serve.main).output


def test_whoever_starts_the_proxy_sets_all_that_it_reads() -> None:
    read = set(re.findall(r"\{\$(\w+)\}", (DEPLOY / "Caddyfile").read_text()))
    for starter in ("serve.py", "compose.yaml"):
        assert read <= set(re.findall(r"FEDROT_\w+", (DEPLOY / starter).read_text())), starter
