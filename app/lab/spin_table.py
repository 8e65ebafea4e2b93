"""What one turn of a client did, as HTML: the conclusion, and each metric's badge, numbers and whether it moved."""

from __future__ import annotations

import html
from collections.abc import Sequence

from fedrot_core.figures.kit.theme import GAUGE_HUES, HUES
from fedrot_core.gauge import MetricChange, Spin
from fedrot_core.study.spin import conclusion, pair, rounding


def concluded(spin: Spin, first: Sequence[str]) -> str:
    """The conclusion; ``first``: metrics of the figure that was asked about."""
    said = ((html.escape(s.finding), html.escape(s.rest)) for s in conclusion(spin, first))
    return " ".join(f"<b>{finding}</b>{rest}" if finding else rest for finding, rest in said)


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
