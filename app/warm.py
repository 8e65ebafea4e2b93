"""What a server does before its first visitor comes: load all pages, draw each kind of figure, begin its processes."""

from __future__ import annotations

import importlib
from pathlib import Path

from app.jobs import status
from app.jobs.archive import archive
from app.jobs.runs import runner
from fedrot_core.config import FederationConfig
from fedrot_core.figures import FIGURES, View


def warm() -> None:
    """Do it. Takes a few seconds, most of which the first visitor would wait for otherwise."""
    runner()
    status.tell(archive().store.folder)
    for screen in Path(__file__).parent.glob("*/screen.py"):
        importlib.import_module(f"app.{screen.parent.name}.screen")
    found = archive().asker().run(FederationConfig())
    if found is not None:
        trace = found[0]
        for entry in FIGURES.values():  # Plotly loads what a kind of figure needs when it is first drawn
            entry.draw(trace, View(trace.arms[-1].name, 0)).to_json()
