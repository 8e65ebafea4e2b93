"""A figure as one HTML file that needs no network. It fills the window, with a table of its numbers below."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from typing import Any

from plotly.offline import get_plotlyjs

OWN = "script-src 'unsafe-inline'"
POLICY = f"default-src 'none'; {OWN}; style-src 'unsafe-inline'; img-src data: blob:"
"""Content security policy, under which a file loads nothing from anywhere."""

BESIDE = POLICY.replace(OWN, f"{OWN} 'self' file:")
"""The same for a file that also runs a script which lies beside it."""

STYLE = """
body { margin: 0; background: PAPER; color: INK; font: 16px/1.45 Inter, Helvetica, Arial, sans-serif; }
figure { margin: 0; overflow: hidden; position: relative; }
#plot { transform-origin: 0 0; position: absolute; left: 0; top: 0; }
h1 { position: absolute; clip-path: inset(50%); margin: 0; height: 1px; overflow: hidden; white-space: nowrap; }
main > :not(figure, h1) { margin: .7rem 1rem; max-width: 70rem; }
button, summary { font: inherit; color: inherit; cursor: pointer; }
button { background: none; border: 1px solid; border-radius: .4rem; padding: .3rem .8rem; }
:focus-visible { outline: 2px solid; outline-offset: 2px; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .15rem .7rem; border-bottom: 1px solid color-mix(in srgb, INK 25%, PAPER); }
@media print { details, button { display: none; } }
"""

SCRIPT = """
const spec = JSON.parse(document.getElementById("spec").textContent);
const plot = document.getElementById("plot"), figure = plot.parentElement;
const { width, height } = spec.layout;
function fit() {
  const scale = Math.min(document.documentElement.clientWidth / width, window.innerHeight / height);
  plot.style.transform = `scale(${scale})`;
  plot.style.left = `${(document.documentElement.clientWidth - scale * width) / 2}px`;
  figure.style.height = `${scale * height}px`;
}
plot.style.width = `${width}px`;
fit();
window.addEventListener("resize", fit);
Plotly.newPlot(plot, spec.data, spec.layout, { displayModeBar: false, responsive: false });
const turn = document.getElementById("turn");
if (turn) turn.onclick = async () => {
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const duration = still ? 0 : 110;
  for (const frame of still ? spec.frames.slice(-1) : spec.frames)
    await Plotly.animate(plot, { data: frame.data, traces: frame.traces }, {
      transition: { duration, easing: "linear" }, frame: { duration, redraw: false }, mode: "immediate",
    });
};
"""


def page(
    spec: dict[str, Any], rows: Sequence[dict[str, Any]], footer: str, paper: str, ink: str, library: str = ""
) -> str:
    """The content of the file.

    Args:
        spec: the figure as plain data, which has been laid out. Its title becomes the page's, and its
            ``layout.meta["alt"]`` the description.
        rows: the numbers behind the figure.
        footer: the line that says which run the figure shows.
        paper, ink: colours of the page's background and text.
        library: name of a file beside this one that holds plotly.js. If it is empty, the page holds it itself.
    """
    layout = spec["layout"]
    title = html.escape(_bare((layout.get("title") or {}).get("text") or "Figure"))
    turn = '<p><button id="turn" type="button">↻ Turn</button></p>' if spec.get("frames") else ""
    script = f'<script src="{html.escape(library)}"></script>' if library else f"<script>{get_plotlyjs()}</script>"
    style = STYLE.replace("PAPER", paper).replace("INK", ink)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{BESIDE if library else POLICY}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<figure aria-labelledby="what"><div id="plot" role="img" aria-labelledby="what"></div></figure>
{turn}
<p id="what">{html.escape(layout.get("meta", {}).get("alt", ""))}</p>
<details>
<summary>The numbers behind this figure</summary>
<p>{html.escape(footer)}</p>
<div class="table">{_table(rows)}</div>
</details>
</main>
{script}
<script type="application/json" id="spec">{_json(spec)}</script>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _bare(text: str) -> str:
    """A title without tags and line breaks."""
    return re.sub(r"<[^>]*>", "", re.sub(r"<br ?/?>", " ", text))


def _json(spec: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(spec, ensure_ascii=False).replace("<", "\\u003c")


def _table(rows: Sequence[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f'<th scope="col">{html.escape(_bare(str(name)))}</th>' for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in names) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else html.escape(str(value))
