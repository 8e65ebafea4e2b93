"""The outline of a lecture from a diagnosis of adapters. Every number in it is taken from the report."""

from __future__ import annotations

from fedrot_core import ENGINE_VERSION
from fedrot_core.adapters.report import Report
from fedrot_core.export.lecture.outlines import MOST_ROWS, as_json
from fedrot_core.export.lecture.slides import Outline, Picture, Slide
from fedrot_core.export.provenance import Provenance, line
from fedrot_core.figures.adapters import adapter_figures
from fedrot_core.figures.adapters.names import shortened
from fedrot_core.learn.quiz.base import EVERYTHING
from fedrot_core.study import tables
from fedrot_core.wording import counted, degrees, percent

UNITS = "Errors: distance from the exact mean of the clients' updates, relative to its norm."

HOW = "run.json holds all numbers; the same come from `fedrot diagnose --json` on the adapters themselves"


def diagnosis_outline(found: Report, layer: int = 0, client: int = 0) -> Outline:
    """Make the outline of a diagnosis: the verdict, the figures, and the numbers of the layers that lose most.

    Args:
        layer, client: indices of what is selected.
    """
    told = found.verdict
    whose = f"{counted(len(found.clients), 'client')}, {counted(len(found.layers), 'layer')}"
    source = Provenance(line("diagnosis of adapters", whose))
    slides = [
        Slide("What does averaging these adapters lose?", (whose, source.text), opening=True, notes=told.sentence),
        Slide("The answer", (told.sentence, *told.notes), notes=" ".join((told.sentence, *told.notes))),
        *(
            Slide(f.question, (), Picture(f.name, f.draw), notes=f.label + ".")
            for f in adapter_figures(found, layer, client)
        ),
        Slide("The layers that lose most", (UNITS,), table=_table(found), notes=UNITS),
    ]
    content = {"kind": "fedrot diagnosis", "engine": ENGINE_VERSION, **found.content}
    data = {"diagnosis.json": tables.as_json(found.content).encode(), "layers.csv": tables.as_csv(found.rows).encode()}
    return Outline(
        "diagnosis", "fedrot-diagnosis", slides[0].title, tuple(slides), EVERYTHING, as_json(content), HOW, data, source
    )


def _table(found: Report) -> tuple[tuple[str, ...], ...]:
    worst = sorted(found.layers, key=lambda layer: -layer.size * layer.errors["naive"])[:MOST_ROWS]
    rows = [
        (
            shortened(layer.name, 44), percent(layer.errors["naive"]),
            percent(layer.turned) if layer.module.turns else "–", percent(layer.errors["floor"]),
            degrees(layer.turn) if layer.module.turns else "–",
        )
        for layer in worst
    ]  # fmt: skip
    return (("Layer", "Naive error", "Best turn", "Rank-r floor", "Mean turn"), *rows)
