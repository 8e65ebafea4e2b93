"""What the Procrustes lesson's figures share: planes without numbers, a letter that shows mirrors, open questions."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedrot_core.figures.kit.planes import arrow
from fedrot_core.figures.kit.theme import GRID, MUTED, SURFACE
from fedrot_core.records import Array
from fedrot_core.wording import degrees

F_SHAPE = np.array([(-0.3, -0.5), (-0.3, 0.5), (0.35, 0.5), (-0.3, 0.5), (-0.3, 0.05), (0.2, 0.05)])
"""A letter F as one line, in units of its height; a mirror makes another letter of it."""

DASHED = "5px,4px"


def signed_degrees(angle: float) -> str:
    """Degrees with a true minus sign, never ``−0°``."""
    return degrees(round(angle) + 0).replace("-", "−")


def bare_plane(half: float, mode: str) -> dict[str, Any]:
    """One axis of a square plane without numbers."""
    return {
        "range": [-half, half], "fixedrange": True, "constrain": "domain", "zeroline": True, "showgrid": False,
        "zerolinecolor": GRID[mode], "showticklabels": False, "ticks": "",
    }  # fmt: skip


def reference_arrow(tip: Array, half: float, mode: str, name: str, uid: str, **axes: Any) -> dict[str, Any]:
    """A dashed grey arrow."""
    line = {"color": MUTED[mode], "width": 2, "dash": DASHED}
    return arrow(tip, MUTED[mode], 2, 10, half, name=name, uid=uid, line=line, **axes)


def axes_of(panel: int) -> dict[str, str]:
    """The axes of subplot ``panel``, from 1."""
    tag = "" if panel == 1 else str(panel)
    return {"xaxis": f"x{tag}", "yaxis": f"y{tag}"}


def nothing(panel: int, uid: str) -> dict[str, Any]:
    """A trace without points: Plotly does not draw a subplot that has no trace."""
    return {"type": "scatter", "x": [None], "y": [None], "uid": uid, "name": uid, "hoverinfo": "skip", **axes_of(panel)}


def question(panel: int, mode: str, size: int = 56) -> dict[str, Any]:
    """A question mark in the middle of subplot ``panel`` (from 1)."""
    axes = axes_of(panel)
    return {
        "xref": f"{axes['xaxis']} domain", "yref": f"{axes['yaxis']} domain", "x": 0.5, "y": 0.5, "text": "<b>?</b>",
        "showarrow": False, "font": {"size": size, "color": MUTED[mode]}, "bgcolor": SURFACE[mode],
    }  # fmt: skip
