"""Two clients with one update, their frames turned apart: arrows of A, and the pictures that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import plain
from fedrot_core.figures.kit.numbers import decimals, hover, tip_hover
from fedrot_core.figures.kit.planes import arrow, heading, plane, row_domain
from fedrot_core.figures.kit.theme import GHOST, HUES, MUTED, base_figure
from fedrot_core.figures.lesson.matrices import signed_scale
from fedrot_core.figures.lesson.plane_marks import question
from fedrot_core.records import Array
from fedrot_core.wording import degrees, percent

HEAD, MEAN_HEAD = 12.0, 16.0
DASHES = ("solid", "6px,3px")
"""One for each shown column of A."""

CLIENTS = ("client 0", "client 1")
AVERAGES = ("naive average", "aligned average")


@dataclass(frozen=True)
class PairView:
    """What is drawn; C columns of A.

    Attributes:
        angle: θ in degrees.
        clients: (2, C, 2); means: (2, C, 2), of the naive and of the aligned average.
        arrows_kept: lengths of the means over the clients', naive and aligned.
        kept: what the two averages keep of the update.
        pictures: (4, o, i) products: both clients', then both averages'.
        hidden: draw question marks in place of the averages.
    """

    angle: float
    clients: Array
    means: Array
    arrows_kept: tuple[float, float]
    kept: tuple[float, float]
    pictures: Array
    hidden: bool = False


def pair_arrows(view: PairView, mode: str) -> go.Figure:
    """Three planes: both clients' arrows, their naive mean, their aligned mean."""
    apart, (naive, aligned) = degrees(view.angle), view.arrows_kept
    if view.hidden:
        title = f"Frames {apart} apart: how long is the mean arrow?"
        alt = f"Arrows of two clients with the same update in frames {apart} apart; their means are not shown yet."
    else:
        title = (
            f"Frames {apart} apart: the naive mean keeps {percent(naive)} of each arrow, the aligned {percent(aligned)}"
        )
        alt = (
            f"Two clients hold the same update in frames {apart} apart. The mean of their arrows, columns of A, keeps "
            f"{percent(naive)} of the length as sent and {percent(aligned)} after alignment."
        )
    half = _half(view)
    layout = plane(3, half, half, mode, top=0.86, gap=0.03)
    narrow: dict[str, Any] = {"height": 640, "margin": {"l": 8, "r": 8}}
    for n, (x, y) in enumerate((((0.2, 0.8), (0.53, 0.92)), ((0.0, 0.48), (0.0, 0.37)), ((0.52, 1.0), (0.0, 0.37)))):
        narrow[f"xaxis{_tag(n)}"], narrow[f"yaxis{_tag(n)}"] = {"domain": list(x)}, {"domain": list(y)}
        layout[f"xaxis{_tag(n)}"] |= _BARE
        layout[f"yaxis{_tag(n)}"] |= _BARE
    hues = _hues(mode)
    notes = [heading(1, "<b>both clients</b>", mode), *_average_headings(view, view.arrows_kept, 2, mode)]
    fig = base_figure(
        mode, title, alt, margin={"l": 8, "r": 8, "t": 8, "b": 8}, annotations=[*notes, *_angle_label(view, 1, mode)],
        meta={"narrow": narrow}, **layout,
    )  # fmt: skip
    traces = [*_rings(view, 3, mode), *_arc(view, 0, mode)]
    for k in (0, 1):
        traces += _arrows(view.clients[k], CLIENTS[k], HUES[mode]["blue"], 4, HEAD, half, 0)
    fig.add_traces(traces + _means(view, 1, half, hues, mode))
    return fig


