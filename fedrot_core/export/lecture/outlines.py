"""Outlines of lectures from a run or from a comparison. Every number in them is taken from the records."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fedrot_core import ENGINE_VERSION
from fedrot_core.errors import rule
from fedrot_core.export.lecture.slides import Outline, Picture, Slide
from fedrot_core.export.provenance import Provenance
from fedrot_core.export.run import run_file
from fedrot_core.export.run.code import notebook, script
from fedrot_core.export.run.link_check import link_check
from fedrot_core.figures import FIGURES, View, drawn
from fedrot_core.figures.study.comparison import compare_figures
from fedrot_core.learn.quiz.base import EVERYTHING
from fedrot_core.study import tables
from fedrot_core.study.comparison import Comparison
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import METRICS
from fedrot_core.wording import counted, percent, size

HERO = "latent"
FIRST = (HERO, "learning", "ladder", "errors")
"""The figures of a run that come first. All others follow."""

MOST_ROWS = 12
"""Most rows of a table on one slide."""

UNITS = "Error: distance from the ideal Σ w B A, relative to its norm. Upload and download: per client and round."

RERUN = "run.json reruns and checks the run number by number: fedrot verify run.json"


def run_outline(trace: Trace, view: View | None = None) -> Outline:
    """Make the outline of a run: a title, the lab's figures, and the numbers after the last round.

    Args:
        trace: the run.
        view: what the figures select. By default it is FedRot-LoRA if the run has it, else the first method, with the
            last round and client 0.
    """
    if not trace.rounds_done:
        raise rule("A lecture pack", "be made from a run with at least one whole round", 0, "Wait for the first round.")
    trace = trace.upto(trace.rounds_done)
    names, last = [card.name for card in trace.arms], trace.rounds_done - 1
    arm = "fedrot" if "fedrot" in names else names[0]
    at = view or View(arm, last)
    at = replace(at, moving=False, round_index=min(at.round_index, last), arm=at.arm if at.arm in names else arm)
    labels = _listed([card.label for card in trace.arms])
    source = Provenance.of_run(trace.config, version=trace.engine, checksum=trace.checksum)
    rows, told = _numbers(trace)
    slides = [
        Slide(f"{labels} in one federation", (trace.task.summary, source.text), opening=True, notes=told),
        *(
            Slide(FIGURES[name].question, (), Picture(name, _run_draw(name, trace, at)), notes=_meanings(name))
            for name in (*FIRST, *(name for name in FIGURES if name not in FIRST))
        ),
        Slide("The numbers after the last round", (told, UNITS), table=tuple(rows), notes=RERUN),
    ]
    saved = io.BytesIO()
    trace.save(saved)
    data = {"trace.npz": saved.getvalue(), "numbers.csv": _csv(rows)}
    data |= {
        "run.py": script(trace.config, link_check(trace)).encode(),
        "run.ipynb": notebook(trace.config, link_check(trace)),
    }
    name = f"fedrot-run-{trace.config.hash}"
    return Outline("run", name, slides[0].title, tuple(slides), EVERYTHING, run_file.write(trace), RERUN, data, source)


def comparison_outline(comparison: Comparison) -> Outline:
    """Make the outline of a comparison: the recommendation, the three figures, and the table."""
    plan, runs = comparison.plan, comparison.runs
    config, seeds = runs[0].config, [run.config.seed for run in runs]
    many = f"{len(seeds)} seeds" if len(seeds) > 1 else "one seed"
    source = Provenance.of_study(f"comparison {plan.key}", config, many)
    labels = _listed([card.label for card in plan.cards])
    listed = sorted(comparison.rows, key=lambda row: -row["score"] if row["score"] == row["score"] else 1.0)
    head = ("Method", comparison.score_name.capitalize(), "Quartiles", "Error", "Upload", "Download")
    body = [_row(row) for row in listed]
    pages = [body[n : n + MOST_ROWS] for n in range(0, len(body), MOST_ROWS)]
    text = tuple(part for part in comparison.verdict if part)
    slides = [
        Slide(
            "Which method should I choose here?", (f"{labels}, {many}", source.text), opening=True, notes=" ".join(text)
        ),
        Slide("The answer", text, notes=" ".join(text)),
        *(
            Slide(f.question, (), Picture(f.name, f.draw), notes=f.label + ".")
            for f in compare_figures(runs, plan.cards, len(runs))
        ),
        *(Slide("The numbers", (UNITS,), table=(head, *page), notes=_spoken(head, page)) for page in pages),
    ]
    content = {
        "kind": "fedrot comparison", "engine": ENGINE_VERSION, "config": config.to_dict(), "seeds": seeds,
        "methods": [card.name for card in plan.cards],
    }  # fmt: skip
    how = (
        "run.json holds the settings, the methods and the seeds; the same numbers come from "
        "fedrot_core.study.comparison.compare, and from `fedrot compare`"
    )
    data = {
        "comparison.json": tables.as_json(comparison.content).encode(),
        "numbers.csv": tables.as_csv(comparison.rows).encode(),
    }
    name = f"fedrot-comparison-{config.hash}-{len(seeds)}"
    return Outline("comparison", name, slides[0].title, tuple(slides), EVERYTHING, as_json(content), how, data, source)


def _run_draw(name: str, trace: Trace, view: View) -> Any:
    return lambda mode: drawn(name, trace, replace(view, mode=mode))


def _meanings(name: str) -> str:
    return " ".join(f"{METRICS[key].label}: {METRICS[key].meaning}" for key in FIGURES[name].metrics)


def _numbers(trace: Trace) -> tuple[list[tuple[str, ...]], str]:
    """One row a method after its last round, and the same in words."""
    name = trace.task.score_name
    rows: list[tuple[str, ...]] = [("Method", name.capitalize(), "Error", "Upload", "Download", "Rounds")]
    told = []
    for card in trace.arms:
        records = trace.arm(card.name)
        if not records:
            rows.append((card.label, *("-",) * 4, "0"))
            continue
        last = records[-1]
        error = percent(float(last.errors.own[-1]))
        up, down = map(size, trace.traffic(card.name))
        rows.append((card.label, percent(last.score), error, up, down, str(len(records))))
        told.append(f"{card.label} {percent(last.score)}, error {error}")
    ends = f"start {percent(trace.task.start_score)}, centralised {percent(trace.centralised[-1].score)}"
    stops = "".join(f" {stop.message}" for stop in trace.stopped)
    return rows, f"After {counted(trace.rounds_done, 'round')}, {name}: {'; '.join(told)} ({ends}).{stops}"


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    quartiles = f"{percent(row['score_low'])} to {percent(row['score_high'])}"
    cells = (percent(row["score"]), quartiles, "exact" if row["exact"] else percent(row["error"]))
    return (row["label"], *cells, size(row["bytes_up"]), size(row["bytes_down"]))


def _spoken(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return " ".join(
        f"{r[0]}: {', '.join(f'{h.lower()} {c}' for h, c in zip(head[1:], r[1:], strict=True))}." for r in rows
    )


def _listed(labels: Sequence[str]) -> str:
    if len(labels) > 4:
        return counted(len(labels), "method")
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def as_json(content: Any) -> bytes:
    """Indented JSON in UTF-8."""
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
