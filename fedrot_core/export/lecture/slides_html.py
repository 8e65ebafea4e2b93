"""The slides as one HTML file that needs no network. Arrow keys change slides, N shows the notes; it can be printed."""

from __future__ import annotations

import base64
import html
from pathlib import Path

from plotly.offline import get_plotlyjs

from fedrot_core.export.lecture.slides import BAND, Slide, Talk
from fedrot_core.export.picture.page import POLICY
from fedrot_core.figures.kit.theme import GRID, HUES, INK, MUTED, SURFACE

HERE = Path(__file__).parent


def page(talk: Talk) -> str:
    """The content of the file. If a figure has no SVG, the file includes Plotly, which draws it."""
    slides = talk.outline.slides
    body = "\n".join(_section(slide, n, len(slides), talk) for n, slide in enumerate(slides))
    live = any((figure := talk.figure(slide)) and "svg" not in figure.files for slide in slides)
    style = (HERE / "slides.css").read_text(encoding="utf-8")
    colours = {"PAPER": SURFACE, "INK": INK, "MUTED": MUTED, "GRID": GRID}
    for name, by_mode in colours.items():
        style = style.replace(name, by_mode[talk.mode])
    style = style.replace("ACCENT", HUES[talk.mode]["blue"])
    plotly = f"<script>{get_plotlyjs()}</script>" if live else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{html.escape(talk.outline.title)}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
<nav aria-label="Slides">
<button type="button" id="back" title="Back (left arrow)">←</button>
<output id="where" aria-live="polite">1 / {len(slides)}</output>
<button type="button" id="next" title="Next (right arrow)">→</button>
<button type="button" id="notes" aria-pressed="false" title="Notes (N)">Notes</button>
</nav>
{plotly}
<script>{(HERE / "slides.js").read_text(encoding="utf-8")}</script>
</body>
</html>
"""


def _section(slide: Slide, n: int, total: int, talk: Talk) -> str:
    figure = talk.figure(slide)
    kind = "opening" if slide.opening else "table" if slide.table else "words" if figure is None else "beside"
    if figure is not None and slide.picture is not None and slide.picture.size is BAND:
        kind = "band"
    parts = [f"<h{1 if slide.opening else 2}>{html.escape(slide.title)}</h{1 if slide.opening else 2}>"]
    if slide.text:
        parts.append(f'<div class="text">{"".join(f"<p>{html.escape(text)}</p>" for text in slide.text)}</div>')
    if slide.table:
        parts.insert(1, _table(slide))
    notes = "".join(f"<p>{html.escape(part)}</p>" for part in talk.notes(slide).split("\n\n") if part)
    aside = f'<aside aria-label="Speaker notes" hidden>{notes}</aside>'
    words = f'<div class="words">{"".join(parts)}</div>'
    label = f'aria-roledescription="slide" aria-label="{n + 1} of {total}"'
    return f'<section class="{kind}" {label}>{words}{_figure(slide, talk)}{aside}</section>'


def _figure(slide: Slide, talk: Talk) -> str:
    figure = talk.figure(slide)
    if figure is None:
        return ""
    alt = html.escape(figure.alt or figure.finding)
    if "svg" in figure.files:
        data = base64.b64encode(figure.files["svg"]).decode()
        return f'<figure><img alt="{alt}" src="data:image/svg+xml;base64,{data}"></figure>'
    spec = figure.files["json"].decode().replace("<", "\\u003c")
    return (
        f'<figure><div class="plot" role="img" aria-label="{alt}"></div>'
        f'<script type="application/json">{spec}</script></figure>'
    )


def _table(slide: Slide) -> str:
    head, *rows = slide.table
    top = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{html.escape(first)}</th>{"".join(f"<td>{html.escape(c)}</td>" for c in rest)}</tr>'
        for first, *rest in rows
    )
    return f'<div class="rows"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
