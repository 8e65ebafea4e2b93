"""Figures of a diagnosis: of real adapters, layer by layer."""

from __future__ import annotations

from fedrot_core.adapters.report import Report
from fedrot_core.figures.adapters.apart import apart
from fedrot_core.figures.adapters.clock import clock
from fedrot_core.figures.adapters.ladder import ladder
from fedrot_core.figures.adapters.layer_map import layer_map
from fedrot_core.figures.adapters.standing import standing
from fedrot_core.figures.kit.base import Drawing


def adapter_figures(found: Report, layer: int = 0, client: int = 0) -> tuple[Drawing, ...]:
    """All figures of a diagnosis, the most important one first; those that would have nothing to show are left out.

    Args:
        layer: index of the selected layer; client: of the selected client.
    """
    several, turns = len(found.clients) > 1, any(report.angles.size for report in found.layers)
    drawings = [
        Drawing(
            "adapter_ladder", "Error ladder by layer",
            "How much of each layer's error can a rotation remove, and how much can no rank-r update avoid?",
            lambda mode: ladder(found, layer, mode),
        ),
        Drawing(
            "adapter_layers", "Layers and metrics", "Which layers lose most, and why?",
            lambda mode: layer_map(found, layer, mode),
        ),
    ]  # fmt: skip
    if turns:
        drawings.append(
            Drawing(
                "adapter_clock", "Rotation angles", "How far has each client to be turned in this layer?",
                lambda mode: clock(found, layer, client, mode),
            )
        )  # fmt: skip
    if turns and several:
        drawings.append(
            Drawing(
                "adapter_angles", "What turning can reach",
                "Do clients stand in other frames, which a rotation mends, or in other subspaces, which none does?",
                lambda mode: apart(found, layer, mode),
            )
        )  # fmt: skip
    if several:
        drawings.append(
            Drawing(
                "adapter_clients", "Clients among the others", "Is any client unlike the others?",
                lambda mode: standing(found, client, mode),
            )
        )  # fmt: skip
    return tuple(drawings)
