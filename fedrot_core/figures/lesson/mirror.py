"""A client whose frame is mirrored: what a rotation alone cannot undo."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from fedrot_core.figures.kit.layout import plain
from fedrot_core.figures.kit.planes import arrow, heading, note, row_domain
from fedrot_core.figures.kit.theme import HUES, INK, MUTED, base_figure
from fedrot_core.figures.lesson.plane_marks import (
    DASHED,
    F_SHAPE,
    axes_of,
    bare_plane,
    nothing,
    question,
    reference_arrow,
)
from fedrot_core.records import Array
from fedrot_core.wording import percent

NAMES = ("as sent", "U Vᵀ, mirrors allowed", "determinant fixed to +1")
SHORT = ("as sent", "U Vᵀ", "det +1")


def mirror(
    client: int,
    columns: tuple[Array, Array, Array],
    reference: Array,
    frames: tuple[Array, Array, Array],
    misfits: tuple[float, float, float],
    det: int,
    mode: str,
    asked: bool = False,
) -> go.Figure:
    """The client as sent, after the best orthogonal matrix, and after the best rotation: arrows, and under them its F.

    Args:
        columns: (i, 2) of A in each of the three states; reference: (i, 2).
        frames: (2, 2) in each state: how the client's frame lies on the reference's, drawn as a letter.
        misfits: in each state; det: of the best orthogonal matrix.
        asked: hide the last two states.
    """
    title, alt = _words(client, misfits, det, asked)
    half = 1.1 * float(max(np.linalg.norm(c, axis=-1).max() for c in (*columns, reference)))
    hues = (INK[mode], HUES[mode]["green"], HUES[mode]["sky"])
    layout: dict[str, Any] = {}
    narrow: dict[str, Any] = {"height": 430}
    for n in range(3):
        for panel, high in ((n + 1, [0.4, 0.86]), (n + 4, [0.0, 0.38])):
            tag = "" if panel == 1 else str(panel)
            reach = half if panel < 4 else 0.72
            layout[f"xaxis{tag}"] = bare_plane(reach, mode) | {"domain": row_domain(n, 3, 0.03), "anchor": f"y{tag}"}
            layout[f"yaxis{tag}"] = bare_plane(reach, mode) | {
                "domain": high, "anchor": f"x{tag}", "scaleanchor": f"x{tag}", "zeroline": panel < 4,
            }  # fmt: skip
            layout[f"xaxis{tag}"]["zeroline"] = panel < 4
    lines = ["misfit ?" if asked and n else f"misfit {percent(v)}" for n, v in enumerate(misfits)]
    questions = [question(n, mode) for n in (2, 3)] if asked else []

    def headings(names: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            heading(n + 1, f"<span style='color:{hues[n]}'><b>{names[n]}</b><br>{lines[n]}</span>", mode)
            for n in range(3)
        ]

    remark = note("Dashed: the reference. F: the client's frame, as the reference sees it.", mode, xshift=0, yshift=-8)
    narrow["annotations"] = [*headings(SHORT), remark | {"text": remark["text"].replace(". F:", ".<br>F:")}, *questions]
    narrow["margin"] = {"b": 44}
    fig = base_figure(
        mode, title, alt, margin={"l": 8, "r": 8, "t": 8, "b": 30},
        meta={"narrow": narrow, "present": {k: narrow[k] for k in ("annotations", "margin")}},
        annotations=[*headings(NAMES), remark, *questions], **layout,
    )  # fmt: skip
    for n, (tips, frame) in enumerate(zip(columns, frames, strict=True)):
        if asked and n:
            fig.add_traces([nothing(n + 1, f"hidden-{n}"), nothing(n + 4, f"hidden-letter-{n}")])
            continue
        axes: dict[str, Any] = axes_of(n + 1)
        for c, tip in enumerate(reference):
            fig.add_trace(reference_arrow(tip, half, mode, f"reference, column {c}", f"{n}-reference-{c}", **axes))
        for c, tip in enumerate(tips):
            fig.add_trace(
                arrow(tip, HUES[mode]["blue"], 3.5, 12, half, zorder=3, name=f"client {client}, column {c}",
                      uid=f"{n}-client-{c}", **axes)
            )  # fmt: skip
        for uid, M, hue, width, dash in (
            ("home", np.eye(2), MUTED[mode], 2, DASHED), ("letter", frame, hues[n], 6, "solid"),
        ):  # fmt: skip
            letter = M @ F_SHAPE.T
            fig.add_scatter(
                x=plain(letter[0]), y=plain(letter[1]), mode="lines", name="F", uid=f"{uid}-{n}", hoverinfo="skip",
                line={"color": hue, "width": width, "dash": dash}, **axes_of(n + 4),
            )  # fmt: skip
    return fig


def _words(client: int, misfits: tuple[float, float, float], det: int, asked: bool) -> tuple[str, str]:
    """Title and alternative text."""
    sign = f"{det:+d}".replace("-", "−")
    sent, orthogonal, rotation = (percent(v) for v in misfits)
    if asked:
        return (
            f"Client {client}, det U Vᵀ = {sign}: how close can a rotation alone bring it?",
            f"Client {client} as sent and the reference. The determinant of its best orthogonal matrix is {sign}.",
        )
    if det < 0:
        return (
            f"Client {client} is mirrored: U Vᵀ leaves a misfit of {orthogonal}, a rotation alone {rotation}",
            f"Client {client}'s frame is mirrored. The best orthogonal matrix leaves a misfit of {orthogonal}, the "
            f"best rotation {rotation}; as sent it was {sent}.",
        )
    return (
        f"Client {client} is not mirrored: U Vᵀ is a rotation and leaves a misfit of {rotation}",
        f"Client {client}'s best orthogonal matrix has determinant {sign}, so it is the best rotation as well; the "
        f"misfit falls from {sent} to {rotation}.",
    )
