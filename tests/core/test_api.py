"""What a notebook imports: examples run, names are there, bad input is explained, and the package installs alone."""

from __future__ import annotations

import doctest
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import fedrot_core as fr
from fedrot_core import api
from fedrot_core.adapters import align, diagnosis, merge, write
from fedrot_core.study import comparison
from tests import ROOT
from tests.core.samples import sample

TRACE = fr.run(task="teacher", clients=3, rounds=1, steps=1)


def test_every_example_runs() -> None:
    for module in (api, comparison, align, diagnosis, merge, write):
        tried = doctest.testmod(module)
        assert tried.attempted > 3
        assert tried.failed == 0


def test_every_public_function_has_an_example() -> None:
    functions = [name for name in dir(fr) if inspect.isfunction(getattr(fr, name))]
    studies = {"compare", "when_it_matters", "paper_card", "gauge_test"}
    adapters = {"align_adapters", "cohort", "diagnose", "merge", "write_adapter"}
    assert set(functions) == {"align", "clients_of", "error_ladder", "figure", "run"} | studies | adapters
    for name in functions:
        assert ">>> import fedrot_core as fr" in (getattr(fr, name).__doc__ or ""), name


def test_the_readmes_lines_run() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([row for row in block.splitlines() if row.strip()]) <= 10
    done = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    said = re.findall(r"# (.+)", block)
    assert done.stdout.strip() == said[-1]


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, fedrot_core as fr; dir(fr); print({'torch', 'plotly'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stderr


def test_the_ladder_is_the_dense_oracles() -> None:
    s = sample(3, [(14, 12)], 4, 3, noise=1.0)
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    found = fr.error_ladder(s.sent, weights=weights)
    A, B = s.sent.A[0].numpy(), s.sent.B[0].numpy()
    ideal = sum(w * b @ a for w, a, b in zip(weights, A, B, strict=True))
    naive = np.einsum("k,kor->or", weights, B) @ np.einsum("k,kri->ri", weights, A)
    assert found["naive"] == pytest.approx(np.linalg.norm(ideal - naive) / np.linalg.norm(ideal))
    tail = np.linalg.svd(ideal)[1][3:]
    assert found["floor"] == pytest.approx(np.linalg.norm(tail) / np.linalg.norm(ideal))
    assert found["floor"] - 1e-12 <= found["gpa"]


def test_a_reference_is_aligned_to_and_products_stay() -> None:
    s = sample(4, [(14, 12)], 4, 3, noise=0.1)
    aligned = fr.align(s.sent, s.received)
    R = aligned.rotations[0]
    for k in range(4):
        A, B = s.sent.A[0, k].numpy(), s.sent.B[0, k].numpy()
        np.testing.assert_allclose(aligned.clients.A[0, k].numpy(), R[k].T @ A, atol=1e-12)
        np.testing.assert_allclose((B @ R[k]) @ (R[k].T @ A), B @ A, atol=1e-9)
        A_ref = s.received.A[0].numpy()
        assert np.linalg.norm(R[k].T @ A - A_ref) <= np.linalg.norm(A - A_ref) + 1e-9


@pytest.mark.parametrize(
    ("pairs", "match"),
    [
        ([], r"Clients must be at least one pair \(B, A\)"),
        ([(np.ones((3, 2)), np.ones((3, 4)))], "with shapes"),
        ([(np.ones((3, 2)), np.ones((2, 4))), (np.ones((3, 1)), np.ones((1, 4)))], "the same for all"),
    ],
)
def test_clients_that_do_not_fit_are_refused(pairs: list[tuple[np.ndarray, np.ndarray]], match: str) -> None:
    with pytest.raises(fr.ConfigError, match=match):
        fr.clients_of(pairs)


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0], [1.0, float("nan")]])
def test_weights_that_mean_nothing_are_refused(weights: list[float]) -> None:
    clients = fr.clients_of([(np.ones((3, 2)), np.ones((2, 4)))] * 2)
    with pytest.raises(fr.ConfigError, match=r"Weights must be 2.numbers"):
        fr.align(clients, weights=weights)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda c: fr.align(c, fr.clients_of([(np.ones((2, 2)), np.ones((2, 4)))])), "The reference must hold A and B"),
        (lambda c: fr.align(c, side="C"), "side must be A or B"),
        (lambda c: fr.align(c, group="X"), "group must be SO or O"),
        (lambda c: fr.align(c, strength=float("nan")), r"strength must be in 0\.\.1"),
        (lambda c: fr.error_ladder(cast(Any, fr.align(c))), "Clients must be factors, one pair per client"),
        (lambda c: fr.clients_of([(np.full((3, 2), np.nan), np.ones((2, 4)))]), "of finite arrays"),
        (lambda c: fr.clients_of(cast(Any, None)), "Clients must be at least one pair"),
        (lambda c: fr.run(cast(Any, "svd")), "run must be given a FederationConfig"),
        (lambda c: fr.figure("errors", cast(Any, "trace")), "figure must be given a name and a trace"),
        (lambda c: fr.figure("errors", TRACE, client=9), r"client must be in 0\.\.2"),
        (lambda c: fr.figure("errors", TRACE, arm="gpa"), "arm must be one of fedit, fedrot"),
        (lambda c: fr.figure("errors", TRACE, round=1), "A view's field must be one of"),
        (lambda c: fr.compare(TRACE.config, []), "Methods compared must be a list"),
        (lambda c: fr.compare(TRACE.config, ["fedit"], seeds=0), r"Seeds must be a number in 1\.\.100"),
        (lambda c: fr.compare(TRACE.config, ["fedit"], margin=float("nan")), "The margin must be a share"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_rule_value_and_remedy(call: Callable[[Any], Any], match: str) -> None:
    with pytest.raises(fr.ConfigError, match=match):
        call(fr.clients_of([(np.ones((3, 2)), np.ones((2, 4)))] * 2))


def test_a_reference_is_one_pair() -> None:
    rng = np.random.default_rng(1)
    pairs = [(rng.normal(size=(5, 2)), rng.normal(size=(2, 4))) for _ in range(3)]
    aligned = fr.align(fr.clients_of(pairs), fr.clients_of(pairs[:1]))
    np.testing.assert_allclose(aligned.rotations[0, 0], np.eye(2), atol=1e-9)
    assert {"align_A", "align_B"} <= set(fr.error_ladder(fr.clients_of(pairs), fr.clients_of(pairs[:1])))


def test_a_wheel_holds_the_package_and_its_command(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "fedrot_core", source / "fedrot_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        entry = archive.read(next(n for n in names if n.endswith("entry_points.txt"))).decode()
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "fedrot_core").rglob("*.py")}
    data = {"__init__.pyi", "py.typed", "export/lecture/slides.css", "export/take_home/page.js"}
    assert modules | {f"fedrot_core/{name}" for name in data} <= names
    assert not [n for n in names if n.startswith(("app/", "tests/"))]
    assert "fedrot = fedrot_core.cli:main" in entry


def test_the_reference_lists_every_name_and_needs_no_network(tmp_path: Path) -> None:
    (command,) = re.findall(r"^\.venv/bin/python (-m pdoc .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M)
    args = shlex.split(command.replace("-o reference", f"-o {tmp_path}"))
    done = subprocess.run([sys.executable, *args], cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "fedrot_core.html").read_text(encoding="utf-8")
    assert all(f'id="{name}"' in page for name in dir(fr))
    assert not re.findall(r"<(?:script|link|img)[^>]*https?://", page)
