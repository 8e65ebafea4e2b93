"""What the SVD says of S: a circle is stretched and turned; without the stretch it is only turned."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import plain
from fedrot_core.figures.kit.numbers import tip_hover
from fedrot_core.figures.kit.planes import arrow, heading, plane
from fedrot_core.figures.kit.theme import GHOST, HUES, INK, MUTED, base_figure
from fedrot_core.figures.lesson.plane_marks import F_SHAPE, axes_of, nothing, question
from fedrot_core.records import Array


def stretch_and_turn(
    U: Array, sigma: Array, Vt: Array, UV: Array, det: int, mode: str, asked: bool = False
) -> go.Figure:
    """A circle with the axes v₁, v₂; what S makes of it; what U Vᵀ makes of it.

    Args:
        U, sigma, Vt: the SVD of S, (2, 2), (2,), (2, 2).
        UV: U Vᵀ; det: its determinant.
        asked: leave the third plane empty.
    """
    s1, s2 = (f"{v:.1f}" for v in sigma)
    kind = "only turns" if det > 0 else "turns and mirrors"
    if asked:
        title = f"S turns the circle and stretches it by {s1} and {s2}: what is left without the stretch?"
        alt = f"A circle with two perpendicular axes, and the ellipse that S makes of it, {s1} and {s2} long."
    else:
        title = f"S stretches by {s1} and {s2}; U Vᵀ {kind}, det {det:+d}".replace("-", "−")
        alt = (
            f"S makes an ellipse with half axes {s1} and {s2} of the unit circle; U Vᵀ sends the same axes to the same "
            f"directions without stretching, and {kind}; its determinant is {det:+d}."
        )
    half = 1.2 * float(max(sigma[0], 1.0))
    third = HUES[mode]["green"]
    layout = plane(3, half, half, mode, top=0.84, gap=0.04)
    for n, limit in enumerate((1.25, half, 1.25)):
        tag = "" if n == 0 else str(n + 1)
        layout[f"xaxis{tag}"] |= {"range": [-limit, limit], "showticklabels": False, "ticks": ""}
        layout[f"yaxis{tag}"] |= {"range": [-limit, limit], "showticklabels": False, "ticks": ""}
    narrow: dict[str, Any] = {
        "height": 660, "margin": {"l": 8, "r": 8}, "xaxis": {"domain": [0.0, 0.48]}, "yaxis": {"domain": [0.56, 0.9]},
        "xaxis2": {"domain": [0.52, 1.0]}, "yaxis2": {"domain": [0.56, 0.9]}, "xaxis3": {"domain": [0.2, 0.8]},
        "yaxis3": {"domain": [0.0, 0.42]},
    }  # fmt: skip
    last = f"<span style='color:{third}'><b>U Vᵀ</b><br>{'?' if asked else kind}</span>"
    notes = [
        heading(1, "<b>reference axes</b><br>v₁ solid, v₂ dashed", mode),
        heading(2, f"<b>S: stretch and turn</b><br>by {s1} and {s2} (drawn smaller)", mode),
        heading(3, last, mode),
    ]
    short = [
        heading(1, "<b>reference</b><br>v₁, v₂", mode), heading(2, f"<b>S</b><br>{s1} and {s2}", mode),
        heading(3, last.replace("turns and mirrors", "mirrors"), mode),
    ]  # fmt: skip
    marks = [question(3, mode)] if asked else []
    fig = base_figure(
        mode, title, alt, margin={"l": 8, "r": 8, "t": 8, "b": 8}, annotations=notes + marks,
        meta={"narrow": narrow | {"annotations": short + marks}, "present": {"annotations": short + marks}}, **layout,
    )  # fmt: skip
    circle = np.stack([np.cos(np.linspace(0, 2 * np.pi, 97)), np.sin(np.linspace(0, 2 * np.pi, 97))])
    stretched, shape = U @ np.diag(sigma), (F_SHAPE * 0.75).T
    maps = (np.eye(2), stretched @ Vt, UV)
    tips = (Vt, stretched.T, U.T)
    for n, (M, pair) in enumerate(zip(maps, tips, strict=True)):
        if asked and n == 2:
            fig.add_trace(nothing(3, "edge-2"))
            continue
        axes: dict[str, Any] = axes_of(n + 1)
        hue = (HUES[mode]["blue"], INK[mode], third)[n]
        edge, letter = M @ circle, M @ shape
        fig.add_scatter(
            x=plain(edge[0]), y=plain(edge[1]), mode="lines", name="circle", uid=f"edge-{n}", hoverinfo="skip",
            line={"color": MUTED[mode], "width": 2}, **axes,
        )  # fmt: skip
        fig.add_scatter(
            x=plain(letter[0]), y=plain(letter[1]), mode="lines", name="F", uid=f"letter-{n}", hoverinfo="skip",
            line={"color": GHOST[mode], "width": 5}, **axes,
        )  # fmt: skip
        reach = 1.25 if n != 1 else half
        for c, tip in enumerate(pair):
            fig.add_trace(
                arrow(tip, hue, 4, 14, reach, zorder=3, name=f"axis {c + 1}", uid=f"axis-{n}-{c}",
                      line={"color": hue, "width": 4, "dash": ("solid", "6px,3px")[c]},
                      **tip_hover("", tip), **axes)
            )  # fmt: skip
    return fig
