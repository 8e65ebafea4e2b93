"""The error ladder: what of the naive error rotation removes, and what nobody at this rank can."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import fitting, labelled, markers, nice, plain, rgba, round_axis, waiting
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents, tick_step
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, SURFACE, base_figure, card_of, colour
from fedrot_core.trace import Trace
from fedrot_core.vocabulary import RUNGS
from fedrot_core.wording import ROUNDING, percent

SAME_ERROR = 1e-4
"""Relative errors and differences below this are not worth a sentence."""

LEAST_TOP = 0.01
"""Upper end of the axis where all errors are zero."""


def rungs(ladder: np.ndarray) -> dict[str, float]:
    """The pooled column by name."""
    return {name: float(value) for name, value in zip(RUNGS, ladder[:, -1], strict=True)}


def finding(now: dict[str, float], rank: int) -> str:
    """What the best turn found does to the naive error in this round."""
    floor = f"rank-{rank} floor {percent(now['floor'])}"
    if max(now["naive"], now["gpa"]) < SAME_ERROR:
        return "Clients agree: there is no aggregation error to remove"
    if now["gpa"] > max(now["naive"] * 1.001, now["naive"] + SAME_ERROR):
        naive, gpa = percent(now["naive"]), percent(now["gpa"])
        return f"Alignment hurts here: naive error {naive}, best turn found {gpa}, {floor}"
    removed = max(0.0, 1 - now["gpa"] / now["naive"])
    if removed < 0.05:
        return f"Turning has little to remove: {percent(removed)} of the naive error; {floor}"
    return fitting(f"Turning can remove {percent(removed)} of the naive error here; {floor}")


def _exact(errors: np.ndarray) -> np.ndarray:
    """The same without what is rounding, which is zero."""
    return np.where(errors <= ROUNDING, 0.0, errors)


@figure(
    "ladder",
    "Error ladder",
    "How much of the error can a rotation remove, and how much can no rank-r update avoid?",
    "dependent",
    ("naive_error", "best_error", "error", "floor"),
)
def ladder(trace: Trace, view: View) -> go.Figure:
    """Stacked bars by round on the selected arm's factors; lines for the reference-aligned rule and the arm itself."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    mode, card, rank = view.mode, card_of(trace, view.arm), trace.config.lora.rank
    records = trace.arm(view.arm)
    x = [r.round_index for r in records]
    by = {name: _exact(np.array([rungs(r.errors.ladder)[name] for r in records])) for name in RUNGS}
    own = _exact(np.array([float(r.errors.own[-1]) for r in records]))
    now = rungs(record.errors.ladder)
    alt = (
        f"Relative errors on the factors of {card.label} in round {record.round_index}: naive {percent(now['naive'])}, "
        f"aligned to the reference, alternating, {percent(now['alternate'])}, best turn found {percent(now['gpa'])}, "
        f"rank-{rank} floor {percent(now['floor'])}; {card.label} itself has {percent(float(record.errors.own[-1]))}."
    )
    highest = max(float(v.max()) for v in (*(by[n] for n in ("naive", "alternate", "gpa")), own))
    top = nice(highest * 1.02) if highest else LEAST_TOP
    fig = base_figure(
        mode, finding(now, rank), alt, **round_axis(trace, view, record), barmode="stack",
        bargap=0.08 if trace.config.train.rounds <= 30 else 0,
        yaxis={"title": {"text": f"relative error on the<br>clients of {card.label}"}, "range": [0, top],
               **percent_ticks(0, top, tick_step(top)), "fixedrange": True},  # another method's clients differ
    )  # fmt: skip
    line = {"line": {"width": 1, "color": SURFACE[mode]}}
    below = np.minimum(by["gpa"], by["naive"])
    hurt = by["gpa"] - below
    bands = [
        ("rank-r floor", "floor", by["floor"], {"color": GHOST[mode], **line}),
        ("left by the best turn found", "left", below - by["floor"], {"color": HUES[mode]["green"], **line}),
        ("turning removes", "removed", by["naive"] - below, {"color": rgba(HUES[mode]["vermillion"], 0.75), **line}),
        (
            "alignment hurts", "hurt", hurt,
            {
                "color": SURFACE[mode], "line": {"width": plain(np.where(hurt > 0, 1.5, 0)), "color": INK[mode]},
                "pattern": {"shape": "/", "fgcolor": INK[mode], "fillmode": "replace", "size": 7, "solidity": 0.35},
            },
        ),
    ]  # fmt: skip
    for label, uid, height, marker in bands:
        fig.add_bar(
            x=x, y=plain(height), name=label, uid=uid, marker=marker, meta={"round": True},
            **hover(f"{label}, round %{{x}}: %{{hovertext}}", percents(height)),
        )  # fmt: skip
    reference = next((c.hue for c in trace.arms if c.name == "fedrot"), "blue")
    names = [
        ((by["naive"][-1] + below[-1]) / 2, "turning removes", HUES[mode]["vermillion"]),
        ((below[-1] + by["floor"][-1]) / 2, "best turn leaves", HUES[mode]["green"]),
        (by["floor"][-1] / 2, f"rank-{rank} floor", MUTED[mode]),
        (own[-1], card.label, colour(card, mode)),
    ]
    if (hurt > 0).any():
        names.append(((by["gpa"][-1] + below[-1]) / 2, "hatched: alignment hurts", INK[mode]))
    if not np.allclose(own, by["alternate"]):
        names.append((by["alternate"][-1], "aligned to the reference", HUES[mode][reference]))
        fig.add_scatter(
            x=x, y=plain(by["alternate"]), mode="lines", name="aligned to the reference", uid="alternate",
            line={"color": HUES[mode][reference], "width": 2, "dash": "dot"}, meta={"round": True},
            **hover("aligned to the reference, round %{x}: %{hovertext}", percents(by["alternate"])),
        )  # fmt: skip
    fig.add_scatter(
        x=x, y=plain(own), name=f"{card.label} itself", uid="own", meta={"round": True},
        **hover(f"{card.label}, round %{{x}}: %{{hovertext}}", percents(own)),
        **markers(card, mode, trace.config.train.rounds),
    )  # fmt: skip
    return labelled(fig, [(float(height) / top, "", name, hue) for height, name, hue in names], mode)
