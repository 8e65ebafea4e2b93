"""The figures of the comparison, in order: several arms over several seeds in, Plotly figures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import Drawing
from fedrot_core.figures.study.comparison_kit import CompareView
from fedrot_core.figures.study.cost import cost
from fedrot_core.figures.study.error_curves import error_curves
from fedrot_core.figures.study.learning_grid import learning_grid
from fedrot_core.study.summary import RunSummary
from fedrot_core.trace import ArmCard


def compare_figures(runs: Sequence[RunSummary], cards: Sequence[ArmCard], seeds: int) -> tuple[Drawing, ...]:
    """Learning curves, errors, and cost against error.

    Args:
        runs: one a seed, as far as they are done; seeds: how many were asked for.
        cards: name and style of each arm, in order of drawing.
    """
    done = tuple(runs)

    def of(draw: Callable[[Sequence[RunSummary], CompareView], go.Figure]) -> Callable[[str], go.Figure]:
        return lambda mode: draw(done, CompareView(tuple(cards), mode, seeds))

    return (
        Drawing("compare_learning", "Learning curves", "Which methods learn, which stall, and how certain is that?",
                of(learning_grid)),
        Drawing("compare_errors", "Error by round", "How far is each method from the ideal aggregate?",
                of(error_curves)),
        Drawing("compare_cost", "Cost against error", "What does exactness cost in traffic?", of(cost)),
    )  # fmt: skip