def pair_pictures(view: PairView, mode: str) -> go.Figure:
    """Four planes, and under each the picture of its product."""
    apart, (naive, aligned) = degrees(view.angle), view.kept
    if view.hidden:
        title = f"Frames {apart} apart: which picture does the server get?"
        alt = f"Two clients hold the same picture in frames {apart} apart; the averages are not shown yet."
    else:
        title = (
            f"Frames {apart} apart: the naive average keeps {percent(naive)} of the picture, "
            f"the aligned {percent(aligned)}"
        )
        alt = (
            f"Two clients hold the same update, a picture of the letter F, in frames {apart} apart. The naive average "
            f"keeps {percent(naive)} of it, the aligned average {percent(aligned)}."
        )
    half, hues, (o, i) = _half(view), _hues(mode), view.pictures.shape[1:]
    layout = plane(4, half, half, mode, top=0.86, gap=0.03)
    narrow: dict[str, Any] = {"height": 800, "margin": {"l": 8, "r": 8}}
    shapes: list[dict[str, Any]] = []
    for n in range(4):
        row, column = divmod(n, 2)
        top, tag, below = 0.93 - 0.5 * row, _tag(n), _tag(n + 4)
        layout[f"xaxis{tag}"] |= _BARE
        layout[f"yaxis{tag}"] |= _BARE | {"domain": [0.45, 0.86]}
        cell = {"visible": False, "fixedrange": True, "constrain": "domain"}
        layout[f"xaxis{below}"] = cell | {
            "range": [-0.5, i - 0.5], "anchor": f"y{below}", "domain": row_domain(n, 4, 0.03),
        }  # fmt: skip
        layout[f"yaxis{below}"] = cell | {
            "range": [o - 0.5, -0.5], "anchor": f"x{below}", "domain": [0.0, 0.41], "scaleanchor": f"x{below}",
        }  # fmt: skip
        for name in (tag, below):
            narrow[f"xaxis{name}"] = {"domain": row_domain(column, 2, 0.06)}
        narrow[f"yaxis{tag}"], narrow[f"yaxis{below}"] = (
            {"domain": [top - 0.21, top]},
            {"domain": [top - 0.39, top - 0.23]},
        )
        shapes.append({
            "type": "rect", "xref": f"x{below}", "yref": f"y{below}", "x0": -0.5, "x1": i - 0.5, "y0": -0.5,
            "y1": o - 0.5, "line": {"width": 1.5, "color": MUTED[mode]},
        })  # fmt: skip
    notes = [heading(k + 1, f"<b>{CLIENTS[k]}</b>", mode) for k in (0, 1)]
    notes += [*_average_headings(view, view.kept, 3, mode), *_angle_label(view, 2, mode)]
    notes += [question(panel, mode, 40) for panel in (7, 8) if view.hidden]
    fig = base_figure(
        mode, title, alt, margin={"l": 8, "r": 8, "t": 8, "b": 8}, annotations=notes, shapes=shapes,
        meta={"narrow": narrow, "present": {"annotations": _short(notes)}},
        coloraxis={"cmin": -1, "cmax": 1, "colorscale": signed_scale(mode), "showscale": False}, **layout,
    )  # fmt: skip
    traces = [*_rings(view, 4, mode), *_arc(view, 1, mode)]
    traces += _arrows(view.clients[0], f"{CLIENTS[0]}, for comparison", GHOST[mode], 2, HEAD - 2, half, 1)
    for k in (0, 1):
        traces += _arrows(view.clients[k], CLIENTS[k], HUES[mode]["blue"], 4, HEAD, half, k)
    fig.add_traces(traces + _means(view, 2, half, hues, mode))
    for n, (name, picture) in enumerate(zip((*CLIENTS, *AVERAGES), view.pictures, strict=True)):
        shown = np.zeros_like(picture) if view.hidden and n > 1 else picture
        fig.add_heatmap(
            z=plain(np.round(shown, 6)), name=f"picture, {name}", uid=f"picture-{n}", coloraxis="coloraxis", xgap=1.5,
            ygap=1.5, xaxis=f"x{_tag(n + 4)}", yaxis=f"y{_tag(n + 4)}",
            **hover(f"{name}, row %{{y}}, column %{{x}}: %{{hovertext}}", decimals(shown, 3)),
        )  # fmt: skip
    return fig


_BARE = {"showticklabels": False, "ticks": ""}


def _tag(n: int) -> str:
    return "" if n == 0 else str(n + 1)


def _hues(mode: str) -> tuple[str, str]:
    """Of the naive and the aligned average."""
    return HUES[mode]["vermillion"], HUES[mode]["green"]


def _half(view: PairView) -> float:
    """Half width of the planes: the same at every angle, since turning keeps lengths."""
    return 1.12 * float(np.linalg.norm(view.clients, axis=-1).max())


