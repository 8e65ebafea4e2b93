"""Colours, templates and small helpers that all figures share.

Hues are Okabe–Ito's, adapted for each background so that lines and text reach a contrast of at least 3:1.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from fedrot_core.trace import ArmCard, Trace

HUES: dict[str, dict[str, str]] = {
    "light": {
        "vermillion": "#C44E00", "blue": "#0072B2", "green": "#00805E", "purple": "#A8527F",
        "orange": "#A86A00", "sky": "#1F7FB8", "yellow": "#857A00", "ink": "#1B1F27",
    },
    "dark": {
        "vermillion": "#FF8A4C", "blue": "#56B4E9", "green": "#2FC79A", "purple": "#E39BC4",
        "orange": "#F0B343", "sky": "#8FD0F5", "yellow": "#F0E442", "ink": "#EEF1F6",
    },
}  # fmt: skip
"""Hue name -> colour, for each mode."""

SURFACE = {"light": "#FFFFFF", "dark": "#12161D"}
INK = {"light": "#1B1F27", "dark": "#EEF1F6"}
MUTED = {"light": "#626B7A", "dark": "#98A2B3"}
GRID = {"light": "#E4E8EE", "dark": "#2A313C"}
GHOST = {"light": "#AEB6C2", "dark": "#586273"}

FONT = "Inter, 'Source Sans Pro', system-ui, sans-serif"


def colour(card: ArmCard, mode: str) -> str:
    """The one colour of an arm in this mode."""
    return HUES[mode][card.hue]


def card_of(trace: Trace, arm: str) -> ArmCard:
    """The arm's name and style."""
    return next(card for card in trace.arms if card.name == arm)


def base_figure(mode: str, title: str, alt: str, **layout: Any) -> go.Figure:
    """An empty figure in the house style.

    Args:
        mode: "light" or "dark".
        title: the finding, with current numbers; one sentence.
        alt: alternative text with the current takeaway, for people who do not see the figure.
        layout: further layout properties. ``meta`` may hold ``narrow``: a dict of layout updates for screens under 520 px.
    """
    figure = go.Figure()
    axis = {
        "gridcolor": GRID[mode], "linecolor": GHOST[mode], "zerolinecolor": GRID[mode], "zeroline": False,
        "ticks": "outside", "tickcolor": GHOST[mode], "ticklen": 4, "title": {"standoff": 8}, "automargin": True,
    }  # fmt: skip
    figure.update_layout(
        template={
            "layout": {
                "xaxis": axis,
                "yaxis": axis,
                "font": {"family": FONT, "size": 14, "color": INK[mode]},
                "paper_bgcolor": SURFACE[mode],
                "plot_bgcolor": SURFACE[mode],
                "hoverlabel": {"font": {"family": FONT, "size": 13}},
                "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "font": {"size": 13}},
            }
        },
        margin={"l": 60, "r": 16, "t": 40, "b": 52},
        title={"text": title, "x": 0, "xanchor": "left", "font": {"size": 17}},
    )
    meta = {"alt": alt, **layout.pop("meta", {})}
    figure.update_layout(meta=meta, **layout)
    return figure


def empty_figure(mode: str, message: str) -> go.Figure:
    """What a figure shows before its numbers exist."""
    figure = base_figure(mode, message, message)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
