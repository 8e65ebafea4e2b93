"""Colours, templates and small helpers that all figures share.

Hues are Okabe–Ito's, adapted for each background so that lines and text reach a contrast of at least 3:1.
"""

from __future__ import annotations

import functools
from typing import Any

import plotly.graph_objects as go

from fedrot_core.trace import ArmCard, Trace
from fedrot_core.vocabulary import Gauge

HUES: dict[str, dict[str, str]] = {
    "light": {
        "vermillion": "#C44E00", "blue": "#0072B2", "green": "#00805E", "purple": "#A8527F",
        "orange": "#9E6300", "sky": "#1A75AB", "yellow": "#7A7000", "ink": "#1B1F27",
    },
    "dark": {
        "vermillion": "#FF8A4C", "blue": "#56B4E9", "green": "#2FC79A", "purple": "#E39BC4",
        "orange": "#F0B343", "sky": "#8FD0F5", "yellow": "#F0E442", "ink": "#EEF1F6",
    },
}  # fmt: skip
"""Hue name -> colour, for each mode."""

GAUGE_HUES: dict[Gauge, str] = {"invariant": "green", "dependent": "purple"}
"""Hues of the gauge badges; their shapes, a circle and a triangle, say the same."""

SURFACE = {"light": "#FFFFFF", "dark": "#12161D"}
INK = {"light": "#1B1F27", "dark": "#EEF1F6"}
MUTED = {"light": "#626B7A", "dark": "#98A2B3"}
GRID = {"light": "#E4E8EE", "dark": "#2A313C"}
GHOST = {"light": "#AEB6C2", "dark": "#586273"}

DIVERGING = {"light": ("#EC9259", "#F3F4F6", "#6DB3E2"), "dark": ("#A94A12", "#252C37", "#17659B")}
"""Hurts, equal, helps: the hues of the naive and the aligned arm, pale or dim enough to read text on them."""

ON_PAPER = {
    **{HUES["dark"][hue]: HUES["light"][hue] for hue in HUES["dark"]},
    **{colours["dark"]: colours["light"] for colours in (SURFACE, INK, MUTED, GRID, GHOST)},
    **dict(zip(DIVERGING["dark"], DIVERGING["light"], strict=True)),
}
"""Each colour of the dark mode -> that of the light one: with these a dark figure is that drawn in the light mode."""

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
        layout: further layout properties. ``meta`` may hold ``narrow``: a dict of layout updates for screens under
            520 px; dicts in it merge into the layout, lists replace what is there. ``present`` likewise, for the
            presenter mode, where type is large: a figure there is about 430 x 330 px and has no ``narrow``. And
            ``least_height``: px of height without which labels would touch, where that is much.
    """
    return go.Figure(
        layout={
            "template": _template(mode),
            "showlegend": False,
            "hovermode": "closest",
            "title": {
                "text": title, "x": 0.01, "xanchor": "left", "y": 0.99, "yanchor": "top", "yref": "container",
                "automargin": True, "pad": {"t": 6, "b": 12}, "font": {"size": 18},
            },
            **layout,
            "margin": {"l": 60, "r": 16, "t": 16, "b": 48, **layout.get("margin", {})},
            "meta": {"alt": alt, "narrow": {}, **layout.get("meta", {})},
        }
    )  # fmt: skip


@functools.cache
def _template(mode: str) -> go.layout.Template:
    """Axes, fonts and colours of one mode; built once, since checking it takes longer than most figures."""
    axis: dict[str, Any] = {
        "gridcolor": GRID[mode], "linecolor": GHOST[mode], "zerolinecolor": GRID[mode], "zeroline": False,
        "ticks": "outside", "tickcolor": GHOST[mode], "ticklen": 4, "tickfont": {"size": 12},
        "title": {"standoff": 8, "font": {"size": 14}}, "automargin": True,
    }  # fmt: skip
    legend = {"orientation": "h", "yref": "container", "yanchor": "bottom", "y": 0, "x": 0, "font": {"size": 13}}
    return go.layout.Template(
        layout={
            "xaxis": axis,
            "yaxis": axis,
            "font": {"family": FONT, "size": 14, "color": INK[mode]},
            "paper_bgcolor": SURFACE[mode],
            "plot_bgcolor": SURFACE[mode],
            "hoverlabel": {"font": {"family": FONT, "size": 13}},
            "legend": legend,
        }
    )


def empty_figure(mode: str, message: str) -> go.Figure:
    """What a figure shows before its numbers exist."""
    figure = base_figure(mode, message, message)
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure
