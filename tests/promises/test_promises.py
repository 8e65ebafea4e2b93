"""Adding a method, figure, workload, lesson, quiz question or mistake is what the README says, and nothing else.

A copy of the project gets one toy of each kind, in the folders that the README's own sections name; then its contract
suites, command line, link, menu and pages are asked about the toys, in a process of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ROOT

TOYS = Path(__file__).parent / "toys"
README = (ROOT / "README.md").read_text(encoding="utf-8")
KINDS = ("method", "figure", "workload", "lesson", "quiz question", "mistake")
SUITES = (
    "tests/core/methods/test_contract.py",
    "tests/core/figures/test_contract.py",
    "tests/core/workloads/test_tasks.py",
    "tests/core/learn/test_mistakes.py",
    "tests/core/learn/quiz/test_quiz.py",
    "tests/core/learn/lessons/test_content.py",
)


def section(kind: str) -> str:
    """What the README says about adding one."""
    found = re.search(rf"^## Add a {kind}\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    assert found, kind
    return found[1]


def folder(kind: str) -> str:
    """Where the README says that its file goes."""
    found = re.search(r"Add one file to `(fedrot_core/[a-z/]+/)`", section(kind))
    assert found, kind
    return found[1]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one toy of each kind."""
    copy = tmp_path_factory.mktemp("house") / "project"
    leave = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".*_cache", "shipped", "benchmarks", "browser")
    shutil.copytree(ROOT, copy, ignore=leave)
    for kind in KINDS:
        shutil.copy(TOYS / f"{kind.split()[-1]}.py", copy / folder(kind) / f"toy_{kind.split()[-1]}.py")
    assert "`pages/<name>.py`" in section("lesson")
    shutil.copy(TOYS / "page.py", copy / "pages" / "toy_lesson.py")
    oracles = re.search(r"`(tests/[a-z/]+\.py)`", section("quiz question"))
    assert oracles
    with (copy / oracles[1]).open("a", encoding="utf-8") as file:
        file.write((TOYS / "oracle.txt").read_text(encoding="utf-8"))
    return copy


def ran(house: Path, *args: str) -> str:
    """What a Python process in the copy prints."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, *args], cwd=house, env=outside | {"FEDROT_STORE": "", "PYTHONPATH": str(house)},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_contract_suites_take_the_toys_in(house: Path) -> None:
    out = ran(house, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "-vv", *SUITES, "-k", "toy")
    for suite in SUITES:
        assert re.search(rf"{suite}::\S*\[.*toy.*PASSED", out), suite


def test_command_line_link_menu_and_pages_show_the_toys(house: Path) -> None:
    ran(house, "-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/promises/seen.py")
