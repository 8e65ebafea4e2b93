"""The figures of the comparison, in order: several arms over several seeds in, a Plotly figure out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from fedrot_core.figures.compare_base import CompareView
from fedrot_core.figures.compare_cost import cost
from fedrot_core.figures.compare_curves import learning_grid
from fedrot_core.figures.compare_errors import error_curves
from fedrot_core.summary import RunSummary

Draw = Callable[[Sequence[RunSummary], CompareView], go.Figure]


@dataclass(frozen=True)
class CompareFigure:
    """A figure of the comparison: stable name, short label, its one question, and the pure function."""

    name: str
    label: str
    question: str
    draw: Draw


COMPARE_FIGURES = (
    CompareFigure(
        "compare_learning", "Learning curves", "Who learns, who stalls, and how sure is that?", learning_grid
    ),
    CompareFigure("compare_errors", "Error by round", "How far is each method from the ideal aggregate?", error_curves),
    CompareFigure("compare_cost", "Cost against error", "What does exactness cost in traffic?", cost),
)