def _average_headings(view: PairView, shares: tuple[float, float], panel: int, mode: str) -> list[dict[str, Any]]:
    """Name and share above the two averages, which stand in panels ``panel`` and the next (from 1)."""
    return [
        heading(
            panel + n,
            f"<span style='color:{hue}'><b>{AVERAGES[n]}</b><br>{'?' if view.hidden else f'keeps {percent(shares[n])}'}"
            "</span>",
            mode,
        )
        for n, hue in enumerate(_hues(mode))
    ]


def _short(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same without the word "average", for narrow columns of large type."""
    return [n | {"text": n["text"].replace(" average", "")} for n in notes]


def _rings(view: PairView, panels: int, mode: str) -> list[dict[str, Any]]:
    """In every plane a circle for each column, as long as the clients' arrows."""
    circle = np.linspace(0, 2 * np.pi, 97)
    return [
        {
            "type": "scatter", "mode": "lines", "name": "length", "uid": f"ring-{n}-{c}", "hoverinfo": "skip",
            "x": (length * np.cos(circle)).tolist(), "y": (length * np.sin(circle)).tolist(),
            "xaxis": f"x{_tag(n)}", "yaxis": f"y{_tag(n)}",
            "line": {"color": GHOST[mode], "width": 1, "dash": "3px,4px"},
        }
        for n in range(panels)
        for c, length in enumerate(np.linalg.norm(view.clients[0], axis=-1))
    ]  # fmt: skip


def _arc_points(view: PairView, radius: float, count: int = 41) -> Array:
    """(count, 2) along the turn from client 0's first arrow to client 1's, ``radius`` of its length out."""
    (x0, y0), (x1, y1) = view.clients[0, 0], view.clients[1, 0]
    sign = 1.0 if x0 * y1 - y0 * x1 >= 0 else -1.0
    angles = np.arctan2(y0, x0) + sign * np.radians(view.angle) * np.linspace(0, 1, count)
    return radius * float(np.hypot(x0, y0)) * np.stack([np.cos(angles), np.sin(angles)], axis=-1)


def _arc(view: PairView, panel: int, mode: str) -> list[dict[str, Any]]:
    """The angle between the first columns, in panel ``panel`` (from 0)."""
    points = _arc_points(view, 0.35)
    return [{
        "type": "scatter", "mode": "lines", "name": "θ", "uid": "theta", "hoverinfo": "skip",
        "x": points[:, 0].tolist(), "y": points[:, 1].tolist(), "xaxis": f"x{_tag(panel)}", "yaxis": f"y{_tag(panel)}",
        "line": {"color": HUES[mode]["orange"], "width": 3},
    }]  # fmt: skip


def _angle_label(view: PairView, panel: int, mode: str) -> list[dict[str, Any]]:
    """The angle's value on its arc, in panel ``panel`` (from 1)."""
    if view.angle < 15:
        return []
    x, y = _arc_points(view, 0.56, 3)[1]
    return [{
        "xref": f"x{_tag(panel - 1)}", "yref": f"y{_tag(panel - 1)}", "x": float(x), "y": float(y), "showarrow": False,
        "text": f"<b>{degrees(view.angle)}</b>", "font": {"size": 14, "color": HUES[mode]["orange"]},
    }]  # fmt: skip


def _arrows(
    tips: Array, name: str, hue: str, width: float, head: float, half: float, panel: int, zorder: int = 1
) -> list[dict[str, Any]]:
    """One arrow for each column, told apart by its dash."""
    return [
        arrow(
            tip, hue, width, head, half, zorder=zorder, name=name, uid=f"{panel}-{name}-{c}",
            line={"color": hue, "width": width, "dash": DASHES[c % 2]},
            xaxis=f"x{_tag(panel)}", yaxis=f"y{_tag(panel)}",
            **tip_hover(name, tip),
        )
        for c, tip in enumerate(tips)
    ]  # fmt: skip


def _means(view: PairView, panel: int, half: float, hues: tuple[str, str], mode: str) -> list[dict[str, Any]]:
    """The averages' arrows in panels ``panel`` and the next (from 0), the clients' pale behind the naive one."""
    if view.hidden:
        return []
    traces = []
    for k in (0, 1):
        traces += _arrows(view.clients[k], f"{CLIENTS[k]}, as sent", GHOST[mode], 2, HEAD - 2, half, panel)
    for n in (0, 1):
        traces += _arrows(view.means[n], f"mean arrow, {AVERAGES[n]}", hues[n], 5, MEAN_HEAD, half, panel + n, zorder=3)
    return traces
