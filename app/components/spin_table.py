"""What one turn of a client did, in words and as a table: each metric's badge, its numbers, and whether it moved."""

from __future__ import annotations

import html
from collections.abc import Sequence

from fedrot_core.figures.parts import percent
from fedrot_core.figures.theme import GAUGE_HUES, HUES
from fedrot_core.gauge import MetricChange, Spin

CONTRAST = ("principal_angles", "error")
"""What the conclusion adds to a figure that is drawn from metrics of one kind only: a metric of the other kind."""

IN_CONCLUSION = 2
"""Metrics of the figure that the conclusion names."""


def number(value: float, unit: str, digits: int = 0) -> str:
    """A metric's value as text; ``digits`` more than usual."""
    if unit == "degrees":
        return f"{value:.{1 + digits}f}°"
    if unit in ("relative", "share"):
        return f"{100 * value:.{digits}f}\u00a0%" if digits else percent(value)
    return f"{value:.{3 + digits}g}"


def pair(row: MetricChange) -> tuple[str, str]:
    """Both values, with so many digits that a movement shows."""
    for digits in range(8):
        before, after = (number(value, row.unit, digits) for value in (row.before, row.after))
        if before != after or not row.moved:
            break
    return before, after


def rounding(value: float, unit: str = "") -> str:
    """A change at rounding level: ``2e-15``, ``1e-13°``, or plainly 0."""
    return f"{f'{value:.0e}' if value else '0'}{'°' if unit == 'degrees' else ''}"


def what_is_done(spin: Spin, layers: int) -> str:
    """One sentence before the numbers, as HTML."""
    label = html.escape(spin.label)
    everywhere = "" if layers == 1 else f" in all {layers} layers"
    text = (
        f"Client {spin.client} sends B R and Rᵀ A in place of B and A, with one random rotation R{everywhere}. What it "
        f"learned, B A, stays the same. {label} combines all clients once more."
    )
    if spin.frozen:
        text += (
            f" Clients of {label} share {spin.frozen} in this round, so none turns by itself: here the server reads "
            "the turned factor in the wrong frame."
        )
    return text


def conclusion(spin: Spin, first: Sequence[str]) -> str:
    """What moved and what did not, with the numbers, as HTML. ``first``: metrics of the figure that was asked about."""
    if not spin.degrees:
        who = f"client {spin.client} has rank 1"
        return f"<b>Nothing can move:</b> {who}, where the only rotation is to leave it as it is."
    named = [spin[key] for key in first[:IN_CONCLUSION]]
    claims = {row.claim for row in named}
    others = (spin[key] for key in CONTRAST if spin[key].claim not in claims and spin[key] not in named)
    named += [row for row in others if len(claims) < 2][:1]
    done = (
        f"Client {spin.client} was turned by {spin.degrees:.0f}° (largest eigen-angle); its B A changed by "
        f"{rounding(spin.product_change)}, which is rounding."
    )
    return " ".join([done, *(_said(row) for row in named)])


def _said(row: MetricChange) -> str:
    before, after = pair(row)
    if row.moved:
        at = f" ({html.escape(row.where)})" if row.where else ""
        return f"<b>{row.label} moved from {before} to {after}</b>{at}."
    why = f"; {html.escape(row.note)}" if row.note else ""
    return f"<b>{row.label} did not move</b> (largest change {rounding(row.change, row.unit)}{why})."


def table(spin: Spin, first: Sequence[str], mode: str) -> str:
    """Every metric as HTML, those of the figure first."""
    groups = [
        ("In this figure", [spin[key] for key in first]),
        ("Other metrics" if first else "All metrics", [row for row in spin.rows if row.key not in first]),
    ]
    hues = "; ".join(f"--{kind}: {HUES[mode][hue]}" for kind, hue in GAUGE_HUES.items())
    body = "".join(_group(title, rows) for title, rows in groups if rows)
    return (
        f'<table class="fedrot-spin" style="{hues}"><thead><tr><th scope="col">Metric and its badge</th>'
        f'<th scope="col">as sent → turned</th><th scope="col">Did it move?</th></tr></thead>{body}</table>'
    )


def _group(title: str, rows: Sequence[MetricChange]) -> str:
    head = f'<tr><th colspan="3" scope="rowgroup">{title}</th></tr>'
    return f"<tbody>{head}{''.join(map(_row, rows))}</tbody>"


def _row(row: MetricChange) -> str:
    before, after = pair(row)
    where = f"<small>{html.escape(row.where)}</small>" if row.where else ""
    if not row.holds:
        verdict, kind = f"<b>✗ moved, against its badge</b> <small>by {rounding(row.change, row.unit)}</small>", "wrong"
    elif row.moved:
        verdict, kind = "<b>↻ moved</b>", "moved"
    else:
        why = html.escape(row.note) or f"largest change {rounding(row.change, row.unit)}"
        verdict, kind = f"= did not move <small>{why}</small>", "still"
    return (
        f'<tr class="{kind}"><th scope="row"><span class="shape {row.claim}"></span>{html.escape(row.label)} '
        f'<small class="claim">gauge-{row.claim}</small></th><td>{before} → {after} {where}</td><td>{verdict}</td></tr>'
    )
