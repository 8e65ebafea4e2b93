"""The contract of a figure, and the registry of all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import plotly.graph_objects as go

from fedrot_core.registry import Registry
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import Gauge


@dataclass(frozen=True)
class View:
    """What is selected on screen; drives every figure.

    Attributes:
        arm: name of the arm whose clients are shown.
        round_index: selected round; figures use the arm's latest record at or before it.
        client: selected client.
        layer: index of the selected layer.
        feature: which of the record's kept columns of A the latent arrows show.
        mode: "light" or "dark".
        moving: whether rounds change by themselves at present. Figures then have no animation frames, since
            nobody could play them.
    """

    arm: str
    round_index: int
    client: int = 0
    layer: int = 0
    feature: int = 0
    mode: str = "light"
    moving: bool = False


Draw = Callable[[Trace, View], go.Figure]


@dataclass(frozen=True)
class FigureEntry:
    """A registry entry.

    Attributes:
        name: stable name, used in URLs and file names.
        label: short tab title.
        question: the one question that the figure answers.
        draw: the pure function.
        gauge: whether turning a client's frame changes what is drawn; None where the question makes no sense.
        metrics: what it is drawn from, names of :data:`fedrot_core.vocabulary.METRICS`, the most important one first.
        from_start: whether it needs no record, so that it stands before the first round is done.
    """

    name: str
    label: str
    question: str
    draw: Draw
    gauge: Gauge | None
    metrics: tuple[str, ...] = ()
    from_start: bool = False


@dataclass(frozen=True)
class Drawing:
    """A figure of a study: stable name, short label, its one question, and what draws it in a mode."""

    name: str
    label: str
    question: str
    draw: Callable[[str], go.Figure]


FIGURES: Registry[FigureEntry] = Registry("Figure", "figure")


def figure(
    name: str,
    label: str,
    question: str,
    gauge: Gauge | None,
    metrics: tuple[str, ...] = (),
    from_start: bool = False,
) -> Callable[[Draw], Draw]:
    """Function decorator that registers a figure."""

    def add(draw: Draw) -> Draw:
        FIGURES.add(name, FigureEntry(name, label, question, draw, gauge, metrics, from_start))
        return draw

    return add


def of_run(entry: FigureEntry, trace: Trace, view: View) -> Drawing:
    """A figure of a run with what is selected in ``view``, whose mode is left open."""
    return Drawing(entry.name, entry.label, entry.question, lambda mode: entry.draw(trace, replace(view, mode=mode)))


def drawn(name: str, trace: Trace, view: View) -> go.Figure:
    """Draw the figure called ``name``."""
    return FIGURES[name].draw(trace, view)
