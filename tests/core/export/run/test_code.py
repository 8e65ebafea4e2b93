"""A run as code: only what is not default is written, nothing can be smuggled in, and both kinds run and reproduce."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedrot_core.config import FederationConfig, leaves
from fedrot_core.config.fields import TASK
from fedrot_core.errors import ConfigError
from fedrot_core.export.run.code import notebook, script
from fedrot_core.methods import METHODS
from fedrot_core.workloads import WORKLOADS
from tests import ROOT
from tests.core.export.small import config

read_book: Any = nbformat.reads  # has no types
SUM = "3-cpu-float64-0123456789abcdef-" + "A" * 32 * 18


def built(source: str) -> FederationConfig:
    """The config that the code builds, its imports and that statement run alone."""
    tree = ast.parse(source)
    kept: list[ast.stmt] = [
        n
        for n in tree.body
        if isinstance(n, ast.ImportFrom) or (isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "config")
    ]
    names: dict[str, Any] = {}
    exec(compile(ast.Module(kept, []), "script", "exec"), names)
    found = names["config"]
    assert isinstance(found, FederationConfig)
    return found


CONFIGS = [
    FederationConfig(),
    config(),
    config(arms=tuple(METHODS), frames="turned", theta=90.0, lr=0.02, seed=9999),
    config(arms=("gpa",), server="adam", part=0.5, drop=0.1, weights="uniform"),
]


@pytest.mark.parametrize("wanted", CONFIGS, ids=lambda c: c.hash)
def test_the_code_builds_the_config_it_was_made_from(wanted: FederationConfig) -> None:
    assert built(script(wanted)) == wanted
    cells = [cell.source for cell in read_book(notebook(wanted).decode(), 4).cells if cell.cell_type == "code"]
    assert built("\n".join(cells)) == wanted


NUMBERS = [leaf for leaf in leaves() if leaf.kind in (int, float) and leaf.option.key not in ("part", "rank")]


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries({leaf.option.key: st.floats(0, 1) for leaf in NUMBERS}))
def test_every_number_survives_to_the_last_digit(shares: dict[str, float]) -> None:
    values: dict[str, Any] = {}
    for leaf in NUMBERS:
        low, high = leaf.option.low, leaf.option.high
        assert low is not None
        assert high is not None
        if leaf.option.key in ("rounds", "steps", "clients"):
            high = low + 20  # more of all at once takes too long to be allowed
        value = low + shares[leaf.option.key] * (high - low)
        values[leaf.option.key] = round(value) if leaf.kind is int else min(value, high)
    for task in WORKLOADS:
        wanted = FederationConfig().with_values(values | {"task": task})
        assert built(script(wanted)) == wanted


@pytest.mark.parametrize("wanted", CONFIGS[1:3], ids=["short", "long"])
def test_only_what_is_not_default_is_written_and_explained(wanted: FederationConfig) -> None:
    source = script(wanted)
    for leaf in wanted.leaves():
        changed = leaf.get(wanted) != leaf.default
        shown = f"task={type(wanted.task).__name__}(" if leaf.path == TASK.path else f"  # {leaf.option.label}"
        assert (shown in source) == changed
    assert "FederationConfig()" in script(FederationConfig())


def test_the_code_is_formatted_as_the_project_is() -> None:
    for wanted in CONFIGS:
        args = ["ruff", "format", "--diff", "--stdin-filename", "x.py", "-"]
        done = subprocess.run(
            [sys.executable, "-m", *args], input=script(wanted, SUM), capture_output=True, text=True, cwd=ROOT
        )
        assert done.returncode == 0, done.stdout
        assert max(map(len, script(wanted, SUM).splitlines())) <= 120


def test_code_and_notebook_are_the_same_each_time() -> None:
    assert script(config(), SUM) == script(config(), SUM)
    assert notebook(config(), SUM) == notebook(config(), SUM)
    assert json.loads(notebook(config(), SUM))["nbformat"] == 4


@pytest.mark.parametrize("name", ['x"); import os; os.abort() #', "x\nimport os", "'''", '"""', "\\", "nobody"])
def test_no_name_outside_the_registries_becomes_code(name: str) -> None:
    wanted = FederationConfig().with_values({"arms": ("fedit", name)})
    for make in (script, notebook):
        with pytest.raises(ConfigError, match="must be one of"):
            make(wanted)


@pytest.mark.parametrize("check", ['"; import os', SUM[:-1], SUM.replace("cpu", "tpu"), f"{SUM}\n"])
def test_only_a_check_of_its_form_becomes_code(check: str) -> None:
    with pytest.raises(ConfigError, match="check must have the form"):
        script(config(), check)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as file, script and notebook, made by a process of its own, so that no test setting reaches it."""
    path = tmp_path_factory.mktemp("code")
    flags = (
        "--task teacher --clients 3 --rounds 2 --steps 3 --rank 2 --quiet --out run.json --out run.py --out run.ipynb"
    )
    python(["-m", "fedrot_core", "run", *flags.split()], path)
    return path


def python(args: list[str], path: Path) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run(
        [sys.executable, *args], cwd=path, env=environment(), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": "/nonexistent"}


def test_the_script_reproduces_the_run_and_draws_it(folder: Path) -> None:
    out = python(["run.py"], folder)
    checksum = json.loads((folder / "run.json").read_bytes())["checksum"]
    assert f"Reproduced: every number is equal (checksum {checksum})." in out
    assert "FedRot-LoRA" in out
    for name in ("learning", "errors"):
        page = (folder / f"{name}.html").read_text()
        assert "FedRot-LoRA" in page
        (folder / f"{name}.html").unlink()


def test_the_notebook_reproduces_the_run_and_draws_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    book = read_book((folder / "run.ipynb").read_text(), 4)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3", resources=resources).execute()
    outputs = {cell.id: cell.outputs for cell in book.cells if cell.cell_type == "code"}
    assert "Reproduced: every number is equal" in outputs["check"][0].text
    assert "FedRot-LoRA" in outputs["table"][0].text
    for name in ("learning", "errors"):
        assert (folder / f"{name}.html").exists()
        assert "application/vnd.plotly.v1+json" in outputs[name][-1].data
