"""The loss of every arm as dots."""

import plotly.graph_objects as go

from fedrot_core.figures.kit.base import View, figure
from fedrot_core.figures.kit.layout import waiting
from fedrot_core.figures.kit.theme import base_figure
from fedrot_core.trace import Trace


@figure("toy_loss", "Toy losses", "How does the loss of every arm fall?", "dependent", ("score",))
def toy_loss(trace: Trace, view: View) -> go.Figure:
    """One dot a round and arm."""
    record = trace.at(view.arm, view.round_index)
    if record is None:
        return waiting(trace, view)
    title = f"Loss {record.loss:.3g} after round {record.round_index}"
    drawn = base_figure(view.mode, title, f"{title}.", xaxis={"title": {"text": "round"}})
    for card in trace.arms:
        records = trace.arm(card.name)
        drawn.add_scatter(x=[r.round_index for r in records], y=[r.loss for r in records], name=card.label)
    return drawn
