"""Score by round of every arm, between the score before training and that of the centralised run."""

from __future__ import annotations

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import end_of_line, ends_of_round, fitting, labelled, markers, round_axis, waiting
from fedrot_core.figures.kit.numbers import hover, percent_ticks, percents
from fedrot_core.figures.kit.theme import INK, MUTED, base_figure, colour
from fedrot_core.records import RoundRecord
from fedrot_core.trace import ArmCard, Trace
from fedrot_core.wording import percent


def latest(trace: Trace, round_index: int) -> list[tuple[ArmCard, RoundRecord]]:
    """Each arm that has a record, with its record at this round."""
    found = [(card, trace.at(card.name, round_index)) for card in trace.arms]
    return [(card, record) for card, record in found if record is not None]


@figure(
    "learning",
    "Learning curves",
    "Which methods learn, and how do they compare with centralised training?",
    "dependent",
    ("score", "error"),
)
def learning(trace: Trace, view: View) -> go.Figure:
    """One line an arm, dotted lines for the centralised run and the start; labels at line ends."""
    now = latest(trace, view.round_index)
    if not now:
        return waiting(trace, view)
    mode, name = view.mode, trace.task.score_name
    shown = max(record.round_index for _, record in now)
    ranked = sorted(now, key=lambda pair: -pair[1].score)
    centralised = next((c.score for c in trace.centralised if c.round_index == shown), None)
    top = "" if centralised is None else f"; centralised {percent(centralised)}"
    (best, first), (worst, last) = ranked[0], ranked[-1]
    if len(ranked) == 1:
        title = f"{best.label} reaches {percent(first.score)} by round {shown}{top}"
    elif percent(first.score) == percent(last.score):
        title = f"Round {shown}: all {len(ranked)} methods are at {percent(first.score)}{top}"
    elif len(ranked) > 2:
        span = f"{len(ranked)} methods from {percent(last.score)} to {percent(first.score)}"
        best_of = f"{span}, the best {best.label}"
        title = fitting(f"Round {shown}: {best_of}{top}", f"Round {shown}: {span}{top}")
    else:
        both = f"{best.label} {percent(first.score)}, {worst.label} {percent(last.score)}"
        title = fitting(
            f"Round {shown}: {both}{top}",
            f"{both}{top}",
        )
    scores = "; ".join(f"{card.label} {percent(record.score)}" for card, record in ranked)
    alt = f"{name.capitalize()} in round {shown}: {scores}{top}. Before training: {percent(trace.task.start_score)}."
    layout = round_axis(trace, view, now[0][1])
    fig = base_figure(
        mode, title, alt, **layout,
        yaxis={"title": {"text": name}, "range": [0, 1], **percent_ticks(0, 1, 0.25), "fixedrange": True},
    )  # fmt: skip
    rounds = trace.config.train.rounds
    fig.add_scatter(
        x=[-0.5, rounds - 0.5], y=[trace.task.start_score] * 2, mode="lines", name="before training",
        line={"color": MUTED[mode], "width": 1.5, "dash": "1px,4px"}, hoverinfo="skip", uid="start",
    )  # fmt: skip
    fig.add_scatter(
        x=[c.round_index for c in trace.centralised], y=[c.score for c in trace.centralised],
        mode="lines+markers" if len(trace.centralised) == 1 else "lines", name="centralised",
        marker={"symbol": "line-ew-open", "size": 9, "color": INK[mode]},
        line={"color": INK[mode], "width": 2, "dash": "dot"}, uid="centralised",
        **hover(
            "centralised, round %{x}: %{hovertext}<br>a reference, no upper bound",
            percents([c.score for c in trace.centralised]),
        ),
        meta={"round": True},
    )  # fmt: skip
    stopped = {s.arm for s in trace.stopped}
    ends: list[tuple[float, str, str, str]] = []
    for card in trace.arms:
        records = trace.arm(card.name)
        fig.add_scatter(
            x=[r.round_index for r in records], y=[r.score for r in records], name=card.label, uid=card.name,
            **hover(f"{card.label}, round %{{x}}: %{{hovertext}}", percents([r.score for r in records])),
            meta={"round": True},
            **markers(card, mode, rounds),
        )  # fmt: skip
        if records:
            label = end_of_line(card, card.name in stopped)
            ends.append((records[-1].score, percent(records[-1].score), label, colour(card, mode)))
    if trace.centralised:
        ends.append((trace.centralised[-1].score, percent(trace.centralised[-1].score), "centralised", INK[mode]))
    return ends_of_round(labelled(fig, ends, mode), trace.rounds_done - 1, shown, mode)
