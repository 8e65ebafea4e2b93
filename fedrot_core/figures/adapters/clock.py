"""By which angles each client has to be turned in one layer."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from fedrot_core.adapters.report import Report
from fedrot_core.figures.adapters.names import short_names, shortened
from fedrot_core.figures.kit.layout import fitting
from fedrot_core.figures.kit.theme import HUES, empty_figure
from fedrot_core.figures.run.clock import turns
from fedrot_core.wording import degrees

CLIENT_LENGTH = 14


def clock(found: Report, layer: int, client: int, mode: str) -> go.Figure:
    """The lab's clock, of the selected layer."""
    report = found.layers[layer]
    where = short_names([r.name for r in found.layers])[layer]
    if not report.angles.size:
        return empty_figure(mode, f"{where}: clients have different ranks, so no rotation between them exists")
    largest = np.abs(report.angles).max(1)
    flips = int(report.reflected.sum())
    mirror = f"; {flips} of {len(largest)} reflected" if flips else ""
    title = (
        f"{where}: no client needs turning, every angle is below 1°"
        if largest.max() < 1
        else f"{where}: clients are turned by up to {degrees(largest.max())}, median "
        f"{degrees(float(np.median(largest)))}{mirror}"
    )
    alt = f"{title}. Largest angle of each client: " + ", ".join(
        f"{shortened(name)} {degrees(angle)}" for name, angle in zip(found.clients, largest, strict=True)
    )
    names = [shortened(name, 40) for name in found.clients]
    keys = [shortened(name, CLIENT_LENGTH) for name in found.clients]
    return turns(
        mode, fitting(title), alt + ".", report.angles.astype(float), report.reflected.astype(bool), names, keys,
        client, HUES[mode]["green"],
    )  # fmt: skip
