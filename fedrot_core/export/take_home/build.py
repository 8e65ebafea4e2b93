"""The take-home page: one HTML file with a lesson, sliders and a grid of finished runs. It needs no server, no network.

Sliders take the grid's values only, and every measured number on the page stands in the file.
"""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from fedrot_core import ENGINE_VERSION
from fedrot_core.config import leaves
from fedrot_core.export.picture.page import POLICY
from fedrot_core.export.take_home.runs import (
    ALIGNED,
    NAIVE,
    TINY,
    Grid,
    Measure,
    Row,
    Rows,
    ahead,
    all_measured,
    common_flags,
    measured,
)  # fmt: skip
from fedrot_core.export.take_home.steps import STEPS
from fedrot_core.federation import Federation
from fedrot_core.figures.kit.theme import FONT, GHOST, GRID, HUES, INK, MUTED, SURFACE
from fedrot_core.methods import METHODS

__all__ = ["GRID_OF_PAGE", "MAX_BYTES", "TINY", "TITLE", "Grid", "build", "numbers", "written"]

GRID_OF_PAGE = Grid()
"""What the page holds where nobody asks for another grid."""

MAX_BYTES = 8_000_000
"""The file stays below this, so that it fits into an e-mail."""

TIE_POINTS = 2
"""Accuracies that differ by at most this many whole points are called level."""

TITLE = "What averaging does to federated LoRA"

HERE = Path(__file__)

FORMAT = 2


def build(
    grid: Grid = GRID_OF_PAGE,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    rows: Rows | None = None,
    measure: Measure = measured,
) -> bytes:
    """Train every run of ``grid`` and write the page; equal grids give equal bytes.

    Args:
        should_stop: asked before each local step.
        on_progress: told (settings done, settings in all); it is called on this thread.
        rows: where trained settings are found and kept; None to train all.
        measure: trains one setting; called from several threads.

    Raises:
        Cancelled: as soon as ``should_stop()`` is true.
    """
    return written(numbers(grid, should_stop, on_progress, rows, measure))


def numbers(
    grid: Grid,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    rows: Rows | None = None,
    measure: Measure = measured,
) -> Row:
    """Everything that the page knows, as plain data; ``runs`` follow :attr:`Grid.settings`."""
    runs = all_measured(grid, should_stop, on_progress, rows=rows, measure=measure)
    federation = Federation(grid.config(*grid.settings[0], grid.lams[0]))
    task = federation.new_trace().task
    won, level, lost = ahead(runs, grid.lams, TIE_POINTS)
    return {
        "format": FORMAT,
        "engine": ENGINE_VERSION,
        "base": grid.base.to_dict(),
        "seed": grid.base.seed,
        "rounds": grid.base.train.rounds,
        "clients": grid.base.data.clients,
        "score": task.score_name,
        "task": task.summary,
        "layers": [[s.name, s.d_in, s.d_out] for s in federation.task.layers],
        "inputs": task.inputs,
        "flags": common_flags(grid),
        "axes": {"theta": grid.thetas, "lam": grid.lams, "alpha": grid.alphas, "rank": grid.ranks},
        "names": _names(),
        "methods": {
            name: dataclasses.asdict(METHODS[arm].card) for name, arm in (("naive", NAIVE), ("aligned", ALIGNED))
        },
        "count": {"runs": won + level + lost, "ahead": won, "level": level, "behind": lost, "tie": TIE_POINTS},
        "theme": {
            mode: {"ink": INK[mode], "muted": MUTED[mode], "grid": GRID[mode], "ghost": GHOST[mode],
                   "paper": SURFACE[mode], "hues": HUES[mode]}
            for mode in ("light", "dark")
        },
        "steps": [dataclasses.asdict(step) for step in STEPS],
        "runs": runs,
    }  # fmt: skip


def written(found: Row) -> bytes:
    """The page that shows ``found``."""
    width = found["layers"]
    parts = {
        "POLICY": f"{POLICY}; base-uri 'none'; form-action 'none'",
        "TITLE": TITLE,
        "STYLE": _palette() + _asset("css"),
        "NOTE": escape(
            f"A small model, not an LLM: {found['task'].replace(' A small model, not an LLM.', '')} LoRA of rank r on "
            f"all {len(width)} layers, {found['clients']} clients, {found['rounds']} rounds."
        ),
        "PLOTLY": _packed(get_plotlyjs()),
        "DATA": _packed(json.dumps(found, ensure_ascii=False, separators=(",", ":"), sort_keys=True)),
        "SCRIPT": _asset("js"),
    }
    return re.sub(r"@@([A-Z]+)@@", lambda match: parts[match[1]], _asset("html")).encode()


def _names() -> dict[str, dict[str, str]]:
    """What the sliders are called, and their help: the config's own words."""
    options = {leaf.option.key: leaf.option for leaf in leaves()}
    return {key: {"label": options[key].label, "help": options[key].help} for key in ("theta", "lam", "alpha", "rank")}


def _asset(ending: str) -> str:
    return HERE.with_name(f"page.{ending}").read_text(encoding="utf-8")


def _packed(text: str) -> str:
    """Gzip, as base64; the same bytes at any time of day."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def _palette() -> str:
    """CSS variables of both modes, from the theme of all figures."""

    def one(mode: str) -> str:
        values: dict[str, Any] = {
            "ink": INK[mode], "paper": SURFACE[mode], "muted": MUTED[mode], "line": GRID[mode], "ghost": GHOST[mode],
            "naive": HUES[mode][METHODS[NAIVE].card.hue], "aligned": HUES[mode][METHODS[ALIGNED].card.hue],
        }  # fmt: skip
        return "".join(f"--{name}:{value};" for name, value in values.items())

    return (
        f":root{{color-scheme:light dark;--font:{FONT};{one('light')}}}\n"
        f"@media (prefers-color-scheme: dark){{:root{{{one('dark')}}}}}\n"
    )
