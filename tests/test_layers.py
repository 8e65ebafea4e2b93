"""Imports point down only. Read from the source with ``ast``, so nothing needs to be imported to check it."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from pathlib import Path

from tests import ROOT

RANKS: dict[int, tuple[str, ...]] = {
    0: (
        "fedrot_core",
        "fedrot_core.database",
        "fedrot_core.errors",
        "fedrot_core.records",
        "fedrot_core.learn",
        "fedrot_core.rng",
        "fedrot_core.study",
        "fedrot_core.study.paper",
        "fedrot_core.study.tables",
        "fedrot_core.vocabulary",
        "fedrot_core.wording",
    ),
    1: (
        "fedrot_core.registry",
        "fedrot_core.partition",
        "fedrot_core.compute",
        "fedrot_core.canonical",
    ),
    2: ("fedrot_core.config",),
    3: (
        "fedrot_core.factors",
        "fedrot_core.study.seeds",
        "fedrot_core.study.summary",
        "fedrot_core.trace",
    ),
    4: (
        "fedrot_core.alignment",
        "fedrot_core.engine",
        "fedrot_core.figures.kit",
        "fedrot_core.servers",
        "fedrot_core.store",
        "fedrot_core.study.plotted",
        "fedrot_core.study.rank_one",
    ),
    5: (
        "fedrot_core.figures.lesson",
        "fedrot_core.figures.run",
        "fedrot_core.figures.study",
        "fedrot_core.federation.frames",
        "fedrot_core.finished",
        "fedrot_core.metrics",
        "fedrot_core.methods",
        "fedrot_core.workloads",
    ),
    6: (
        "fedrot_core.adapters",
        "fedrot_core.figures",
        "fedrot_core.learn.examples",
        "fedrot_core.learn.mistakes",
        "fedrot_core.shipped",
    ),
    7: (
        "fedrot_core.federation",
        "fedrot_core.figures.adapters",
    ),
    9: (
        "fedrot_core.gauge",
        "fedrot_core.study.sweep",
    ),
    10: (
        "fedrot_core.learn.lessons",
        "fedrot_core.study.comparison",
        "fedrot_core.study.presets",
        "fedrot_core.study.replica",
        "fedrot_core.study.spin",
        "fedrot_core.study.when",
    ),
    11: ("fedrot_core.learn.quiz",),
    12: (
        "fedrot_core.export",
        "fedrot_core.export.provenance",
    ),
    13: ("fedrot_core.export.picture",),
    14: ("fedrot_core.export.run",),
    15: (
        "fedrot_core.export.lecture",
        "fedrot_core.export.take_home",
    ),
    16: (
        "fedrot_core.api",
        "fedrot_core.cli",
    ),
    17: (
        "app.bundles",
        "app.policy",
        "fedrot_core.__main__",
    ),
    18: (
        "app",
        "app.jobs",
        "app.first_paint",
        "app.navigation",
        "app.rooms",
    ),
    19: ("app.session",),
    20: ("app.widgets",),
    21: tuple(
        f"app.{folder}"
        for folder in (
            "bugs",
            "compare",
            "diagnose",
            "home",
            "lab",
            "lesson",
            "pack",
            "paper",
            "quiz",
            "take_home",
            "when",
        )
    ),
    22: (
        "app.main",
        "app.sample_adapters",
        "app.ship",
        "app.warm",
    ),
    23: ("app.streamlit_app",),
    24: ("pages",),
}
"""Rank -> modules or packages. A file may import its own package, and otherwise lower ranks only."""

RANK_OF = {name: rank for rank, names in RANKS.items() for name in names}

ENTRY_POINTS = {"app.streamlit_app", "app.main"}
"""They start the program and name its pages; nothing imports them."""


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {
    module_name(path): path for top in ("fedrot_core", "app", "pages") for path in sorted((ROOT / top).rglob("*.py"))
}


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module that the file imports anywhere, by full name; ``from p import m`` means ``p.m`` if that is one."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            assert node.module
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if name in FILES} or {node.module}
    return found


def unit(module: str) -> str | None:
    """The longest entry of RANKS that holds ``module``; None for third parties."""
    parts = module.split(".")
    for n in range(len(parts), 0, -1):
        name = ".".join(parts[:n])
        if name in RANK_OF and (name not in ("fedrot_core", "app") or n == len(parts)):
            return name
    return None


def reachable(module: str) -> set[str]:
    """Everything that importing ``module`` imports, of this repository or not."""
    seen: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in FILES:
            todo += imports(FILES[name])
            todo += [".".join(name.split(".")[:n]) for n in range(1, name.count(".") + 1)]
    return seen


def tops(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def test_imports_point_down_only() -> None:
    for module, path in FILES.items():
        own = unit(module)
        assert own is not None, f"{module} has no rank yet; add it to RANKS"
        for name in imports(path):
            if name.split(".")[0] not in {"fedrot_core", "app", "pages"}:
                continue
            other = unit(name)
            assert other is not None, f"{name}, imported by {module}, has no rank yet; add it to RANKS"
            assert other == own or RANK_OF[other] < RANK_OF[own], f"{module} imports {name}, which is not below it"


def guilty(modules: Iterable[str], forbidden: set[str]) -> list[str]:
    """Those of the modules that import something forbidden, however far down."""
    return [module for module in modules if tops(reachable(module)) & forbidden]


def test_core_knows_nothing_of_streamlit() -> None:
    core = [m for m in FILES if m.split(".")[0] == "fedrot_core"]
    assert guilty(core, {"streamlit", "app", "pages"}) == []


def test_figures_need_no_torch() -> None:
    assert guilty([m for m in FILES if m.startswith("fedrot_core.figures")], {"torch"}) == []


def test_what_figures_read_needs_neither_torch_nor_plotly() -> None:
    read = ("records", "trace", "study.summary", "study.plotted", "config", "vocabulary", "wording")
    assert guilty([f"fedrot_core.{name}" for name in read], {"torch", "plotly"}) == []


def test_only_figures_draw() -> None:
    measuring = [m for m in FILES if m.startswith(("fedrot_core.m", "fedrot_core.f"))]
    assert guilty([m for m in measuring if not m.startswith("fedrot_core.figures")], {"plotly"}) == []


def test_nothing_imports_an_entry_point_or_a_page() -> None:
    for module, path in FILES.items():
        for name in imports(path):
            assert name not in ENTRY_POINTS, f"{module} imports {name}"
            assert name.split(".")[0] != "pages" or module in ENTRY_POINTS, f"{module} imports {name}"


def test_the_reader_of_imports_sees_what_it_should(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text(
        "import torch.nn as nn\nfrom fedrot_core import config\ndef f():\n    from fedrot_core.rng import stream\n"
    )
    assert imports(file) == {"torch.nn", "fedrot_core.config", "fedrot_core.rng"}
    assert unit("fedrot_core.figures.kit.theme") == "fedrot_core.figures.kit"
    assert unit("fedrot_core.unheard_of") is None
    assert unit("numpy.linalg") is None
    assert "torch" in tops(reachable("fedrot_core.federation"))
